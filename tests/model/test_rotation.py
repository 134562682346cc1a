"""The phase of a rotation: the complete table, and what is true for every possible state of Azure."""

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
    Observed,
    Phase,
    Standing,
    Step,
    Trust,
    VaultState,
    classify,
    disabled_group_trouble,
    grace_end,
    is_remnant,
    next_step,
    undo_fault,
)

SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONGEST = 40
"""The largest number of steps from any state to stable: the worst case is four compromised roots, one after the other."""


def finished(number: int, trust: Trust = Trust.VERIFIED, leaves: int = 0, **more: object) -> Generation:
    """A root that is finished in the vault."""
    return replace(Generation(number, VaultState.FINISHED, trust, leaves), **more)  # type: ignore[arg-type]


def retired(number: int, trust: Trust = Trust.ABSENT, leaves: int = 0, **more: object) -> Generation:
    """A root that dpsops has retired."""
    return replace(Generation(number, VaultState.RETIRED, trust, leaves), **more)  # type: ignore[arg-type]


def creating(number: int) -> Generation:
    """A root that is being created."""
    return Generation(number, VaultState.CREATING)


TABLE: list[tuple[str, Observed, Phase, Step, int, int]] = [
    ("one root", Observed((finished(1, leaves=3),), 1), Phase.STABLE, Step.STAGE, 1, 2),
    ("after a rotation", Observed((retired(1), finished(2, leaves=3)), 2), Phase.STABLE, Step.STAGE, 2, 3),
    ("after an undo", Observed((finished(1, leaves=3), retired(2)), 1), Phase.STABLE, Step.STAGE, 1, 3),
    ("being created", Observed((finished(1), creating(2)), 1), Phase.STABLE, Step.STAGE, 1, 2),
    ("finished", Observed((finished(1), finished(2, Trust.ABSENT)), 1), Phase.STAGED, Step.PROVE, 1, 2),
    ("uploaded only", Observed((finished(1), finished(2, Trust.UPLOADED)), 1), Phase.STAGED, Step.PROVE, 1, 2),
    ("another in the DPS", Observed((finished(1), finished(2, Trust.OTHER)), 1), Phase.STAGED, Step.PROVE, 1, 2),
    ("verified", Observed((finished(1), finished(2)), 1), Phase.PROVEN, Step.OVERLAP, 1, 2),
    ("secondary", Observed((finished(1, leaves=3), finished(2)), 1, 2), Phase.OVERLAPPING, Step.REISSUE, 1, 2),
    ("secondary, no device", Observed((finished(1), finished(2)), 1, 2), Phase.OVERLAPPING, Step.PROMOTE, 1, 2),
    ("some reissued", Observed((finished(1, leaves=1), finished(2, leaves=2)), 1, 2), Phase.REISSUING, Step.REISSUE, 1, 2),
    ("all reissued", Observed((finished(1), finished(2, leaves=3)), 1, 2), Phase.REISSUING, Step.PROMOTE, 1, 2),
    ("no longer verified", Observed((finished(1), finished(2, Trust.UPLOADED, 3)), 1, 2), Phase.REISSUING, Step.PROVE, 1, 2),
    ("promoted", Observed((finished(1), finished(2, leaves=3)), 2, 1), Phase.PROMOTED, Step.DRAIN, 1, 2),
    ("unblocked later", Observed((finished(1, leaves=1), finished(2, leaves=2)), 2, 1), Phase.PROMOTED, Step.REISSUE, 1, 2),
    ("draining", Observed((finished(1), finished(2, leaves=3, draining_since=SINCE)), 2, 1), Phase.DRAINING, Step.RETIRE, 1, 2),
    ("partly retired", Observed((finished(1), finished(2, draining_since=SINCE)), 2), Phase.DRAINING, Step.RETIRE, 1, 2),
    ("removed from the DPS", Observed((finished(1, Trust.ABSENT), finished(2)), 2), Phase.DRAINING, Step.RETIRE, 1, 2),
    ("still in the DPS", Observed((retired(1, Trust.VERIFIED), finished(2)), 2), Phase.DRAINING, Step.RETIRE, 1, 2),
    ("retired", Observed((retired(1), finished(2, draining_since=SINCE)), 2), Phase.RETIRED, Step.SETTLE, 1, 2),
    ("compromised", Observed((finished(1, breach=Breach.BEGUN),), 1), Phase.BREACHED, Step.CUT_OFF, 1, 2),
    ("cut off", Observed((retired(1, breach=Breach.CUT),), 1, group_enabled=False), Phase.BREACHED, Step.STAGE, 1, 2),
    ("cut off, after an undo", Observed((retired(1, breach=Breach.CUT), retired(2)), 1), Phase.BREACHED, Step.STAGE, 1, 3),
    (
        "cut off, new root finished",
        Observed((retired(1, breach=Breach.CUT), finished(2, Trust.ABSENT)), 1, group_enabled=False),
        Phase.BREACHED, Step.PROVE, 1, 2,
    ),
    (
        "cut off, new root verified",
        Observed((retired(1, leaves=3, breach=Breach.CUT, reopen=True), finished(2)), 1, group_enabled=False),
        Phase.BREACHED, Step.ADMIT, 1, 2,
    ),
    (
        "cut off, and trusted again by hand",
        Observed((retired(1, breach=Breach.CUT), finished(2)), 2, 1),
        Phase.BREACHED, Step.ADMIT, 1, 2,
    ),
    (
        "admitted",
        Observed((retired(1, leaves=3, breach=Breach.CUT, reopen=True), finished(2)), 2),
        Phase.BREACHED, Step.REISSUE, 1, 2,
    ),
    (
        "the new root is compromised, and the old one is trusted",
        Observed((finished(1, leaves=1), retired(2, leaves=2, breach=Breach.CUT)), 1), Phase.BREACHED, Step.REISSUE, 2, 1,
    ),
    (
        "the new root is compromised, and the old one cannot be used",
        Observed((finished(1, Trust.UPLOADED), retired(2, leaves=2, breach=Breach.CUT)), 1), Phase.BREACHED, Step.STAGE, 2, 3,
    ),
    (
        "over, and still in the DPS under another name",
        Observed((retired(1, breach=Breach.OVER, second_names=("other",)), finished(2)), 2), Phase.DRAINING, Step.RETIRE, 1, 2,
    ),
    ("another name of a root that is not compromised", Observed((retired(1, second_names=("other",)), finished(2)), 2),
     Phase.STABLE, Step.STAGE, 2, 3),
    (
        "admitted into a disabled group",
        Observed((retired(1, leaves=3, breach=Breach.CUT), finished(2)), 2, group_enabled=False),
        Phase.BREACHED, Step.REISSUE, 1, 2,
    ),
    (
        "reissued",
        Observed((retired(1, breach=Breach.CUT, reopen=True), finished(2, leaves=3)), 2),
        Phase.BREACHED, Step.READMIT, 1, 2,
    ),
    ("over", Observed((retired(1, breach=Breach.OVER), finished(2, leaves=3)), 2), Phase.STABLE, Step.STAGE, 2, 3),
]  # fmt: skip


@pytest.mark.parametrize(("observed", "phase", "step", "old", "new"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_table(observed: Observed, phase: Phase, step: Step, old: int, new: int) -> None:
    assert classify(observed) == Standing(phase, step, old, new)


def test_the_table_has_every_phase_and_every_step() -> None:
    assert {row[2] for row in TABLE} == set(Phase)
    assert {row[3] for row in TABLE} == set(Step)


@pytest.mark.parametrize("in_vault", [VaultState.DISABLED, VaultState.RETIRED, VaultState.ABSENT, VaultState.CREATING])
def test_a_trusted_new_root_that_is_not_finished_in_the_vault_stops_the_rotation(in_vault: VaultState) -> None:
    new = Generation(2, in_vault, Trust.VERIFIED)
    for observed in (Observed((finished(1), new), 1, 2), Observed((finished(1), new), 2, 1), Observed((finished(1), new), 2)):
        assert classify(observed).trouble == f"root-g2 is {in_vault.text} in the vault, but the enrollment group trusts it"


def test_the_words_for_the_states_in_the_vault() -> None:
    assert [state.text for state in VaultState] == ["absent", "being created", "finished", "disabled", "retired"]


def test_a_next_root_that_somebody_disabled_can_be_enabled_or_undone() -> None:
    observed = Observed((finished(1, leaves=3), Generation(2, VaultState.DISABLED)), 1)
    found = classify(observed)
    assert (found.phase, found.new) == (Phase.STABLE, 2)
    assert found.trouble == "the next root, root-g2, is disabled in the vault"
    assert undo_fault(observed, found) == ""


def test_undo() -> None:
    """It is possible while no device has a certificate under the new root, and refused with the reason afterwards."""
    faults = {row[0]: undo_fault(row[1], classify(row[1])) for row in TABLE}
    assert [name for name, fault in faults.items() if not fault] == [
        "finished", "uploaded only", "another in the DPS", "verified", "secondary", "secondary, no device",
    ]  # fmt: skip
    assert faults["some reissued"].startswith("2 device(s) have a certificate under root-g2 and may use it already")
    assert faults["promoted"].startswith("3 device(s) have a certificate under root-g2")
    assert faults["one root"] == "there is no rotation to undo"
    assert faults["retired"] == "the enrollment group no longer trusts root-g1: devices may depend on root-g2"
    assert faults["cut off"] == "root-g1 is compromised and must not be used again"
    one = Observed((finished(1), finished(2, leaves=1)), 1, 2)
    assert undo_fault(one, classify(one)).startswith("1 device(s) have a certificate under root-g2")
    empty = Observed((finished(1), finished(2, draining_since=SINCE)), 2, 1)
    assert undo_fault(empty, classify(empty)) == ""
    unverified = Observed((finished(1, Trust.UPLOADED), finished(2)), 1, 2)
    assert undo_fault(unverified, classify(unverified)) == (
        "root-g1 cannot be used: it is finished in the vault and uploaded in the DPS"
    )


# --- every state ------------------------------------------------------------------------------------------------------


@cache
def generations(number: int, breaches: tuple[Breach | None, ...]) -> st.SearchStrategy[Generation]:
    """Any generation, in any state that the vault, the DPS and the devices can have; a finished and verified one is as likely
    as all others, because a planned rotation has two of these."""
    return st.builds(
        Generation,
        number=st.just(number),
        in_vault=st.sampled_from([*VaultState, *[VaultState.FINISHED] * 4]),
        trust=st.sampled_from([*Trust, *[Trust.VERIFIED] * 3]),
        leaves=st.integers(0, 3),
        not_after=st.none(),
        draining_since=st.sampled_from([None, None, SINCE]),
        breach=st.sampled_from(breaches),
        reopen=st.booleans(),
    )


@st.composite
def states(draw: st.DrawFn) -> Observed:
    """Any state: up to four generations; the group trusts one or two of them. One state in four has a breach."""
    numbers = sorted(draw(st.sets(st.integers(1, 6), min_size=1, max_size=4)))
    kinds: list[tuple[Breach | None, ...]] = [(None,), (None,), (None, Breach.OVER), (None, *Breach)]
    breaches = draw(st.sampled_from(kinds))
    return Observed(
        generations=tuple(draw(generations(number, breaches)) for number in numbers),
        primary=draw(st.sampled_from(numbers)),
        secondary=draw(st.sampled_from([None, *numbers])),
        group_enabled=draw(st.booleans()),
    )


@settings(max_examples=200)
@given(states())
def test_every_state_has_exactly_one_phase_and_a_step_or_a_reason(observed: Observed) -> None:
    standing = classify(observed)
    assert standing == classify(observed)
    assert standing.phase in Phase
    assert standing.step in Step
    compromised = observed.generation(standing.old).breach is not None
    assert standing.old <= standing.new or compromised
    if standing.phase is Phase.BREACHED:  # one compromised root is not replaced by another
        assert observed.generation(standing.new).breach is None
    if standing.step is Step.STAGE:  # no number is ever used twice
        assert observed.generation(standing.new).in_vault is not VaultState.RETIRED


@settings(max_examples=200)
@given(states())
def test_a_secondary_that_repeats_the_primary_counts_as_none(observed: Observed) -> None:
    """DPS answers it so if only a primary was ever set."""
    assert classify(replace(observed, secondary=observed.primary)) == classify(replace(observed, secondary=None))


# --- repeated steps ---------------------------------------------------------------------------------------------------


def with_generation(observed: Observed, number: int, **changes: object) -> Observed:
    """The state with one generation changed, or added."""
    changed = replace(observed.generation(number), **changes)  # type: ignore[arg-type]
    others = [one for one in observed.generations if one.number != number]
    return replace(observed, generations=tuple(sorted([*others, changed], key=lambda one: one.number)))


def after_step(observed: Observed, standing: Standing) -> Observed:
    """The state after a step: a small model of Azure, written from the documentation of the steps."""
    old, new = standing.old, standing.new
    match standing.step:
        case Step.STAGE:
            return with_generation(observed, new, in_vault=VaultState.FINISHED, trust=Trust.ABSENT)
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
                if is_remnant(one, new):
                    observed = after_retiring(observed, one.number)
            return replace(observed, secondary=None)
        case Step.SETTLE:
            return with_generation(observed, new, draining_since=None)
        case Step.CUT_OFF:
            others = [number for number in observed.trusted if number != old]
            disabled = observed if others else replace(observed, group_enabled=False)
            primary = others[-1] if others else observed.primary
            return with_generation(
                after_retiring(replace(disabled, primary=primary, secondary=None), old), old, breach=Breach.CUT
            )
        case Step.ADMIT:
            reopened = observed.group_enabled or observed.generation(old).reopen
            return replace(observed, primary=new, secondary=None, group_enabled=reopened)
        case Step.READMIT:
            return with_generation(with_generation(observed, new, draining_since=None), old, breach=Breach.OVER)


def after_retiring(observed: Observed, number: int) -> Observed:
    """The state after a root was removed from the DPS and disabled in the vault, if the vault has it."""
    absent = observed.generation(number).in_vault is VaultState.ABSENT
    return with_generation(observed, number, in_vault=VaultState.ABSENT if absent else VaultState.RETIRED, trust=Trust.ABSENT)


def steps_from(observed: Observed) -> Iterator[tuple[Observed, Standing]]:
    """The states from this one to *stable* or to a trouble, each with its phase and step."""
    for _ in range(LONGEST):
        standing = classify(observed)
        yield observed, standing
        if standing.trouble or (standing.phase is Phase.STABLE and standing.new not in present(observed)):
            return
        observed = after_step(observed, standing)
    raise AssertionError(f"no end after {LONGEST} steps: {observed}")


def present(observed: Observed) -> set[int]:
    """The generations that are in the vault, finished or not."""
    return {one.number for one in observed.generations if one.is_present}


@settings(max_examples=200)
@given(states())
def test_repeated_steps_always_reach_stable_or_name_the_trouble(observed: Observed) -> None:
    *_, (last, standing) = steps_from(observed)
    if not standing.trouble:
        assert standing.phase is Phase.STABLE
        assert last.secondary in (None, last.primary)
        older = [one for one in last.generations if one.number < last.primary]
        assert not any(one.needs_retiring for one in older)


@settings(max_examples=200)
@given(states())
def test_no_step_of_a_planned_rotation_takes_a_trusted_root_from_a_device(observed: Observed) -> None:
    """A device with a certificate under a trusted root keeps one, and the DPS has verified the primary."""
    for before, standing in steps_from(observed):
        if standing.trouble or standing.phase in (Phase.BREACHED, Phase.STABLE):
            continue
        after = after_step(before, standing)
        lost = [one.number for one in after.generations if one.leaves and one.number not in after.trusted]
        assert all(number not in before.trusted for number in lost)
        if after.primary != before.primary:
            assert after.generation(after.primary).trust is Trust.VERIFIED


@settings(max_examples=200)
@given(states(), st.booleans())
def test_a_breach_leaves_nothing_of_the_compromised_root(observed: Observed, newer: bool) -> None:
    number = observed.trusted[-1 if newer else 0]
    compromised = with_generation(observed, number, breach=Breach.BEGUN)
    standing = classify(compromised)
    assert standing.phase is Phase.BREACHED
    *_, (last, end) = steps_from(compromised)
    if not end.trouble:
        assert number not in last.trusted
        assert not last.generation(number).needs_retiring
        assert last.generation(number).leaves == 0


DRAINING = Observed((finished(1), finished(2, leaves=3, draining_since=SINCE)), 2, 1)


def test_the_grace_period_begins_when_the_old_root_is_draining() -> None:
    standing = classify(DRAINING)
    assert grace_end(DRAINING, standing, timedelta(days=30)) == SINCE + timedelta(days=30)
    promoted = Observed((finished(1), finished(2, leaves=3)), 2, 1)
    assert grace_end(promoted, classify(promoted), GRACE) is None


def test_no_device_is_waited_for_after_the_group_stopped_trusting_the_old_root() -> None:
    """No device can register with a certificate under it any more."""
    alone = replace(DRAINING, secondary=None)
    standing = classify(alone)
    assert (standing.phase, standing.step) == (Phase.DRAINING, Step.RETIRE)
    assert grace_end(alone, standing, GRACE) is None
    assert disabled_group_trouble(replace(alone, group_enabled=False), standing, GRACE, "devices") == ""


def test_the_grace_period_does_not_pass_while_the_group_is_disabled() -> None:
    disabled = replace(DRAINING, group_enabled=False)
    said = "the enrollment group devices is disabled: no device can move to root-g2"
    assert disabled_group_trouble(disabled, classify(disabled), GRACE, "devices") == said
    assert disabled_group_trouble(disabled, classify(disabled), timedelta(0), "devices") == ""
    with pytest.raises(Refused, match=said):
        next_step(disabled, classify(disabled), None, GRACE, begun=False, group="devices")


@pytest.mark.parametrize(
    ("observed", "until", "begun", "step"),
    [
        (Observed((finished(1),), 1), None, False, Step.STAGE),
        (Observed((finished(1),), 1), Phase.STABLE, False, Step.STAGE),
        (Observed((finished(1),), 1), Phase.STABLE, True, None),
        (Observed((finished(1),), 1), Phase.PROVEN, True, None),
        (Observed((finished(1), finished(2)), 1), Phase.PROVEN, False, None),
        (Observed((finished(1), finished(2)), 1), Phase.STAGED, False, None),
        (Observed((finished(1), finished(2)), 1), Phase.OVERLAPPING, False, Step.OVERLAP),
        (Observed((finished(1), finished(2)), 1), Phase.STABLE, True, Step.OVERLAP),
        (Observed((finished(1, leaves=1), finished(2, leaves=2)), 1, 2), Phase.REISSUING, True, Step.REISSUE),
        (Observed((finished(1), finished(2, leaves=3)), 1, 2), Phase.REISSUING, True, None),
        (Observed((finished(1, breach=Breach.BEGUN),), 1), Phase.STAGED, False, Step.CUT_OFF),
    ],
)
def test_the_next_step_until_a_phase(observed: Observed, until: Phase | None, begun: bool, step: Step | None) -> None:
    assert next_step(observed, classify(observed), until, GRACE, begun=begun, group="devices") is step


def test_the_hint_for_a_trouble_offers_undo_if_it_is_possible() -> None:
    disabled = Observed((finished(1), Generation(2, VaultState.DISABLED)), 1)
    with pytest.raises(Refused, match="the next root, root-g2, is disabled in the vault") as refused:
        next_step(disabled, classify(disabled), None, GRACE, begun=False, group="devices")
    assert refused.value.hint == "enable or recover root-g2 in the vault, or undo the rotation: dpsops rotate undo"
    in_use = Observed((finished(1), replace(finished(2, leaves=1), in_vault=VaultState.DISABLED)), 1, 2)
    with pytest.raises(Refused) as refused:
        next_step(in_use, classify(in_use), None, GRACE, begun=False, group="devices")
    assert refused.value.hint == "enable or recover root-g2 in the vault"
