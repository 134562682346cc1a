"""The service API of a hub: device identities, twins, direct methods, queries and statistics. HTTP in and out.

Source: "Azure IoT Hub Service" in the REST API reference.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING, Request, Response, whole_number
from dpsops.emulator.iothub import limits, messages, methods
from dpsops.emulator.iothub.access import Operation, require_hub, unknown
from dpsops.emulator.iothub.bodies import member, read_body
from dpsops.emulator.iothub.bulk import apply
from dpsops.emulator.iothub.devices import can_be_read, devices_of, find_device, queried_devices, remove
from dpsops.emulator.iothub.errors import device_not_found, invalid, refusal, throttled
from dpsops.emulator.iothub.identities import (
    change_twin,
    check_condition,
    count_by_status,
    put_identity,
    require_standard,
)
from dpsops.emulator.iothub.query import InvalidQuery, Query
from dpsops.emulator.iothub.views import identity_etag, show_identity, show_twin
from dpsops.emulator.world import World

_LISTED = 1000
_BULK = 100
_PAGE = 100
"""The most rows of a query that are answered at once."""
_QUERY_SIZE = 8192
"""Bytes (people report a limit of about 8,200, and the code; the words are ours)."""
_READ = 500
"""How many devices are read at once after those of the first page, where a condition leaves some out."""


def _put(world: World, request: Request, hub: str, device: str) -> Response:
    holder, body = require_hub(world, hub), read_body(world, request, dict)
    if member(world, body, "deviceId", str) != device:
        raise invalid(world, f"The device identifier in the body is not '{device}'.")
    existing = find_device(world, holder, device)
    check_condition(world, request.headers.get("if-match", ""), device, existing, create=True)
    written = put_identity(world, holder, device, body, existing)
    return _identity(world, holder, written, created=existing is None)


def _get(world: World, request: Request, hub: str, device: str) -> Response:
    holder = require_hub(world, hub)
    return _identity(world, holder, _require(world, holder, device))


def _delete(world: World, request: Request, hub: str, device: str) -> Response:
    holder = require_hub(world, hub)
    existing = find_device(world, holder, device)
    check_condition(world, request.headers.get("if-match", ""), device, existing, create=False)
    remove(world, holder, device)
    return Response(204, NOTHING)


def _list(world: World, request: Request, hub: str) -> Response:
    top = whole_number(request.query.get("top", str(_LISTED)))
    if top is None or not 1 <= top <= _LISTED:
        raise invalid(world, f"'top' must be between 1 and {_LISTED}.")
    holder = require_hub(world, hub)
    found = devices_of(world, holder, limit=top)
    waiting = messages.waiting(world, holder)
    return Response(200, [show_identity(each, waiting[each["deviceId"]]) for each in found if can_be_read(world, each)])


def _post_bulk(world: World, request: Request, hub: str) -> Response:
    """At most 100 changes. Each is made or refused by itself; the answer is 400 where one was refused, with the error code
    by which Microsoft's .NET client knows it for no failure of the request."""
    holder, entries = require_hub(world, hub), read_body(world, request, list)
    if not 1 <= len(entries) <= _BULK or not all(isinstance(each, dict) for each in entries):
        raise invalid(world, f"Between 1 and {_BULK} devices are expected.")
    if not limits.take_bulk(world, holder, len(entries)):
        raise throttled(world, limits.IDENTITIES.kind)
    errors = apply(world, holder, entries)
    headers = {"iothub-errorcode": "BulkRegistryOperationFailure"} if errors else {}
    return Response(400 if errors else 200, {"isSuccessful": not errors, "errors": errors, "warnings": []}, headers)


def _get_twin(world: World, request: Request, hub: str, device: str) -> Response:
    holder = require_standard(world, require_hub(world, hub))
    return Response(200, show_twin(_require(world, holder, device), messages.waiting(world, holder, device)[device]))


def _patch_twin(world: World, request: Request, hub: str, device: str) -> Response:
    return _update_twin(world, request, hub, device, replace=False)


def _post_twin(world: World, request: Request, *, hub: str, device: str) -> Response:
    """A PATCH, if the request says that it means one, as those of Microsoft's client for Java do: Java has no PATCH."""
    if request.headers.get("x-http-method-override", "").upper() != "PATCH":
        return unknown(world, request)
    return _update_twin(world, request, hub, device, replace=False)


def _put_twin(world: World, request: Request, hub: str, device: str) -> Response:
    return _update_twin(world, request, hub, device, replace=True)


def _update_twin(world: World, request: Request, hub: str, device: str, *, replace: bool) -> Response:
    """Without `If-Match` unconditional."""
    holder = require_standard(world, require_hub(world, hub))
    found, change = _require(world, holder, device), read_body(world, request, dict)
    header = request.headers.get("if-match", "*")
    changed = change_twin(world, holder, found, device, change, header, replace=replace)
    return Response(200, show_twin(changed, messages.waiting(world, holder, device)[device]))


def _invoke(world: World, request: Request, hub: str, device: str) -> Response:
    holder = require_standard(world, require_hub(world, hub))
    return methods.invoke(world, holder, _require(world, holder, device), read_body(world, request, dict))


def _query(world: World, request: Request, hub: str) -> Response:
    """A page of the answer. The continuation is how many devices there were up to the page's end, and the ID of the last one."""
    holder, body = require_hub(world, hub), read_body(world, request, dict)
    text = member(world, body, "query", str) or ""
    if len(text.encode()) > _QUERY_SIZE:
        raise refusal(world, 412, "PreconditionFailed", f"The query has more than {_QUERY_SIZE} bytes.")
    try:
        query = Query.parse(text)
    except InvalidQuery as wrong:
        raise invalid(world, f"Invalid query: {wrong}.") from wrong
    size = whole_number(request.headers.get("x-ms-max-item-count", str(_PAGE)))
    if not size:
        raise invalid(world, "'x-ms-max-item-count' must be a positive number.")
    headers = {"x-ms-item-type": "Twin" if query.columns is None and not query.count else "Raw"}
    seen, last = _last_seen(world, request.headers.get("x-ms-continuation", ""))
    left = _PAGE if query.top is None else query.top - seen
    size = max(min(size, _PAGE, left), 0)
    matching = _matching(world, holder, query, last, size + 1)
    if query.count:
        return Response(200, query.rows(matching), headers)
    page = list(islice(matching, size))
    if (query.top is None or size < left) and next(matching, None) is not None:
        headers["x-ms-continuation"] = base64.b64encode(f"{seen + size}:{page[-1]['deviceId']}".encode()).decode()
    return Response(200, query.rows(page), headers)


def _matching(world: World, hub: JSON, query: Query, after: str, first: int) -> Iterator[JSON]:
    """The twins that a query is about, of the devices beyond the ID `after`; of new devices it knows nothing yet.

    first: how many devices to look at to begin with.
    """
    limit, waiting = first, messages.waiting(world, hub)
    while devices := queried_devices(world, hub, after=after, limit=limit):
        older = (each for each in devices if world.now >= each["created"] + world.timings.query)
        known = (show_twin(each, waiting[each["deviceId"]]) for each in older)
        yield from filter(query.condition, known)
        after, limit = devices[-1]["deviceId"], _READ


def _last_seen(world: World, continuation: str) -> tuple[int, str]:
    """How many devices there were before, and the ID of the last one."""
    try:
        count, _, device = base64.b64decode(continuation, validate=True).decode().partition(":")
    except ValueError as unreadable:
        raise invalid(world, "The continuation token is not valid.") from unreadable
    seen = whole_number(count or "0")
    if seen is None:
        raise invalid(world, "The continuation token is not valid.")
    return seen, device


def _count_devices(world: World, request: Request, hub: str) -> Response:
    return Response(200, count_by_status(world, require_hub(world, hub)))


def _count_connections(world: World, request: Request, hub: str) -> Response:
    found = devices_of(world, require_hub(world, hub))
    return Response(200, {"connectedDeviceCount": sum(each["connection"] is not None for each in found)})


def _require(world: World, hub: JSON, device_id: str) -> JSON:
    device = find_device(world, hub, device_id)
    if device is None or not can_be_read(world, device):
        raise device_not_found(world, device_id)
    return device


def _identity(world: World, hub: JSON, device: JSON, *, created: bool = False) -> Response:
    waiting = messages.waiting(world, hub, device["deviceId"])[device["deviceId"]]
    shown = show_identity(device, waiting, created=created, scoped=world.habits.new_identity_scopes)
    return Response(200, shown, {"ETag": f'"{identity_etag(device)}"'})


OPERATIONS = [
    Operation("GET", "/devices", _list, "devices/read", right="RegistryRead", limit=limits.IDENTITIES),
    Operation("POST", "/devices", _post_bulk, "devices/write devices/delete", right="RegistryWrite"),
    Operation("POST", "/devices/query", _query, "twins/read", right="ServiceConnect", limit=limits.QUERIES),
    Operation("GET", "/devices/{device}", _get, "devices/read", right="RegistryRead", limit=limits.IDENTITIES),
    Operation("PUT", "/devices/{device}", _put, "devices/write", right="RegistryWrite", limit=limits.IDENTITIES),
    Operation("DELETE", "/devices/{device}", _delete, "devices/delete", right="RegistryWrite", limit=limits.IDENTITIES),
    Operation("GET", "/twins/{device}", _get_twin, "twins/read", right="ServiceConnect", limit=limits.TWIN_READS),
    Operation("POST", "/twins/{device}", _post_twin, "twins/write", right="ServiceConnect", limit=limits.TWIN_UPDATES),
    Operation("PATCH", "/twins/{device}", _patch_twin, "twins/write", right="ServiceConnect", limit=limits.TWIN_UPDATES),
    Operation("PUT", "/twins/{device}", _put_twin, "twins/write", right="ServiceConnect", limit=limits.TWIN_UPDATES),
    Operation("POST", "/twins/{device}/methods", _invoke, "directMethods/invoke/action", right="ServiceConnect"),
    Operation("GET", "/statistics/devices", _count_devices, "statistics/read", right="RegistryRead"),
    Operation("GET", "/statistics/service", _count_connections, "statistics/read", right="ServiceConnect"),
]
