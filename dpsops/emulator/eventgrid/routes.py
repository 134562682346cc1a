"""Resource Manager operations on event subscriptions of IoT hubs (`Microsoft.EventGrid/eventSubscriptions`)."""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.eventgrid import subscriptions
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.iothub.state import find_hub, hubs_below, save_hub
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import operations, regions
from dpsops.emulator.resource_provider.errors import refusal, resource_not_found
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.resource_provider.versions import behind
from dpsops.emulator.world import World

TYPE = "Microsoft.EventGrid/eventSubscriptions"
_HUB = "Microsoft.Devices/IotHubs"
_VERSIONS = frozenset(
    {
        "2018-01-01", "2019-01-01", "2019-06-01", "2020-06-01", "2020-10-15-preview", "2021-10-15-preview", "2021-12-01",
        "2022-06-15", "2023-06-01-preview", "2023-12-15-preview", "2024-06-01-preview", "2024-12-15-preview", "2025-02-15",
        "2025-04-01-preview",
    }
)  # fmt: skip
_PLACE = "/subscriptions/{subscription}/providers/Microsoft.EventGrid/locations/{location}"


def _hub(world: World, subscription: str, group: str, name: str) -> JSON:
    hub = find_hub(world, ResourceId(subscription, group, _HUB, (name,)))
    if hub is None:
        raise resource_not_found(_HUB, name, group)
    return hub


def _put(world: World, request: Request, event: str, **where: str) -> Response:
    """201, also for a subscription that is there (specification)."""
    hub = _hub(world, **where)
    shown = subscriptions.put(world, hub, event, request.json())
    save_hub(world, hub)
    shown["properties"]["provisioningState"] = "Creating"
    return Response(201, shown, {"Azure-AsyncOperation": _status_url(world, request, hub)})


def _get(world: World, request: Request, event: str, **where: str) -> Response:
    found = subscriptions.find(world, _hub(world, **where), event)
    if found is None:
        raise refusal(404, "ResourceNotFound", f"The event subscription '{event}' could not be found.")
    return Response(200, found)


def _delete(world: World, request: Request, event: str, **where: str) -> Response:
    """202, and 204 where there is none."""
    hub = _hub(world, **where)
    if not subscriptions.delete(hub, event):
        return Response(204)
    save_hub(world, hub)
    path = _PLACE.format(subscription=hub["subscription"], location=regions.normal(hub["location"]))
    return operations.accepted(world, request, f"{path}/operationResults")


def _list(world: World, request: Request, **where: str) -> Response:
    return Response(200, {"value": subscriptions.list_of(world, _hub(world, **where))})


def _list_in(world: World, request: Request, subscription: str, location: str, topic: str = _HUB, group: str = "") -> Response:
    """Those of a region's hubs, in a group or in the whole subscription."""
    scope = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
    hubs = [each for each in hubs_below(world, scope) if regions.normal(each["location"]) == regions.normal(location)]
    return Response(200, {"value": [each for hub in hubs for each in subscriptions.list_of(world, hub)]})


def _status(world: World, request: Request, operation: str, **_: str) -> Response:
    found = operations.find(world, operation)
    if found is None:
        raise refusal(404, "NotFound", f"The operation '{operation}' was not found.")
    return Response(200, {"id": request.path, "name": operation, "status": operations.status(world, found)})


def _result(world: World, request: Request, operation: str, **_: str) -> Response:
    return operations.poll(world, request, operation)


def _status_url(world: World, request: Request, hub: JSON) -> str:
    path = _PLACE.format(subscription=hub["subscription"], location=regions.normal(hub["location"]))
    return f"https://{request.host}{path}/operationsStatus/{operations.begin(world)}?api-version={request.api_version}"


_ALL = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{_HUB}/{{name}}/providers/{TYPE}"
_ONE = _ALL + "/{event}"
_IN_REGION = [
    _PLACE + "/eventSubscriptions",
    _PLACE + "/topicTypes/{topic}/eventSubscriptions",
    _PLACE.replace("/providers", "/resourceGroups/{group}/providers") + "/eventSubscriptions",
    _PLACE.replace("/providers", "/resourceGroups/{group}/providers") + "/topicTypes/{topic}/eventSubscriptions",
]

ARM_ROUTES: list[Route] = behind(
    [
        Route("GET", _ALL, _list, f"{TYPE}/read"),
        Route("PUT", _ONE, _put, f"{TYPE}/write"),
        Route("GET", _ONE, _get, f"{TYPE}/read"),
        Route("DELETE", _ONE, _delete, f"{TYPE}/delete"),
        *(Route("GET", path, _list_in, f"{TYPE}/read") for path in _IN_REGION),
        Route("GET", _PLACE + "/operationsStatus/{operation}", _status),  # no action: the URL itself is the permission
        Route("GET", _PLACE + "/operationResults/{operation}", _result),
    ],
    "eventSubscriptions",
    _VERSIONS,
)


def _owner(world: World, identifier: ResourceId) -> JSON | None:
    try:
        scope = ResourceId.parse(identifier.scope)
    except ValueError:
        return None
    return find_hub(world, scope) if scope.type.lower() == _HUB.lower() else None


def _put_resource(world: World, identifier: ResourceId, body: JSON, _version: str, _caller: Principal) -> JSON:
    hub = _owner(world, identifier)
    if hub is None:
        raise refusal(400, "InvalidRequest", f"The topic '{identifier.scope}' of the event subscription is no IoT hub.")
    shown = subscriptions.put(world, hub, identifier.name, body)
    save_hub(world, hub)
    return shown


def _get_resource(world: World, identifier: ResourceId, _version: str) -> JSON | None:
    hub = _owner(world, identifier)
    return None if hub is None else subscriptions.find(world, hub, identifier.name)


RESOURCE_TYPES = [ResourceType(TYPE, _VERSIONS, _put_resource, _get_resource)]
