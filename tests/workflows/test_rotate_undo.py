"""Undoing a rotation."""

from __future__ import annotations

import pytest

from dpsops.errors import Refused
from dpsops.model.action import Action, Note
from dpsops.model.rotation import Phase, Standing, Step
from dpsops.steps.put_group import trust_roots
from dpsops.workflows.rotation.undo import undo as undo_rotation
from tests.workflows.commands import parts, status, undo, up, view
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.rotations import NONE, issued, observed, standing, step
from tests.worlds import World


def test_a_rotation_is_taken_back(world: World) -> None:
    up(world.connect())
    step(world.connect(), until=Phase.OVERLAPPING)
    assert [action.outcome for action in undo(world.connect())] == [
        "trusts root-g1", "disabled in the vault, not deleted", "removed",
    ]  # fmt: skip
    assert standing(world.connect()) == Standing(Phase.STABLE, Step.STAGE, 1, 3)
    assert up(world.connect()) == []


@pytest.mark.parametrize("reached", [Phase.STAGED, Phase.PROVEN, Phase.OVERLAPPING])
def test_undo_goes_back_to_the_old_root(quick: World, reached: Phase) -> None:
    issued(quick, PRESS)
    old = Device.fetched(quick.connect(), PRESS)
    step(quick.connect(), until=reached)
    undo(quick.connect())
    assert standing(quick.connect()) == Standing(Phase.STABLE, Step.STAGE, 1, 3)
    assert list(undo_rotation(parts(quick.connect()))) == [Note("the rotation to root-g2 is undone: nothing of it is left to do")]
    (dps,) = quick.connect().stores
    assert list(dps.all()) == ["root-g1"]
    old.register(quick.connect())
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    assert observed(quick.connect()).primary == 3


@pytest.mark.parametrize("reached", [Phase.REISSUING, Phase.PROMOTED, Phase.DRAINING])
def test_undo_is_refused_if_a_device_may_need_the_new_root(quick: World, reached: Phase) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=reached)
    before = observed(quick.connect())
    with pytest.raises(Refused, match=r"1 device\(s\) have a certificate under root-g2 and may use it already"):
        undo(quick.connect())
    assert observed(quick.connect()) == before


def test_undo_without_a_rotation(quick: World) -> None:
    with pytest.raises(Refused, match="there is no rotation to undo"):
        undo(quick.connect())


def test_a_change_that_somebody_else_made_in_the_meantime_is_reported(quick: World) -> None:
    step(quick.connect(), until=Phase.OVERLAPPING)
    seen = view(quick.connect())
    undo(quick.connect())
    connection = quick.connect()
    with pytest.raises(Refused, match=r"somebody else has changed .* in the meantime \(2026-.* UTC\): it now trusts root-g1"):
        list(trust_roots(connection.run, connection.dps, seen.group, 2, 1))
    assert observed(quick.connect()).primary == 1


def test_a_rotation_that_another_run_completes_in_the_meantime_keeps_its_root(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.OVERLAPPING)
    undoing = undo_rotation(parts(quick.connect()))
    assert next(undoing) == Action("modify", "enrollment group devices", "trusts root-g1")
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    with pytest.raises(Refused, match="a device has got a certificate under root-g2 in the meantime"):
        list(undoing)
    found = observed(quick.connect())
    assert found.trusted == (2,)
    assert found.generation(2).is_sound
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_rotation_that_begins_after_the_root_is_disabled_makes_another_one(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.OVERLAPPING)
    undoing = undo_rotation(parts(quick.connect()))
    assert next(undoing) == Action("modify", "enrollment group devices", "trusts root-g1")
    assert next(undoing) == Action("retire", "root root-g2", "disabled in the vault, not deleted")
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    list(undoing)
    assert observed(quick.connect()).trusted == (3,)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_rotation_that_has_read_all_before_the_root_was_disabled_cannot_trust_it(quick: World) -> None:
    """DPS would refuse the devices of a group that names a root which was removed."""
    step(quick.connect(), until=Phase.PROVEN)
    seen, late = view(quick.connect()), quick.connect()
    undo(quick.connect())
    with pytest.raises(Refused, match="somebody else has changed the enrollment group"):
        list(trust_roots(late.run, late.dps, seen.group, 1, 2))


def test_what_an_undo_has_left_is_named_and_removed(quick: World) -> None:
    """As after a run that has uploaded the root again, or an undo that was killed."""
    step(quick.connect(), until=Phase.PROVEN)
    for done in undo_rotation(parts(quick.connect())):
        if isinstance(done, Action) and done.action == "retire":
            break
    assert [each for each in status(quick.connect()).next if "undo" in each] == [
        "root-g2 is retired, and the DPS or a hub still has it: dpsops rotate undo"
    ]
    assert [done.action for done in undo(quick.connect())] == ["remove"]
    assert not [each for each in status(quick.connect()).next if "undo" in each]
