"""Two runs of the same command at once, where one is simply first: the other says to run it again, and nothing that does harm.

Neither a role nor an owner is missing then, no name is to be changed, and nothing is to be removed. The second run is between two
requests of the first, at every boundary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.world import Timings
from dpsops.errors import Error, NotAllowed
from dpsops.model.rotation import Phase
from tests.workflows.boundaries import boundaries
from tests.workflows.commands import block, issue_to, rotate, up
from tests.workflows.doing import PRESS
from tests.workflows.interrupting import Interrupted
from tests.workflows.rotations import NONE
from tests.workflows.saved import Saved
from tests.worlds import embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

HARM = ("owner", "remove", "delete", "purge", "choose another", "enable its version")


@pytest.mark.parametrize(
    ("command", "begun", "least", "speaks"),
    [
        (up, False, 50, True),
        (lambda to: rotate(to, Phase.STAGED, NONE), True, 30, True),
        (lambda to: block(to, PRESS), True, 10, False),  # it reads again what another run has changed
    ],
    ids=["up", "rotate", "block"],
)
def test_the_second_says_to_run_it_again_if_anything(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[[Connection], object],
    *,
    begun: bool,
    least: int,
    speaks: bool,
) -> None:
    with start_embedded(tmp_path, Timings()) as azure:
        settings = environment(root={"key": "EC-P256"})
        first, second = embedded_world(azure, settings, direct=True), embedded_world(azure, settings, direct=True)
        list(first.connect().clients.groups.resource_groups.list())  # creates the key that signs tokens
        if begun:
            up(first.connect())
            issue_to(first.connect(), PRESS)
        before, interrupted = Saved.of(tmp_path), Interrupted(first.transport, monkeypatch)

        def rival() -> None:
            command(second.connect())

        said: set[tuple[type[Error], str, str]] = set()
        for boundary in boundaries():
            before.restore()
            interrupted.at(boundary, rival)
            first.sign_out()
            try:
                command(first.connect())
            except Error as error:
                said.add((type(error), error.message, error.hint))
                command(second.connect())
            if not interrupted.happened:
                break
        assert boundary > least
        assert [each for each in said if any(word in each[2] for word in HARM) or issubclass(each[0], NotAllowed)] == []
        assert bool(said) == speaks
        assert all("run the command again" in hint for *_, hint in said)
