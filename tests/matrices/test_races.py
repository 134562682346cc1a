"""Each command that changes something is interrupted by another one, and interrupts one. `make races` runs every pair."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.matrices.commands import CHANGING
from tests.matrices.faults import bench
from tests.matrices.races import Race, Track, taken

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Track]:
    """Runs two commands at once."""
    with bench(tmp_path_factory.mktemp("races"), Track) as found:
        yield found


@pytest.mark.parametrize("first", range(len(CHANGING)), ids=[command.name for command in CHANGING])
def test_whoever_is_interrupted_nobody_is_lost(track: Track, first: int) -> None:
    middle = max(track.prepare(first).ran.requests // 2, 1)
    raced = track.run(Race(first, (first * 7 + 3) % len(CHANGING), middle))
    assert raced.happened
    assert raced.lost == ()


def test_each_command_interrupts_one() -> None:
    assert {(first * 7 + 3) % len(CHANGING) for first in range(len(CHANGING))} == set(range(len(CHANGING)))


def test_what_is_next_is_typed_as_it_stands() -> None:
    assert taken("2 device(s) are blocked only in part: dpsops device block a, or dpsops device unblock a", ()) == (
        "device", "block", "a",
    )  # fmt: skip
    assert taken("1 device(s) have an old certificate: dpsops device issue ID", ("a", "b")) == ("device", "issue", "a", "b")
    assert taken("a rotation is under way (staged): dpsops rotate --replace root-g1", ()) == (
        "rotate", "--replace", "root-g1", "--yes",
    )  # fmt: skip
    assert taken("a group is not complete: dpsops rotate status", ()) == ()
    assert taken("'dpsops rotate status' shows which root has replaced it", ()) == ()
