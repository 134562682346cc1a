"""Devices as the service API shows them: the identity, its etag, and the twin."""

from __future__ import annotations

import base64

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub import twins
from dpsops.emulator.times import timestamp

_NEVER = "0001-01-01T00:00:00"


def identity_etag(device: JSON) -> str:
    """The identity's etag: the digits of a number that every change counts up, base64."""
    return base64.b64encode(str(device["version"]).encode()).decode()


def edge_scope(device: JSON) -> str:
    """The scope that an IoT Edge device has by itself. Source: `Device.Scope` of Microsoft's service client for .NET."""
    return f"ms-azure-iot-edge://{device['deviceId']}-{device['generationId']}"


def show_identity(device: JSON, waiting: int, *, created: bool = False, scoped: bool = False) -> JSON:
    """The identity as the device registry shows it. In the answer to its creation, times that are not yet have no zone.

    `waiting`: how many messages wait for the device; `created`: it is that answer; `scoped`: which has a list of parent scopes.
    """
    never = _NEVER if created else f"{_NEVER}Z"
    return {
        "deviceId": device["deviceId"],
        "generationId": device["generationId"],
        "etag": identity_etag(device),
        "connectionState": _connection_state(device),
        "status": device["status"],
        "statusReason": device["statusReason"],
        "connectionStateUpdatedTime": _time(device["connectionUpdated"], never),
        "statusUpdatedTime": _time(device["statusUpdated"], never),
        "lastActivityTime": _time(device["lastActivity"], never),
        "cloudToDeviceMessageCount": waiting,
        "authentication": device["authentication"],
        "capabilities": device["capabilities"],
        **({"parentScopes": []} if created and scoped else {}),
        **_scopes(device),
    }


def show_twin(device: JSON, waiting: int) -> JSON:
    """The twin as services see it, with what it repeats of the identity. `waiting`: how many messages wait for the device."""
    twin, never = device["twin"], f"{_NEVER}Z"
    return {
        "deviceId": device["deviceId"],
        "etag": twins.twin_etag(twin),
        "deviceEtag": identity_etag(device),
        "status": device["status"],
        **({} if device["statusReason"] is None else {"statusReason": device["statusReason"]}),
        "statusUpdateTime": _time(device["statusUpdated"], never),
        "connectionState": _connection_state(device),
        "lastActivityTime": _time(device["lastActivity"], never),
        "cloudToDeviceMessageCount": waiting,
        "authenticationType": device["authentication"]["type"],
        "x509Thumbprint": device["authentication"]["x509Thumbprint"],
        "version": twin["version"],
        **({"tags": twin["tags"]} if twin["tags"] else {}),
        "properties": twins.show_properties(twin),
        "capabilities": device["capabilities"],
        **_scopes(device),
    }


def _scopes(device: JSON) -> JSON:
    """An IoT Edge device has a scope of its own; of any other the parent's is among its parents (the same source)."""
    scopes: JSON = device["scopes"]
    if device["capabilities"]["iotEdge"]:
        return {"deviceScope": edge_scope(device)} | {name: value for name, value in scopes.items() if name == "parentScopes"}
    return scopes | ({"parentScopes": scopes.get("parentScopes") or [scopes["deviceScope"]]} if "deviceScope" in scopes else {})


def _connection_state(device: JSON) -> str:
    return "Disconnected" if device["connection"] is None else "Connected"


def _time(seconds: float | None, never: str) -> str:
    return never if seconds is None else timestamp(seconds)
