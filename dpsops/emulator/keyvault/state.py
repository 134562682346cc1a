"""Vaults as Resource Manager has them: their documents, and how each API version shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from dpsops.emulator.documents import JSON
from dpsops.emulator.keyvault import objects, vaults
from dpsops.emulator.keyvault.vaults import KIND
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

TYPE = "Microsoft.KeyVault/vaults"

_SINCE = {"enableSoftDelete": "2018-02-14", "publicNetworkAccess": "2021-06-01-preview"}
"""Properties that every vault has, but that API versions older than they are do not show."""

_SYSTEM_DATA_SINCE = "2021-04-01-preview"


def load(world: World, name: str) -> JSON | None:
    """The document of a vault, living or deleted; one whose retention is over is gone."""
    document = world.state.get(KIND, name.lower())
    if document is not None and document["deleted"] is not None and world.now >= document["deleted"]["purge"]:
        purge(world, document)
        return None
    return document


def find(world: World, identifier: ResourceId) -> JSON | None:
    """The document of the living vault with this ID, or None."""
    document = load(world, identifier.name)
    if document is None or document["deleted"] is not None or ResourceId.parse(document["id"]).key != identifier.key:
        return None
    return document


def create(world: World, identifier: ResourceId, location: str, caller: Principal) -> JSON:
    """The document of a vault that is made now, without its tags and properties."""
    made = {"createdBy": caller.app_id, "createdByType": "Application", "createdAt": _millisecond(world.now)}
    plain = {"id": str(identifier), "name": identifier.name, "location": location}
    return plain | {"created": world.now, "system": made, "deleted": None}


def save(world: World, document: JSON, caller: Principal) -> None:
    """Writes the document as changed by the caller now."""
    modified = {"lastModifiedBy": caller.app_id, "lastModifiedByType": "Application", "lastModifiedAt": _millisecond(world.now)}
    document["system"] |= modified
    world.state.put(KIND, document["name"].lower(), document)


def purge(world: World, document: JSON) -> None:
    """Removes a vault and everything in it."""
    world.state.delete(KIND, document["name"].lower())
    objects.purge_all(world, document["name"].lower())


def view(world: World, document: JSON, api_version: str) -> JSON:
    """The vault as a GET shows it."""
    registered = world.now >= document["created"] + world.timings.operation
    properties = {name: value for name, value in document["properties"].items() if api_version >= _SINCE.get(name, "")}
    public = {name: properties.pop(name) for name in ("publicNetworkAccess",) if name in properties}
    state = {
        "vaultUri": f"{vaults.read(document).url}/",
        "provisioningState": "Succeeded" if registered else "RegisteringDns",
    }
    shown = {"id": document["id"], "name": document["name"], "type": TYPE, "location": document["location"]}
    system = {"systemData": document["system"]} if api_version >= _SYSTEM_DATA_SINCE else {}
    return {**shown, "tags": document["tags"], **system, "properties": {**properties, **state, **public}}


def deleted_view(document: JSON) -> JSON:
    """The vault among the deleted ones."""
    identifier, deleted = ResourceId.parse(document["id"]), document["deleted"]
    place = f"/subscriptions/{identifier.subscription}/providers/Microsoft.KeyVault/locations/{document['location']}"
    properties = {
        "vaultId": document["id"],
        "location": document["location"],
        "tags": document["tags"],
        "deletionDate": f"{_date(deleted['at']):%Y-%m-%dT%H:%M:%SZ}",
        "scheduledPurgeDate": f"{_date(deleted['purge']):%Y-%m-%dT%H:%M:%SZ}",
    }
    protected = {"purgeProtectionEnabled": True} if document["properties"].get("enablePurgeProtection") else {}
    return {
        "id": f"{place}/deletedVaults/{document['name']}",
        "name": document["name"],
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": properties | protected,
    }


def _millisecond(at: float) -> str:
    return f"{_date(at):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _date(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
