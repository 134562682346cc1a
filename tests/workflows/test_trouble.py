"""Problems of `up`, and its errors."""

from __future__ import annotations

from functools import partial

import pytest

from dpsops.emulator.faults import Fault, Refuse, Throttle
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.world import Timings
from dpsops.errors import Denied, Error, Refused
from dpsops.model.action import Failed
from dpsops.model.device import Issued, Unchanged
from dpsops.model.plan import Plan
from dpsops.model.roles import Principal
from dpsops.pki.names import device_id, secret_name
from tests.workflows.by_hand import asks_for, azure, deploy_only, remove_the_roles
from tests.workflows.commands import issue_to, plan, status, up
from tests.workflows.doing import PRESS, ready
from tests.workflows.standing import stand
from tests.worlds import World, environment


def test_up_waits_until_new_roles_take_effect(embedded: World) -> None:
    up(embedded.connect())
    assert "waiting until the new roles take effect in the vault (this takes minutes on Azure)" in embedded.said


def test_the_error_for_roles_that_never_take_effect_is_azures(embedded: World) -> None:
    azure(embedded).timings = Timings(role=1e9)
    with pytest.raises(Denied) as refused:
        up(embedded.connect())
    assert "Caller is not authorized" in refused.value.message
    assert "'Key Vault Certificates Officer' on /subscriptions/" in refused.value.hint


def test_missing_roles_are_deployed_and_not_waited_for_before(embedded: World) -> None:
    stand(embedded)
    remove_the_roles(embedded)
    embedded.said.clear()
    wanted = plan(embedded.connect())
    assert not any("new roles" in text for text in embedded.said)
    *roles, last = wanted.actions
    assert len(roles) == 6
    assert {action.action for action in roles} == {"assign"}
    assert last.action == "look at"
    assert len(up(embedded.connect(), wanted)) == 6
    assert up(embedded.connect()) == []


def test_an_approved_plan_does_not_cover_what_only_the_new_roles_show(embedded: World) -> None:
    deploy_only(embedded)
    remove_the_roles(embedded)
    approved = plan(embedded.connect())
    asked: list[Plan] = []
    with pytest.raises(Refused, match="show that more is missing than was approved"):
        up(embedded.connect(), approved)
    remove_the_roles(embedded)
    done = up(embedded.connect(), approved=None, confirm=asked.append)
    assert done[-1].outcome == "created"
    assert [each.actions[-1].target for each in asked] == [approved.actions[-1].target, "enrollment group devices"]
    assert up(embedded.connect()) == []


def test_a_disabled_secret_does_not_count(embedded: World) -> None:
    connection = ready(embedded)
    connection.clients.secrets.update_secret_properties(secret_name(PRESS), enabled=False)
    (issued,) = issue_to(embedded.connect(), PRESS)
    assert isinstance(issued, Issued)
    assert [type(one) for one in issue_to(embedded.connect(), PRESS)] == [Unchanged]


def test_a_plan_of_another_identity_is_refused(embedded: World) -> None:
    """The roles would be assigned to an identity that nobody approved."""
    approved = plan(embedded.connect())
    connection = embedded.connect()
    vars(connection.clients)["caller"] = Principal("0f0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "User")
    with pytest.raises(Refused, match="the settings, the template or the identity have changed since the plan was made"):
        up(connection, approved)


def test_a_firewall_is_not_waited_for(embedded: World) -> None:
    deploy_only(embedded)
    words = {"code": "Forbidden", "message": "Client address is not authorized.", "innererror": {"code": "ForbiddenByFirewall"}}
    firewall = Fault(
        Refuse(Response(403, {"error": words})), lambda request: request.path.startswith("/certificates"), times=None
    )
    azure(embedded).faults.add(firewall)
    embedded.said.clear()
    with pytest.raises(Denied, match="Client address is not authorized"):
        up(embedded.connect())
    assert not any("new roles" in text for text in embedded.said)


def test_the_error_for_an_identity_without_roles_names_role_and_scope(embedded: World) -> None:
    with azure(embedded).database.transaction() as state:
        for key, assignment in state.list(ASSIGNMENT):
            state.put(ASSIGNMENT, key, assignment | {"role": "acdd72a7-3385-48ef-bd42-f606fba81ae7"})
    with pytest.raises(Denied) as refused:
        up(embedded.connect())
    assert f"The client '{OPERATOR.app_id}' with object id '{OPERATOR.object_id}'" in refused.value.message
    assert refused.value.hint.startswith("assign the role 'Contributor', or a custom one that allows Microsoft.Resources/")
    assert f", on /subscriptions/{SUBSCRIPTION}/resource" in refused.value.hint


def test_a_soft_deleted_vault_is_reported(embedded: World) -> None:
    stand(embedded)
    connection = embedded.connect()
    connection.clients.vaults.vaults.delete(connection.run.environment.resource_group, connection.run.environment.vault.name)
    with pytest.raises(Refused, match="was deleted on 2026-03-01, but its name is still in use"):
        up(embedded.connect())
    found = status(embedded.connect())
    assert (found.vaults, found.dps is not None, len(found.hubs), found.root) == ((), True, 1, None)
    assert found.trouble is not None
    assert found.next == (found.trouble.hint,)


def test_status_shows_the_existing_hubs_if_one_is_missing(embedded: World) -> None:
    stand(embedded)
    more = environment(
        hub=[{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-two"}], root={"key": "RSA-2048", "prove_to_hubs": True}
    )
    found = status(embedded.connect(more))
    assert [hub.name for hub in found.hubs] == ["iot-dpsops-test"]
    assert found.root is not None
    assert found.next == ("dpsops up",)


def test_up_waits_if_it_is_throttled(embedded: World) -> None:
    for verb in ("create", "sign", "verify"):
        azure(embedded).faults.add(Fault(Throttle(retry_after=20), partial(asks_for, verb)))
    assert up(embedded.connect())
    assert [exchange.status for exchange in embedded.exchanges].count(429) == 3


def test_one_device_that_fails_does_not_stop_the_others(embedded: World) -> None:
    stand(embedded)
    deleted = device_id("press-02")
    issue_to(embedded.connect(), deleted)
    embedded.connect().clients.secrets.begin_delete_secret("device-press-02").wait()

    results = issue_to(embedded.connect(), device_id("press-01"), deleted, device_id("press-03"))

    assert [type(result) for result in results] == [Issued, Failed, Issued]
    failed = results[1]
    assert isinstance(failed, Failed)
    assert "deleted but recoverable" in failed.reason


def test_a_missing_role_ends_the_command(embedded: World) -> None:
    def stores(request: Request) -> bool:
        return request.method == "PUT" and request.path.startswith("/secrets/device-")

    up(embedded.connect())
    refusal = {"code": "Forbidden", "message": "Caller is not authorized.", "innererror": {"code": "ForbiddenByRbac"}}
    azure(embedded).faults.add(Fault(Refuse(Response(403, {"error": refusal})), stores, times=None))
    with pytest.raises(Denied, match="Caller is not authorized"):
        issue_to(embedded.connect(), device_id("press-01"), device_id("press-02"))


def test_plan_for_a_changed_setting_names_the_resource(embedded: World) -> None:
    stand(embedded)
    changed = environment(hub=[{"name": "iot-dpsops-test", "capacity": 2}])
    found = plan(embedded.connect(changed))
    assert [(action.action, action.target) for action in found.actions] == [
        ("modify", "Microsoft.Devices/IotHubs/iot-dpsops-test")
    ]


def test_a_deployment_that_would_fail_is_told_before_anything_is_changed(embedded: World) -> None:
    """A what-if that fails is answered 200, with an error in its result."""
    stand(embedded)
    bad = environment(hub=[{"name": "iot-dpsops-test"}, {"name": "iot-far", "location": "chilecentral"}])
    with pytest.raises(Error, match=r"the deployment would fail: .*'chilecentral'"):
        plan(embedded.connect(bad))
    assert plan(embedded.connect()).actions == ()
