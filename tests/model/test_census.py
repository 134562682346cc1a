"""The fleet, counted: each device once, for the most urgent thing that it waits for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dpsops.model.census import LISTED, NAMED, Census, Wait
from dpsops.model.member import Member, WaitingDevice
from dpsops.pki.names import DeviceId
from tests.reports import HOSTS, NOW, counted, member

WELL = member(1)


@pytest.mark.parametrize(
    ("found", "wait"),
    [
        (WELL, Wait.NOTHING),
        (member(1, left=30), Wait.EXPIRING),
        (member(1, left=31), Wait.NOTHING),
        (member(1, uses="older"), Wait.NEW),
        (member(1, uses="older", left=3), Wait.NEW),
        (member(1, uses="none"), Wait.NEVER),
        (member(1, admitted="2026-02-21T00:00:00.0000000Z"), Wait.BREACH),
        (member(1, admitted="2026-02-19T00:00:00.0000000Z"), Wait.NOTHING),
        (member(1, uses="none", failure="no hub"), Wait.REFUSED),
        (member(1, left=0, uses="older"), Wait.EXPIRED),
        (replace(WELL, leaf=replace(WELL.leaf, not_after=None)), Wait.EXPIRED),
        (member(1, left=-3, blocked=True), Wait.BLOCKED),
        (replace(WELL, enrollment="disabled"), Wait.BLOCKED),
    ],
)
def test_a_device_is_counted_for_what_is_most_urgent(found: Member, wait: Wait) -> None:
    assert counted([found]).waits == {wait: 1}


def test_nobody_says_which_certificate_a_device_uses_who_has_not_seen_it() -> None:
    unseen = replace(member(1), registered_thumbprint="")
    assert counted([unseen]).waits == {Wait.NEW: 1}
    assert counted([unseen], seen=False).waits == {Wait.NOTHING: 1}


def test_each_count_is_of_the_whole_fleet() -> None:
    members = [member(number, 1 + number % 2, age=number, left=365 - number) for number in range(400)]
    found = counted(members)
    assert found.total == sum(found.waits.values()) == sum(found.ages.values()) == sum(found.ends.values()) == 400
    assert found.roots == {1: 200, 2: 200}
    assert found.hubs == {HOSTS[0]: 266, HOSTS[1]: 134}
    assert found.ages == {0: 30, 1: 60, 2: 90, 3: 185, 4: 35}
    assert sum(count for week, count in found.ends.items() if week is not None and week < 0) == 34
    assert (found.first, found.last) == (NOW + timedelta(days=1), NOW + timedelta(days=365))


def test_a_hub_is_one_whatever_name_the_registration_has_of_it() -> None:
    other = replace(WELL, hub="IOT-PLANT-NORTH.device.azure-devices.net")
    assert counted([WELL, other]).hubs == {HOSTS[0]: 2}


def test_a_device_that_was_left_behind_is_counted_as_that_and_as_nothing_else() -> None:
    late = [WaitingDevice(DeviceId(f"press-{number:05}"), "never registered") for number in (3, 4)]
    nowhere = WaitingDevice(DeviceId("aunt"), "registered, but no certificate in the vault")
    members = [member(number, 2, uses="older" if number in (3, 4, 5) else "newest") for number in range(10)]
    found = counted(members, [*late, nowhere], 2)
    assert found.waits == {Wait.NOTHING: 7, Wait.NEW: 1, Wait.LEFT_BEHIND: 2}
    assert found.named == {Wait.NEW: ("press-00005",), Wait.LEFT_BEHIND: ("press-00003", "press-00004")}
    assert (found.listed, found.late) == ((nowhere, *late), 3)


def test_a_rotation_that_waits_has_left_nobody_behind() -> None:
    late = [WaitingDevice(DeviceId("press-00003"), "last registered with an older certificate")]
    found = counted([member(3, 2, uses="older")], late)
    assert (found.waits, found.late) == ({Wait.NEW: 1}, 1)


def test_no_more_is_kept_of_a_large_fleet_than_of_a_small_one() -> None:
    census = Census(NOW)
    for number in range(5000):
        census.add(member(number, left=-1 - number % 30))
    late = [WaitingDevice(DeviceId(f"press-{number:05}"), "never registered") for number in range(LISTED + 1)]
    found = census.fleet(late)
    assert (len(found.named[Wait.EXPIRED]), len(found.listed), found.late) == (NAMED, LISTED, LISTED + 1)
