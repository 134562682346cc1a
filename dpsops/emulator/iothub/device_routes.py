"""The device API of a hub over HTTPS: a device sends messages, and receives and settles those that are for it.

Source: "Device" in the REST API reference of IoT Hub, "Receive cloud-to-device messages"; the headers are those that
Microsoft's Node device client and CLI extension send and read.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING, Refusal, Request, Response, Route, whole_number
from dpsops.emulator.iothub import limits, messages
from dpsops.emulator.iothub.access import API_VERSIONS, is_open, require_hub, unknown
from dpsops.emulator.iothub.authentication import NotAuthenticated, authenticate
from dpsops.emulator.iothub.bodies import member, read_body
from dpsops.emulator.iothub.devices import find_device, keep_message, save_device, why_not_enabled
from dpsops.emulator.iothub.errors import invalid, refusal, throttled, unauthorized
from dpsops.emulator.iothub.state import DEVICE_HOST
from dpsops.emulator.iothub.telemetry import MAX_SIZE, sent_by
from dpsops.emulator.times import american
from dpsops.emulator.world import World

_BATCH = "application/vnd.microsoft.iothub.json"
_PROPERTY = "iothub-app-"
_SYSTEM = {
    "iothub-messageid": "messageId",
    "iothub-correlationid": "correlationId",
    "iothub-userid": "userId",
    "iothub-to": "to",
    "iothub-expiry": "expiryTimeUtc",
    "iothub-contenttype": "contentType",
    "iothub-contentencoding": "contentEncoding",
    "iothub-creationtimeutc": "creationTimeUtc",
}
"""The headers of a message's system properties, in lower case."""
_LOCKS = range(5, 301)
"""Seconds for which a device may lock a message: those that a hub's other queues allow (stricter guess)."""
_TOKEN = re.compile(r'"?(?P<token>[^"]*)"?')


class DeviceRoute(Route):
    """An operation of devices: the device that its path names must authenticate, and nobody else can call it."""


class _Caller(NamedTuple):
    """The device that has authenticated, by which method, and its hub."""

    hub: JSON
    device: JSON
    method: str


def _caller(world: World, request: Request, hub: str, device_id: str) -> _Caller:
    """Who calls. Refuses with 401 and no reason a device that is not there, is disabled, or does not authenticate."""
    if not DEVICE_HOST.fullmatch(request.host):
        raise Refusal(unknown(world, request))
    holder = require_hub(world, hub)
    device = find_device(world, holder, device_id)
    if not is_open(world, holder):
        raise unauthorized(world, "the hub's network rules keep the client out")
    if device is None or device["status"] != "enabled":
        raise unauthorized(world, why_not_enabled(device))
    signature = request.headers.get("authorization", "")
    try:
        authenticated = authenticate(world, holder, device, request.host, request.chain, signature)
    except NotAuthenticated as refused:
        raise unauthorized(world, str(refused)) from refused
    if request.api_version not in API_VERSIONS:
        raise refusal(world, 400, "InvalidProtocolVersion", f"The API version '{request.api_version}' is not supported.")
    return _Caller(holder, device, authenticated.method)


def _send(world: World, request: Request, hub: str, device: str) -> Response:
    caller = _caller(world, request, hub, device)
    kept = list(_read_batch(world, request)) if request.media_type == _BATCH else [_read(request)]
    for body, properties, system in kept:
        _keep(world, caller, body, properties, system)
    return Response(204, NOTHING)


_Read = tuple[bytes, dict[str, str], dict[str, str]]
"""A message's body, its properties and its system properties."""


def _read(request: Request) -> _Read:
    """A message is the body of the request, its properties are headers."""
    system = {"contentType": request.headers["content-type"]} if "content-type" in request.headers else {}
    if "content-encoding" in request.headers:
        system["contentEncoding"] = request.headers["content-encoding"]
    properties, named = _by_kind(request.headers)
    return request.body, properties, system | named


def _read_batch(world: World, request: Request) -> Iterator[_Read]:
    """Many messages in one request: {"body" (base64, unless "base64Encoded" is false), "properties"} each."""
    entries = read_body(world, request, list)
    if not entries:
        raise invalid(world, "A batch has at least one message.")
    for entry in entries:
        if not isinstance(entry, dict):
            raise invalid(world, "Each message of a batch is an object.")
        properties, system = _by_kind({name.lower(): value for name, value in _texts(world, entry).items()})
        yield _body(world, entry), properties, system


def _texts(world: World, entry: JSON) -> dict[str, str]:
    given: dict[str, Any] = member(world, entry, "properties", dict) or {}
    if not all(isinstance(value, str) for value in given.values()):
        raise invalid(world, "The properties of a message are texts.")
    return given


def _body(world: World, entry: JSON) -> bytes:
    text = member(world, entry, "body", str) or ""
    if member(world, entry, "base64Encoded", bool) is False:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as unreadable:
        raise invalid(world, "The body of a message is not base64.") from unreadable


def _by_kind(named: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The properties of a message among headers, and its system properties."""
    properties = {name.removeprefix(_PROPERTY): value for name, value in named.items() if name.startswith(_PROPERTY)}
    return properties, {_SYSTEM[name]: value for name, value in named.items() if name in _SYSTEM}


def _keep(world: World, caller: _Caller, body: bytes, properties: dict[str, str], system: dict[str, str]) -> None:
    hub = caller.hub
    size = len(body) + sum(len(name.encode()) + len(value.encode()) for name, value in properties.items())
    if size > MAX_SIZE:
        raise refusal(world, 413, "MessageTooLarge", f"The message has {size} bytes; at most {MAX_SIZE} are allowed.")
    if not limits.take(world, hub, limits.SENDS):
        raise throttled(world, limits.SENDS.kind)
    if not limits.take_message(world, hub, size):
        raise refusal(world, 403, "IotHubQuotaExceeded", "The daily message quota of the hub is used up.")
    device = find_device(world, hub, caller.device["deviceId"]) or caller.device  # each message is counted in it
    keep_message(world, hub, device, sent_by(device, caller.method, world.now, body, properties, system))


def _receive(world: World, request: Request, hub: str, device: str) -> Response:
    """200 with the oldest message, which is locked from now on; 204 if there is none."""
    caller = _standard(world, _caller(world, request, hub, device))
    seconds = whole_number(request.headers.get("iothub-messagelocktimeout", f"{messages.LOCK_SECONDS:.0f}"))
    if seconds is None or seconds not in _LOCKS:
        raise invalid(world, f"'IotHub-MessageLockTimeout' must be between {_LOCKS[0]} and {_LOCKS[-1]} seconds.")
    save_device(world, caller.hub, caller.device | {"lastActivity": world.now})
    message = messages.lock_next(world, caller.hub, caller.device, seconds)
    if message is None:
        return Response(204, NOTHING)
    return Response(200, base64.b64decode(message["body"]), _headers(message, caller.device["deviceId"]))


def _headers(message: JSON, device_id: str) -> dict[str, str]:
    """What a message says of itself."""
    system = message["system"]
    always = {
        "ETag": f'"{message["lock"]["token"]}"',
        "iothub-ack": system.get("ack", "none"),
        "iothub-correlationid": system.get("correlationId", ""),
        "iothub-deliverycount": str(message["deliveries"] - 1),
        "iothub-enqueuedtime": american(message["enqueued"]),
        "iothub-expiry": american(message["expires"]) if "expiryTimeUtc" in system else "",
        "iothub-messageid": system.get("messageId", ""),
        "iothub-sequencenumber": str(message["sequence"]),
        "iothub-to": system.get("to", f"/devices/{device_id}/messages/deviceBound"),
        "iothub-userid": system.get("userId", ""),
    }
    content = {"ContentType": "contentType", "ContentEncoding": "contentEncoding"}
    described = {header: system[name] for header, name in content.items() if name in system}
    return (
        always | described | {_PROPERTY + quote(name, safe="!#$&'*+^`|~"): value for name, value in message["properties"].items()}
    )


def _complete(world: World, request: Request, hub: str, device: str, token: str) -> Response:
    """Completes the message, or rejects it, if the query has `reject`."""
    return _settle(world, request, _Token(hub, device, token), again=False)


def _abandon(world: World, request: Request, hub: str, device: str, token: str) -> Response:
    return _settle(world, request, _Token(hub, device, token), again=True)


class _Token(NamedTuple):
    """The lock of a message, and whose it is."""

    hub: str
    device: str
    text: str


def _settle(world: World, request: Request, token: _Token, *, again: bool) -> Response:
    """204; the lock is in the path, and may be in `If-Match`, too."""
    caller = _standard(world, _caller(world, request, token.hub, token.device))
    condition = _unquoted(request.headers.get("if-match", token.text))
    act = messages.abandon if again else messages.complete
    try:
        if condition != _unquoted(token.text):
            raise messages.LockLost(condition)
        act(world, caller.hub, caller.device, condition)
    except messages.LockLost as lost:
        message = "The lock of the message is not there, or its time is over."
        raise refusal(world, 412, "DeviceMessageLockLost", message) from lost
    return Response(204, NOTHING)


def _unquoted(text: str) -> str:
    found = _TOKEN.fullmatch(text)
    return text if found is None else found["token"]


def _standard(world: World, caller: _Caller) -> _Caller:
    """Refuses a hub of the basic tier, which has no messages for devices."""
    if caller.hub["sku"]["tier"] == "Basic":
        message = "Cloud-to-device messages are not available in the basic tier."
        raise refusal(world, 403, "OperationNotAvailableInCurrentTier", message)
    return caller


ROUTES = [
    DeviceRoute("POST", "/devices/{device}/messages/events", _send),
    DeviceRoute("GET", "/devices/{device}/messages/deviceBound", _receive),
    DeviceRoute("DELETE", "/devices/{device}/messages/deviceBound/{token}", _complete),
    DeviceRoute("POST", "/devices/{device}/messages/deviceBound/{token}/abandon", _abandon),
]
