"""A stand-in for Microsoft's command line: the few commands of the runbook, done on the embedded Azure of this directory.

`tests/az` drives the embedded Azure with the real one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dpsops.emulator.identity.state import TENANT
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Timings
from dpsops.settings import load
from tests.worlds import embedded_world

if TYPE_CHECKING:
    from dpsops.azure.clients import Clients


def main(words: list[str]) -> None:
    """Does one command. Fails for any other."""
    verbs = words[: next(place for place, word in enumerate(words) if word.startswith("--"))]
    rest = words[len(verbs) :]
    given = {name.removeprefix("--"): value for name, value in zip(rest[::2], rest[1::2], strict=True)}
    with EmbeddedAzure(Path(".dpsops"), timings=Timings()) as azure:
        connection = embedded_world(azure, load("local", Path("infra")), direct=True).connect()
        clients, (dps,) = connection.clients, connection.stores
        match verbs:
            case ["keyvault", "recover"]:
                recover(clients, given["name"])
            case ["keyvault", "certificate", "set-attributes"]:
                assert given["vault-name"] == clients.environment.vault.name
                clients.certificates.update_certificate_properties(given["name"], enabled=given["enabled"] == "true")
            case ["iot", "dps", "certificate", "show"]:
                assert given.items() >= {"query": "etag", "output": "tsv", **_place(clients)}.items()
                found = dps.get(given["name"])
                assert found is not None
                print(found.etag)  # noqa: T201
            case ["iot", "dps", "certificate", "delete"]:
                assert given.items() >= _place(clients).items()
                dps.delete(given["name"], given["etag"])
            case _:
                raise SystemExit(f"az {' '.join(verbs)}: not here")


def _place(clients: Clients) -> dict[str, str]:
    """How a command names the DPS of the settings."""
    return {"dps-name": clients.environment.dps.name, "resource-group": clients.environment.resource_group}


def recover(clients: Clients, name: str) -> None:
    """Recovers a deleted vault, as `az keyvault recover` does."""
    from azure.mgmt.keyvault.models import CreateMode, Sku, VaultCreateOrUpdateParameters, VaultProperties

    properties = VaultProperties(tenant_id=TENANT, sku=Sku(family="A", name="standard"), create_mode=CreateMode.RECOVER)
    wanted = VaultCreateOrUpdateParameters(location=clients.environment.location, properties=properties)
    clients.vaults.vaults.begin_create_or_update(clients.environment.resource_group, name, wanted).result()


if __name__ == "__main__":
    main(sys.argv[1:])
