"""The errors of a hub's own API, which are not those of its management: a name in the message, and a tracking ID."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.world import World


def refusal(world: World, status: int, code: str, message: str, *, place: str = "-G:5") -> Refusal:
    """Refuses with `code`, one of the names of IoT Hub's error codes. The tracking ID is the request's.

    `place`: where in the hub it was refused, which the refusal of a twin's stale etag does not tell (recorded).
    """
    now, request = datetime.fromtimestamp(world.now, UTC), uuid.uuid4()
    body = {
        "Message": f"ErrorCode:{code};{message}",
        "ExceptionMessage": f"Tracking ID:{request.hex}{place}-TimeStamp:{now:%m/%d/%Y %H:%M:%S}",
    }
    return Refusal(Response(status, body, {"iothub-errorcode": code, "x-ms-request-id": str(request)}))


def invalid(world: World, message: str) -> Refusal:
    """400: the request itself is at fault."""
    return refusal(world, 400, "ArgumentInvalid", message)


def unauthorized(world: World, because: str = "") -> Refusal:
    """401: no credential, or one that opens nothing here. IoT Hub does not say why; the log does."""
    return Refusal(replace(refusal(world, 401, "IotHubUnauthorizedAccess", "Unauthorized").response, because=because))


def device_not_found(world: World, device_id: str) -> Refusal:
    """404: the hub has no such device."""
    return refusal(world, 404, "DeviceNotFound", device_id)


def throttled(world: World, operation: str) -> Refusal:
    """429: over one of the published rates."""
    message = f"The request has been throttled. Wait 10 seconds and try again. Operation type: {operation}"
    return refusal(world, 429, "ThrottlingBacklogTimeout", message)
