"""A rotation that is killed between any two requests, and run again: every boundary of every step, not a sample.

Each step is done once undisturbed. Then it is taken back as often as it has requests: the embedded Azure is put back to
where the step began, the step is killed after one request more than before, and the next call must end where the
undisturbed one did.
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
from dpsops.model.enrollment import OwnSettings
from dpsops.model.rotation import Observed, Phase, Step
from dpsops.pki.names import device_id
from tests.workflows.another_ca import certified
from tests.workflows.commands import consent, csr, enroll, issue_to, members, merge, rotate, rotation, undo, up
from tests.workflows.devices import Device
from tests.workflows.killing import kill_after
from tests.workflows.rotations import NONE, observed, standing
from tests.workflows.saved import Saved
from tests.worlds import BEGINNING, World, embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

PLAIN, PINNED, UNSEEN = device_id("press-07"), device_id("press-08"), device_id("press-09")

Job = Callable[[Connection], Any]


@contextmanager
def registered(directory: Path) -> Iterator[World]:
    """A world with a proven root and three devices: one of the group, one with an enrollment of its own, both registered,
    and one that never was."""
    with start_embedded(directory, Timings()) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}))
        up(world.connect())
        issue_to(world.connect(), PLAIN, PINNED, UNSEEN)
        enroll(world.connect(), PINNED, OwnSettings())
        for name in (PLAIN, PINNED):
            Device.fetched(world.connect(), name).register(world.connect())
        yield world


def killed_everywhere(world: World, directory: Path, job: Job, again: Job, least: int) -> None:
    """Does a job; then once more for each of its requests, killed after it and taken up by `again`. Ends as it would have
    undisturbed. `least`: it takes no fewer requests than this."""
    assert world.embedded is not None
    faults = world.embedded.azure.faults
    before = Saved.of(directory)
    connection = world.connect()
    job(connection)
    expected = ended(connection)
    boundary = 0
    while True:
        before.restore()
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
        assert ended(connection) == expected, f"killed after {boundary} requests"
        boundary += 1
    assert boundary >= least


def ended(connection: Connection) -> tuple[Observed, list[tuple[str, bool, bool]], int]:
    """All that a rotation is to bring about: the generations, who has which leaf and may connect, the enrollments."""
    found = observed(connection)
    fleet = [(one.leaf.device, one.uses_newest_leaf, one.admitted) for one in members(connection)]
    own = connection.dps.individual(PINNED)
    timeless = tuple(replace(one, not_after=None, draining_since=one.draining_since and BEGINNING) for one in found.generations)
    return replace(found, generations=timeless), fleet, len(set(own.pinned if own else ()))


def one_step(connection: Connection) -> None:
    """`rotate`, once."""
    rotate(connection, grace=NONE)


def until(phase: Phase) -> Job:
    """`rotate --until PHASE`, which does nothing where that is reached already; but *stable* would begin anew."""

    def go_on(connection: Connection) -> None:
        if phase is not Phase.STABLE or standing(connection).phase is not Phase.STABLE:
            rotate(connection, phase, NONE)

    return go_on


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
        for name in (PLAIN, PINNED, UNSEEN):
            Device.fetched(world.connect(), name).register(world.connect())


def test_an_undo(tmp_path: Path) -> None:
    def again(connection: Connection) -> None:
        if standing(connection).phase is not Phase.STABLE:
            undo(connection)

    with registered(tmp_path) as world:
        rotate(world.connect(), Phase.OVERLAPPING, NONE)
        killed_everywhere(world, tmp_path, undo, again, 10)
        assert observed(world.connect()).primary == 1


def condemned(connection: Connection) -> None:
    """`rotate --compromised --yes`, up to the mark that everything else follows from."""
    for _ in rotation(connection).replace_compromised(consent):
        return


def test_a_breach(tmp_path: Path) -> None:
    """After a kill, `rotate` goes on; only where not even the mark was set is `--compromised` to be said again."""

    def marked(connection: Connection) -> None:
        if standing(connection).phase is not Phase.BREACHED:
            condemned(connection)

    with registered(tmp_path) as world:
        killed_everywhere(world, tmp_path, condemned, marked, 8)
        steps = []
        while (found := standing(world.connect())).phase is Phase.BREACHED:
            steps.append(found.step)

            def go_on(connection: Connection, step: Step = found.step) -> None:
                if standing(connection).step is step:
                    one_step(connection)

            killed_everywhere(world, tmp_path, one_step, go_on, 5)
        assert steps == [Step.CUT_OFF, Step.STAGE, Step.PROVE, Step.ADMIT, Step.REISSUE, Step.READMIT]
        for name in (PLAIN, PINNED, UNSEEN):
            Device.fetched(world.connect(), name).register(world.connect())


def test_a_root_of_another_ca(tmp_path: Path) -> None:
    with registered(tmp_path) as world:
        killed_everywhere(world, tmp_path, csr, csr, 5)
        _, request = csr(world.connect())
        certificate, above = certified(request, world.connect().run.now())
        again: Job = lambda connection: merge(connection, certificate, [above])  # noqa: E731
        killed_everywhere(world, tmp_path, again, again, 10)
        assert standing(world.connect()).phase is Phase.STAGED
