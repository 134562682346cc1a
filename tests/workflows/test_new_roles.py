"""New roles take effect each by itself, in any order: `up` waits for each of them wherever that is, and for no other denial."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.cli.connection import Connection
from dpsops.emulator.chances import Chances
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from dpsops.emulator.rbac import ASSIGNMENT, ROLES
from dpsops.emulator.world import Timings
from dpsops.errors import Denied
from dpsops.model.device import Issued
from dpsops.steps.use_root import finished_root
from tests.workflows.by_hand import azure, deploy_only, remove_the_roles
from tests.workflows.commands import issue_to, up
from tests.workflows.doing import PRESS
from tests.workflows.standing import stand
from tests.worlds import World, environment, waited

REQUIRED = {
    "Key Vault Certificates Officer", "Key Vault Crypto User", "Key Vault Secrets Officer",
    "Device Provisioning Service Data Contributor",
}  # fmt: skip
"""The roles without which `up` cannot end: it asks no hub's registry."""

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-dpsops-test"

SEEDS = range(16)
_EC = environment(root={"key": "EC-P256"})


def arrivals(world: World) -> dict[str, float]:
    """The roles that the deployment has assigned, and when each takes effect, in seconds since it was assigned."""
    drawn: Chances = azure(world).chances
    spread = azure(world).timings.role_spread
    with azure(world).database.transaction() as state:
        return {
            ROLES[each["role"]].name: spread * drawn.draw("role", key)
            for key, each in state.list(ASSIGNMENT)
            if "/providers/microsoft." in each["scope"]
        }


@pytest.mark.usefixtures("unmeasured")
def test_roles_that_come_in_any_order_are_waited_for_wherever_they_are_missing(embedded: World) -> None:
    last = set()
    for seed in SEEDS:
        name = f"test{seed}"
        settings = environment(
            name=name, resource_group=f"rg-{name}", vault={"name": f"kv-{name}", "purge_protection": False},
            dps={"name": f"dps-{name}"}, hub=[{"name": f"iot-{name}"}], root={"key": "EC-P256"},
        )  # fmt: skip
        azure(embedded).timings = Timings(role_spread=300)
        azure(embedded).chances = Chances(seed)
        begun = embedded.clock.now()
        up(embedded.connect(settings))
        came = {role: moment for role, moment in arrivals(embedded).items() if role in REQUIRED}
        assert came.keys() == REQUIRED
        last.add(max(came, key=lambda role: came[role]))
        assert embedded.clock.now() - begun >= max(came.values())
        assert [type(result) for result in issue_to(embedded.connect(settings), PRESS)] == [Issued]
        remove_the_roles(embedded)  # of this environment: the next one has its own
    assert last == REQUIRED, "each of them is the last in one of these worlds"


@pytest.mark.parametrize("seconds", [0.0, 1.0, 595.0], ids=["at once", "soon", "late"])
def test_roles_that_come_all_at_the_same_time(embedded: World, seconds: float) -> None:
    azure(embedded).timings = Timings(role=seconds)
    up(embedded.connect(_EC))
    assert [type(result) for result in issue_to(embedded.connect(_EC), PRESS)] == [Issued]
    assert any("waiting until the new roles" in text for text in embedded.said) == (seconds > 0)


def test_the_wait_is_bounded(embedded: World) -> None:
    azure(embedded).timings = Timings(role=700)
    begun = embedded.clock.now()
    with pytest.raises(Denied, match="Caller is not authorized"):
        up(embedded.connect(_EC))
    assert 600 <= embedded.clock.now() - begun < 660
    assert up(embedded.connect(_EC)), "the next run waits for the rest"


def test_a_run_that_was_interrupted_after_its_deployment_waits_when_it_is_continued(embedded: World) -> None:
    azure(embedded).timings = Timings()
    deploy_only(embedded)
    azure(embedded).timings = Timings(role=300)
    assert up(embedded.connect())
    assert "waiting until the new roles take effect in the vault (this takes minutes on Azure)" in embedded.said


def test_another_command_right_after_up_waits_too(embedded: World) -> None:
    azure(embedded).timings = Timings()
    stand(embedded, _EC)
    azure(embedded).timings = Timings(role=300)
    embedded.said.clear()
    assert [type(result) for result in issue_to(embedded.connect(_EC), PRESS)] == [Issued]
    assert "waiting until the new roles take effect in the DPS (this takes minutes on Azure)" in embedded.said


def test_nobody_waits_for_roles_that_were_assigned_long_ago(embedded: World) -> None:
    azure(embedded).timings = Timings()
    stand(embedded, _EC)
    azure(embedded).timings = Timings(role=1e9)
    embedded.clock.advance(900)
    _expect_denial_at_once(embedded)


def test_nobody_waits_for_roles_of_others_and_of_other_resources(embedded: World) -> None:
    azure(embedded).timings = Timings()
    stand(embedded, _EC)
    embedded.clock.advance(900)
    azure(embedded).timings = Timings(role=1e9)
    with azure(embedded).database.transaction() as state:
        for number, (who, on) in enumerate([(OPERATOR.object_id, "kv-another"), ("somebody", "kv-dpsops-test")]):
            scope = f"{GROUP}/providers/microsoft.keyvault/vaults/{on}"
            role = next(iter(ROLES))
            given = {"principal": who, "role": role, "scope": scope, "created": embedded.clock.now()}
            state.put(ASSIGNMENT, f"{scope}/providers/microsoft.authorization/roleassignments/{number}", given)
    _expect_denial_at_once(embedded)


def test_whoever_may_not_read_role_assignments_does_not_wait(embedded: World) -> None:
    azure(embedded).timings = Timings()
    stand(embedded, _EC)
    azure(embedded).timings = Timings(role=300)
    denied = Response(403, {"error": {"code": "AuthorizationFailed", "message": "No."}})
    azure(embedded).faults.add(Fault(Refuse(denied), _of_role_assignments, times=None))
    _expect_denial_at_once(embedded)


def test_the_roles_that_are_still_to_be_assigned_are_not_waited_for(embedded: World) -> None:
    azure(embedded).timings = Timings()
    stand(embedded, _EC)
    with azure(embedded).database.transaction() as state:  # one is left, which is new but not enough
        lost = [key for key, each in state.list(ASSIGNMENT) if each["scope"].endswith("/kv-dpsops-test")]
        for key in lost[:2]:
            state.delete(ASSIGNMENT, key)
    embedded.said.clear()
    assert [each.action for each in up(embedded.connect(_EC))] == ["assign", "assign"]
    assert not any("waiting until the new roles" in text for text in embedded.said)


def _expect_denial_at_once(world: World) -> None:
    world.said.clear()
    begun = world.clock.now()
    with pytest.raises(Denied):
        issue_to(world.connect(_EC), PRESS)
    assert world.clock.now() - begun < 5
    assert not any("waiting" in text for text in world.said)


@pytest.mark.parametrize("code", ["ForbiddenByFirewall", "ForbiddenByConnection", "AccessDenied"])
def test_nobody_waits_for_what_no_role_changes(embedded: World, code: str) -> None:
    azure(embedded).timings = Timings()
    body = {"error": {"code": "Forbidden", "message": "No.", "innererror": {"code": code}}}
    azure(embedded).faults.add(Fault(Refuse(Response(403, body)), _of_the_vault, times=None))
    with pytest.raises(Denied) as denied:
        up(embedded.connect(_EC))
    assert not denied.value.role_missing
    assert not any("waiting until the new roles" in text for text in embedded.said)


PARTS: dict[str, tuple[str, Callable[[Connection], object]]] = {
    "certificates": ("the vault", lambda to: to.roots.all()),
    "keys": ("the vault", lambda to: to.clients.keys.get_key("root-g1")),
    "secrets": ("the vault", lambda to: waited(to.leaves.all())),
    "enrollments": ("the DPS", lambda to: to.dps.group()),
    "the registry of a hub": ("the IoT Hub", lambda to: waited(to.hubs.identity(_EC.hub[0].host, "nobody"))),
}


@pytest.mark.parametrize(("service", "ask"), PARTS.values(), ids=PARTS)
def test_each_part_of_azure_is_asked_again(embedded: World, service: str, ask: Callable[[Connection], object]) -> None:
    connection = _late(embedded)
    ask(connection)
    assert set(embedded.said) == {f"waiting until the new roles take effect in {service} (this takes minutes on Azure)"}


def test_a_signature_is_asked_for_again(embedded: World) -> None:
    connection = _late(embedded)
    azure(embedded).timings = Timings()
    key = connection.roots.signer(finished_root(connection.run, connection.roots, "root-g1"))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    azure(embedded).timings = Timings(role=300)
    assert key.sign(b"x", ec.ECDSA(hashes.SHA256()))
    assert any("take effect in the vault" in text for text in embedded.said)


def _late(world: World) -> Connection:
    """An invocation that has just assigned the roles, which take effect five minutes later."""
    azure(world).timings = Timings()
    connection = stand(world, _EC)
    world.said.clear()
    azure(world).timings = Timings(role=300)
    return connection


def _of_role_assignments(request: Request) -> bool:
    return request.path.endswith("/roleAssignments")


def _of_the_vault(request: Request) -> bool:
    return request.host.endswith(".vault.azure.net") and "authorization" in request.headers
