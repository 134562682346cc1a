"""The embedded Azure answers every recorded request as the real one did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.messages import Recording
from tests.conformance.recordings import ABSENT, discover, read_recording, title
from tests.conformance.replay import Outcome, Replay
from tests.conformance.report import PROPERTY, rows
from tests.conformance.scope import Standing, awaited

_PATHS = [pytest.param(path, id=title(path)) for path in discover()]


@pytest.mark.parametrize("path", _PATHS or [pytest.param(Path(), marks=pytest.mark.skip(reason=ABSENT))])
def test_every_recorded_exchange_is_answered_alike(path: Path, record_property: Callable[[str, object], None]) -> None:
    recording = read_recording(path)
    if recording is None:
        pytest.skip("it has the words of a recording, and is none")
    results = Replay(recording).run()
    record_property(PROPERTY, (recording.name, rows(results)))
    differed = [each for each in results if each.outcome is Outcome.DIFFERED and each.standing is Standing.JUDGED]
    unforeseen = [str(each) for each in differed if awaited(each.exchange, recording) is None]
    assert not unforeseen, "\n".join(["", *unforeseen])
    if differed:
        pytest.xfail("; ".join(sorted({str(awaited(each.exchange, recording)) for each in differed})))


def test_something_was_recorded(recorded: list[Recording]) -> None:
    assert recorded, "the folder of recordings has none in it"
