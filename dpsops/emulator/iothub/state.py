"""What an IoT hub is made of, and where it is kept: one document for each hub, under its name.

A hub's document: {"id", "name", "location", "subscription", "group", "tags", "sku" {"name", "tier", "capacity"},
"etag" and "passingEtag" (the one while a state passes), "created" (epoch s), "namespace" (of its Event Hubs endpoint),
"regions" (primary first), "properties" (those that can be set, complete), "policies", "internalPolicies", "identity",
"state" and "ready" (see microsoft_devices.transitions)}.
"""

from __future__ import annotations

import re

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.devices import remove_devices
from dpsops.emulator.iothub.limits import forget_messages
from dpsops.emulator.microsoft_devices.certificates import delete_certificates
from dpsops.emulator.microsoft_devices.transitions import gone
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_KIND = "iotHub"
_CONSUMER_GROUP = "consumerGroup"
DOMAIN = ".azure-devices.net"
DEVICE_HOST = re.compile(r"(?P<hub>[a-z0-9-]+)(?:\.device)?\.azure-devices\.net")


def load_hub(world: World, name: str) -> JSON | None:
    """The hub of this name, which is unique in all of Azure, or None."""
    document = world.state.get(_KIND, name.lower())
    return None if document is None or gone(world, document) else document


def find_hub(world: World, identifier: ResourceId) -> JSON | None:
    """The hub of this ID, or None."""
    document = load_hub(world, identifier.name)
    return document if document is not None and document["id"].lower() == identifier.key else None


def was_deleted(world: World, identifier: ResourceId) -> bool:
    """Whether the last hub of this ID has been deleted, and none has had its name since."""
    document = world.state.get(_KIND, identifier.name.lower())
    return document is not None and document["id"].lower() == identifier.key and gone(world, document)


def hub_name(host: str) -> str:
    """The name, in lower case, of the hub whose devices know it under a host name; the empty string where there is none.

    A hub has three: `X.azure-devices.net` for everyone, `X.device.azure-devices.net` for devices and
    `X.service.azure-devices.net` for its service API, which no device can be sent to.
    """
    found = DEVICE_HOST.fullmatch(host.lower())
    return "" if found is None else found["hub"]


def hub_at(world: World, host: str) -> JSON | None:
    """The hub that devices reach under a host name, or None."""
    name = hub_name(host)
    return load_hub(world, name) if name else None


def hubs_below(world: World, scope: str) -> list[JSON]:
    """The hubs whose ID begins with `scope` (a subscription or group), in the order of their names."""
    prefix = scope.lower() + "/"
    return [hub for hub in every_hub(world) if hub["id"].lower().startswith(prefix)]


def every_hub(world: World) -> list[JSON]:
    """All hubs, in the order of their names."""
    return [document for _, document in world.state.list(_KIND) if not gone(world, document)]


def save_hub(world: World, hub: JSON) -> None:
    """Writes the hub."""
    world.state.put(_KIND, hub["name"].lower(), hub)


def empty_hub(world: World, hub: JSON) -> None:
    """Forgets what is inside a hub."""
    delete_certificates(world, hub)
    remove_devices(world, hub)
    forget_messages(world, hub)
    for group in consumer_groups(world, hub):
        delete_consumer_group(world, hub, group["name"])


def consumer_groups(world: World, hub: JSON) -> list[JSON]:
    """The consumer groups of the hub's built-in endpoint: {"name", "created" (epoch s)}."""
    return [document for _, document in world.state.list(_CONSUMER_GROUP, _group_key(hub, ""))]


def find_consumer_group(world: World, hub: JSON, name: str) -> JSON | None:
    """One of them, or None."""
    return world.state.get(_CONSUMER_GROUP, _group_key(hub, name))


def save_consumer_group(world: World, hub: JSON, name: str) -> JSON:
    """Adds one, created now."""
    document = {"name": name, "created": world.now}
    world.state.put(_CONSUMER_GROUP, _group_key(hub, name), document)
    return document


def delete_consumer_group(world: World, hub: JSON, name: str) -> None:
    """Removes one."""
    world.state.delete(_CONSUMER_GROUP, _group_key(hub, name))


def _group_key(hub: JSON, name: str) -> str:
    return f"{hub['name']}/{name}".lower()
