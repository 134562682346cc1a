"""`status` that counts every device: the same answers as `device list` and `rotate status`, in one pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Response
from dpsops.errors import Denied
from dpsops.model.census import Wait
from dpsops.model.rotation import Phase
from dpsops.pki.names import DeviceId, device_id
from tests.workflows.by_hand import azure
from tests.workflows.commands import block, counted_status, issue_to, members, renew, rotate, rotation_status, whole_status
from tests.workflows.devices import Device
from tests.workflows.doing import HUB, OTHER, PRESS
from tests.workflows.identities import as_identity, role_named
from tests.workflows.rotations import NONE, issued
from tests.workflows.test_readers import ENOUGH, READER
from tests.worlds import World

NINE, TEN = device_id("press-09"), device_id("press-10")


def registered(world: World, *devices: DeviceId) -> None:
    """Lets devices register with their newest certificate."""
    for device in devices:
        Device.fetched(world.connect(), device).register(world.connect())


def sent(world: World, command: Callable[[Connection], object]) -> list[tuple[str, str, str]]:
    """The requests of a command."""
    command(world.connect())
    return [(each.method, each.host, each.path) for each in world.exchanges]


def test_the_count_is_what_the_list_of_devices_shows(quick: World) -> None:
    issued(quick, PRESS, OTHER)
    issue_to(quick.connect(), NINE, TEN)
    registered(quick, PRESS, OTHER)
    renew(quick.connect(), OTHER)
    block(quick.connect(), TEN)
    fleet = counted_status(quick.connect()).fleet
    assert fleet is not None
    assert fleet.waits == {Wait.NOTHING: 1, Wait.NEW: 1, Wait.NEVER: 1, Wait.BLOCKED: 1}
    assert fleet.total == len(members(quick.connect())) == 4
    assert fleet.hubs == {HUB: 2}
    assert fleet.ages == {0: 3}
    assert (fleet.identities, fleet.enrollments) == (True, True)


def test_nothing_is_counted_unless_it_is_asked_for(quick: World) -> None:
    issued(quick, PRESS)
    registered(quick, PRESS)
    plain = sent(quick, whole_status)
    assert whole_status(quick.connect()).fleet is None
    assert not [each for each in plain if each[1] == HUB]
    with_count = sent(quick, counted_status)
    assert with_count[: len(plain)] == plain
    assert with_count[len(plain) :] == [("GET", HUB, f"/devices/{PRESS}")]


def test_what_a_rotation_waits_for_and_leaves_behind_is_what_its_own_status_says(quick: World) -> None:
    issued(quick, PRESS, OTHER)
    registered(quick, PRESS, OTHER)
    rotate(quick.connect(), Phase.DRAINING)
    registered(quick, PRESS)
    found = counted_status(quick.connect())
    assert found.fleet is not None
    assert found.fleet.listed == rotation_status(quick.connect()).waiting.devices
    assert [each.device for each in found.fleet.listed] == [OTHER]
    assert (found.fleet.waits, found.devices.left_behind) == ({Wait.NOTHING: 1, Wait.NEW: 1}, 0)

    rotate(quick.connect(), Phase.STABLE, NONE)
    found = counted_status(quick.connect())
    assert found.fleet is not None
    assert found.fleet.listed == rotation_status(quick.connect()).left_behind
    assert (found.fleet.waits, found.devices.left_behind) == ({Wait.NOTHING: 1, Wait.LEFT_BEHIND: 1}, 1)
    plain = whole_status(quick.connect())
    assert (found.next, found.devices) == (plain.next, plain.devices)


def test_who_may_not_read_the_hubs_is_told_what_was_not_seen(quick: World) -> None:
    issued(quick, PRESS)
    registered(quick, PRESS)
    eyes = as_identity(quick, READER, *map(role_named, ENOUGH - {"IoT Hub Data Reader"}))
    begun = quick.clock.now()
    fleet = counted_status(eyes.connect()).fleet
    assert quick.clock.now() - begun < 60
    assert fleet is not None
    assert (fleet.identities, fleet.enrollments) == (False, True)
    assert fleet.waits == {Wait.NOTHING: 1}
    assert fleet.hubs == {HUB: 1}


def test_nobody_says_that_none_was_left_behind_who_cannot_see_it(quick: World) -> None:
    issued(quick, PRESS)
    registered(quick, PRESS)
    rotate(quick.connect(), Phase.STABLE, NONE)
    eyes = as_identity(quick, READER, *map(role_named, ENOUGH - {"IoT Hub Data Reader"}))
    with pytest.raises(Denied):
        whole_status(eyes.connect())
    with pytest.raises(Denied):
        counted_status(eyes.connect())


def test_who_may_not_read_the_individual_enrollments_is_told_so(quick: World) -> None:
    issued(quick, PRESS)
    registered(quick, PRESS)
    denied = Response(403, {"errorCode": 403002, "message": "Forbidden"})
    azure(quick).faults.add(Fault(Refuse(denied), lambda request: request.path == "/enrollments/query", times=None))
    found = counted_status(quick.connect())
    assert found.fleet is not None
    assert (found.fleet.identities, found.fleet.enrollments) == (True, False)
    assert found.fleet.waits == {Wait.NOTHING: 1}
    assert any("this identity may not read them" in step for step in found.next)


def test_an_environment_that_is_not_there_has_no_count(embedded: World) -> None:
    assert counted_status(embedded.connect()).fleet is None
