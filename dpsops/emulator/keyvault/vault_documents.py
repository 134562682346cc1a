"""Vaults as Resource Manager has them: their documents, and how each API version shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from dpsops.emulator.arm import regions
from dpsops.emulator.arm.errors import refusal
from dpsops.emulator.arm.resources import ResourceId
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request
from dpsops.emulator.keyvault import objects
from dpsops.emulator.keyvault import vault as vaults
from dpsops.emulator.keyvault.vault import KIND
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World

TYPE = "Microsoft.KeyVault/vaults"
API_VERSIONS = frozenset(
    {
        "2015-06-01", "2016-10-01", "2018-02-14-preview", "2018-02-14", "2019-09-01", "2020-04-01-preview",
        "2021-04-01-preview", "2021-06-01-preview", "2021-10-01", "2021-11-01-preview", "2022-02-01-preview",
        "2022-07-01", "2022-11-01", "2023-02-01", "2023-07-01", "2024-04-01-preview", "2024-11-01",
        "2024-12-01-preview", "2025-05-01", "2026-02-01", "2026-05-15",
    }
)  # fmt: skip

_SINCE = {"enableSoftDelete": "2018-02-14", "publicNetworkAccess": "2021-06-01-preview"}
"""Properties that every vault has, but that API versions older than they are do not show."""

_SYSTEM_DATA_SINCE = "2021-04-01-preview"


def require_api_version(api_version: str) -> None:
    """Refuses an API version that the provider does not have."""
    if api_version in API_VERSIONS:
        return
    raise refusal(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location '' and API version '{api_version}' for type 'vaults'. "
        f"The supported api-versions are '{', '.join(sorted(API_VERSIONS))}'. "
        f"The supported locations are '{', '.join(regions.REGIONS)}'.",
    )


def body_of(request: Request) -> JSON:
    """The body of a request that has `properties`, or none at all."""
    body = request.json()
    if not isinstance(body, dict) or not isinstance(body.get("properties"), dict | None):
        raise refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return body


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
