"""Message routing: what a hub's routing table may say, and Azure's test of it.

Endpoints other than the built-in one live in services that this Azure does not have: they are kept as they
are given, their keys masked, and may or may not exist.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub import requirements
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, refusal
from dpsops.emulator.resource_provider.bodies import member, members
from dpsops.emulator.world import World

_ENDPOINTS = ("serviceBusQueues", "serviceBusTopics", "eventHubs", "storageContainers", "cosmosDBSqlContainers")
_SOURCES = (
    "DeviceMessages",
    "TwinChangeEvents",
    "DeviceLifecycleEvents",
    "DeviceJobLifecycleEvents",
    "DeviceConnectionStateEvents",
)
_EVENT_GRID: JSON = {
    "name": "RouteToEventGrid",
    "source": "DeviceMessages",
    "condition": "true",
    "endpointNames": ["eventgrid"],
    "isEnabled": True,
}
_KEY = re.compile(r"((?:SharedAccessKey|AccountKey)=)[^;]*")
_NAME = re.compile(r"[A-Za-z0-9-._]{1,64}")


def masked(value: Any) -> Any:
    """The value, with the keys in connection strings (wherever they stand in it) as Azure shows them."""
    match value:
        case dict():
            return {name: masked(each) for name, each in value.items()}
        case list():
            return [masked(each) for each in value]
        case str():
            return _KEY.sub(r"\1****", value)
    return value


def read_routing(world: World, given: JSON | None, kept: JSON | None) -> JSON:
    """The routing table of a PUT, completed; `kept` is the one before it.

    A hub that is made without one has a fallback route that takes everything. In any other, and in a hub that is changed
    without one (recorded 2023), the fallback route is off unless it is given.
    """
    table = given or {}
    endpoints = member(table, "endpoints", dict) or {}
    known = {each["name"]: each["id"] for kind in _ENDPOINTS for each in (kept or {}).get("endpoints", {}).get(kind, [])}
    complete: JSON = {
        "endpoints": {
            kind: [_endpoint(world, kind, each, known) for each in members(endpoints, kind, dict) or []] for kind in _ENDPOINTS
        }
    }
    names = _names(complete)
    enrichments = members(table, "enrichments", dict)
    if enrichments is not None:
        complete["enrichments"] = [_enrichment(world, each, names) for each in enrichments]
    routes = members(table, "routes", dict) or []
    complete["routes"] = [_route(world, each, names | _built_in(each)) for each in routes]
    default = {"source": "DeviceMessages", "endpointNames": ["events"], "isEnabled": given is None and kept is None}
    wanted = member(table, "fallbackRoute", dict)
    complete["fallbackRoute"] = {"name": "$fallback", "condition": "true"} | (default if wanted is None else wanted)
    requirements.check_fallback(world, complete["fallbackRoute"], names)
    return complete


def default_routes(routing: JSON) -> set[str]:
    """The names of the routes that the service itself makes and removes: the one to Event Grid."""
    return {route["name"] for route in routing["routes"]} & {_EVENT_GRID["name"]}


def with_event_grid(routing: JSON, *, wanted: bool) -> JSON:
    """A routing table with the route to Event Grid, which takes all messages of devices unless its query says otherwise
    ("React to IoT Hub events by using Event Grid"), or without it."""
    others = [route for route in routing["routes"] if route["name"] != _EVENT_GRID["name"]]
    present = [route for route in routing["routes"] if route["name"] == _EVENT_GRID["name"]] or [dict(_EVENT_GRID)]
    return routing | {"routes": [*others, *(present if wanted else [])]}


def spell_sources(routing: JSON) -> JSON:
    """A routing table as it was given, but for the sources' names, which Azure spells its own way."""
    routes = [each | {"source": _source(each.get("source", ""))} for each in routing.get("routes") or []]
    return routing | {"routes": routes} if "routes" in routing else routing


def route_result(world: World, routing: JSON, route: JSON) -> JSON:
    """Whether a message would take the route, which must be one that the hub could have (its endpoint: stricter guess).

    Decided for the conditions `true` and `false` alone, others are refused.
    """
    return {"result": "true" if _holds(world, _route(world, route, _names(routing))) else "false"}


def matching_routes(world: World, routes: list[JSON], source: str) -> JSON:
    """The enabled routes from `source` (empty: any) that a message would take. Refuses a source that is none."""
    if source and _source(source) not in (*_SOURCES, "Invalid"):
        raise refusal(world, BAD_REQUEST, f"Invalid routingSource '{source}'.", numeric=True)
    matching = [each for each in routes if each["isEnabled"] and source.lower() in ("", each["source"].lower())]
    return {"routes": [{"properties": each} for each in matching if _holds(world, each)]}


def _holds(world: World, route: JSON) -> bool:
    condition = (member(route, "condition", str) or "true").strip().lower()
    if condition not in ("true", "false"):
        raise refusal(world, BAD_REQUEST, f"The condition '{condition}' is not one that this Azure evaluates.", numeric=True)
    return condition == "true"


def _names(routing: JSON) -> set[str]:
    """The endpoints that a route can lead to."""
    return {"events"} | {each["name"] for kind in _ENDPOINTS for each in routing["endpoints"].get(kind, [])}


def _endpoint(world: World, kind: str, given: JSON, known: dict[str, str]) -> JSON:
    name = member(given, "name", str) or ""
    if not _NAME.fullmatch(name) or name in ("events", "fileNotifications"):
        raise refusal(world, BAD_REQUEST, f"Invalid endpoint name '{name}'.", numeric=True)
    requirements.check_endpoint(world, kind, given)
    return dict(masked(given)) | {"id": known.get(name) or str(uuid.uuid4())}


def _enrichment(world: World, given: JSON, names: set[str]) -> JSON:
    for endpoint in members(given, "endpointNames", str) or []:
        if endpoint not in names:
            message = f"Enrichment has an undefined endpoint, Enrichment Key:{given.get('key')}, EndpointName:{endpoint}."
            raise refusal(world, 400_131, message, numeric=True)
    requirements.check_enrichment(world, given)
    return given


def _built_in(route: JSON) -> set[str]:
    """The endpoint that only the service's own route leads to."""
    return set(_EVENT_GRID["endpointNames"]) if route.get("name") == _EVENT_GRID["name"] else set()


def _route(world: World, given: JSON, names: set[str]) -> JSON:
    name, source = member(given, "name", str) or "", _source(member(given, "source", str) or "")
    endpoints = members(given, "endpointNames", str) or []
    if not _NAME.fullmatch(name) or source not in _SOURCES or len(endpoints) != 1 or not set(endpoints) <= names:
        raise refusal(world, BAD_REQUEST, f"Invalid route '{name}'.", numeric=True)
    route = {"condition": "true"} | given | {"source": source}
    requirements.check_route(world, route, names)
    return route


def _source(given: str) -> str:
    return next((source for source in _SOURCES if source.lower() == given.lower()), given)
