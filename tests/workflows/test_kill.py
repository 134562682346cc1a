"""A process that is killed between any two requests, and run again: every boundary, not a sample."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError
from cryptography import x509

from dpsops.azure.provisioning import register_over_https
from dpsops.emulator.faults import Drop, Fault
from dpsops.emulator.world import Timings
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, device_id, secret_name
from dpsops.workflows import blocking, bundles, device, prove, register, root, root_state, status
from dpsops.workflows.run import Action, Run
from tests.workflows.doing import converge
from tests.workflows.saved import Saved
from tests.worlds import World, embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

QUICK = Timings()
DEVICE: DeviceId = device_id("press-07")


def job(world: World) -> None:
    """`up`, then a device's leaf."""
    converge(world.run())
    list(device.issue(world.run(), [DEVICE]))


def kill_after(world: World, requests: int) -> None:
    """From here on so many requests are answered; the next one is done but its answer lost, and after it there is silence."""
    assert world.embedded is not None
    faults = world.embedded.azure.faults
    faults.add(Fault(Drop(work_done=True), skip=requests, times=1))
    faults.add(Fault(Drop(work_done=False), skip=requests, times=None))


def test_a_kill_in_the_middle_of_a_block_is_taken_up_by_the_next_run(tmp_path: Path) -> None:
    """Blocking, then unblocking, with a kill after each request in turn; one environment serves for all."""
    with start_embedded(tmp_path, QUICK) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}))
        job(world)
        run = world.run()
        registered(run)
        for step in (blocking.block, blocking.unblock):
            for boundary in itertools.count():
                world.run()  # forgets what was said and answered before
                kill_after(world, boundary)
                killed = was_killed(step, run)
                azure.azure.faults.clear()
                list(step(run, DEVICE))
                assert list(step(run, DEVICE)) == []
                assert status.observe(run).fleet.blocked == (1 if step is blocking.block else 0)
                if not killed:
                    break
                undo = blocking.unblock if step is blocking.block else blocking.block
                list(undo(run, DEVICE))
                if step is blocking.block:
                    registered(run)
            assert boundary > 4
        registered(run)


def registered(run: Run) -> None:
    """The device registers."""
    credential = bundles.bundle_of(run, DEVICE)
    register_over_https(register.id_scope(run), DEVICE, credential, run.wire, run.cloud.sleep)


def was_killed(step: Callable[[Run, DeviceId], Iterable[Action]], run: Run) -> bool:
    """Whether a step did not reach its end."""
    try:
        list(step(run, DEVICE))
    except AzureError:
        return True
    return False


def assert_whole(world: World) -> None:
    """One root, sealed, its key not exportable, verified in DPS; one leaf that it signed."""
    run = world.run()
    assert list(root.kept(run)) == [1]
    state = root_state.classify(root.observe(run, "root-g1"), run.now())
    assert isinstance(state, root_state.Ready)
    assert all(prove.is_proven(registry.get("root-g1"), state.root) for registry in run.cloud.registries)
    value = run.cloud.secrets.get_secret(secret_name(DEVICE)).value or ""
    leaf, authority = x509.load_pem_x509_certificates(value.encode())
    chains.require_issued_by(leaf, authority, run.now())
    assert chains.common_name(leaf.subject) == DEVICE
    assert converge(world.run()) == []


def test_a_kill_at_every_boundary_is_taken_up_by_the_next_run(tmp_path: Path) -> None:
    with start_embedded(tmp_path, QUICK) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}))
        list(world.run().cloud.groups.resource_groups.list())  # from here on the key that signs tokens is there, and kept
        empty = Saved.of(tmp_path)
        for boundary in itertools.count():
            empty.restore()
            kill_after(world, boundary)
            killed = True
            try:
                job(world)
                killed = False
            except AzureError:
                pass
            azure.azure.faults.clear()
            if not killed:
                break
            job(world)
            assert_whole(world)
    assert boundary > 30
