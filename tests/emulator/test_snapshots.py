"""Snapshots of the embedded Azure: what is in one, and what a restore brings back."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.faults import Fault, Throttle
from dpsops.emulator.http import Request
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.snapshots import Damaged, InvalidName, NoSnapshot, names
from dpsops.emulator.world import Clock

NOW = 1_772_366_400.0


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the embedded Azure keeps its state."""
    return tmp_path / ".dpsops"


@pytest.fixture
def here(directory: Path) -> Iterator[EmbeddedAzure]:
    """An embedded Azure whose clock stands still."""
    with EmbeddedAzure(directory, clock=Clock(frozen_at=NOW)) as running:
        yield running


def write(here: EmbeddedAzure, key: str, body: JSON) -> None:
    """Writes a document."""
    with here.azure.database.transaction() as state:
        state.put("thing", key, body)


def things(here: EmbeddedAzure) -> list[tuple[str, JSON]]:
    """The documents that a test has written."""
    with here.azure.database.transaction() as state:
        return state.list("thing")


def test_a_restore_brings_back_every_document_and_no_other(here: EmbeddedAzure) -> None:
    secret = here.client_secret
    write(here, "kept", {"n": 1})
    write(here, "removed", {"n": 1})
    here.snapshot("clean")
    write(here, "kept", {"n": 2})
    write(here, "new", {"n": 2})
    with here.azure.database.transaction() as state:
        state.delete("thing", "removed")
    for _ in range(2):  # a snapshot can be used again
        here.restore("clean")
        assert things(here) == [("kept", {"n": 1}), ("removed", {"n": 1})]
        write(here, "after", {"n": 3})
    assert here.client_secret == secret


def test_a_second_snapshot_takes_the_place_of_the_first(here: EmbeddedAzure, directory: Path) -> None:
    here.snapshot("clean")
    write(here, "more", {})
    here.snapshot("clean")
    here.snapshot("another")
    write(here, "even more", {})
    here.restore("clean")
    assert things(here) == [("more", {})]
    assert names(directory) == ["another", "clean"]
    assert {file.name for file in (directory / "snapshots").iterdir()} == {"another.sqlite", "clean.sqlite"}


def test_the_time_is_what_it_was(here: EmbeddedAzure, directory: Path) -> None:
    here.azure.clock.advance(100)
    here.snapshot("clean")
    here.azure.advance(3600)
    here.restore("clean")
    assert here.azure.clock.now() == NOW + 100
    here.azure.advance(50)
    here.snapshot("later")
    with EmbeddedAzure(directory, clock=Clock(frozen_at=NOW)) as again:  # who opens the state finds its time too
        assert again.azure.clock.now() == NOW + 150


def test_a_clock_that_has_moved_stays_moved_when_the_server_starts_again(directory: Path) -> None:
    with EmbeddedAzure(directory, clock=Clock(frozen_at=NOW)) as first:
        first.azure.advance(86_400)
    with EmbeddedAzure(directory, clock=Clock(frozen_at=NOW)) as second:
        assert second.azure.clock.now() == NOW + 86_400


def test_nothing_is_wrong_after_a_restore_and_nothing_has_been_counted(here: EmbeddedAzure) -> None:
    here.snapshot("clean")
    here.azure.faults.add(Fault(Throttle(), times=None))
    assert here.azure.meter.take("requests", 1, 60, NOW) is None
    here.restore("clean")
    assert here.azure.faults.hit(Request("GET", "management.azure.com", "/")) is None
    assert here.azure.meter.take("requests", 1, 60, NOW) is None


def test_a_snapshot_is_private(here: EmbeddedAzure, directory: Path) -> None:
    here.snapshot("clean")
    folder = directory / "snapshots"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "clean.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", ".", "..", "../azure", "a/b", "a b", "-a", "a" * 65, "é", "a\n"])
def test_a_name_is_no_path(here: EmbeddedAzure, name: str) -> None:
    with pytest.raises(InvalidName):
        here.snapshot(name)
    with pytest.raises(InvalidName):
        here.restore(name)


def test_a_snapshot_that_is_not_there_changes_nothing(here: EmbeddedAzure) -> None:
    write(here, "kept", {})
    with pytest.raises(NoSnapshot, match="there is no snapshot 'clean'"):
        here.restore("clean")
    assert things(here) == [("kept", {})]


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_a_damaged_snapshot_changes_nothing(here: EmbeddedAzure, directory: Path, content: bytes) -> None:
    here.snapshot("clean")
    write(here, "kept", {})
    (directory / "snapshots" / "clean.sqlite").write_bytes(content)
    with pytest.raises(Damaged, match="the snapshot 'clean' cannot be read: "):
        here.restore("clean")
    assert things(here) == [("kept", {})]


def test_a_snapshot_that_fails_leaves_the_former_one(
    here: EmbeddedAzure, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, "kept", {})
    here.snapshot("clean")
    write(here, "more", {})
    with monkeypatch.context() as trouble:
        trouble.setattr("dpsops.emulator.snapshots.keep_clock", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            here.snapshot("clean")
    here.restore("clean")
    assert things(here) == [("kept", {})]
    assert [file.name for file in (directory / "snapshots").iterdir()] == ["clean.sqlite"]
