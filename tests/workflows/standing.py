"""Environments that stand already: `up` makes each once in a process, where a test is not about `up` itself."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from dpsops.cli.connection import Connection
from dpsops.emulator.habits import Habits
from dpsops.emulator.world import Timings
from dpsops.settings import Environment
from tests.workflows.commands import up
from tests.workflows.saved import Saved
from tests.worlds import BEGINNING, World, embedded_world, predictable_entropy, start_embedded

_MADE: dict[tuple[str, Timings, Habits], tuple[Saved, float]] = {}


def stand(world: World, settings: Environment | None = None) -> Connection:
    """A new invocation in an embedded world in which nothing has happened yet, as if it were one after `up`."""
    assert world.embedded is not None
    azure, wanted = world.embedded.azure, settings or world.environment
    assert azure.clock.now() == BEGINNING.timestamp(), "something has happened here"
    made = repr(wanted), azure.timings, azure.habits
    if made not in _MADE:
        _MADE[made] = _after_up(wanted, azure.timings, azure.habits)
    saved, seconds = _MADE[made]
    saved.restore(world.embedded.authority_file.parent.parent)
    azure.clock.advance(seconds)
    world.entropy = predictable_entropy(2)  # the first serial numbers are in use
    return world.connect(wanted)


def _after_up(settings: Environment, timings: Timings, habits: Habits) -> tuple[Saved, float]:
    """The state of an embedded Azure after `up`, and how many seconds passed on its clock."""
    with TemporaryDirectory() as directory, start_embedded(Path(directory), timings) as azure:
        azure.azure.habits = habits
        up(embedded_world(azure, settings, direct=True).connect())
        return Saved.of(Path(directory)), azure.azure.clock.now() - BEGINNING.timestamp()
