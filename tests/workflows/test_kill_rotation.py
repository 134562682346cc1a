"""A rotation that is killed between any two requests, and run again: every boundary of every step, not a sample.

Each step is done once undisturbed. Then it is taken back as often as it has requests: the embedded Azure is put back to
where the step began, the step is killed after one request more than before, and the next call must end where the
undisturbed one did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from dpsops.emulator.world import Timings
from dpsops.errors import Error
from dpsops.pki.names import device_id
from dpsops.workflows import device, enrollment, external, fleet, generations, rotate
from dpsops.workflows.enrollment import Individual
from dpsops.workflows.rotation import Observed, Phase, Standing, Step, classify
from dpsops.workflows.run import Run
from tests.workflows.devices import Device
from tests.workflows.doing import converge
from tests.workflows.saved import Saved
from tests.workflows.test_external import certified
from tests.workflows.test_kill import kill_after
from tests.worlds import BEGINNING, World, embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

PLAIN, PINNED, UNSEEN = device_id("press-07"), device_id("press-08"), device_id("press-09")

Job = Callable[[Run], Any]


@contextmanager
def registered(directory: Path) -> Iterator[World]:
    """A world with a proven root and three devices: one of the group, one with an enrollment of its own, both registered,
    and one that never was."""
    with start_embedded(directory, Timings()) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}))
        converge(world.run())
        list(device.issue(world.run(), [PLAIN, PINNED, UNSEEN]))
        list(enrollment.enroll(world.run(), PINNED, Individual()))
        for name in (PLAIN, PINNED):
            Device.fetched(world.run(), name).register(world.run())
        yield world


def killed_everywhere(world: World, directory: Path, job: Job, again: Job, least: int) -> None:
    """Does a job; then once more for each of its requests, killed after it and taken up by `again`. Ends as it would have
    undisturbed. `least`: it takes no fewer requests than this."""
    assert world.embedded is not None
    faults = world.embedded.azure.faults
    before = Saved.of(directory)
    run = world.run()
    job(run)
    expected = ended(run)
    boundary = 0
    while True:
        before.restore()
        run = world.run()
        kill_after(world, boundary)
        try:
            job(run)
        except (AzureError, Error):
            killed = True
        else:
            killed = False
        faults.clear()
        if not killed:
            break
        run = world.run()
        again(run)
        assert ended(run) == expected, f"killed after {boundary} requests"
        boundary += 1
    assert boundary >= least


def ended(run: Run) -> tuple[Observed, list[tuple[str, bool, bool]], int]:
    """All that a rotation is to bring about: the generations, who has which leaf and may connect, the enrollments."""
    found = generations.observe(run).observed
    members = [(one.leaf.device, one.uses_newest_leaf, one.admitted) for one in fleet.members(run)]
    own = enrollment.individual(run, PINNED)
    timeless = tuple(replace(one, not_after=None, draining_since=one.draining_since and BEGINNING) for one in found.generations)
    return replace(found, generations=timeless), members, len(set(enrollment.pinned(own or {})))


def standing(run: Run) -> Standing:
    """Where the rotation stands."""
    return classify(generations.observe(run).observed)


def one_step(run: Run) -> None:
    """`rotate`, once."""
    list(rotate.rotate(run, until=None, grace=timedelta(0)))


def until(phase: Phase) -> Job:
    """`rotate --until PHASE`, which does nothing where that is reached already; but *stable* would begin anew."""

    def go_on(run: Run) -> None:
        if phase is not Phase.STABLE or standing(run).phase is not Phase.STABLE:
            list(rotate.rotate(run, until=phase, grace=timedelta(0)))

    return go_on


def test_a_planned_rotation(tmp_path: Path) -> None:
    with registered(tmp_path) as world:
        least = {Phase.STAGED: 20, Phase.PROVEN: 8, Phase.REISSUING: 15, Phase.RETIRED: 12}
        for phase in list(Phase)[1:8]:
            killed_everywhere(world, tmp_path, one_step, until(phase), least.get(phase, 5))
            assert standing(world.run()).phase is phase
            if phase is Phase.DRAINING:
                for name in (PLAIN, PINNED):
                    Device.fetched(world.run(), name).register(world.run())
        killed_everywhere(world, tmp_path, one_step, until(Phase.STABLE), 5)
        assert generations.observe(world.run()).observed.primary == 2
        for name in (PLAIN, PINNED, UNSEEN):
            Device.fetched(world.run(), name).register(world.run())


def test_an_undo(tmp_path: Path) -> None:
    def again(run: Run) -> None:
        if standing(run).phase is not Phase.STABLE:
            list(rotate.undo(run))

    with registered(tmp_path) as world:
        list(rotate.rotate(world.run(), until=Phase.OVERLAPPING, grace=timedelta(0)))
        killed_everywhere(world, tmp_path, lambda run: list(rotate.undo(run)), again, 10)
        assert generations.observe(world.run()).observed.primary == 1


def condemned(run: Run) -> None:
    """`rotate --compromised --yes`, up to the mark that everything else follows from."""
    for _ in rotate.replace_compromised(run, lambda cut: None):
        return


def test_a_breach(tmp_path: Path) -> None:
    """After a kill, `rotate` goes on; only where not even the mark was set is `--compromised` to be said again."""

    def marked(run: Run) -> None:
        if standing(run).phase is not Phase.BREACHED:
            condemned(run)

    with registered(tmp_path) as world:
        killed_everywhere(world, tmp_path, condemned, marked, 8)
        steps = []
        while (found := standing(world.run())).phase is Phase.BREACHED:
            steps.append(found.step)

            def go_on(run: Run, step: Step = found.step) -> None:
                if standing(run).step is step:
                    one_step(run)

            killed_everywhere(world, tmp_path, one_step, go_on, 5)
        assert steps == [Step.CUT_OFF, Step.STAGE, Step.PROVE, Step.ADMIT, Step.REISSUE, Step.READMIT]
        for name in (PLAIN, PINNED, UNSEEN):
            Device.fetched(world.run(), name).register(world.run())


def test_a_root_of_another_ca(tmp_path: Path) -> None:
    with registered(tmp_path) as world:
        killed_everywhere(world, tmp_path, external.csr, external.csr, 5)
        _, request = external.csr(world.run())
        certificate, above = certified(request, world.run().now())
        again: Job = lambda run: list(external.merge(run, certificate, [above]))  # noqa: E731
        killed_everywhere(world, tmp_path, again, again, 10)
        assert standing(world.run()).phase is Phase.STAGED
