"""Undoing a rotation."""

from __future__ import annotations

import pytest

from dpsops.errors import Refused
from dpsops.model.action import Note
from dpsops.model.rotation import Phase, Standing, Step
from dpsops.steps.put_group import trust_roots
from tests.workflows.commands import rotation, undo, up, view
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.rotations import NONE, issued, observed, standing, step
from tests.worlds import World


def test_a_rotation_is_taken_back(world: World) -> None:
    up(world.connect())
    step(world.connect(), until=Phase.OVERLAPPING)
    assert [action.outcome for action in undo(world.connect())] == [
        "trusts root-g1", "removed", "disabled in the vault, not deleted",
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
    assert list(rotation(quick.connect()).undo()) == [Note("the rotation to root-g2 is undone: nothing of it is left to do")]
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
