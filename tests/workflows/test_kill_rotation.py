"""A rotation that is killed between two requests, at every boundary of every step, and run again.

Each step runs once without a kill. Then, once for each of its requests, the embedded Azure is restored to the state before the
step, the step is killed after one more request than the last time, and the next call must lead to the same state as the step
without a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.world import Timings
from dpsops.errors import Error
from dpsops.model.action import Failed
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Observed, Phase, Step
from dpsops.pki.names import device_id
from tests.workflows.another_ca import certified
from tests.workflows.boundaries import boundaries
from tests.workflows.commands import (
    consent,
    csr,
    enroll,
    issue_to,
    members,
    merge,
    replace_compromised,
    rotate,
    rotate_named,
    rotation,
    undo,
    up,
)
from tests.workflows.devices import Device
from tests.workflows.killing import kill_after
from tests.workflows.rotations import NONE, observed, standing
from tests.workflows.saved import Saved
from tests.worlds import BEGINNING, World, embedded_world, environment, start_embedded, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

PLAIN, PINNED, UNREGISTERED = device_id("press-07"), device_id("press-08"), device_id("press-09")

Job = Callable[[Connection], Any]


@contextmanager
def registered(directory: Path) -> Iterator[World]:
    """A world with a verified root and three devices: one under the group, one with an individual enrollment, both registered,
    and one that never registered."""
    with start_embedded(directory, Timings()) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True)
        up(world.connect())
        issue_to(world.connect(), PLAIN, PINNED, UNREGISTERED)
        enroll(world.connect(), PINNED, IndividualSettings())
        for name in (PLAIN, PINNED):
            Device.fetched(world.connect(), name).register(world.connect())
        yield world


def killed_everywhere(world: World, directory: Path, job: Job, again: Job, least: int) -> None:
    """Does a job, then once more for each of its requests, killed after that request and continued by `again`. The result must
    be the same. `least`: the minimum number of requests."""
    assert world.embedded is not None
    faults = world.embedded.azure.faults
    before = Saved.of(directory)
    connection = world.connect()
    job(connection)
    expected = result(connection)
    for boundary in boundaries():
        before.restore()
        world.sign_out()  # it may be killed while it signs in, too
        connection = world.connect()
        kill_after(world, boundary)
        try:
            job(connection)
        except Error:
            killed = True
        else:
            killed = False
        faults.clear()
        if not killed:
            break
        connection = world.connect()
        again(connection)
        assert result(connection) == expected, f"killed after {boundary} requests"
    assert boundary >= least


def result(connection: Connection) -> tuple[Observed, list[tuple[str, bool, bool]], int]:
    """The result of a rotation: the generations, the devices with their certificates and identities, the enrollments."""
    found = observed(connection)
    devices = [(one.leaf.device, one.uses_newest_leaf, one.identity_enabled) for one in members(connection)]
    enrollment = waited(connection.dps.individual(PINNED))
    timeless = tuple(replace(one, not_after=None, draining_since=one.draining_since and BEGINNING) for one in found.generations)
    return replace(found, generations=timeless), devices, len(set(enrollment.pinned if enrollment else ()))


def one_step(connection: Connection) -> None:
    """Runs `rotate --replace root-g1` once. Raises `Error` if it fails for a device: its connection was killed."""
    if failed := [one for one in rotate_named(connection, 1, None, NONE, consent) if isinstance(one, Failed)]:
        raise Error(failed[0].reason, "")


def until(phase: Phase) -> Job:
    """Runs `rotate --replace root-g1 --until PHASE`. It does nothing if the phase is reached, or the rotation over."""

    def resume(connection: Connection) -> None:
        rotate_named(connection, 1, phase, NONE, consent)

    return resume


def test_a_planned_rotation(tmp_path: Path) -> None:
    with registered(tmp_path) as world:
        least = {Phase.STAGED: 20, Phase.PROVEN: 8, Phase.REISSUING: 15, Phase.RETIRED: 12}
        for phase in list(Phase)[1:8]:
            killed_everywhere(world, tmp_path, one_step, until(phase), least.get(phase, 5))
            assert standing(world.connect()).phase is phase
            if phase is Phase.DRAINING:
                for name in (PLAIN, PINNED):
                    Device.fetched(world.connect(), name).register(world.connect())
        killed_everywhere(world, tmp_path, one_step, until(Phase.STABLE), 5)
        assert observed(world.connect()).primary == 2
        for name in (PLAIN, PINNED, UNREGISTERED):
            Device.fetched(world.connect(), name).register(world.connect())


def test_an_undo(tmp_path: Path) -> None:
    with registered(tmp_path) as world:
        rotate(world.connect(), Phase.OVERLAPPING, NONE)
        killed_everywhere(world, tmp_path, undo, undo, 10)
        assert observed(world.connect()).primary == 1


def mark_compromised(connection: Connection) -> None:
    """Runs `rotate --compromised --yes` until the root is marked as compromised."""
    for _ in rotation(connection).replace_compromised(consent):
        return


def test_a_breach(tmp_path: Path) -> None:
    """After a kill, `rotate` continues. Only if the root is not marked yet, `--compromised` is needed again."""

    def mark_again(connection: Connection) -> None:
        if standing(connection).phase is not Phase.BREACHED:
            mark_compromised(connection)

    with registered(tmp_path) as world:
        killed_everywhere(world, tmp_path, mark_compromised, mark_again, 8)
        steps = []
        while (found := standing(world.connect())).phase is Phase.BREACHED:
            steps.append(found.step)

            def resume(connection: Connection, step: Step = found.step) -> None:
                if standing(connection).step is step:
                    one_step(connection)

            killed_everywhere(world, tmp_path, one_step, resume, 5)
        assert steps == [Step.CUT_OFF, Step.STAGE, Step.PROVE, Step.ADMIT, Step.REISSUE, Step.READMIT]
        for name in (PLAIN, PINNED, UNREGISTERED):
            Device.fetched(world.connect(), name).register(world.connect())


def test_a_compromised_new_root(tmp_path: Path) -> None:
    """The same words again, at every boundary: the old root stays trusted."""

    def job(connection: Connection) -> None:
        replace_compromised(connection, consent, 2)

    with registered(tmp_path) as world:
        rotate(world.connect(), Phase.PROMOTED, NONE)
        Device.fetched(world.connect(), PLAIN).register(world.connect())
        killed_everywhere(world, tmp_path, job, job, 40)
        assert observed(world.connect()).trusted == (1,)
        for name in (PLAIN, PINNED, UNREGISTERED):
            Device.fetched(world.connect(), name).register(world.connect())


def test_a_root_of_another_ca(tmp_path: Path) -> None:
    with registered(tmp_path) as world:
        killed_everywhere(world, tmp_path, csr, csr, 5)
        _, request = csr(world.connect())
        certificate, above = certified(request, world.connect().run.now())
        again: Job = lambda connection: merge(connection, certificate, [above])  # noqa: E731
        killed_everywhere(world, tmp_path, again, again, 10)
        assert standing(world.connect()).phase is Phase.STAGED
