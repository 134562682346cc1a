"""What the tests of rotations begin with."""

from __future__ import annotations

import pytest

from dpsops.emulator.world import Timings
from tests.workflows.doing import converge
from tests.worlds import World, environment


@pytest.fixture
def quick(embedded: World) -> World:
    """An Azure that is done at once, with a proven EC root: the device SDK waits in real time."""
    assert embedded.embedded is not None
    embedded.embedded.azure.timings = Timings()
    embedded.environment = environment(root={"key": "EC-P256"})
    converge(embedded.run())
    return embedded
