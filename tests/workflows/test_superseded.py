"""Superseded versions of devices' secrets: nobody can read an old key once it is of no use, and no key that is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Denied, Error
from dpsops.model.action import Action, Failed
from dpsops.model.device import SecretVersion
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase
from dpsops.pki.names import DeviceId, secret_name
from tests.workflows.boundaries import boundaries
from tests.workflows.by_hand import azure
from tests.workflows.commands import block, enroll, issue_to, renew, replace_compromised, rotate, rotate_named
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.killing import kill_after
from tests.workflows.rotations import NONE, phase
from tests.worlds import World, waited

YEAR = timedelta(days=366).total_seconds()


def versions(world: World, device: DeviceId = PRESS) -> list[SecretVersion]:
    return waited(world.connect().leaves.history(device))


def require_unreadable(world: World, version: SecretVersion, device: DeviceId = PRESS) -> None:
    with pytest.raises(Denied) as denied:
        waited(world.connect().leaves.chain(device, version))
    assert "disabled" in str(denied.value)


def registered(world: World, *devices: DeviceId) -> None:
    """Issues a certificate to these devices, and registers them with it."""
    issue_to(world.connect(), *devices)
    register(world, *devices)


def register(world: World, *devices: DeviceId) -> None:
    for device in devices:
        Device.fetched(world.connect(), device).register(world.connect())
    world.clock.advance(10)


def disabled(results: Iterable[object]) -> list[str]:
    return [each.target for each in results if isinstance(each, Action) and each.target.startswith("older secret versions")]


def test_an_old_key_cannot_be_read_after_a_rotation(quick: World) -> None:
    registered(quick, PRESS, OTHER)
    (old,) = versions(quick)
    rotate(quick.connect(), Phase.DRAINING)
    register(quick, PRESS)
    done = rotate(quick.connect(), Phase.STABLE, NONE)  # leaves press-08 behind, which still uses the old one
    assert disabled(done) == [f"older secret versions of {PRESS}"]
    require_unreadable(quick, old)
    assert [each.leaf.generation for each in versions(quick) if each.leaf] == [2]
    assert [each.leaf.generation for each in versions(quick, OTHER) if each.leaf] == [2, 1]
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_an_old_key_cannot_be_read_after_a_breach(quick: World) -> None:
    registered(quick, PRESS)
    (old,) = versions(quick)
    quick.clock.advance(10)
    done = replace_compromised(quick.connect())
    assert disabled(done) == [f"older secret versions of {PRESS}"]
    require_unreadable(quick, old)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_renewal_disables_what_was_superseded_before(quick: World) -> None:
    registered(quick, PRESS)
    (first,) = versions(quick)
    quick.clock.advance(YEAR)  # it has expired
    renew(quick.connect(), PRESS)
    assert len(versions(quick)) == 2  # the device has not used the new one yet
    register(quick, PRESS)
    assert disabled(renew(quick.connect(), PRESS)) == [f"older secret versions of {PRESS}"]
    require_unreadable(quick, first)
    assert len(versions(quick)) == 2


def test_a_device_that_uses_the_older_certificate_keeps_it(quick: World) -> None:
    registered(quick, PRESS)
    for _ in range(3):
        quick.clock.advance(10)
        assert disabled(renew(quick.connect(), PRESS, again=True)) == []
    quick.clock.advance(YEAR)
    renew(quick.connect(), PRESS)
    assert len(versions(quick)) == 5


def test_what_an_individual_enrollment_holds_stays_readable(quick: World) -> None:
    registered(quick, PRESS)
    enroll(quick.connect(), PRESS, IndividualSettings())
    quick.clock.advance(YEAR)
    renew(quick.connect(), PRESS)
    quick.clock.advance(10)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    assert disabled(renew(quick.connect(), PRESS)) == [f"older secret versions of {PRESS}"]
    assert len(versions(quick)) == 2  # both are in the enrollment


def test_nothing_of_a_blocked_device_is_disabled(quick: World) -> None:
    registered(quick, PRESS, OTHER)
    rotate(quick.connect(), Phase.DRAINING)
    register(quick, PRESS, OTHER)
    block(quick.connect(), PRESS)
    done = rotate(quick.connect(), Phase.STABLE)
    assert disabled(done) == [f"older secret versions of {OTHER}"]
    assert len(versions(quick)) == 2


def test_a_failure_for_one_device_stops_no_other_and_is_mended_by_the_next_run(quick: World) -> None:
    registered(quick, PRESS, OTHER)
    rotate(quick.connect(), Phase.DRAINING)
    register(quick, PRESS, OTHER)
    azure(quick).faults.add(Fault(Refuse(Response(409, {"error": {"code": "Conflict", "message": "no"}})), of_press, times=None))
    done = rotate(quick.connect(), Phase.STABLE)
    (failed,) = [each for each in done if isinstance(each, Failed)]
    assert (failed.device, failed.reason.startswith("the older versions of its secret were not disabled: ")) == (PRESS, True)
    assert disabled(done) == [f"older secret versions of {OTHER}"]
    assert phase(quick.connect()) is Phase.RETIRED
    azure(quick).faults.clear()
    assert disabled(rotate_named(quick.connect(), 1, Phase.STABLE)) == [f"older secret versions of {PRESS}"]
    assert phase(quick.connect()) is Phase.STABLE


def of_press(request: Request) -> bool:
    return request.method == "PATCH" and request.path.startswith(f"/secrets/{secret_name(PRESS)}/")


def test_what_was_killed_is_completed(quick: World) -> None:
    registered(quick, PRESS, OTHER)
    rotate(quick.connect(), Phase.DRAINING)
    register(quick, PRESS, OTHER)
    for boundary in boundaries():
        quick.sign_out()
        connection = quick.connect()
        kill_after(quick, boundary)
        try:
            done = rotate_named(connection, 1, Phase.STABLE)
        except Error:
            continue
        finally:
            azure(quick).faults.clear()
        if not any(isinstance(each, Failed) for each in done):
            break
    assert [len(versions(quick, device)) for device in (PRESS, OTHER)] == [1, 1]
    assert phase(quick.connect()) is Phase.STABLE
