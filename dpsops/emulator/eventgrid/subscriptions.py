"""Event subscriptions of IoT hubs: what one says, and the route that the hub has while one wants telemetry.

They are in the hub's document, under "eventSubscriptions": by name in lower case {"name", "properties" (as given), "created"
(epoch s)}. Source: "React to IoT Hub events by using Event Grid", the API's SDK for the shapes; errors from memory.
"""

from __future__ import annotations

import re
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.routing import with_event_grid
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.world import World

_TELEMETRY = "Microsoft.Devices.DeviceTelemetry"
_EVENTS = (
    "Microsoft.Devices.DeviceCreated",
    "Microsoft.Devices.DeviceDeleted",
    "Microsoft.Devices.DeviceConnected",
    "Microsoft.Devices.DeviceDisconnected",
    _TELEMETRY,
)
_ENDPOINTS = (
    "WebHook", "EventHub", "StorageQueue", "HybridConnection", "ServiceBusQueue", "ServiceBusTopic", "AzureFunction",
    "PartnerDestination", "MonitorAlert", "NamespaceTopic",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9-]{3,64}")
_RETRY = {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}


def put(world: World, hub: JSON, name: str, body: Any) -> JSON:
    """Makes or replaces a subscription of the hub, whose document is changed, and returns it as a GET shows it."""
    properties = body.get("properties") if isinstance(body, dict) else None
    if not _NAME.fullmatch(name):
        raise refusal(400, "InvalidRequest", "Event subscription name must be 3 to 64 characters, letters, digits or hyphens.")
    if not isinstance(properties, dict):
        raise refusal(400, "InvalidRequest", "The event subscription's properties are missing.")
    destination = properties.get("destination") or properties.get("deliveryWithResourceIdentity", {}).get("destination")
    kind = destination.get("endpointType") if isinstance(destination, dict) else None
    if kind not in _ENDPOINTS:
        raise refusal(400, "InvalidRequest", f"The endpoint type '{kind}' of the event subscription's destination is not valid.")
    events = _events(properties)
    if unknown := [each for each in events if each not in _EVENTS]:
        raise refusal(400, "InvalidRequest", f"The event types '{', '.join(map(str, unknown))}' are not of this topic.")
    hub.setdefault("eventSubscriptions", {})[name.lower()] = {"name": name, "properties": properties, "created": world.now}
    _route(hub)
    return show(world, hub, hub["eventSubscriptions"][name.lower()])


def find(world: World, hub: JSON, name: str) -> JSON | None:
    """A subscription of the hub as a GET shows it, or None."""
    found = hub.get("eventSubscriptions", {}).get(name.lower())
    return None if found is None else show(world, hub, found)


def delete(hub: JSON, name: str) -> bool:
    """Takes a subscription out of the hub's document; False where there is none."""
    gone = hub.get("eventSubscriptions", {}).pop(name.lower(), None)
    _route(hub)
    return gone is not None


def list_of(world: World, hub: JSON) -> list[JSON]:
    """All of the hub's, each as a GET shows it."""
    return [show(world, hub, each) for each in hub.get("eventSubscriptions", {}).values()]


def show(world: World, hub: JSON, subscription: JSON) -> JSON:
    """A subscription as a GET shows it."""
    given = subscription["properties"]
    ready = world.now >= subscription["created"] + world.timings.operation
    events = {"subjectBeginsWith": "", "subjectEndsWith": ""} | (given.get("filter") or {})
    return {
        "properties": {
            "labels": [],
            "retryPolicy": _RETRY,
            "eventDeliverySchema": "EventGridSchema",
            **{name: value for name, value in given.items() if value is not None},
            "topic": hub["id"],
            "provisioningState": "Succeeded" if ready else "Creating",
            "filter": events | {"includedEventTypes": _events(given)},
        },
        "id": f"{hub['id']}/providers/Microsoft.EventGrid/eventSubscriptions/{subscription['name']}",
        "name": subscription["name"],
        "type": "Microsoft.EventGrid/eventSubscriptions",
    }


def _events(properties: JSON) -> list[str]:
    """The types of events that are wanted: all of them where none is named."""
    chosen = properties.get("filter") or {}
    if not isinstance(chosen, dict) or not isinstance(chosen.get("includedEventTypes"), list | None):
        raise refusal(400, "InvalidRequest", "The event subscription's filter is not valid.")
    return chosen.get("includedEventTypes") or list(_EVENTS)


def _route(hub: JSON) -> None:
    """Gives the hub its route to Event Grid while a subscription wants telemetry. That it goes again is a guess."""
    wanted = any(_TELEMETRY in _events(each["properties"]) for each in hub.get("eventSubscriptions", {}).values())
    hub["properties"]["routing"] = with_event_grid(hub["properties"]["routing"], wanted=wanted)
