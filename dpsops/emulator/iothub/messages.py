"""Cloud-to-device messages: one queue for each device, in the hub until the device completes what it has received.

A message: {"body" (base64), "properties" {name: text}, "system" {name: text, named as in `telemetry`, and "ack"},
"sequence", "enqueued" and "expires" (epoch s), "deliveries" (how many there have been), "lock" ({"token", "until" (epoch s),
"connection" (of MQTT, by which it was delivered, or null)}, or null)}.
Source: "Understand cloud-to-device messaging from an IoT hub".
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterator

from dpsops.emulator.documents import JSON
from dpsops.emulator.world import World

MAX_QUEUED = 50
"""How many messages a device's queue holds."""
LOCK_SECONDS = 60.0
"""How long a received message is invisible to others, if the device does not say."""

_KIND = "deviceBoundMessage"
_LAST = "deviceBoundLast"
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class QueueFull(Exception):
    """The device has as many messages waiting as its queue holds."""


class LockLost(Exception):
    """No message of the device has this lock: it never had, it is settled, or the time of the lock is over."""


def enqueue(world: World, hub: JSON, device: JSON, message: JSON) -> JSON:
    """Puts a message at the end of a device's queue and returns it as it is kept. Raises `QueueFull`.

    `message`: {"body" (base64), "properties", "system", and "expires" (epoch s), or without it the hub's default}.
    """
    if sum(1 for _ in _alive(world, hub, device)) >= MAX_QUEUED:
        raise QueueFull
    key = _key(hub, device["deviceId"])
    sequence = 1 + (world.state.get(_LAST, key) or {"sequence": 0})["sequence"]
    world.state.put(_LAST, key, {"sequence": sequence})
    default = world.now + _seconds(hub["properties"]["cloudToDevice"]["defaultTtlAsIso8601"])
    times = {"sequence": sequence, "enqueued": world.now, "expires": message.get("expires", default)}
    kept: JSON = {name: message[name] for name in ("body", "properties", "system")} | times | {"deliveries": 0, "lock": None}
    _save(world, hub, device, kept)
    return kept


def lock_next(world: World, hub: JSON, device: JSON, seconds: float = LOCK_SECONDS, connection: str | None = None) -> JSON | None:
    """The oldest message that nobody has locked, locked now for so many seconds; None if there is none.

    Its "deliveries" count the present one. `connection`: of MQTT, by which it is delivered.
    """
    for message in _alive(world, hub, device):
        if message["lock"] is None:
            lock = {"token": str(uuid.uuid4()), "until": world.now + seconds, "connection": connection}
            locked = message | {"lock": lock, "deliveries": message["deliveries"] + 1}
            _save(world, hub, device, locked)
            return locked
    return None


def complete(world: World, hub: JSON, device: JSON, token: str) -> JSON:
    """Takes the message with this lock out of the queue, and returns it. Raises `LockLost`.

    To reject a message is the same for the queue; no dead letters are kept.
    """
    message = _locked(world, hub, device, token)
    _delete(world, hub, device, message)
    return message


def abandon(world: World, hub: JSON, device: JSON, token: str) -> JSON:
    """Lets the message with this lock be received again, unless it has been too often. Raises `LockLost`."""
    message = _locked(world, hub, device, token) | {"lock": None}
    if message["deliveries"] < _max_deliveries(hub):
        _save(world, hub, device, message)
    else:
        _delete(world, hub, device, message)
    return message


def release(world: World, hub: JSON, device: JSON, connection: str) -> None:
    """Lets what was delivered by a connection that has ended, and was not completed, be delivered again."""
    for message in _alive(world, hub, device):
        if message["lock"] is not None and message["lock"].get("connection") == connection:
            _save(world, hub, device, message | {"lock": None})


def queued(world: World, hub: JSON, device: JSON) -> list[JSON]:
    """The messages that wait for the device or are locked by it, the oldest first."""
    return list(_alive(world, hub, device))


def waiting(world: World, hub: JSON, device_id: str = "") -> Counter[str]:
    """How many messages are queued for each device of a hub, or for one of them; nothing is taken out of a queue."""
    counted = Counter[str]()
    prefix = _key(hub, device_id) + ("/" if device_id else "")
    for key, message in world.state.list(_KIND, prefix):
        locked = message["lock"] is not None and world.now < message["lock"]["until"]
        if world.now < message["expires"] and (locked or message["deliveries"] < _max_deliveries(hub)):
            counted[key.split("/")[1]] += 1
    return counted


def forget_queue(world: World, hub: JSON, device_id: str) -> None:
    """A device that is deleted has no queue."""
    key = _key(hub, device_id)
    world.state.delete(_LAST, key)
    for each, _ in world.state.list(_KIND, f"{key}/"):
        world.state.delete(_KIND, each)


def _alive(world: World, hub: JSON, device: JSON) -> Iterator[JSON]:
    """What is in the queue, once what has expired, or has been delivered too often, is out of it. A lock ends with its time."""
    for _, message in world.state.list(_KIND, _key(hub, device["deviceId"]) + "/"):
        if message["lock"] is not None and world.now >= message["lock"]["until"]:
            message["lock"] = None
        locked = message["lock"] is not None
        if world.now >= message["expires"] or (not locked and message["deliveries"] >= _max_deliveries(hub)):
            _delete(world, hub, device, message)
        else:
            yield message


def _locked(world: World, hub: JSON, device: JSON, token: str) -> JSON:
    for message in _alive(world, hub, device):
        if message["lock"] is not None and message["lock"]["token"] == token:
            return message
    raise LockLost(token)


def _max_deliveries(hub: JSON) -> int:
    return int(hub["properties"]["cloudToDevice"]["maxDeliveryCount"])


def _seconds(duration: str) -> float:
    """The length of a duration of ISO 8601, which the hub's management has checked."""
    found = _DURATION.fullmatch(duration)
    assert found is not None, "no hub keeps a duration that cannot be read"
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _save(world: World, hub: JSON, device: JSON, message: JSON) -> None:
    world.state.put(_KIND, f"{_key(hub, device['deviceId'])}/{message['sequence']:012d}", message)


def _delete(world: World, hub: JSON, device: JSON, message: JSON) -> None:
    world.state.delete(_KIND, f"{_key(hub, device['deviceId'])}/{message['sequence']:012d}")


def _key(hub: JSON, device_id: str) -> str:
    return f"{hub['name'].lower()}/{device_id}"
