"""The lab, and an embedded Azure with one hub, as fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from dpsops.emulator.iothub.routes import RESOURCE_TYPES
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Clock
from tests.emulator.iothub.lab import HUB, Lab
from tests.emulator.iothub.live import inside
from tests.emulator.microsoft_devices.control_plane import NOW


@pytest.fixture
def lab() -> Lab:
    """A hub without devices."""
    return Lab()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[EmbeddedAzure]:
    """An embedded Azure with one hub, over a real socket."""
    with EmbeddedAzure(tmp_path / ".dpsops", clock=Clock(frozen_at=NOW)) as running:
        identifier = ResourceId(SUBSCRIPTION, "rg", "Microsoft.Devices/IotHubs", (HUB,))
        body = {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}, "properties": {}}
        with inside(running) as world:
            RESOURCE_TYPES[0].put(world, identifier, body, "2023-06-30", OPERATOR)
        yield running
