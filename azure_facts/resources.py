"""The resources of a run on the wire: any body in, at any API version, and the very answer out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure_facts.answers import NotClear
from dpsops.cli.connection import Connection
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.settings import hub_host

Document = dict[str, Any]

FORMER, NEWEST, HUBS, VAULTS = "2022-12-12", "2026-11-01", "2023-06-30", "2026-02-01"
"""API versions: of a DPS without and with links by identity, of a hub and of a vault."""

S1 = {"name": "S1", "capacity": 1}

_RIGHTS = ("RegistryWrite", "ServiceConnect", "DeviceConnect")


class OnTheWire:
    """One resource, in one API version."""

    def __init__(self, azure: Connection, type_: str, name: str, version: str) -> None:
        self.path = f"{azure.clients.group}/providers/{type_}/{name}"
        self._azure = azure
        self._version = version
        self._management = azure.clients.management(version)

    def get(self) -> Document:
        """The resource as a GET shows it. Raises `NotClear` if there is none."""
        found = self._management.get(self.path)
        if found is None:
            raise NotClear(f"{self.path.rpartition('/')[2]} does not exist")
        return found

    def put(self, body: Mapping[str, Any]) -> Document:
        """The first answer to a PUT, after its operation has ended. Raises what azure-core raises if either fails."""
        answers: list[Any] = []
        begun = self._azure.clients.groups.resources.begin_create_or_update_by_id(
            self.path, dict(body), api_version=self._version, raw_response_hook=answers.append
        )
        begun.result()
        first: Document = answers[0].http_response.json()
        return first

    def policies(self) -> list[Document]:
        """The shared access policies of a DPS or a hub, with their keys."""
        found: list[Document] = self._management.post(f"{self.path}/listkeys")["value"]
        return found


def vault(azure: Connection) -> OnTheWire:
    """The vault."""
    return OnTheWire(azure, VAULT, azure.run.environment.vault.name, VAULTS)


def hub(azure: Connection) -> OnTheWire:
    """The hub."""
    return OnTheWire(azure, HUB, azure.run.environment.hub[0].name, HUBS)


def service(azure: Connection, version: str) -> OnTheWire:
    """The DPS."""
    return OnTheWire(azure, SERVICE, azure.run.environment.dps.name, version)


def link_by_key(azure: Connection) -> Document:
    """A link of the DPS to the hub, with a key of the hub."""
    able = [each for each in hub(azure).policies() if all(right in each["rights"] for right in _RIGHTS)]
    if not able:
        raise NotClear("the hub has no policy that a DPS could use")
    host, policy = hub_host(azure.run.environment.hub[0].name), able[0]
    access = f"HostName={host};SharedAccessKeyName={policy['keyName']};SharedAccessKey={policy['primaryKey']}"
    return {"connectionString": access, "location": azure.run.environment.location}


def body(azure: Connection, properties: Mapping[str, Any], **others: Any) -> Document:
    """The body of a DPS or a hub with these properties, and with nothing else that may be left out but `others`."""
    return {"location": azure.run.environment.location, "sku": S1, "properties": dict(properties), **others}
