"""The devices that a rotation waits for, and which certificate each device has in each phase."""

from __future__ import annotations

from datetime import timedelta

from dpsops.model.action import Action, Failed
from dpsops.model.device import Order, Unchanged
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase
from dpsops.steps.use_root import issuer
from tests.workflows.by_hand import azure
from tests.workflows.commands import (
    block,
    enroll,
    issue_to,
    leaf_issuer,
    renew,
    rotate,
    rotation_status,
    status,
    unblock,
)  # fmt: skip
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.rotations import MONTH, NONE, fail_for_press_08, issued, phase, step, waits
from tests.worlds import World, environment, waited


def test_a_new_device_is_not_waited_for_but_one_that_never_registered_is(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.DRAINING)
    issued(quick, OTHER)
    assert [(one.device, one.reason) for one in waits(quick.connect())] == [(PRESS, "never registered")]
    quick.clock.advance(MONTH.total_seconds() - 1)
    assert step(quick.connect()) == []
    quick.clock.advance(2)
    assert waits(quick.connect()) == ()
    assert step(quick.connect())
    assert phase(quick.connect()) is Phase.RETIRED


def test_a_device_whose_old_certificate_has_expired_is_not_waited_for(quick: World) -> None:
    quick.environment = environment(root={"key": "EC-P256"}, leaf={"days": 20})
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.DRAINING)
    assert waits(quick.connect())
    quick.clock.advance(timedelta(days=20).total_seconds())
    assert waits(quick.connect()) == ()


def test_a_renewal_after_a_device_has_moved_does_not_make_it_wait_again(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.DRAINING)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    renew(quick.connect(), PRESS)
    assert waits(quick.connect()) == ()


def test_a_device_that_is_unblocked_late_gets_a_certificate_under_the_new_root(quick: World) -> None:
    issued(quick, PRESS, OTHER)
    block(quick.connect(), OTHER)
    step(quick.connect(), until=Phase.DRAINING)
    assert {one.device: one.generation for one in waited(quick.connect().leaves.all())} == {PRESS: 2, OTHER: 1}
    unblock(quick.connect(), OTHER)
    assert [action.target for action in step(quick.connect())] == ["leaf of press-08"]
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    block(quick.connect(), PRESS)
    assert [one.device for one in rotation_status(quick.connect()).left_behind] == [OTHER]
    Device.fetched(quick.connect(), OTHER).register(quick.connect())
    assert status(quick.connect()).next == ()


def test_an_individual_enrollment_accepts_both_certificates_and_then_only_the_new_one(quick: World) -> None:
    """It accepts only the certificates that it contains: both while both roots are trusted, and then only the new one."""
    issued(quick, PRESS)
    enroll(quick.connect(), PRESS, IndividualSettings(twin={"line": 1}))
    old = Device.fetched(quick.connect(), PRESS)
    old.register(quick.connect())
    step(quick.connect(), until=Phase.DRAINING)
    new = Device.fetched(quick.connect(), PRESS)
    old.register(quick.connect())
    assert [one.device for one in waits(quick.connect())] == [PRESS]
    new.register(quick.connect())
    assert waits(quick.connect()) == ()
    assert "holds the new leaf alone" in [action.outcome for action in step(quick.connect())]
    old.require_refused(quick.connect())
    new.register(quick.connect())
    found = quick.connect().clients.enrollments.get(f"/enrollments/{PRESS}")
    assert found is not None
    assert found["initialTwin"]["properties"]["desired"] == {"line": 1}
    renew(quick.connect(), PRESS)
    new.register(quick.connect())
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_certificate_that_was_issued_late_under_the_old_root_is_reissued(quick: World) -> None:
    """A run that began before the overlap can end after the reissue: then the newest certificate is under the old root."""
    issued(quick, PRESS)
    connection = quick.connect()
    before = issuer(connection.run, connection.roots, connection.dps)
    step(quick.connect(), until=Phase.REISSUING)
    quick.clock.advance(1)
    list(leaf_issuer(connection, before).issue([PRESS], Order.AGAIN))
    quick.clock.advance(1)
    assert [one.generation for one in waited(quick.connect().leaves.all())] == [1]
    assert [action.target for action in step(quick.connect())] == ["leaf of press-07"]
    assert [one.generation for one in waited(quick.connect().leaves.all())] == [2]
    assert [type(one) for one in issue_to(quick.connect(), PRESS)] == [Unchanged]
    step(quick.connect(), until=Phase.STABLE, grace=NONE)


def test_a_device_that_gets_no_certificate_is_named_and_stops_the_rotation(quick: World) -> None:
    issued(quick, PRESS, OTHER)
    step(quick.connect(), until=Phase.OVERLAPPING)
    fail_for_press_08(quick)
    done = rotate(quick.connect(), Phase.STABLE, NONE)
    assert [type(one) for one in done] == [Action, Failed]
    assert phase(quick.connect()) is Phase.REISSUING
    azure(quick).faults.clear()
    assert [action.target for action in step(quick.connect())] == ["leaf of press-08"]
