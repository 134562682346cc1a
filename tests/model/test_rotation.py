"""Where a rotation stands: the whole table, and what holds of every state that Azure can be found in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsops.errors import Refused
from dpsops.model.rotation import (
    GRACE,
    Breach,
    Generation,
    Keeping,
    Observed,
    Phase,
    Standing,
    Step,
    Trust,
    classify,
    grace_end,
    next_step,
    undo_fault,
    why_shut,
)

SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONGEST = 40
"""No state is further from stable than this, whatever it is: four compromised roots, one after the other, are the worst."""


def whole(number: int, trust: Trust = Trust.VERIFIED, leaves: int = 0, **more: object) -> Generation:
    """A root that is whole in the vault."""
    return replace(Generation(number, Keeping.WHOLE, trust, leaves), **more)  # type: ignore[arg-type]


def retired(number: int, trust: Trust = Trust.ABSENT, leaves: int = 0, **more: object) -> Generation:
    """A root that dpsops has put away."""
    return replace(Generation(number, Keeping.RETIRED, trust, leaves), **more)  # type: ignore[arg-type]


def making(number: int) -> Generation:
    """A root that is still being made."""
    return Generation(number, Keeping.MAKING)


TABLE: list[tuple[str, Observed, Phase, Step, int, int]] = [
    ("one root", Observed((whole(1, leaves=3),), 1), Phase.STABLE, Step.STAGE, 1, 2),
    ("after a rotation", Observed((retired(1), whole(2, leaves=3)), 2), Phase.STABLE, Step.STAGE, 2, 3),
    ("after an undo", Observed((whole(1, leaves=3), retired(2)), 1), Phase.STABLE, Step.STAGE, 1, 3),
    ("half made", Observed((whole(1), making(2)), 1), Phase.STABLE, Step.STAGE, 1, 2),
    ("whole", Observed((whole(1), whole(2, Trust.ABSENT)), 1), Phase.STAGED, Step.PROVE, 1, 2),
    ("uploaded only", Observed((whole(1), whole(2, Trust.UPLOADED)), 1), Phase.STAGED, Step.PROVE, 1, 2),
    ("another in the DPS", Observed((whole(1), whole(2, Trust.STRANGER)), 1), Phase.STAGED, Step.PROVE, 1, 2),
    ("verified", Observed((whole(1), whole(2)), 1), Phase.PROVEN, Step.OVERLAP, 1, 2),
    ("secondary", Observed((whole(1, leaves=3), whole(2)), 1, 2), Phase.OVERLAPPING, Step.REISSUE, 1, 2),
    ("secondary, no device", Observed((whole(1), whole(2)), 1, 2), Phase.OVERLAPPING, Step.PROMOTE, 1, 2),
    ("some reissued", Observed((whole(1, leaves=1), whole(2, leaves=2)), 1, 2), Phase.REISSUING, Step.REISSUE, 1, 2),
    ("all reissued", Observed((whole(1), whole(2, leaves=3)), 1, 2), Phase.REISSUING, Step.PROMOTE, 1, 2),
    ("no longer verified", Observed((whole(1), whole(2, Trust.UPLOADED, 3)), 1, 2), Phase.REISSUING, Step.PROVE, 1, 2),
    ("promoted", Observed((whole(1), whole(2, leaves=3)), 2, 1), Phase.PROMOTED, Step.DRAIN, 1, 2),
    ("unblocked meanwhile", Observed((whole(1, leaves=1), whole(2, leaves=2)), 2, 1), Phase.PROMOTED, Step.REISSUE, 1, 2),
    ("draining", Observed((whole(1), whole(2, leaves=3, draining_since=SINCE)), 2, 1), Phase.DRAINING, Step.RETIRE, 1, 2),
    ("half retired", Observed((whole(1), whole(2, draining_since=SINCE)), 2), Phase.DRAINING, Step.RETIRE, 1, 2),
    ("out of the DPS", Observed((whole(1, Trust.ABSENT), whole(2)), 2), Phase.DRAINING, Step.RETIRE, 1, 2),
    ("still in the DPS", Observed((retired(1, Trust.VERIFIED), whole(2)), 2), Phase.DRAINING, Step.RETIRE, 1, 2),
    ("retired", Observed((retired(1), whole(2, draining_since=SINCE)), 2), Phase.RETIRED, Step.SETTLE, 1, 2),
    ("compromised", Observed((whole(1, breach=Breach.BEGUN),), 1), Phase.BREACHED, Step.CUT_OFF, 1, 2),
    ("cut off", Observed((retired(1, breach=Breach.CUT),), 1, is_open=False), Phase.BREACHED, Step.STAGE, 1, 2),
    ("cut off, after an undo", Observed((retired(1, breach=Breach.CUT), retired(2)), 1), Phase.BREACHED, Step.STAGE, 1, 3),
    (
        "cut off, new root whole",
        Observed((retired(1, breach=Breach.CUT), whole(2, Trust.ABSENT)), 1, is_open=False),
        Phase.BREACHED, Step.PROVE, 1, 2,
    ),
    (
        "cut off, new root proven",
        Observed((retired(1, leaves=3, breach=Breach.CUT, reopen=True), whole(2)), 1, is_open=False),
        Phase.BREACHED, Step.ADMIT, 1, 2,
    ),
    (
        "cut off, and trusted again by hand",
        Observed((retired(1, breach=Breach.CUT), whole(2)), 2, 1),
        Phase.BREACHED, Step.ADMIT, 1, 2,
    ),
    (
        "admitted",
        Observed((retired(1, leaves=3, breach=Breach.CUT, reopen=True), whole(2)), 2),
        Phase.BREACHED, Step.REISSUE, 1, 2,
    ),
    (
        "admitted into a group that somebody had shut",
        Observed((retired(1, leaves=3, breach=Breach.CUT), whole(2)), 2, is_open=False),
        Phase.BREACHED, Step.REISSUE, 1, 2,
    ),
    (
        "reissued",
        Observed((retired(1, breach=Breach.CUT, reopen=True), whole(2, leaves=3)), 2),
        Phase.BREACHED, Step.READMIT, 1, 2,
    ),
    ("over", Observed((retired(1, breach=Breach.OVER), whole(2, leaves=3)), 2), Phase.STABLE, Step.STAGE, 2, 3),
]  # fmt: skip


@pytest.mark.parametrize(("observed", "phase", "step", "old", "new"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_table(observed: Observed, phase: Phase, step: Step, old: int, new: int) -> None:
    assert classify(observed) == Standing(phase, step, old, new)


def test_the_table_has_every_phase_and_every_step() -> None:
    assert {row[2] for row in TABLE} == set(Phase)
    assert {row[3] for row in TABLE} == set(Step)


@pytest.mark.parametrize("keeping", [Keeping.DISABLED, Keeping.RETIRED, Keeping.ABSENT, Keeping.MAKING])
def test_a_new_root_that_the_vault_lost_stops_everything(keeping: Keeping) -> None:
    new = Generation(2, keeping, Trust.VERIFIED)
    for observed in (Observed((whole(1), new), 1, 2), Observed((whole(1), new), 2, 1), Observed((whole(1), new), 2)):
        assert classify(observed).trouble == f"root-g2 is {keeping.value} in the vault, and the enrollment group trusts it"


def test_a_next_root_that_somebody_disabled_is_enabled_again_or_taken_back() -> None:
    observed = Observed((whole(1, leaves=3), Generation(2, Keeping.DISABLED)), 1)
    found = classify(observed)
    assert (found.phase, found.new) == (Phase.STABLE, 2)
    assert found.trouble == "root-g2 is disabled in the vault, and would be the next root"
    assert undo_fault(observed, found) == ""


def test_undo() -> None:
    """It is possible while no device has a leaf of the new root, and refused with the reason afterwards."""
    faults = {row[0]: undo_fault(row[1], classify(row[1])) for row in TABLE}
    assert [name for name, fault in faults.items() if not fault] == [
        "whole", "uploaded only", "another in the DPS", "verified", "secondary", "secondary, no device",
    ]  # fmt: skip
    assert faults["some reissued"].startswith("2 device(s) have a leaf of root-g2 and may use it already")
    assert faults["promoted"].startswith("3 device(s) have a leaf of root-g2")
    assert faults["one root"] == "there is no rotation to take back"
    assert faults["retired"].startswith("root-g1 has left the enrollment group")
    assert faults["cut off"] == "root-g1 is compromised: there is no way back to it"
    one = Observed((whole(1), whole(2, leaves=1)), 1, 2)
    assert undo_fault(one, classify(one)).startswith("1 device(s) have a leaf of root-g2")
    empty = Observed((whole(1), whole(2, draining_since=SINCE)), 2, 1)
    assert undo_fault(empty, classify(empty)) == ""
    lost = Observed((whole(1, Trust.UPLOADED), whole(2)), 1, 2)
    assert "it can vouch for nobody" in undo_fault(lost, classify(lost))


# --- every state ------------------------------------------------------------------------------------------------------


@cache
def generations(number: int, breaches: tuple[Breach | None, ...]) -> st.SearchStrategy[Generation]:
    """Any generation, in any state that the vault, the DPS and the fleet can show of it; a whole and verified one is as
    likely as all others, because a planned rotation has two of these."""
    return st.builds(
        Generation,
        number=st.just(number),
        keeping=st.sampled_from([*Keeping, *[Keeping.WHOLE] * 4]),
        trust=st.sampled_from([*Trust, *[Trust.VERIFIED] * 3]),
        leaves=st.integers(0, 3),
        not_after=st.none(),
        draining_since=st.sampled_from([None, None, SINCE]),
        breach=st.sampled_from(breaches),
        reopen=st.booleans(),
    )


@st.composite
def states(draw: st.DrawFn) -> Observed:
    """Any state: up to four generations, of which the group trusts one or two. One of four has a breach."""
    numbers = sorted(draw(st.sets(st.integers(1, 6), min_size=1, max_size=4)))
    kinds: list[tuple[Breach | None, ...]] = [(None,), (None,), (None, Breach.OVER), (None, *Breach)]
    breaches = draw(st.sampled_from(kinds))
    return Observed(
        generations=tuple(draw(generations(number, breaches)) for number in numbers),
        primary=draw(st.sampled_from(numbers)),
        secondary=draw(st.sampled_from([None, *numbers])),
        is_open=draw(st.booleans()),
    )


@settings(max_examples=200)
@given(states())
def test_every_state_has_exactly_one_phase_and_a_step_or_a_reason(observed: Observed) -> None:
    standing = classify(observed)
    assert standing == classify(observed)
    assert standing.phase in Phase
    assert standing.step in Step
    assert standing.old <= standing.new
    if standing.phase is Phase.BREACHED:  # one compromised root is not replaced by another
        assert observed.generation(standing.new).breach is None
    if standing.step is Step.STAGE:  # no number is ever used twice
        assert observed.generation(standing.new).keeping is not Keeping.RETIRED


@settings(max_examples=200)
@given(states())
def test_the_document_of_a_state_does_not_depend_on_the_order_of_the_fleet(observed: Observed) -> None:
    """A secondary that repeats the primary is none: DPS shows it so."""
    assert classify(replace(observed, secondary=observed.primary)) == classify(replace(observed, secondary=None))


# --- repeated steps ---------------------------------------------------------------------------------------------------


def with_generation(observed: Observed, number: int, **changes: object) -> Observed:
    """The state with one generation changed, or added."""
    changed = replace(observed.generation(number), **changes)  # type: ignore[arg-type]
    others = [one for one in observed.generations if one.number != number]
    return replace(observed, generations=tuple(sorted([*others, changed], key=lambda one: one.number)))


def taken(observed: Observed, standing: Standing) -> Observed:
    """What is there after a step has been taken: a model of Azure in a few lines, written from the documentation of the steps."""
    old, new = standing.old, standing.new
    match standing.step:
        case Step.STAGE:
            return with_generation(observed, new, keeping=Keeping.WHOLE, trust=Trust.ABSENT)
        case Step.PROVE:
            return with_generation(observed, new, trust=Trust.VERIFIED)
        case Step.OVERLAP:
            return replace(observed, secondary=new)
        case Step.REISSUE:
            total = sum(one.leaves for one in observed.generations)
            emptied = replace(observed, generations=tuple(replace(one, leaves=0) for one in observed.generations))
            return with_generation(emptied, new, leaves=total)
        case Step.PROMOTE:
            return replace(observed, primary=new, secondary=old)
        case Step.DRAIN:
            return with_generation(observed, new, draining_since=SINCE)
        case Step.RETIRE:
            for one in observed.generations:
                if one.number < new and one.is_remnant:
                    observed = put_away(observed, one.number)
            return replace(observed, secondary=None)
        case Step.SETTLE:
            return with_generation(observed, new, draining_since=None)
        case Step.CUT_OFF:
            others = [number for number in observed.trusted if number != old]
            shut = observed if others else replace(observed, is_open=False)
            primary = others[-1] if others else observed.primary
            return with_generation(put_away(replace(shut, primary=primary, secondary=None), old), old, breach=Breach.CUT)
        case Step.ADMIT:
            reopened = observed.is_open or observed.generation(old).reopen
            return replace(observed, primary=new, secondary=None, is_open=reopened)
        case Step.READMIT:
            return with_generation(with_generation(observed, new, draining_since=None), old, breach=Breach.OVER)


def put_away(observed: Observed, number: int) -> Observed:
    """A root that is gone from the DPS and disabled in the vault, where the vault has it."""
    absent = observed.generation(number).keeping is Keeping.ABSENT
    return with_generation(observed, number, keeping=Keeping.ABSENT if absent else Keeping.RETIRED, trust=Trust.ABSENT)


def way(observed: Observed) -> Iterator[tuple[Observed, Standing]]:
    """The states on the way to *stable* or to a trouble, each with where it stands."""
    for _ in range(LONGEST):
        standing = classify(observed)
        yield observed, standing
        if standing.trouble or (standing.phase is Phase.STABLE and standing.new not in made(observed)):
            return
        observed = taken(observed, standing)
    raise AssertionError(f"no end after {LONGEST} steps: {observed}")


def made(observed: Observed) -> set[int]:
    """The generations that the vault has begun to make."""
    return {one.number for one in observed.generations if one.is_live}


@settings(max_examples=200)
@given(states())
def test_repeated_steps_always_reach_stable_or_name_the_trouble(observed: Observed) -> None:
    *_, (last, standing) = way(observed)
    if not standing.trouble:
        assert standing.phase is Phase.STABLE
        assert last.secondary in (None, last.primary)
        older = [one for one in last.generations if one.number < last.primary]
        assert not any(one.is_remnant for one in older)


@settings(max_examples=200)
@given(states())
def test_no_step_of_a_planned_rotation_takes_a_trusted_root_from_a_device(observed: Observed) -> None:
    """Whoever has a leaf of a trusted root keeps one, and the primary is a root that the DPS has verified."""
    for before, standing in way(observed):
        if standing.trouble or standing.phase in (Phase.BREACHED, Phase.STABLE):
            continue
        after = taken(before, standing)
        lost = [one.number for one in after.generations if one.leaves and one.number not in after.trusted]
        assert all(number not in before.trusted for number in lost)
        if after.primary != before.primary:
            assert after.generation(after.primary).trust is Trust.VERIFIED


@settings(max_examples=200)
@given(states())
def test_a_breach_leaves_nothing_of_the_compromised_root(observed: Observed) -> None:
    number = observed.trusted[0]
    condemned = with_generation(observed, number, breach=Breach.BEGUN)
    standing = classify(condemned)
    assert standing.phase is Phase.BREACHED
    *_, (last, end) = way(condemned)
    if not end.trouble:
        assert number not in last.trusted
        assert not last.generation(number).is_remnant
        assert last.generation(number).leaves == 0


DRAINING = Observed((whole(1), whole(2, leaves=3, draining_since=SINCE)), 2, 1)


def test_devices_are_waited_for_from_the_promotion_until_the_time_of_grace_is_over() -> None:
    standing = classify(DRAINING)
    assert grace_end(DRAINING, standing, timedelta(days=30)) == SINCE + timedelta(days=30)
    promoted = Observed((whole(1), whole(2, leaves=3)), 2, 1)
    assert grace_end(promoted, classify(promoted), GRACE) is None


def test_nobody_is_waited_for_once_the_old_root_has_left_the_group() -> None:
    """No device can register with a leaf of it any more, whatever it does."""
    left = replace(DRAINING, secondary=None)
    standing = classify(left)
    assert (standing.phase, standing.step) == (Phase.DRAINING, Step.RETIRE)
    assert grace_end(left, standing, GRACE) is None
    assert why_shut(replace(left, is_open=False), standing, GRACE, "devices") == ""


def test_no_time_of_grace_runs_in_a_disabled_group() -> None:
    shut = replace(DRAINING, is_open=False)
    said = "the enrollment group devices is disabled: no device can move to root-g2"
    assert why_shut(shut, classify(shut), GRACE, "devices") == said
    assert why_shut(shut, classify(shut), timedelta(0), "devices") == ""
    with pytest.raises(Refused, match=said):
        next_step(shut, classify(shut), None, GRACE, begun=False, group="devices")


@pytest.mark.parametrize(
    ("observed", "until", "begun", "step"),
    [
        (Observed((whole(1),), 1), None, False, Step.STAGE),
        (Observed((whole(1),), 1), Phase.STABLE, False, Step.STAGE),
        (Observed((whole(1),), 1), Phase.STABLE, True, None),
        (Observed((whole(1),), 1), Phase.PROVEN, True, None),
        (Observed((whole(1), whole(2)), 1), Phase.PROVEN, False, None),
        (Observed((whole(1), whole(2)), 1), Phase.STAGED, False, None),
        (Observed((whole(1), whole(2)), 1), Phase.OVERLAPPING, False, Step.OVERLAP),
        (Observed((whole(1), whole(2)), 1), Phase.STABLE, True, Step.OVERLAP),
        (Observed((whole(1, leaves=1), whole(2, leaves=2)), 1, 2), Phase.REISSUING, True, Step.REISSUE),
        (Observed((whole(1), whole(2, leaves=3)), 1, 2), Phase.REISSUING, True, None),
        (Observed((whole(1, breach=Breach.BEGUN),), 1), Phase.STAGED, False, Step.CUT_OFF),
    ],
)
def test_the_step_that_is_to_be_taken_now(observed: Observed, until: Phase | None, begun: bool, step: Step | None) -> None:
    assert next_step(observed, classify(observed), until, GRACE, begun=begun, group="devices") is step


def test_trouble_names_the_way_back_where_there_is_one() -> None:
    disabled = Observed((whole(1), Generation(2, Keeping.DISABLED)), 1)
    with pytest.raises(Refused, match="root-g2 is disabled in the vault") as refused:
        next_step(disabled, classify(disabled), None, GRACE, begun=False, group="devices")
    assert refused.value.hint == "enable or restore root-g2 in the vault, or undo: dpsops rotate undo"
    in_use = Observed((whole(1), replace(whole(2, leaves=1), keeping=Keeping.DISABLED)), 1, 2)
    with pytest.raises(Refused) as refused:
        next_step(in_use, classify(in_use), None, GRACE, begun=False, group="devices")
    assert refused.value.hint == "enable or restore root-g2 in the vault"
