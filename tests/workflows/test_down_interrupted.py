"""`down` that is killed, or beside another one, beside `up` and beside devices: at every boundary between two requests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dpsops.azure.removals import Removals
from dpsops.emulator.world import Timings
from dpsops.errors import Changed, Error
from dpsops.model.removal import Removal
from dpsops.model.roles import HUB, SERVICE
from dpsops.settings import Environment
from tests.workflows.boundaries import boundaries
from tests.workflows.by_hand import deploy_only
from tests.workflows.commands import down, issue_to, up
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.interrupting import Interrupted
from tests.workflows.killing import kill_after
from tests.workflows.saved import Saved
from tests.worlds import World, embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")

_SPREAD: Environment = environment(
    root={"key": "EC-P256"},
    hub=[{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-other"}],
    device={"vaults": ["kv-dpsops-one", "kv-dpsops-two"]},
)


def made(world: World) -> None:
    """Two devices, one of them registered, in an environment with two hubs and two vaults for devices."""
    up(world.connect())
    issue_to(world.connect(), PRESS, OTHER)
    Device.fetched(world.connect(), PRESS).register(world.connect())


def assert_gone(world: World, *, purged: bool) -> None:
    """Requires that nothing is left but deleted vaults, and that `down` has nothing to do."""
    clients = world.connect().clients
    assert list(clients.groups.resource_groups.list()) == []
    deleted = sorted(str(each.name) for each in clients.vaults.vaults.list_deleted())
    assert deleted == ([] if purged else ["kv-dpsops-one", "kv-dpsops-test", "kv-dpsops-two"])
    assert down(world.connect(), purge=purged) == []


@pytest.mark.parametrize("purged", [False, True], ids=["kept", "purged"])
@pytest.mark.parametrize("timings", [Timings(), Timings(operation=40)], ids=["quick", "slow"])
def test_the_next_run_completes_it_after_a_kill_at_every_boundary(tmp_path: Path, timings: Timings, *, purged: bool) -> None:
    with start_embedded(tmp_path, Timings()) as azure:
        world = embedded_world(azure, _SPREAD, direct=True)
        made(world)
        before = Saved.of(tmp_path)
        azure.azure.timings = timings
        world.clock.advance(timings.operation)  # all that was made is there
        for boundary in boundaries():
            before.restore()
            world.sign_out()
            kill_after(world, boundary)
            killed = True
            with suppress(Error):
                down(world.connect(), purge=purged)
                killed = False
            azure.azure.faults.clear()
            down(world.connect(), purge=purged)
            assert_gone(world, purged=purged)
            if not killed:
                break
        assert boundary > 40


def quietly(command: Callable[[World], object], world: World) -> None:
    """Runs a command, and ignores an error."""
    with suppress(Error):
        command(world)


def test_two_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_embedded(tmp_path, Timings()) as azure:
        first, second = (embedded_world(azure, _SPREAD, direct=True) for _ in range(2))
        made(first)
        before = Saved.of(tmp_path)
        interrupted = Interrupted(first.transport, monkeypatch)
        for boundary in boundaries():
            before.restore()
            interrupted.at(boundary, lambda: quietly(lambda world: down(world.connect()), second))
            quietly(lambda world: down(world.connect()), first)
            down(second.connect())
            assert_gone(second, purged=False)
            if not interrupted.happened:
                break
        assert boundary > 40


def test_what_is_made_again_while_its_removal_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for an hour for the end of what another `up` has made, and none of the rest is removed."""
    with start_embedded(tmp_path, Timings(operation=40)) as azure:
        first, second = (embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True) for _ in range(2))
        up(first.connect())
        send, begun, tried = first.transport.send, first.clock.now(), list[str]()

        def after(request: Any, **options: Any) -> Any:
            """Lets somebody run `up` as soon as the DPS is gone."""
            answer = send(request, **options)
            if request.method == "DELETE" and "/provisioningservices/" in request.url.lower():
                tried.append("removed")
            elif tried == ["removed"] and Removals(second.connect().clients).find(SERVICE, "dps-dpsops-test") is None:
                tried.append("up")
                with ThreadPoolExecutor(1) as thread:
                    thread.submit(up, second.connect()).result()
            return answer

        monkeypatch.setattr(first.transport, "send", after)
        with pytest.raises(Changed, match="has made dps-dpsops-test again: 'dpsops up' is at work at the same time"):
            down(first.connect())
        assert tried == ["removed", "up"]
        assert first.clock.now() - begun < 900
        assert Removals(second.connect().clients).find(HUB, "iot-dpsops-test") is not None


def roots(world: World) -> set[str]:
    """The roots in the vault of the environment; none if there is no such vault."""
    connection = world.connect()
    if all(str(each.name) != "kv-dpsops-test" for each in connection.clients.vaults.vaults.list_by_subscription()):
        return set()
    return {each.name for each in connection.roots.all().values()}


def test_a_root_that_up_makes_meanwhile_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`up` was stopped before it made its root, and goes on between two requests of `down`. Whatever becomes of the two, a root
    that nobody has confirmed to remove is still there; or it was made in the moment before the vault went: then that is said, and
    the vault can be recovered."""
    with start_embedded(tmp_path, Timings()) as azure:
        first, second = (embedded_world(azure, environment(root={"key": "EC-P256"}), direct=True) for _ in range(2))
        deploy_only(first)
        before = Saved.of(tmp_path)
        interrupted = Interrupted(first.transport, monkeypatch)
        made = 0
        for boundary in boundaries():
            before.restore()
            confirmed: list[Removal] = []
            found: list[set[str]] = []

            def rival(found: list[set[str]] = found) -> None:
                quietly(lambda world: up(world.connect()), second)
                found.append(roots(second))

            interrupted.at(boundary, rival)
            said = ""
            try:
                down(first.connect(), confirmed.append, purge=True)
            except Error as error:
                said = error.message
            if not interrupted.happened:
                break
            known = {name for each in confirmed for part in each.parts for name in part.contents.roots}
            if found[0] - known:
                made += 1
                deleted = [str(each.name) for each in second.connect().clients.vaults.vaults.list_deleted()]
                told = "has made dps-dpsops-test, iot-dpsops-test again" in said and deleted == ["kv-dpsops-test"]
                assert roots(second) == found[0] or told, boundary
        assert made > 1
        assert boundary > 20
