"""Direct methods: a service calls, the device answers over MQTT, and the service's request waits for that.

Source: "Understand and invoke direct methods from IoT Hub", "Communicate with an IoT hub using the MQTT protocol"; the
refusals as people report them. A call is kept until it is answered or too late: {"connection" (that it was sent to, or null),
"name", "payload" (as the device gets it), "connectBy" and "answerIn" (epoch s, and s)}.
"""

from __future__ import annotations

import json
import math
import secrets
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.http import Response
from dpsops.emulator.iothub import limits
from dpsops.emulator.iothub.bodies import member
from dpsops.emulator.iothub.devices import METHOD_CALL, part_prefix
from dpsops.emulator.iothub.errors import invalid, throttled
from dpsops.emulator.post import Awaited, Publication
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

FILTER = "$iothub/methods/POST/#"
SIZE = 128 * 1024
"""Bytes of a payload, either way."""
_METER = 8 * 1024
_RESPONSE_SECONDS = range(5, 301)
_CONNECT_SECONDS = range(301)
_DEFAULT_SECONDS = 30
_NAME_SIZE = 128

_OFFLINE = (
    "The operation failed because the requested device isn't online or hasn't registered the direct method callback. "
    "To learn more, see https://aka.ms/iothub404103"
)


class Oversized(Exception):
    """The device's answer is larger than one may be."""


def invoke(world: World, hub: JSON, device: JSON, body: JSON) -> Response:
    """Calls a method. The answer is for a device that is offline or stays silent, and gives way to the device's own."""
    name = member(world, body, "methodName", str) or ""
    if not 0 < len(name) <= _NAME_SIZE:  # its length is a stricter guess
        raise invalid(world, f"A method's name has 1 to {_NAME_SIZE} characters.")
    payload = json.dumps(body.get("payload"), separators=(",", ":"))
    if len(payload.encode()) > SIZE:
        raise invalid(world, f"A method's payload has {SIZE} bytes at most.")
    if not limits.take(world, hub, limits.METHODS, max(1, math.ceil(len(payload.encode()) / _METER))):
        raise throttled(world, limits.METHODS.kind)
    to_answer = _seconds(world, body, "responseTimeoutInSeconds", _RESPONSE_SECONDS, _DEFAULT_SECONDS)
    to_connect = _seconds(world, body, "connectTimeoutInSeconds", _CONNECT_SECONDS, 0)
    silent = _refusal(world, 504, 504_101, "GatewayTimeout", "Timed out waiting for the response from device.", to_answer)
    offline = _refusal(world, 404, 404_103, "DeviceNotOnline", _OFFLINE, to_connect)
    listens = device["connection"] is not None and FILTER in device.get("filters", ())
    if not listens and not to_connect:
        return Response(*offline)
    rid = secrets.token_hex(8)
    call = {"name": name, "payload": payload, "connectBy": world.now + to_connect, "answerIn": to_answer, "connection": None}
    world.state.put(METHOD_CALL, _key(hub, device, rid), call)
    if listens:
        _send(world, hub, device, rid, call)
        return Response(*silent, awaits=Awaited(rid, to_answer))
    return Response(*offline, awaits=Awaited(rid, to_connect, reached=(silent, to_answer)))


def send_waiting(world: World, hub: JSON, device: JSON) -> None:
    """Sends a device, which has just subscribed, the calls that wait for it; forgets those that have waited too long."""
    for key, call in world.state.list(METHOD_CALL, _key(hub, device, "")):
        rid = key.rpartition("/")[2]
        if call["connection"] is None and world.now < call["connectBy"]:
            _send(world, hub, device, rid, call)
            world.post.reach(rid)
        elif call["connection"] != device["connection"]:
            world.state.delete(METHOD_CALL, key)


def take_answer(world: World, hub: JSON, device: JSON, rid: str, status: int, payload: bytes) -> None:
    """Gives a device's answer to whoever has called. One that comes too late, or that nobody has asked for, is ignored.

    Raises `ValueError` if it is no JSON, and `Oversized`.
    """
    if len(payload) > SIZE:
        raise Oversized
    answer: JSON = {"status": status, "payload": parse_json(payload) if payload else None}
    key = _key(hub, device, rid)
    call = world.state.get(METHOD_CALL, key)
    if call is None or call["connection"] != device["connection"]:
        return
    world.state.delete(METHOD_CALL, key)
    if world.now < call["answerBy"]:
        world.post.answer(rid, answer)


def _send(world: World, hub: JSON, device: JSON, rid: str, call: JSON) -> None:
    sent = call | {"connection": device["connection"], "answerBy": world.now + call["answerIn"]}
    world.state.put(METHOD_CALL, _key(hub, device, rid), sent)
    topic = f"$iothub/methods/POST/{quote(call['name'], safe='')}/?$rid={rid}"
    world.post.publish(device["connection"], Publication(topic, call["payload"].encode()))


def _seconds(world: World, body: JSON, name: str, allowed: range, default: int) -> int:
    found = member(world, body, name, int)
    if found is None:
        return default
    if found not in allowed:
        raise invalid(world, f"'{name}' must be between {allowed.start} and {allowed.stop - 1}.")
    return found


def _refusal(world: World, status: int, number: int, code: str, message: str, seconds: int) -> tuple[int, Any, dict[str, str]]:
    """The shape that only refused methods have: an error as JSON in the message."""
    now, request = datetime.fromtimestamp(world.now, UTC), uuid.uuid4()
    error = {
        "errorCode": number,
        "trackingId": f"{request.hex}-G:5-TimeStamp:{now:%m/%d/%Y %H:%M:%S}",
        "message": message,
        "info": {"timeout": f"00:{seconds // 60:02}:{seconds % 60:02}"} if status == 404 else {},
        "timestampUtc": timestamp(world.now),
    }
    text = json.dumps(error, separators=(",", ":"))
    headers = {"iothub-errorcode": code, "x-ms-request-id": str(request)}
    return status, {"Message": text, "ExceptionMessage": ""}, headers


def _key(hub: JSON, device: JSON, rid: str) -> str:
    return f"{part_prefix(hub, device['deviceId'])}{rid}"
