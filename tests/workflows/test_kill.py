"""A process that is killed between two requests, at every boundary, and run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from dpsops.azure.provisioning import register_over_https
from dpsops.cli.connection import Connection
from dpsops.emulator.world import Timings
from dpsops.errors import Error
from dpsops.model import proof
from dpsops.model.action import Action
from dpsops.model.root import Ready
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, device_id, secret_name
from dpsops.workflows import register
from tests.workflows.boundaries import boundaries
from tests.workflows.commands import block, issue_to, root_state, status, unblock, up
from tests.workflows.doing import fetched
from tests.workflows.killing import kill_after
from tests.workflows.saved import Saved
from tests.worlds import World, embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

QUICK = Timings()
DEVICE: DeviceId = device_id("press-07")


def job(world: World) -> None:
    """Runs `up`, then `device issue`; each signs in, which may be killed, too."""
    world.sign_out()
    up(world.connect())
    world.sign_out()
    issue_to(world.connect(), DEVICE)


def test_the_next_run_completes_a_block_after_a_kill_at_every_boundary(tmp_path: Path) -> None:
    """Blocks, then unblocks, with a kill after each request in turn, in one environment."""
    with start_embedded(tmp_path, QUICK) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True)
        job(world)
        connection = world.connect()
        registered(connection)
        for step in (block, unblock):
            for boundary in boundaries():
                world.connect()  # a new invocation
                kill_after(world, boundary)
                killed = was_killed(step, connection)
                azure.azure.faults.clear()
                step(connection, DEVICE)
                assert step(connection, DEVICE) == []
                assert status(connection).devices.blocked == (1 if step is block else 0)
                if not killed:
                    break
                undo = unblock if step is block else block
                undo(connection, DEVICE)
                if step is block:
                    registered(connection)
            assert boundary > 4
        registered(connection)


def registered(connection: Connection) -> None:
    """Registers the device."""
    credential = fetched(connection, DEVICE)
    register_over_https(register.id_scope(connection.dps), DEVICE, credential, connection.wire, connection.run.sleep)


def was_killed(step: Callable[[Connection, DeviceId], list[Action]], connection: Connection) -> bool:
    """Runs a step: whether it was killed."""
    try:
        step(connection, DEVICE)
    except Error:
        return True
    return False


def assert_complete(world: World) -> None:
    """Requires one root, sealed, not exportable and verified in DPS, and one device certificate under it."""
    connection = world.connect()
    assert list(connection.roots.all()) == [1]
    state = root_state(connection, "root-g1")
    assert isinstance(state, Ready)
    assert all(proof.has_verified(store.get("root-g1"), state.root) for store in connection.stores)
    value = connection.clients.secrets.get_secret(secret_name(DEVICE)).value or ""
    leaf, authority = x509.load_pem_x509_certificates(value.encode())
    chains.require_issued_by(leaf, authority, connection.run.now())
    assert chains.common_name(leaf.subject) == DEVICE
    assert up(world.connect()) == []


def test_the_next_run_completes_up_and_issue_after_a_kill_at_every_boundary(tmp_path: Path) -> None:
    with start_embedded(tmp_path, QUICK) as azure:
        world = embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True)
        list(world.connect().clients.groups.resource_groups.list())  # creates the key that signs tokens
        empty = Saved.of(tmp_path)
        for boundary in boundaries():
            empty.restore()
            kill_after(world, boundary)
            killed = True
            try:
                job(world)
                killed = False
            except Error:
                pass
            azure.azure.faults.clear()
            if not killed:
                break
            job(world)
            assert_complete(world)
    assert boundary > 30
