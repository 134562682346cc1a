"""The errors of DPS's two data planes, those of the service and those of devices: a code, a sentence, and a tracking ID."""

from __future__ import annotations

import uuid

from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

ARGUMENT_INVALID = 400_004
NOT_DESERIALIZED = 400_012
INVALID_CERTIFICATE = 401_002
ENROLLMENT_NOT_FOUND = 404_201
REGISTRATION_NOT_FOUND = 404_202
GROUP_NOT_FOUND = 404_204
ENROLLMENT_EXISTS = 409_201
GROUP_EXISTS = 409_202

BAD_REQUEST = 400_000
UNAUTHORIZED = 401_000
FORBIDDEN = 403_000
NOT_FOUND = 404_000
NOT_ALLOWED = 405_000
CONFLICT = 409_000
STALE = 412_000
UNSUPPORTED_MEDIA_TYPE = 415_000
"""Codes for what Azure is known or presumed to refuse; the codes themselves have no witness but for 400000 and 401000."""

_THROTTLED = 429_001


def refusal(world: World, code: int, message: str) -> Refusal:
    """Refuses with `code`, whose first three digits are the HTTP status."""
    return Refusal(Response(code // 1000, _body(world, code, message), _headers(code)))


def invalid(world: World, message: str) -> Refusal:
    """400: the request can be read, and asks for what cannot be."""
    return refusal(world, ARGUMENT_INVALID, message)


def unauthorized(world: World) -> Refusal:
    """401: no credential, or one that opens nothing here. DPS does not say why."""
    return refusal(world, UNAUTHORIZED, "Unauthorized")


def throttled(world: World, seconds: int) -> Refusal:
    """429: over one of the published rates."""
    message = "Operations are being throttled for the tenant. Please try again later."
    return Refusal(Response(429, _body(world, _THROTTLED, message), {"Retry-After": str(seconds), **_headers(_THROTTLED)}))


def _headers(code: int) -> dict[str, str]:
    """What both planes' descriptions declare of every error."""
    return {"x-ms-error-code": str(code)}


def _body(world: World, code: int, message: str) -> dict[str, object]:
    return {"errorCode": code, "trackingId": str(uuid.uuid4()), "message": message, "timestampUtc": timestamp(world.now)}
