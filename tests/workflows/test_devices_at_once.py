"""Two commands change the same device at once: the second runs between two requests of the first, at every boundary.

Whatever the order, and whether or not one of the two ends in an error: nobody is stranded, nobody is let in, `status` names what
is left to do, and what it names puts it right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.world import Timings
from dpsops.errors import Error, Missing
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase, VaultState
from tests.workflows.boundaries import boundaries
from tests.workflows.commands import block, enroll, issue_to, members, renew, rotate, status, unblock, undo, up
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.interrupting import Interrupted
from tests.workflows.rotations import NONE, observed
from tests.workflows.saved import Saved
from tests.worlds import World, embedded_world, environment, start_embedded, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

Command = Callable[[Connection], object]
ENROLLED = IndividualSettings()


def renewing(connection: Connection) -> object:
    """Runs `device renew press-07 --again`."""
    return renew(connection, PRESS, again=True)


def blocking(connection: Connection) -> object:
    """Runs `device block press-07`."""
    return block(connection, PRESS)


def unblocking(connection: Connection) -> object:
    """Runs `device unblock press-07`."""
    return unblock(connection, PRESS)


def issuing(connection: Connection) -> object:
    """Runs `device issue press-07 press-08`."""
    return issue_to(connection, PRESS, OTHER)


def enrolling(connection: Connection) -> object:
    """Runs `device issue press-07 --individual`."""
    return issue_to(connection, PRESS, individual=ENROLLED)


def late_enrolling(connection: Connection) -> object:
    """The rest of a `device issue press-07 --individual` that has looked whether the device is blocked before."""
    return enroll(connection, PRESS, ENROLLED)


def rotating(connection: Connection) -> object:
    """Runs `rotate`."""
    return rotate(connection, grace=NONE)


@dataclass(slots=True)
class Pair:
    """Two worlds of one environment: the second one's commands run between two requests of the first one's."""

    first: World
    second: World
    device: Device
    interrupted: Interrupted
    directory: Path

    def at_every_boundary(self, one: Command, other: Command, check: Callable[[World], None], least: int) -> None:
        """Runs `one`, interrupted by `other` at each of its requests in turn, and checks each result. `least`: the minimum
        number of requests."""
        before = Saved.of(self.directory)
        for boundary in boundaries():
            before.restore()
            self.first.clock.advance(10)  # DPS allows a device few registrations in ten seconds
            self.interrupted.at(boundary, lambda: patiently(other, self.second.connect()))
            patiently(one, self.first.connect())
            if not self.interrupted.happened:
                assert boundary >= least
                before.restore()
                return
            check(self.second)
        raise AssertionError("it does not end")

    def require_registered(self, device: Device) -> None:
        """Requires that DPS registers a device."""
        device.register(self.second.connect())


def patiently(command: Command, connection: Connection) -> None:
    """Runs a command, and ignores an error: the other one was first."""
    try:
        command(connection)
    except Error:
        return


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A pair, with a verified root and press-07, which is registered."""
    with start_embedded(tmp_path, Timings()) as azure:
        settings = environment(root={"key": "EC-P256"})
        first, second = (embedded_world(azure, settings, direct=True) for _ in range(2))
        up(first.connect())
        issue_to(first.connect(), PRESS)
        device = Device.fetched(first.connect(), PRESS)
        device.register(first.connect())
        first.clock.advance(10)
        yield Pair(first, second, device, Interrupted(first.transport, monkeypatch), tmp_path)


def assert_blocked(world: World) -> None:
    """Requires that press-07 is blocked in all places, with its newest certificate; and that nothing is left of it."""
    connection = world.connect()
    versions = waited(connection.leaves.history(PRESS))
    assert all(version.tags.get("blocked") == "yes" for version in versions)
    enrollment = waited(connection.dps.individual(PRESS))
    assert enrollment is not None
    assert versions[0].leaf is not None
    assert not enrollment.enabled
    assert versions[0].leaf.thumbprint in enrollment.pinned
    assert status(connection).devices.blocked == 1
    assert not [step for step in status(connection).next if "block" in step]
    assert block(connection, PRESS) == []
    Device.fetched(connection, PRESS).require_refused(connection)


@pytest.mark.parametrize("individual", [False, True], ids=["in the group", "enrolled"])
@pytest.mark.parametrize("rival", [renewing, rotating], ids=["renew", "rotate"])
def test_a_block_beside_a_new_certificate(pair: Pair, rival: Command, individual: bool) -> None:
    """Also at the moment when the new certificate is signed and not stored yet: the block's own reading comes last."""
    if individual:
        enroll(pair.first.connect(), PRESS, ENROLLED)
    if rival is rotating:
        rotate(pair.first.connect(), Phase.OVERLAPPING, NONE)
    pair.at_every_boundary(rival, blocking, assert_blocked, 5)
    pair.at_every_boundary(blocking, rival, assert_blocked, 8)


@pytest.mark.parametrize("individual", [False, True], ids=["in the group", "enrolled"])
def test_an_unblock_beside_a_new_certificate(pair: Pair, individual: bool) -> None:
    def admitted(world: World) -> None:
        """Again, as whoever ends in an error is told; then the newest certificate registers."""
        unblock(world.connect(), PRESS)
        assert not [step for step in status(world.connect()).next if "block" in step or "enrollment" in step]
        Device.fetched(world.connect(), PRESS).register(world.connect())

    if individual:
        enroll(pair.first.connect(), PRESS, ENROLLED)
    block(pair.first.connect(), PRESS)
    pair.at_every_boundary(renewing, unblocking, admitted, 3)
    pair.at_every_boundary(unblocking, renewing, admitted, 5)


def test_a_block_beside_an_enrollment(pair: Pair) -> None:
    pair.at_every_boundary(enrolling, blocking, assert_blocked, 5)
    pair.at_every_boundary(blocking, enrolling, assert_blocked, 5)
    pair.at_every_boundary(blocking, late_enrolling, assert_blocked, 5)


def test_an_enrollment_beside_a_rotation(pair: Pair) -> None:
    """Whichever was first: the enrollment holds the newest certificate, and the one that the device uses until the end."""

    def movable(world: World) -> None:
        newest = waited(world.connect().leaves.history(PRESS))[0].leaf
        enrollment = waited(world.connect().dps.individual(PRESS))
        assert newest is not None
        assert enrollment is not None
        assert newest.thumbprint in enrollment.pinned
        assert not [step for step in status(world.connect()).next if "enrollment" in step]
        pair.device.register(world.connect())
        world.clock.advance(10)
        Device.fetched(world.connect(), PRESS).register(world.connect())
        if newest.generation == 2:
            rotate(world.connect(), Phase.STABLE, NONE)
            pair.device.require_refused(world.connect())
            Device.fetched(world.connect(), PRESS).register(world.connect())

    rotate(pair.first.connect(), Phase.OVERLAPPING, NONE)
    pair.at_every_boundary(enrolling, rotating, movable, 5)
    pair.at_every_boundary(rotating, enrolling, movable, 10)


def staging(connection: Connection) -> object:
    """Runs `rotate --until overlapping`."""
    return rotate(connection, Phase.OVERLAPPING, NONE)


def replacing(connection: Connection) -> object:
    """Runs `rotate --until stable --grace 0`."""
    return rotate(connection, Phase.STABLE, NONE)


def consistent(world: World) -> None:
    """A device with a certificate under the new root keeps that root; else every certificate is under the old one. The DPS
    has what the group trusts, and nothing of a root that was taken back."""
    found = observed(world.connect())
    for each in members(world.connect()):
        assert each.leaf.generation in found.trusted
    assert not [step for step in status(world.connect()).next if "not trusted" in step]
    for name in (PRESS, OTHER):
        try:
            Device.fetched(world.connect(), name).register(world.connect())
        except Missing:
            assert name == OTHER
    if any("dpsops rotate undo" in step for step in status(world.connect()).next):
        undo(world.connect())
    found = observed(world.connect())
    assert all(found.generation(number).is_sound for number in found.trusted)
    assert not [one for one in found.generations if one.in_vault is VaultState.RETIRED and one.needs_retiring]


def test_an_undo_beside_new_certificates(pair: Pair) -> None:
    def unmoved(world: World) -> None:
        consistent(world)
        pair.device.register(world.connect())

    rotate(pair.first.connect(), Phase.OVERLAPPING, NONE)
    pair.at_every_boundary(issuing, undo, unmoved, 10)
    pair.at_every_boundary(undo, issuing, unmoved, 10)
    pair.at_every_boundary(rotating, undo, unmoved, 10)
    pair.at_every_boundary(undo, rotating, unmoved, 10)


@pytest.mark.parametrize("reached", [Phase.PROVEN, Phase.OVERLAPPING])
def test_an_undo_beside_a_complete_rotation(pair: Pair, reached: Phase) -> None:
    """No root is removed from the DPS that another run has made the group trust."""
    rotate(pair.first.connect(), reached, NONE)
    pair.at_every_boundary(undo, replacing, consistent, 10)
    pair.at_every_boundary(replacing, undo, consistent, 10)


def test_an_undo_beside_the_beginning_of_a_rotation(pair: Pair) -> None:
    """A run that uploads the new root again after it was taken back leaves something of it, and `status` says so."""
    pair.at_every_boundary(staging, undo, consistent, 10)


def test_two_renewals_at_once(pair: Pair) -> None:
    def movable(world: World) -> None:
        Device.fetched(world.connect(), PRESS).register(world.connect())
        pair.device.register(world.connect())

    enroll(pair.first.connect(), PRESS, ENROLLED)
    pair.at_every_boundary(renewing, renewing, movable, 8)
    rotate(pair.first.connect(), Phase.OVERLAPPING, NONE)
    pair.at_every_boundary(rotating, renewing, movable, 10)
