"""Every command among faults of one kind, and every kind at least once. `make faults` tries all of both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dpsops.cli import ending
from dpsops.cli.exits import Exit
from tests.matrices.commands import COMMANDS
from tests.matrices.faults import Bench, Cell, bench
from tests.matrices.kinds import KINDS, NOT_ALLOWED

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Tries commands."""
    with bench(tmp_path_factory.mktemp("faults"), Bench) as found:
        yield found


@pytest.mark.parametrize("index", range(len(COMMANDS)), ids=[command.name for command in COMMANDS])
def test_a_command_among_faults_is_completed_and_says_what_is_true(commands: Bench, index: int) -> None:
    by_sdk = "mqtt" in COMMANDS[index].words  # which leaves threads and sockets when it is refused: nothing for other tests
    kind = KINDS.index(NOT_ALLOWED) if by_sdk else index % len(KINDS)
    assert commands.attempt(Cell(index, kind, 0.3, seed=1)).lost == ()


def test_a_command_among_faults_of_all_kinds(commands: Bench) -> None:
    tried = commands.attempt(Cell(0, None, 0.3, seed=1))
    assert tried.hits > 0
    assert tried.lost == ()


def test_a_role_that_is_late_is_waited_for_or_named(commands: Bench) -> None:
    index = next(number for number, each in enumerate(COMMANDS) if each.name == "device issue")
    for kind in (number for number, each in enumerate(KINDS) if each.late == "Key Vault Crypto User"):
        for rate in (0.1, 0.5):
            tried = commands.attempt(Cell(index, kind, rate, seed=1))
            assert tried.hits > 0
            assert tried.lost == ()
            assert tried.runs == (1 if rate == 0.1 else 2), "ten minutes are waited, and no half hour"


def test_there_are_commands_for_all_kinds() -> None:
    assert len(COMMANDS) > len(KINDS)


def test_a_command_that_lies_is_noticed(commands: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge itself: exit code 0 after an error, or after nothing was done."""
    index = next(number for number, each in enumerate(COMMANDS) if each.name == "device block")
    too_long = next(number for number, each in enumerate(KINDS) if each.name == "429, 3600 s")
    cell = Cell(index, too_long, 1.0, seed=1)
    assert commands.attempt(cell).lost == ()
    failed = ending.failed
    monkeypatch.setattr(ending, "failed", lambda *error, **page: failed(*error, **page) and Exit.DONE)
    lost = commands.attempt(cell).lost
    assert any("exit code 0 with an error" in each for each in lost)
    assert any("press-07" in each for each in lost), "it is not blocked"
