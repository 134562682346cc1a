"""The errors of Microsoft.Devices: an integer code, no `error` around it, and a sentence for the support."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from http import HTTPStatus

from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.world import World

BAD_REQUEST = 400_000
FORBIDDEN = 403_000
CONFLICT = 409_000
"""Codes for what Azure is known or presumed to refuse; the codes themselves, and the words, are not recorded."""


def refusal(world: World, code: int, message: str, *, numeric: bool = False) -> Refusal:
    """Refuses with `code`, whose first three digits are the HTTP status; IoT Hub gives the status as a number."""
    status = HTTPStatus(code // 1000)
    text = (
        f"{message} If you contact a support representative please include this correlation identifier: {uuid.uuid4()}, "
        f"timestamp: {datetime.fromtimestamp(world.now, UTC):%Y-%m-%d %H:%M:%S}Z, errorcode: IH{code}."
    )
    name = status.value if numeric else status.phrase.replace(" ", "")
    return Refusal(Response(status, {"code": code, "httpStatusCode": name, "message": text}))


def key_not_found(world: World, key: str) -> Refusal:
    """404: no shared access policy has this name."""
    return refusal(world, 404_001, f"Key name not found: {key}.")


def stale(world: World) -> Refusal:
    """412: If-Match is missing where it is required, or names an older state."""
    return refusal(world, 412_001, "Invalid ETag supplied.")
