"""A subscription with a history, made as somebody else makes it: through Resource Manager."""

from __future__ import annotations

from typing import Any

from tests.worlds import World

GROUP = "rg-dpsops-test"
VAULT = "Microsoft.KeyVault/vaults/kv-dpsops-test"
DPS = "Microsoft.Devices/provisioningServices/dps-dpsops-test"
HUB = "Microsoft.Devices/IotHubs/iot-dpsops-test"
VERSIONS = {"Microsoft.KeyVault": "2026-02-01", "Microsoft.Devices/provisioningServices": "2022-12-12",
            "Microsoft.Devices/IotHubs": "2023-06-30", "Microsoft.Authorization/locks": "2020-05-01",
            "Microsoft.Authorization/policyAssignments": "2023-04-01", "Microsoft.Authorization/roleAssignments": "2022-04-01",
            "Microsoft.EventGrid": "2022-06-15"}  # fmt: skip


def group_of(world: World, group: str = GROUP) -> str:
    """The ID of a resource group."""
    return f"/subscriptions/{world.connect().clients.subscription}/resourceGroups/{group}"


def _version(identifier: str) -> str:
    last = identifier.rpartition("/providers/")[2]
    return next(version for type_, version in VERSIONS.items() if last.startswith(type_))


def resource(world: World, name: str, group: str = GROUP, *, version: str = "") -> dict[str, Any]:
    """A resource of the group, as a GET shows it. `name`: its type and its name. `version`: of the API, if not the usual one."""
    identifier = f"{group_of(world, group)}/providers/{name}"
    found = world.connect().clients.groups.resources.get_by_id(identifier, api_version=version or _version(identifier))
    return dict(found.as_dict())


def put(world: World, name: str, document: dict[str, Any], group: str = GROUP, *, version: str = "") -> None:
    """Writes a resource of the group, as somebody else would."""
    identifier = f"{group_of(world, group)}/providers/{name}"
    known = {key: each for key, each in document.items() if key in ("location", "tags", "sku", "identity", "properties")}
    resources = world.connect().clients.groups.resources
    resources.begin_create_or_update_by_id(identifier, known, api_version=version or _version(identifier)).result()


def remove(world: World, name: str, group: str = GROUP) -> None:
    """Removes a resource of the group."""
    identifier = f"{group_of(world, group)}/providers/{name}"
    world.connect().clients.groups.resources.begin_delete_by_id(identifier, api_version=_version(identifier)).result()


def make_group(world: World, name: str, location: str = "westeurope") -> None:
    """Makes a resource group."""
    world.connect().clients.groups.resource_groups.create_or_update(name, {"location": location})
