"""The world of the tests of workflows, and the environment with which those of rotations begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.world import Timings
from tests.direct import DirectAdapter
from tests.workflows.commands import up
from tests.workflows.saved import Saved
from tests.worlds import BEGINNING, World, embedded_world, environment, predictable_entropy, start_embedded

_EC = environment(root={"key": "EC-P256"})


@pytest.fixture(scope="session")
def _converged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Saved, float]:
    """The state of an embedded Azure after `up`, and how many seconds passed on its clock."""
    directory = tmp_path_factory.mktemp("converged")
    with start_embedded(directory, Timings()) as azure:
        up(embedded_world(azure, _EC, direct=True).connect())
        return Saved.of(directory), azure.azure.clock.now() - BEGINNING.timestamp()


@pytest.fixture
def embedded(embedded: World, request: pytest.FixtureRequest) -> World:
    """The embedded Azure, over a real socket only if the test runs in the other worlds, too; devices always use one."""
    if "world" not in request.fixturenames:
        assert embedded.embedded is not None
        embedded.transport.session.mount("https://", DirectAdapter(embedded.embedded.azure))
    return embedded


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the mark `proof` runs twice: DPS takes an `If-Match` of a CA certificate that is quoted, or refuses it."""
    if metafunc.definition.get_closest_marker("proof"):
        metafunc.parametrize("_quoted_etags", [True, False], ids=["quoted too", "unquoted only"], indirect=True)


@pytest.fixture(autouse=True)
def _quoted_etags(request: pytest.FixtureRequest) -> None:
    """Whether the world takes a quoted etag, which no recording shows: it does unless the test says otherwise."""
    if not getattr(request, "param", True):
        world = request.getfixturevalue("embedded")
        world.embedded.azure.habits = Habits(quoted_etags=False)
