"""The embedded Azure answers every recorded request as the real one did."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.recordings import ABSENT, FOLDER, Recording, discover, read_recording
from tests.conformance.replay import Outcome, Replay
from tests.conformance.report import PROPERTY, rows
from tests.conformance.scope import Standing

_NAMES = [path.relative_to(FOLDER).as_posix() for path in discover()]


@pytest.mark.parametrize("name", _NAMES or [pytest.param("", marks=pytest.mark.skip(reason=ABSENT))])
def test_every_recorded_exchange_is_answered_alike(name: str, record_property: Callable[[str, object], None]) -> None:
    recording = read_recording(FOLDER / name)
    if recording is None:
        pytest.skip("it has the words of a recording, and is none")
    results = Replay(recording).run()
    record_property(PROPERTY, (name, rows(results)))
    differed = [str(each) for each in results if each.outcome is Outcome.DIFFERED and each.standing is Standing.JUDGED]
    assert not differed, "\n".join(["", *differed])


def test_something_was_recorded(recorded: list[Recording]) -> None:
    assert recorded, "the folder of recordings has none in it"
