"""What a provisioning service is made of, and where it is kept: one document for each, under its name.

A service's document: {"id", "name", "location", "subscription", "group", "tags", "capacity", "etag", "idScope",
"properties" (those that can be set and are), "hubs" (links, see there), "policies", "identity", "state" and "ready"
(see microsoft_devices.transitions)}. Its certificates are in `certificates`.
"""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.microsoft_devices.transitions import gone, settled
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_KIND = "provisioningService"
DOMAIN = ".azure-devices-provisioning.net"


def load_service(world: World, name: str) -> JSON | None:
    """The provisioning service of this name, which is unique in all of Azure, or None."""
    document = world.state.get(_KIND, name.lower())
    return None if document is None or gone(world, document) else document


def find_service(world: World, identifier: ResourceId) -> JSON | None:
    """The provisioning service of this ID, or None."""
    document = load_service(world, identifier.name)
    return document if document is not None and document["id"].lower() == identifier.key else None


def reachable_service(world: World, name: str) -> JSON | None:
    """The service behind a host name; None where the DNS has none: never made, being deleted, or not yet active."""
    service = load_service(world, name)
    return service if service is not None and _serves(world, service) else None


def service_of_scope(world: World, id_scope: str) -> JSON | None:
    """The service that devices mean by an ID scope, or None."""
    for _, service in world.state.list(_KIND):
        if service["idScope"].lower() == id_scope.lower() and _serves(world, service):
            return service
    return None


def services_below(world: World, scope: str) -> list[JSON]:
    """The provisioning services whose ID begins with `scope` (a subscription or group), in the order of their names."""
    prefix = scope.lower() + "/"
    return [service for service in every_service(world) if service["id"].lower().startswith(prefix)]


def every_service(world: World) -> list[JSON]:
    """All provisioning services, in the order of their names."""
    return [document for _, document in world.state.list(_KIND) if not gone(world, document)]


def save_service(world: World, service: JSON) -> None:
    """Writes the provisioning service."""
    world.state.put(_KIND, service["name"].lower(), service)


def prefix_of(service: JSON) -> str:
    """What the keys of all that belongs to a service begin with."""
    return f"{service['id'].lower()}/"


def _serves(world: World, service: JSON) -> bool:
    """Whether the service is at work: changes do not interrupt it."""
    return service["state"] != "Deleting" and (service["state"] != "Activating" or settled(world, service))
