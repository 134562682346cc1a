"""A resource group of an embedded Azure, and what becomes of it if dpsops' own decisions are deployed there."""

from __future__ import annotations

import json
from typing import Any

from dpsops.emulator.arm.service import SERVICE as RESOURCE_MANAGER
from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World
from dpsops.model import logs
from dpsops.model.deployment import Deployment, decide, deployment_name
from dpsops.model.logs import DiagnosticSetting
from dpsops.model.resources import Resource, Resources
from dpsops.model.roles import HUB, SERVICE, VAULT, Held, Principal
from dpsops.settings import Environment
from tests.bicep.compiler import FOLDER

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
PRINCIPAL = Principal("0b9f3c51-3d0a-4f0e-9d62-7f1a2b3c4d5e", "ServicePrincipal")
VERSIONS = {VAULT: "2026-02-01", HUB: "2023-06-30", SERVICE: "2022-12-12"}
LOGS = logs.TYPE
LOGS_VERSION = "2021-05-01-preview"
IDENTITY_VERSION = "2026-11-01"
"""Those in which the template writes the resources; the last one that of a DPS with links by identity."""

HUBS: list[JSON] = [{"name": "iot-one"}, {"name": "iot-two", "location": "northeurope", "weight": 3}]
"""The hubs of the settings."""

_SETTINGS: JSON = {
    "name": "test",
    "location": "westeurope",
    "resource_group": "rg",
    "vault": {"name": "kv-dpsops-test"},
    "dps": {"name": "dps-dpsops-test"},
    "hub": HUBS,
}


def template() -> JSON:
    """The compiled template."""
    found: JSON = json.loads((FOLDER / "main.json").read_text(encoding="utf-8"))
    return found


def environment(**changes: Any) -> Environment:
    """Settings with a vault, a DPS and two hubs; a table that is changed keeps what the change does not name."""
    merged = {name: _SETTINGS[name] | each if isinstance(_SETTINGS.get(name), dict) else each for name, each in changes.items()}
    return Environment.model_validate(_SETTINGS | merged)


class Group:
    """The operator, with an embedded Azure about as slow as the real one, where one resource group is, with nothing in it."""

    def __init__(self, habits: Habits | None = None) -> None:
        timings = Timings(operation=40, role=95)
        self.azure = Azure(Database(None), Clock(1_772_366_400.0), timings, services=(RESOURCE_MANAGER,))
        self.azure.habits = habits or Habits()
        with self.azure.database.transaction() as state:
            bootstrap(World(state, self.azure.clock.now()))
        self.call("PUT", GROUP, {"location": "westeurope"})

    # requests

    def ask(self, method: str, path: str, body: Any = None, version: str = "2026-06-01") -> Response:
        """One request."""
        with self.azure.database.transaction() as state:
            token = issue_token(World(state, self.azure.clock.now()), OPERATOR, "https://management.azure.com")
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        return self.azure.handle(Request(method, "management.azure.com", path, {"api-version": version}, headers, content))

    def call(self, method: str, path: str, body: Any = None, version: str = "2026-06-01") -> JSON:
        """One request, which succeeds."""
        answer = self.ask(method, path, body, version)
        assert answer.status < 300, answer.body
        self.location = answer.headers.get("Location", "").removeprefix("https://management.azure.com").split("?")[0]
        return answer.body if isinstance(answer.body, dict) else {}

    def get(self, type_: str, name: str, version: str = "") -> JSON:
        """A resource, which is there."""
        return self.call("GET", f"{GROUP}/providers/{type_}/{name}", version=version or VERSIONS[type_])

    def put(self, type_: str, name: str, body: JSON, version: str = "") -> None:
        """Makes a resource as somebody else would, or makes it other."""
        self.call("PUT", f"{GROUP}/providers/{type_}/{name}", body, version or VERSIONS[type_])
        self.azure.clock.advance(120)

    # what dpsops does

    def observe(self, settings: Environment) -> Resources:
        """The group and what is in it, as GETs show it; the DPS in the version that shows its identity and who links how."""
        hubs = {hub.name.lower(): self._find(HUB, hub.name, VERSIONS[HUB]) for hub in settings.hub}
        vaults = {name.lower(): self._find(VAULT, name, VERSIONS[VAULT]) for name in settings.device.vaults}
        names = [(VAULT, settings.vault.name), *((VAULT, name) for name in vaults), (SERVICE, settings.dps.name)]
        return Resources(
            GROUP,
            group_exists=True,
            vault=self._find(VAULT, settings.vault.name, VERSIONS[VAULT]),
            leaf_vaults={name: vault for name, vault in vaults.items() if vault},
            dps=self._find(SERVICE, settings.dps.name, IDENTITY_VERSION),
            hubs={name: hub for name, hub in hubs.items() if hub},
            held=frozenset(
                Held(each["scope"].lower(), each["roleDefinitionId"].rpartition("/")[2], each["principalId"])
                for each in self.assignments()
            ),
            linked_before=frozenset(self._linked_before(settings)),
            logs={(type_, name): self._logs(type_, name) for type_, name in names} if settings.vault.logs else {},
        )

    def _logs(self, type_: str, name: str) -> tuple[DiagnosticSetting, ...]:
        """The diagnostic settings of a resource, none of which has anything but categories and a workspace."""
        answer = self.ask("GET", f"{GROUP}/providers/{type_}/{name}/providers/{LOGS}", version=LOGS_VERSION)
        listed = [each["properties"] | {"name": each["name"]} for each in answer.body.get("value", [])]
        return tuple(
            DiagnosticSetting(each["name"], each["workspaceId"], tuple(log["category"] for log in each["logs"] if log["enabled"]))
            for each in listed
        )

    def assignments(self) -> list[JSON]:
        """The role assignments on the group, above it, and on what is in it."""
        listed = self.call("GET", f"{GROUP}/providers/Microsoft.Authorization/roleAssignments", version="2022-04-01")["value"]
        return [each["properties"] for each in listed]

    def decide(self, settings: Environment, *, relink: bool = False) -> Deployment:
        """What dpsops decides from what there is."""
        return decide(settings, self.observe(settings), [PRINCIPAL], relink=relink)

    def deploy(self, settings: Environment, parameters: Any) -> JSON:
        """Deploys the template, which succeeds; the properties of the deployment."""
        found = self.run(settings, parameters)
        assert found["provisioningState"] == "Succeeded", found.get("error")
        return found

    def run(self, settings: Environment, parameters: Any) -> JSON:
        """Deploys the template; the properties of the deployment, which has ended."""
        path = self._deployment(settings)
        self.call("PUT", path, _body(parameters))
        self.azure.clock.advance(240)
        found: JSON = self.call("GET", path)["properties"]
        assert found["provisioningState"] in ("Succeeded", "Failed")
        return found

    def converge(self, settings: Environment) -> Deployment:
        """Deploys what dpsops decides, and returns it."""
        decided = self.decide(settings)
        self.deploy(settings, decided.parameters)
        return decided

    def what_if(self, settings: Environment, parameters: Any) -> JSON:
        """The result of a what-if: its changes, and what it says of itself."""
        self.call("POST", f"{self._deployment(settings)}/whatIf", _body(parameters))
        self.azure.clock.advance(40)
        result = self.call("GET", self.location)
        assert result["status"] == "Succeeded", result
        found: JSON = result["properties"]
        return found

    def _deployment(self, settings: Environment) -> str:
        return f"{GROUP}/providers/Microsoft.Resources/deployments/{deployment_name(settings)}"

    def _find(self, type_: str, name: str, version: str) -> Resource | None:
        answer = self.ask("GET", f"{GROUP}/providers/{type_}/{name}", version=version)
        if answer.status == 404:
            return None
        shown: Any = answer.body
        sku = {name: each for name, each in shown.get("sku", {}).items() if name in ("name", "capacity")}
        return Resource(shown["location"], shown.get("tags") or {}, sku, shown.get("identity") or {}, shown["properties"])

    def _linked_before(self, settings: Environment) -> list[str]:
        answer: Any = self.ask("GET", self._deployment(settings)).body
        given = answer.get("properties", {}).get("parameters", {})
        return [name.lower() for name in given.get("linkedHubs", {}).get("value", [])]


def _body(parameters: Any) -> JSON:
    given = {name: {"value": value} for name, value in parameters.items()}
    return {"properties": {"mode": "Incremental", "template": template(), "parameters": given}}
