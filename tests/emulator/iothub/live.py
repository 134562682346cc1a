"""A hub behind a real socket: its state, which a test looks into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.state import load_hub
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import World as Inside
from tests.emulator.iothub.lab import HUB


@contextmanager
def inside(here: EmbeddedAzure) -> Iterator[Inside]:
    """The embedded Azure's state, inside one transaction."""
    with here.azure.database.transaction() as state:
        yield Inside(state, here.azure.clock.now())


def hub_of(world: Inside) -> JSON:
    """The hub's document."""
    hub = load_hub(world, HUB)
    assert hub is not None
    return hub
