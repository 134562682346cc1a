"""The same as `make fleet`, with a fleet that is small enough for every run of the tests."""

from __future__ import annotations

from tests.fleet_load.killed import issue_and_kill
from tests.fleet_load.rotated import rotate_under_load

DEVICES = 60


def test_a_killed_command_loses_no_device_and_issues_none_again_that_was_stored() -> None:
    outcome = issue_and_kill(DEVICES, (5, 20), creates=300)
    assert outcome.lost == ()
    assert all(0 < stored < DEVICES for stored in outcome.stored)


def test_no_device_is_refused_while_its_root_is_rotated() -> None:
    outcome = rotate_under_load(DEVICES)
    assert outcome.lost == ()
    assert outcome.registrations >= 3 * DEVICES, "before, during and after"
