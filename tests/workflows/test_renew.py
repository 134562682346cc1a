"""A renewal, also one that is interrupted and said again, never locks out a device that is enrolled by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Timings
from dpsops.errors import Denied, Error, Unavailable
from dpsops.model.action import Action, Failed
from dpsops.model.device import Issued, Unchanged
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase
from dpsops.pki.names import device_id
from tests.workflows.boundaries import boundaries
from tests.workflows.by_hand import azure
from tests.workflows.commands import block, enroll, issue_to, renew, rotate, unblock, up
from tests.workflows.devices import Device
from tests.workflows.doing import HUB, OTHER, PRESS
from tests.workflows.killing import kill_after
from tests.workflows.rotations import NONE, identity, pinned
from tests.workflows.saved import Saved
from tests.worlds import World, embedded_world, environment, start_embedded, waited

HOUR = timedelta(hours=1).total_seconds()


def enrolled(world: World) -> Device:
    """press-07, enrolled by itself, and registered with its certificate."""
    issue_to(world.connect(), PRESS)
    enroll(world.connect(), PRESS, IndividualSettings())
    device = Device.fetched(world.connect(), PRESS)
    device.register(world.connect())
    return device


def once(world: World, *, again: bool = False) -> Issued | Unchanged | Failed:
    """Renews press-07 after a pause, because a vault dates to the second."""
    world.clock.advance(10)
    (result,) = renew(world.connect(), PRESS, again=again)
    assert not isinstance(result, Action)
    return result


@pytest.mark.usefixtures("unmeasured")
def test_a_renewal_that_was_killed_at_any_boundary_is_completed_and_not_repeated(tmp_path: Path) -> None:
    with start_embedded(tmp_path, Timings()) as running:
        world = embedded_world(running, environment(root={"key": "EC-P256"}), direct=True)
        up(world.connect())
        device = enrolled(world)
        before = Saved.of(tmp_path)
        results = list[type]()
        for boundary in boundaries():
            before.restore()
            world.sign_out()
            connection = world.connect()
            kill_after(world, boundary)
            try:
                renew(connection, PRESS, again=True)
                killed = False
            except Error:
                killed = True
            running.azure.faults.clear()
            for _ in range(2):
                results.append(type(once(world)))
            device.register(world.connect())
            Device.fetched(world.connect(), PRESS).register(world.connect())
            device.register(world.connect())
            if not killed:
                break
        assert boundary > 8
        assert results[:2] == [Issued, Unchanged]  # nothing was done before it was killed
        assert results[-2:] == [Unchanged, Unchanged]


def test_the_certificate_in_use_stays_however_often_the_device_is_renewed(quick: World) -> None:
    device = enrolled(quick)
    for wait in (10.0, HOUR, 10.0):
        quick.clock.advance(wait)
        assert isinstance(once(quick, again=wait < HOUR), Issued)
        assert len(set(pinned(quick.connect(), PRESS))) == 2
        device.register(quick.connect())
    newest = Device.fetched(quick.connect(), PRESS)
    newest.register(quick.connect())
    assert isinstance(once(quick), Issued)  # the newest one is used now, so another one may take the place of the first
    newest.register(quick.connect())
    device.require_refused(quick.connect())


def test_a_fresh_certificate_that_is_not_used_is_reported(quick: World) -> None:
    device = enrolled(quick)
    quick.clock.advance(HOUR)
    made = once(quick)
    assert isinstance(made, Issued)
    assert once(quick) == Unchanged(PRESS, made.secret_id, made.leaf, unused=True)
    assert isinstance(once(quick, again=True), Issued)
    quick.clock.advance(HOUR)
    assert isinstance(once(quick), Issued)
    device.register(quick.connect())


def test_a_reported_certificate_is_in_the_enrollment(quick: World) -> None:
    """A run that did not see the enrollment, and was killed before it looked again, has left it out."""
    device = enrolled(quick)
    nothing = Refuse(Response(404, {"errorCode": 404_201, "message": ""}))
    azure(quick).faults.add(Fault(nothing, lambda request: request.path == f"/enrollments/{PRESS}", times=None))
    once(quick, again=True)
    azure(quick).faults.clear()
    assert len(set(pinned(quick.connect(), PRESS))) == 1
    assert isinstance(once(quick), Unchanged)
    device.register(quick.connect())
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_how_long_a_certificate_is_fresh_is_a_setting(quick: World) -> None:
    quick.environment = environment(root={"key": "EC-P256"}, leaf={"fresh_minutes": 0})
    issue_to(quick.connect(), PRESS)
    assert isinstance(once(quick), Issued)


def test_a_device_of_the_group_is_renewed_once_too(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    assert isinstance(once(quick), Unchanged)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    assert isinstance(once(quick), Issued)
    assert isinstance(once(quick), Unchanged)


def test_a_rotation_keeps_the_certificate_in_use_too(quick: World) -> None:
    device = enrolled(quick)
    once(quick, again=True)
    rotate(quick.connect(), Phase.REISSUING, NONE)
    device.register(quick.connect())
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_device_that_is_enrolled_after_a_renewal_keeps_the_certificate_in_use(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    device = Device.fetched(quick.connect(), PRESS)
    device.register(quick.connect())
    once(quick, again=True)
    enroll(quick.connect(), PRESS, IndividualSettings())
    device.register(quick.connect())
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_block_takes_the_certificate_in_use_along(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    device = Device.fetched(quick.connect(), PRESS)
    device.register(quick.connect())
    for _ in range(2):
        once(quick, again=True)
    used = str(identity(quick.connect())["authentication"]["x509Thumbprint"]["primaryThumbprint"])
    block(quick.connect(), PRESS)
    newest = waited(quick.connect().leaves.leaves(PRESS))[0].thumbprint
    assert pinned(quick.connect(), PRESS) == (newest, used)
    assert block(quick.connect(), PRESS) == []


def test_a_certificate_that_the_vault_does_not_know_stays_if_the_device_uses_it(quick: World) -> None:
    device = enrolled(quick)
    connection = quick.connect()
    (first,) = waited(connection.leaves.versions(PRESS))
    once(quick, again=True)
    connection.clients.secrets.update_secret_properties(f"device-{PRESS}", first.version, enabled=False)
    once(quick, again=True)
    device.register(quick.connect())


def test_after_an_unblock_the_identity_says_nothing_of_the_device(quick: World) -> None:
    """`unblock` has written the thumbprint itself; so the certificate in the vault keeps its place beside the new one."""
    enrolled(quick)
    once(quick, again=True)
    present = Device.fetched(quick.connect(), PRESS)
    block(quick.connect(), PRESS)
    unblock(quick.connect(), PRESS)
    once(quick, again=True)
    present.register(quick.connect())


def of_hub(request: Request) -> bool:
    """Whether a request is for the hub's own API."""
    return request.host == HUB


@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        (Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})), Denied),
        (Drop(work_done=False), Unavailable),
    ],
    ids=["denied", "no answer"],
)
def test_a_hub_that_does_not_say_which_certificate_is_in_use_stops_the_renewal(
    quick: World, effect: Any, kind: type[Error]
) -> None:
    enrolled(quick)
    before = pinned(quick.connect(), PRESS)
    azure(quick).faults.add(Fault(effect, of_hub, times=None))
    with pytest.raises(kind):
        once(quick, again=True)
    assert pinned(quick.connect(), PRESS) == before


def test_a_former_hub_that_denies_access_is_the_failure_of_its_device(quick: World) -> None:
    enrolled(quick)
    quick.environment = environment(root={"key": "EC-P256"}, hub=[{"name": "iot-another"}])
    refusal = Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"}))
    azure(quick).faults.add(Fault(refusal, of_hub, times=None))
    result = once(quick, again=True)
    assert isinstance(result, Failed)
    assert "denies access, so nobody knows which certificate it uses" in result.reason
    azure(quick).faults.clear()
    azure(quick).faults.add(Fault(Drop(work_done=False), of_hub, times=None))
    assert isinstance(once(quick, again=True), Issued)  # a hub that is gone: the device cannot be connected there


def test_a_name_that_never_had_a_certificate_is_not_renewed(quick: World) -> None:
    issue_to(quick.connect(), PRESS, OTHER, device_id("drill-01"))
    first, second, third = renew(quick.connect(), device_id("pres-07"), device_id("lathe"), PRESS, again=True)
    assert first == Failed(
        device_id("pres-07"),
        "it has no certificate in the vault that could be renewed (did you mean press-07 or press-08?): "
        "'dpsops device issue pres-07' issues the first one",
    )
    assert second == Failed(
        device_id("lathe"),
        "it has no certificate in the vault that could be renewed: 'dpsops device issue lathe' issues the first one",
    )
    assert isinstance(third, Issued)
    assert {leaf.device for leaf in waited(quick.connect().leaves.all())} == {"press-07", "press-08", "drill-01"}


def test_a_name_is_refused_even_if_the_devices_cannot_be_listed(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    listing = Fault(Drop(work_done=False), lambda request: request.path == "/secrets", times=None)
    azure(quick).faults.add(listing)
    (result,) = renew(quick.connect(), device_id("pres-07"))
    assert isinstance(result, Failed)
    assert "did you mean" not in result.reason
