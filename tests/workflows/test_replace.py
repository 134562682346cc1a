"""When a rotation may begin, and the same words said again: they never mean another rotation."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from dpsops.errors import Error, Refused
from dpsops.model.action import Note
from dpsops.model.replacement import Left, stay
from dpsops.model.rotation import Phase
from tests.workflows.commands import consent, members, replace_compromised, rotate_named, rotation_status, status, undo
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.killing import kill_after
from tests.workflows.rotations import (
    MONTH,
    NONE,
    PHASES,
    disable_group,
    enable_group,
    generations,
    issued,
    observed,
    phase,
    registered,
    step,
    waits,
)
from tests.worlds import World


def test_no_rotation_begins_before_it_is_due(quick: World) -> None:
    """From stable, `rotate` alone does nothing, whatever it was told: a pipeline may say it again."""
    for until in (None, Phase.DRAINING, Phase.STABLE):
        (note,) = rotate_named(quick.connect(), None, until, NONE)
        assert isinstance(note, Note)
        assert note.text.startswith("no rotation is due: root-g1 signs, and is valid until 2036-02-")
        assert note.text.endswith("to replace it now: dpsops rotate --replace root-g1")
    assert generations(quick.connect()) == [1]


def test_a_rotation_begins_within_the_warning_time(quick: World) -> None:
    quick.clock.advance(timedelta(days=3652 - 90).total_seconds())
    assert status(quick.connect()).next[0].endswith("move the devices to a new one: dpsops rotate --replace root-g1")
    rotate_named(quick.connect(), None, Phase.STABLE, NONE)
    assert observed(quick.connect()).trusted == (2,)
    (note,) = rotate_named(quick.connect(), None, Phase.STABLE, NONE)
    assert isinstance(note, Note)
    assert observed(quick.connect()).trusted == (2,)


def test_the_same_words_in_every_phase_and_afterwards(quick: World) -> None:
    registered(quick, PRESS)
    for expected in PHASES:
        assert rotate_named(quick.connect(), 1, None, NONE, consent)
        assert phase(quick.connect()) is expected
    again = rotate_named(quick.connect(), 1, Phase.STABLE, NONE)
    assert again == [Note("root-g1 is replaced and retired: nothing of it is left to do")]
    assert generations(quick.connect()) == [1, 2]


def test_a_rotation_that_was_taken_back_begins_again(quick: World) -> None:
    rotate_named(quick.connect(), 1, Phase.OVERLAPPING)
    undo(quick.connect())
    rotate_named(quick.connect(), 1, Phase.OVERLAPPING)
    assert observed(quick.connect()).trusted == (1, 3)


def test_the_same_words_after_a_breach_do_nothing(quick: World) -> None:
    registered(quick, PRESS)
    replace_compromised(quick.connect(), replace=1)
    for again in (
        rotate_named(quick.connect(), 1, Phase.STABLE, NONE),
        replace_compromised(quick.connect(), replace=1),
    ):
        assert [type(one) for one in again] == [Note]
    assert observed(quick.connect()).trusted == (2,)


def test_an_answer_that_is_lost_at_the_end_begins_no_second_rotation(quick: World) -> None:
    """Every request of the last step is lost in turn, and the ones after it; then the same words again."""
    registered(quick, PRESS)
    assert quick.embedded is not None
    rotate_named(quick.connect(), 1, Phase.RETIRED, NONE, consent)
    for boundary in range(12):
        kill_after(quick, boundary)
        with suppress(Error):
            rotate_named(quick.connect(), 1, Phase.STABLE, NONE)
        quick.embedded.azure.faults.clear()
        rotate_named(quick.connect(), 1, Phase.STABLE, NONE)
        assert generations(quick.connect()) == [1, 2]
        assert observed(quick.connect()).trusted == (2,)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_no_device_is_left_behind_unless_somebody_says_so(quick: World) -> None:
    registered(quick, PRESS)
    issued(quick, OTHER)
    with pytest.raises(Refused, match=r"2 device\(s\) have not registered with a certificate under root-g2") as refused:
        rotate_named(quick.connect(), 1, Phase.STABLE, NONE)
    assert "press-07 (last registered with an older certificate), press-08 (never registered)" in refused.value.message
    assert refused.value.hint.endswith("dpsops rotate --replace root-g1 --grace 0 --yes")
    assert phase(quick.connect()) is Phase.DRAINING
    Device.fetched(quick.connect(), PRESS).register(quick.connect())

    asked: list[Left] = []
    rotate_named(quick.connect(), 1, Phase.STABLE, NONE, asked.append)
    assert [[one.device for one in left.devices] for left in asked] == [[OTHER]]
    assert phase(quick.connect()) is Phase.STABLE
    assert [one.device for one in rotation_status(quick.connect()).left_behind] == [OTHER]
    found = status(quick.connect())
    assert (found.devices.left_behind, found.next[0][:41]) == (1, "1 device(s) were left behind by the last ")
    Device.fetched(quick.connect(), OTHER).register(quick.connect())
    assert rotation_status(quick.connect()).left_behind == ()
    assert status(quick.connect()).next == ()


def test_a_grace_period_that_is_over_leaves_nobody_behind_without_a_word(quick: World) -> None:
    registered(quick, PRESS)
    rotate_named(quick.connect(), 1, Phase.DRAINING)
    quick.clock.advance(MONTH.total_seconds() + 1)
    with pytest.raises(Refused, match=r"1 device\(s\) have not registered"):
        rotate_named(quick.connect(), 1, Phase.STABLE, leave=stay)
    assert observed(quick.connect()).trusted == (1, 2)


def test_the_grace_period_begins_again_when_the_group_is_enabled(quick: World) -> None:
    registered(quick, PRESS)
    step(quick.connect(), until=Phase.DRAINING)
    disable_group(quick)
    quick.clock.advance(2 * MONTH.total_seconds())
    enable_group(quick)
    assert [one.device for one in waits(quick.connect())] == [PRESS]
    assert rotate_named(quick.connect(), 1, leave=consent) == []
    assert observed(quick.connect()).trusted == (1, 2)
    quick.clock.advance(MONTH.total_seconds() + 1)
    assert rotate_named(quick.connect(), 1, leave=consent)
    assert observed(quick.connect()).trusted == (2,)


def test_a_device_that_has_not_come_back_since_a_breach_is_told_from_one_that_has(quick: World) -> None:
    registered(quick, PRESS, OTHER)
    quick.clock.advance(60)
    replace_compromised(quick.connect(), replace=1)
    assert [one.waits_for_new_leaf for one in members(quick.connect())] == [True, True]
    assert status(quick.connect()).devices.waiting == 2
    quick.clock.advance(60)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    assert [one.waits_for_new_leaf for one in members(quick.connect())] == [False, True]
    assert status(quick.connect()).next == ("1 device(s) have not registered since the breach: dpsops device list",)
