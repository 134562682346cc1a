"""The embedded Azure answers every recorded request as the real one did."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.messages import Recording
from tests.conformance.recordings import ABSENT, FOLDERS, discover, read_recording, title
from tests.conformance.replay import Outcome, Replay, Result
from tests.conformance.report import PROPERTY, judged, rows
from tests.conformance.scope import Standing, former

_LEAST = 0.85
"""The part of what was recorded that is to be judged, not left out, however good the reason."""

_PATHS = [pytest.param(path, id=title(path)) for path in discover()]


@pytest.mark.parametrize("path", _PATHS or [pytest.param(Path(), marks=pytest.mark.skip(reason=ABSENT))])
def test_every_recorded_exchange_is_answered_alike(path: Path, record_property: Callable[[str, object], None]) -> None:
    results = _replayed(path)
    if not results:
        pytest.skip("it has the words of a recording, and is none")
    record_property(PROPERTY, (title(path), rows(results)))
    differed = [str(each) for each in results if each.outcome is Outcome.DIFFERED and each.standing is Standing.JUDGED]
    assert not differed, "\n".join(["", *differed])
    unnamed = [str(each) for each in results if each.outcome is Outcome.DIFFERED and former(each.exchange) is None]
    assert not unnamed, "\n".join(["of a former API version, and nothing says why:", *unnamed])


@cache
def _replayed(path: Path) -> tuple[Result, ...]:
    recording = read_recording(path)
    return () if recording is None else tuple(Replay(recording).run())


@pytest.mark.parametrize("below", ["", "arm"])
@pytest.mark.parametrize(
    "folder", FOLDERS or [pytest.param(Path(), marks=pytest.mark.skip(reason=ABSENT))], ids=lambda each: each.name
)
def test_what_is_left_out_is_the_smaller_part(folder: Path, below: str) -> None:
    found = [row for path in discover([folder / below]) for row in rows(_replayed(path))]
    if not found:
        pytest.skip(f"nothing was recorded in {folder.name}/{below}")
    assert len(judged(found)) >= _LEAST * len(found)


def test_something_was_recorded(recorded: list[Recording]) -> None:
    assert recorded, "the folder of recordings has none in it"
