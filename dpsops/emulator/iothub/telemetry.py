"""Device-to-cloud messages: what a topic says of one, and how it is kept.

Source: "Communicate with an IoT hub using the MQTT protocol", "Create and read IoT Hub messages".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from dpsops.emulator.documents import JSON

MAX_SIZE = 256 * 1024
"""Bytes of a message: its body and its properties, names and values."""

_SYSTEM = {
    "$.mid": "messageId",
    "$.cid": "correlationId",
    "$.uid": "userId",
    "$.to": "to",
    "$.ct": "contentType",
    "$.ce": "contentEncoding",
    "$.on": "outputName",
    "$.ifid": "interfaceId",
    "$.sub": "componentName",
    "$.ctime": "creationTimeUtc",
    "$.exp": "expiryTimeUtc",
}

_SENDER = "$.cdid"
"""Microsoft's device client for Java says so who sends; that it must be the device itself is a stricter guess."""

_ISSUERS = {"sas": "iothub", "x509Certificate": "external"}


@dataclass(frozen=True, slots=True)
class Message:
    """A device-to-cloud message. `system`: its system properties by Azure's names; `enqueued`: epoch s."""

    body: bytes
    properties: dict[str, str]
    system: dict[str, str]
    enqueued: float


class InvalidProperties(Exception):
    """The property bag of a topic cannot be read."""


def new_message(bag: str, payload: bytes, device: JSON, method: str, now: float) -> JSON:
    """The message of a PUBLISH, as it is kept. `bag`: the properties, URL-encoded. Raises `InvalidProperties`."""
    properties: dict[str, str] = {}
    system: dict[str, str] = {}
    for part in bag.split("&") if bag else ():
        name, value = _decoded(part)
        if name == _SENDER and value == device["deviceId"]:
            continue
        if name.startswith("$.") and name not in _SYSTEM:
            raise InvalidProperties(f"there is no system property '{name}'")
        target, key = (system, _SYSTEM[name]) if name in _SYSTEM else (properties, name)
        if not key or key in target:
            raise InvalidProperties(f"'{name}' is empty or given twice")
        target[key] = value
    return sent_by(device, method, now, payload, properties, system)


def sent_by(
    device: JSON, method: str, now: float, payload: bytes, properties: Mapping[str, str], system: Mapping[str, str]
) -> JSON:
    """A message as it is kept, with what the hub says of its sender, who has authenticated by `method`."""
    origin = {
        "iothub-connection-device-id": device["deviceId"],
        "iothub-connection-auth-method": json.dumps({"scope": "device", "type": method, "issuer": _ISSUERS[method]}),
        "iothub-connection-auth-generation-id": device["generationId"],
        "iothub-message-source": "Telemetry",
    }
    return {
        "body": base64.b64encode(payload).decode(),
        "properties": dict(properties),
        "systemProperties": {**system, **origin},
        "enqueued": now,
    }


def read_message(kept: JSON) -> Message:
    """The message that `new_message` has made."""
    return Message(base64.b64decode(kept["body"]), kept["properties"], kept["systemProperties"], kept["enqueued"])


def _decoded(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    try:
        return unquote(name, errors="strict"), unquote(value, errors="strict")
    except UnicodeDecodeError as invalid:
        raise InvalidProperties(f"'{part}' is not UTF-8") from invalid


def size_of(bag: str, payload: bytes) -> int:
    """How much of `MAX_SIZE` a message takes."""
    return len(unquote(bag).encode()) + len(payload)
