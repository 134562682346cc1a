"""Cloud-to-device messages over MQTT: delivered to a device that has subscribed, and completed by its acknowledgement.

Source: "Communicate with an IoT hub using the MQTT protocol"; the names in the topic, and their order, are those of topics
that devices of others have printed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub import messages
from dpsops.emulator.iothub.devices import find_device
from dpsops.emulator.post import Publication
from dpsops.emulator.world import World

MAX_SIZE = 64 * 1024
"""Bytes of a message: its body and its properties, names and values."""

_SYSTEM = {
    "messageId": "$.mid",
    "correlationId": "$.cid",
    "userId": "$.uid",
    "to": "$.to",
    "contentType": "$.ct",
    "contentEncoding": "$.ce",
    "expiryTimeUtc": "$.exp",
    "ack": "iothub-ack",
}


class CannotSend(Exception):
    """The hub does not take the message; the text says why."""


def filter_of(device_id: str) -> str:
    """What a device subscribes to for its messages."""
    return f"devices/{device_id}/messages/devicebound/#"


def send(world: World, hub: JSON, device_id: str, message: JSON) -> None:
    """Puts a message into a device's queue, and delivers it if the device listens.

    `message` is as for `messages.enqueue`. Raises `CannotSend`.
    """
    device = find_device(world, hub, device_id)
    if device is None:
        raise CannotSend(f"the hub has no device {device_id}")
    named = (message["properties"], message["system"])
    size = len(base64.b64decode(message["body"])) + sum(
        len(f"{name}{value}".encode()) for each in named for name, value in each.items()
    )
    if size > MAX_SIZE:
        raise CannotSend(f"the message has {size} bytes; {MAX_SIZE} are allowed")
    try:
        messages.enqueue(world, hub, device, message)
    except messages.QueueFull as full:
        raise CannotSend(f"{messages.MAX_QUEUED} messages wait for {device_id} already") from full
    deliver(world, hub, device)


def deliver(world: World, hub: JSON, device: JSON) -> None:
    """Sends a device whatever waits for it, in order, if it is connected and has subscribed.

    That a message which the device does not acknowledge waits for its next connection, or for the end of its lock and the next
    message, is a guess.
    """
    connection = device["connection"]
    if connection is None or filter_of(device["deviceId"]) not in device.get("filters", ()):
        return
    while (message := messages.lock_next(world, hub, device, connection=connection)) is not None:
        topic = _topic(device["deviceId"], message["system"], message["properties"])
        world.post.publish(connection, Publication(topic, base64.b64decode(message["body"]), message["lock"]["token"]))


def _topic(device_id: str, system: Mapping[str, str], properties: Mapping[str, str]) -> str:
    said = {"to": f"/devices/{device_id}/messages/deviceBound"} | dict(system)
    bag = {key: said[name] for name, key in _SYSTEM.items() if name in said} | dict(properties)
    encoded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in bag.items())
    return f"devices/{device_id}/messages/devicebound/{encoded}"
