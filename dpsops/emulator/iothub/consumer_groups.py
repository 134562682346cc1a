"""Consumer groups of a hub's built-in Event Hubs endpoint, `events`; `$Default` is there from the start."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import quote

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING, Request, Response, Route
from dpsops.emulator.iothub.state import consumer_groups, delete_consumer_group, find_consumer_group, save_consumer_group
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, refusal
from dpsops.emulator.resource_provider.bodies import json_object, member
from dpsops.emulator.world import World

_DEFAULT = "$Default"
_NOT_FOUND = 404_000
_NAMED_SINCE = "2021"
"""API versions from then on have the name of a consumer group in the body, too."""
_ACTION = "Microsoft.Devices/IotHubs/eventHubEndpoints/consumerGroups"

FindHub = Callable[[World, str, str, str], JSON]


def consumer_group_routes(hub_path: str, hub_of: FindHub) -> list[Route]:
    """The routes below a hub; `hub_of` finds it by subscription, group and name, or refuses."""

    def named(world: World, subscription: str, group: str, name: str, endpoint: str) -> JSON:
        hub = hub_of(world, subscription, group, name)
        if endpoint.lower() != "events":
            raise refusal(world, _NOT_FOUND, f"Event Hub endpoint '{endpoint}' not found.", numeric=True)
        return hub

    def every(world: World, request: Request, *, subscription: str, group: str, name: str, endpoint: str) -> Response:
        hub = named(world, subscription, group, name, endpoint)
        return Response(200, {"value": [_show(hub, each) for each in [_default(hub), *consumer_groups(world, hub)]]})

    def get(world: World, request: Request, *, consumers: str, **path: str) -> Response:
        hub = named(world, **path)
        return Response(200, _show(hub, _find(world, hub, consumers)))

    def put(world: World, request: Request, *, consumers: str, **path: str) -> Response:
        hub, body = named(world, **path), json_object(request)
        if request.api_version >= _NAMED_SINCE and member(member(body, "properties", dict) or {}, "name", str) is None:
            raise refusal(world, BAD_REQUEST, "Invalid name ''.", numeric=True)
        found = find_consumer_group(world, hub, consumers) or save_consumer_group(world, hub, consumers)
        shown = _show(hub, found)
        return Response(200, shown | {"properties": shown["properties"] | body})

    def delete(world: World, request: Request, *, consumers: str, **path: str) -> Response:
        hub = named(world, **path)
        if consumers.lower() == _DEFAULT.lower():
            raise refusal(world, BAD_REQUEST, f"Consumer group '{_DEFAULT}' cannot be deleted.", numeric=True)
        delete_consumer_group(world, hub, _find(world, hub, consumers)["name"])
        return Response(200, NOTHING)

    groups = hub_path + "/eventHubEndpoints/{endpoint}/ConsumerGroups"
    return [
        Route("GET", groups, every, f"{_ACTION}/Read"),
        Route("GET", groups + "/{consumers}", get, f"{_ACTION}/Read"),
        Route("PUT", groups + "/{consumers}", put, f"{_ACTION}/Write"),
        Route("DELETE", groups + "/{consumers}", delete, f"{_ACTION}/Delete"),
    ]


def _default(hub: JSON) -> JSON:
    return {"name": _DEFAULT, "created": hub["created"]}


def _find(world: World, hub: JSON, name: str) -> JSON:
    found = _default(hub) if name.lower() == _DEFAULT.lower() else find_consumer_group(world, hub, name)
    if found is None:
        raise refusal(world, _NOT_FOUND, f"Consumer group '{name}' not found.", numeric=True)
    return found


def _show(hub: JSON, group: JSON) -> JSON:
    return {
        "properties": {"created": formatdate(group["created"], usegmt=True)},
        "id": f"{hub['id']}/eventHubEndpoints/events/ConsumerGroups/{quote(group['name'])}",
        "name": group["name"],
        "type": "Microsoft.Devices/IotHubs/EventHubEndpoints/ConsumerGroups",
        "etag": None,
    }
