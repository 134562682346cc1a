"""The devices of a hub, as services make and find them: identity, twin, and the messages that they have sent.

A device's document: {"deviceId", "generationId", "version" (the number behind the etag), "created" (epoch s), "status",
"statusReason", "statusUpdated" (epoch s, or null), "connection" (the key of the MQTT connection that is open, or null),
"filters" (what it has subscribed to: {filter: QoS}) and "persistent" (whether that goes on in its next connection), both absent
before its first connection,
"connectionUpdated", "lastActivity" (epoch s, or null), "authentication" and "capabilities" (as the API shows them),
"policy" (the certificate policy under which Azure issues the device's certificates; absent where it does not),
"scopes" ({"deviceScope", "parentScopes"}, what is set of them), "twin" (see twins), "sent" (how many messages ever)}.
A message: {"body" (base64), "properties", "systemProperties", "enqueued" (epoch s)}.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub import twins
from dpsops.emulator.iothub.messages import forget_queue
from dpsops.emulator.iothub.rules import SKUS
from dpsops.emulator.microsoft_devices.issuance import Issued
from dpsops.emulator.world import World

KEPT_MESSAGES = 1000
"""How many messages of each device are kept: the newest."""

_KIND = "device"
_BEFORE = "deviceBefore"
"""What queries still see of a device that has changed: {"device" (as it was), "at" (of the last change, epoch s)}."""
_COUNT = "deviceCount"
_MESSAGE = "deviceMessage"
METHOD_CALL = "methodCall"
CREDENTIAL_REQUEST = "credentialRequest"
_TICKS_AT_1970 = 621_355_968_000_000_000
"""The ticks of 100 ns that .NET counts from the year 1 to 1970."""


class TooManyDevices(Exception):
    """The hub has as many devices as its tier allows."""


def find_device(world: World, hub: JSON, device_id: str) -> JSON | None:
    """The device, or None. Device IDs are compared exactly."""
    return world.state.get(_KIND, _key(hub, device_id))


def why_not_enabled(device: JSON | None) -> str:
    """Why a device that is not there, or is disabled, is refused: for the log."""
    return "the hub has no such device" if device is None else "the device is disabled"


def can_be_read(world: World, device: JSON) -> bool:
    """Whether the hub shows the device: a new one may take a moment, which clients of Microsoft's wait for."""
    return bool(world.now >= device["created"] + world.timings.identity)


def devices_of(world: World, hub: JSON, *, after: str = "", limit: int = -1) -> list[JSON]:
    """The devices of a hub in the order of their IDs: those beyond the ID `after`, and at most `limit` (-1: all)."""
    beyond = _key(hub, after) if after else ""
    return [document for _, document in world.state.list(_KIND, _key(hub, ""), after=beyond, limit=limit)]


def count_devices(world: World, hub: JSON) -> int:
    """How many devices a hub has."""
    counted = world.state.get(_COUNT, _key(hub, ""))
    return 0 if counted is None else int(counted["devices"])


def add_device(world: World, hub: JSON, device: JSON) -> None:
    """Writes a new device. Raises `TooManyDevices`."""
    count = count_devices(world, hub)
    if count >= SKUS[hub["sku"]["name"]].devices:
        raise TooManyDevices
    world.state.put(_COUNT, _key(hub, ""), {"devices": count + 1})
    save_device(world, hub, device)


def save_device(world: World, hub: JSON, device: JSON) -> None:
    """Writes a device that is there already."""
    key = _key(hub, device["deviceId"])
    if world.timings.query and (former := world.state.get(_KIND, key)) is not None:
        world.state.put(_BEFORE, key, {"device": _as_queried(world, key, former), "at": world.now})
    world.state.put(_KIND, key, device)


def queried_devices(world: World, hub: JSON, *, after: str, limit: int) -> list[JSON]:
    """What `devices_of` gives, as queries see it: of a device that has just changed, what it was before.

    One that has just been deleted is not among them (kinder than Azure).
    """
    devices = devices_of(world, hub, after=after, limit=limit)
    return [_as_queried(world, _key(hub, each["deviceId"]), each) for each in devices] if world.timings.query else devices


def _as_queried(world: World, key: str, device: JSON) -> JSON:
    before = world.state.get(_BEFORE, key)
    if before is None or world.now >= before["at"] + world.timings.query:
        return device
    former: JSON = before["device"]
    return former


def new_device(world: World, device_id: str, authentication: JSON, initial_twin: JSON | None = None) -> JSON:
    """A device that has never connected, not yet written. `authentication` is complete, as the API shows it."""
    return {
        "deviceId": device_id,
        "generationId": str(int(world.now * 10_000_000) + _TICKS_AT_1970),
        "version": 1 + secrets.randbelow(1_000_000_000),
        "created": world.now,
        "status": "enabled",
        "statusReason": None,
        "statusUpdated": None,
        "connection": None,
        "connectionUpdated": None,
        "lastActivity": None,
        "authentication": authentication,
        "capabilities": {"iotEdge": False},
        "scopes": {},
        "twin": twins.new_twin(world.now, initial_twin),
        "sent": 0,
    }


def self_signed(thumbprint: str) -> JSON:
    """The authentication of a device that is known by the thumbprint of its certificate alone (SHA-256, upper-case hex)."""
    return {
        "symmetricKey": {"primaryKey": None, "secondaryKey": None},
        "x509Thumbprint": {"primaryThumbprint": thumbprint, "secondaryThumbprint": thumbprint},
        "type": "selfSigned",
    }


def sas(keys: JSON) -> JSON:
    """The authentication of a device that is known by its symmetric keys alone."""
    nothing = {"primaryThumbprint": None, "secondaryThumbprint": None}
    return {"symmetricKey": keys, "x509Thumbprint": nothing, "type": "sas"}


def by_issued(world: World, leaf: str) -> JSON:
    """The authentication of a device with a certificate that Azure has issued, base64 of DER: see `Habits.issued_trust`."""
    if world.habits.issued_trust == "thumbprint":
        return self_signed(hashlib.sha256(base64.b64decode(leaf)).hexdigest().upper())
    keys, thumbprints = dict.fromkeys(("primaryKey", "secondaryKey")), dict.fromkeys(("primaryThumbprint", "secondaryThumbprint"))
    return {"symmetricKey": keys, "x509Thumbprint": thumbprints, "type": "certificateAuthority"}


def provision(
    world: World,
    hub: JSON,
    device_id: str,
    thumbprint: str,
    *,
    keys: JSON | None = None,
    issued: Issued | None = None,
    initial_twin: JSON | None = None,
    keep_data: bool = True,
) -> JSON:
    """Makes or updates an identity as DPS does, and returns the device.

    It becomes a selfSigned one of this thumbprint (SHA-256, upper-case hex), primary and secondary alike, or one of these
    symmetric keys, or one with the certificate that was issued to it. A device that
    is there already keeps its twin where `keep_data`, and is reset to the initial one otherwise; its status stays, so
    that a disabled device stays disabled (stricter guess). Raises `TooManyDevices`, and `InvalidTwin`.
    """
    device, authentication = find_device(world, hub, device_id), self_signed(thumbprint) if keys is None else sas(keys)
    issuing = {} if issued is None else {"policy": issued.policy}
    if issued is not None:
        authentication = by_issued(world, issued.leaf)
    if device is None:
        device = new_device(world, device_id, authentication, initial_twin) | issuing
        add_device(world, hub, device)
        return device
    device.pop("policy", None)
    device |= {"authentication": authentication, "version": device["version"] + 1, **issuing}
    if not keep_data:
        device["twin"] = twins.new_twin(world.now, initial_twin)
    save_device(world, hub, device)
    return device


def move(world: World, source: JSON, target: JSON, device_id: str) -> None:
    """Moves a device with its twin from one hub to another, as DPS does when it migrates data.

    Messages are not moved. Where the source has no such device, nothing happens. Raises `TooManyDevices`.
    """
    device = find_device(world, source, device_id)
    if device is None:
        return
    remove(world, source, device_id)
    kept = {name: device[name] for name in ("twin", "status", "statusReason", "statusUpdated", "capabilities")}
    moved = new_device(world, device_id, device["authentication"]) | kept
    if find_device(world, target, device_id) is None:
        add_device(world, target, moved)
    else:
        save_device(world, target, moved)


def remove(world: World, hub: JSON, device_id: str) -> None:
    """Forgets a device, its twin, its messages and its queue; where there is none, nothing happens."""
    count = count_devices(world, hub)
    world.state.delete(_BEFORE, _key(hub, device_id))
    if world.state.delete(_KIND, _key(hub, device_id)):
        world.state.put(_COUNT, _key(hub, ""), {"devices": count - 1})
        for kind in (_MESSAGE, METHOD_CALL, CREDENTIAL_REQUEST):
            for key, _ in world.state.list(kind, part_prefix(hub, device_id)):
                world.state.delete(kind, key)
        forget_queue(world, hub, device_id)


def disconnect_devices(world: World) -> None:
    """Ends what the documents of all hubs say of open connections."""
    for key, device in world.state.list_having(_KIND, "connection"):
        world.state.put(_KIND, key, device | {"connection": None, "connectionUpdated": world.now})


def remove_devices(world: World, hub: JSON) -> None:
    """Forgets all devices of a hub."""
    for device in devices_of(world, hub):
        remove(world, hub, device["deviceId"])


def keep_message(world: World, hub: JSON, device: JSON, message: JSON) -> None:
    """Keeps a message that the device has sent, and writes the device, which has been active."""
    prefix, sent = _key(hub, device["deviceId"]), device["sent"] + 1
    world.state.put(_MESSAGE, f"{prefix}/{sent:012d}", message)
    world.state.delete(_MESSAGE, f"{prefix}/{sent - KEPT_MESSAGES:012d}")
    save_device(world, hub, device | {"sent": sent, "lastActivity": world.now})


def messages_of(world: World, hub: JSON, device_id: str) -> list[JSON]:
    """The newest `KEPT_MESSAGES` messages of a device, in the order in which they came."""
    return [message for _, message in world.state.list(_MESSAGE, _key(hub, device_id) + "/")]


def newest_messages(world: World, hub: JSON, device: JSON, count: int) -> list[JSON]:
    """The newest messages of a device, at most so many, in the order in which they came."""
    prefix = part_prefix(hub, device["deviceId"])
    before = max(device["sent"] - count, 0)
    return [message for _, message in world.state.list(_MESSAGE, prefix, after=f"{prefix}{before:012d}")]


def part_prefix(hub: JSON, device_id: str) -> str:
    """What the keys of all that belongs to a device begin with."""
    return f"{_key(hub, device_id)}/"


def _key(hub: JSON, device_id: str) -> str:
    return f"{hub['name'].lower()}/{device_id}"
