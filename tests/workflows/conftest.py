"""The world of the tests of workflows, and the environment with which those of rotations begin."""

from __future__ import annotations

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.world import Timings
from tests.direct import DirectAdapter
from tests.workflows.standing import stand
from tests.worlds import World, environment

_EC = environment(root={"key": "EC-P256"})


@pytest.fixture
def embedded(embedded: World, request: pytest.FixtureRequest) -> World:
    """The embedded Azure, over a real socket only if the test runs in the other worlds, too; devices always use one."""
    if "world" not in request.fixturenames:
        assert embedded.embedded is not None
        embedded.transport.session.mount("https://", DirectAdapter(embedded.embedded.azure))
    return embedded


@pytest.fixture
def quick(embedded: World) -> World:
    """An embedded Azure that answers without delays, because the device SDK waits in real time; with a verified EC root."""
    assert embedded.embedded is not None
    embedded.embedded.azure.timings = Timings()
    embedded.environment = _EC
    stand(embedded)
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
