"""The environment with which the tests of rotations begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpsops.emulator.world import Timings
from tests.workflows.commands import up
from tests.workflows.saved import Saved
from tests.worlds import BEGINNING, World, embedded_world, environment, predictable_entropy, start_embedded

_EC = environment(root={"key": "EC-P256"})


@pytest.fixture(scope="session")
def _converged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Saved, float]:
    """The state of an embedded Azure after `up`, and how many seconds passed on its clock."""
    directory = tmp_path_factory.mktemp("converged")
    with start_embedded(directory, Timings()) as azure:
        up(embedded_world(azure, _EC).connect())
        return Saved.of(directory), azure.azure.clock.now() - BEGINNING.timestamp()


@pytest.fixture
def quick(embedded: World, tmp_path: Path, _converged: tuple[Saved, float]) -> World:
    """An embedded Azure that answers without delays, because the device SDK waits in real time; with a verified EC root."""
    assert embedded.embedded is not None
    embedded.embedded.azure.timings = Timings()
    embedded.environment = _EC
    saved, seconds = _converged
    saved.restore(tmp_path)
    embedded.clock.advance(seconds)
    embedded.entropy = predictable_entropy(2)  # the first serial numbers are in use
    return embedded
