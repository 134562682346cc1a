"""How much a provisioning service takes. Source: "Azure IoT Hub Device Provisioning Service limits"."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.errors import throttled
from dpsops.emulator.world import World


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` requests of one kind in `window` seconds."""

    kind: str
    count: int
    window: float


OPERATIONS = Limit("operations", 1000, 60)
REGISTRATIONS = Limit("registrations", 1000, 60)
POLLS = Limit("polls", 5, 10)
"""For each device; the others are for each service."""


def take(world: World, service: JSON, limit: Limit, device: str = "") -> None:
    """Counts one request. Over the limit it is refused with 429 instead."""
    wait = world.meter.take(f"dps/{service['name'].lower()}/{limit.kind}/{device.lower()}", limit.count, limit.window, world.now)
    if wait is not None:
        raise throttled(world, math.ceil(wait))
