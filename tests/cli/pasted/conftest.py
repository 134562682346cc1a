"""An embedded Azure with the environment `prod`, and somebody who works there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.cli.embedded import variables
from dpsops.emulator.habits import Habits
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Meter, Timings
from tests.cli.pasted.person import Clock, Keyboard, Person
from tests.cli.runner import Job
from tests.cli.terminal import LOCAL, Terminal
from tests.workflows.saved import Saved


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedAzure, Path, Saved]]:
    """An embedded Azure, its directory, and what is in it at first."""
    directory = tmp_path_factory.mktemp("elsewhere")
    with EmbeddedAzure(directory / ".dpsops", timings=Timings()) as served:
        yield served, directory, Saved.of(directory)


@pytest.fixture
def home(
    _served: tuple[EmbeddedAzure, Path, Saved], terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job
) -> Iterator[Person]:
    """Somebody in a directory with settings for `prod`, of which nothing says where it is."""
    served, directory, first = _served
    first.restore()
    (tmp_path / "infra" / "prod.toml").write_text(LOCAL)
    job.end()
    clock, keyboard = Clock(), Keyboard()
    monkeypatch.setattr("dpsops.cli.connection.datetime", clock)
    monkeypatch.setattr("sys.stdin", keyboard)
    served.azure.habits, served.azure.timings, served.azure.meter = Habits(), Timings(), Meter()
    yield Person(terminal, keyboard, job, served, directory, clock)
    served.azure.faults.clear()
    served.azure.observers.clear()
    served.azure.clock.advance(-86_400 * clock.days)


@pytest.fixture
def person(home: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody whose `prod` is on an embedded Azure that is served elsewhere, and in which nothing is yet."""
    for name, value in variables(home.served).items():
        monkeypatch.setenv(name, value)
    yield home
    assert not (tmp_path / ".dpsops").exists(), "a command was about local"
