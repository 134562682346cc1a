"""Deployments and other requests that Resource Manager refuses: its innermost reasons, and the hints that fit."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from dpsops.emulator.arm.locks import KIND as LOCK
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Response
from dpsops.emulator.identity.state import SUBSCRIPTION
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.world import Timings
from dpsops.errors import Denied, Error, Refused
from dpsops.settings import Environment
from tests.workflows.by_hand import azure, remove_the_roles, self_signed, upload
from tests.workflows.commands import plan, up
from tests.worlds import World, environment

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dpsops-test"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-dpsops-test"
OTHERS = {"vault": {"name": "kv-other"}, "dps": {"name": "dps-other"}, "hub": [{"name": "iot-other"}]}
"""Names that nobody has."""

CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"


def changed(**settings: object) -> Environment:
    """The environment with other settings, so that there is something to deploy."""
    return environment(**{"root": {"key": "EC-P256"}, "tags": {"team": "press"}} | settings)


def quote(world: World, *, quoted: bool) -> None:
    """Whether a deployment quotes a provider's refusal as text (to 2022) or has it as data (2024)."""
    azure(world).habits = replace(azure(world).habits, quoted_refusals=quoted)


def lock(world: World, scope: str) -> None:
    """Locks what is at or below a scope against any change."""
    name = f"{scope}/providers/Microsoft.Authorization/locks/frozen"
    with azure(world).database.transaction() as state:
        state.put(LOCK, name.lower(), {"id": name, "name": "frozen", "scope": scope, "level": "ReadOnly"})


def test_names_that_others_have_are_named_each_with_its_hint(quick: World) -> None:
    other = changed(resource_group="rg-other")
    with pytest.raises(Error) as deploying:
        up(quick.connect(other))
    with pytest.raises(Error) as planning:
        plan(quick.connect(other))
    assert deploying.value.message.splitlines()[0] == "a resource cannot be created for 3 reasons:"
    assert planning.value.message == deploying.value.message
    for refused in (deploying.value, planning.value):
        told, hints = refused.message.splitlines()[1:], refused.hint.splitlines()
        assert {"kv-dpsops-test", "iot-dpsops-test", "dps-dpsops-test"} == {
            name
            for name in ("kv-dpsops-test", "iot-dpsops-test", "dps-dpsops-test")
            if any(f"'{name}' is" in line for line in told)
        }
        assert len(hints) == 3
        for line, step in zip(told, hints, strict=True):
            assert line[:3] == step[:3]  # the number
            vault = "The vault name 'kv-dpsops-test'" in line
            assert ("choose another vault name" in step, "is already in use, perhaps by somebody else" in step) == (
                vault,
                not vault,
            )
        assert "correlation identifier" not in refused.message


@pytest.mark.parametrize("quoted", [False, True], ids=["as data", "as text"])
def test_a_lock_is_named_wherever_it_stops_a_deployment(quick: World, quoted: bool) -> None:
    quote(quick, quoted=quoted)
    lock(quick, VAULT)
    with pytest.raises(Error, match="cannot perform write operation") as refused:
        up(quick.connect(changed()))
    assert f"'{VAULT}'" in refused.value.message
    assert (
        "there is a lock on Microsoft.KeyVault/vaults/kv-dpsops-test: 'az lock list --resource-group rg-dpsops-test'"
        in refused.value.hint
    )
    assert "choose another name" not in refused.value.hint


def test_a_lock_that_stops_a_ca_certificate_is_named(quick: World) -> None:
    """Not a deployment, but one request to the DPS."""
    connection = quick.connect()
    lock(quick, GROUP)
    with pytest.raises(Error, match="are locked") as refused:
        upload(connection, "root-g9", self_signed("x", connection.run.now()))
    assert "a lock on the resource group rg-dpsops-test" in refused.value.hint


@pytest.mark.parametrize("details", [True, False], ids=["in details", "without details"])
def test_a_provider_that_is_not_registered_is_named(quick: World, details: bool) -> None:
    azure(quick).habits = Habits(registration_details=details, unregistered=frozenset({"Microsoft.Devices"}))
    with pytest.raises(Error, match="is not registered to use namespace") as refused:
        plan(quick.connect(changed()))
    assert refused.value.hint.endswith("az provider register --namespace Microsoft.Devices --wait")
    assert len(refused.value.message.splitlines()) == 1


@pytest.mark.parametrize("quoted", [False, True], ids=["as data", "as text"])
@pytest.mark.parametrize("named", [True, False], ids=["2026", "to 2025"])
def test_a_role_that_is_assigned_under_another_name(quick: World, quoted: bool, named: bool) -> None:
    """What-if cannot see it: only the deployment fails, if the assignment was too new to be listed."""
    quote(quick, quoted=quoted)
    azure(quick).habits = replace(azure(quick).habits, names_existing_assignment=named)
    with azure(quick).database.transaction() as state:
        found = [(key, each) for key, each in state.list(ASSIGNMENT) if each["scope"].endswith("/vaults/kv-dpsops-test")]
        other = uuid.uuid4()
        key, one = found[0]
        state.delete(ASSIGNMENT, key)
        state.put(ASSIGNMENT, f"{key.rpartition('/')[0]}/{other}", one)
    assert plan(quick.connect()).actions == (), "whatever its name, the role is there"
    unseen = Response(200, {"value": []})  # an assignment is not listed at once
    azure(quick).faults.add(Fault(Refuse(unseen), lambda request: request.path.endswith("/roleAssignments"), times=None))
    with pytest.raises(Error, match="The role assignment already exists") as refused:
        up(quick.connect())
    assert "somebody has assigned this role already, under another name" in refused.value.hint
    assert (f"[?name=='{other}']" in refused.value.hint) == named


def test_a_group_that_is_being_deleted(quick: World) -> None:
    connection = quick.connect()
    azure(quick).timings = Timings(operation=1e9)
    connection.clients.groups.resource_groups.begin_delete("rg-dpsops-test", polling=False)
    with pytest.raises(Refused, match="the resource group rg-dpsops-test is being deleted") as refused:
        up(quick.connect())
    assert "(az group wait --deleted --name rg-dpsops-test)" in refused.value.hint


def test_a_location_that_is_none(quick: World) -> None:
    moon = changed(resource_group="rg-moon", location="moon", **OTHERS)
    with pytest.raises(Refused, match="cannot be made in moon") as vault:
        up(quick.connect(moon))
    unread = Response(403, {"error": {"code": "AuthorizationFailed", "message": "No."}})
    namespaces = ("/providers/microsoft.keyvault", "/providers/microsoft.devices")
    azure(quick).faults.add(Fault(Refuse(unread), lambda request: request.path.lower().endswith(namespaces), times=None))
    with pytest.raises(Error, match="The provided location 'moon' is not available for resource group") as group:
        up(quick.connect(moon))
    azure(quick).faults.clear()
    with pytest.raises(
        Error, match="the deployment would fail: No registered resource provider found for location 'moon'"
    ) as hub:
        plan(quick.connect(changed(hub=[{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-moon", "location": "moon"}])))
    for refused in (vault, group, hub):
        assert refused.value.hint.startswith("set another location in the settings")


def test_an_identity_that_may_deploy_and_not_assign_roles_lacks_a_role(quick: World) -> None:
    """The preflight says so in words only, in a what-if with 200."""
    remove_the_roles(quick)
    with azure(quick).database.transaction() as state:
        for key, assignment in state.list(ASSIGNMENT):
            state.put(ASSIGNMENT, key, assignment | {"role": CONTRIBUTOR})
    with pytest.raises(Denied, match="Authorization failed for template resource") as refused:
        up(quick.connect())
    assert refused.value.hint.startswith("assign the role 'Role Based Access Control Administrator' on /subscriptions/")
    assert len(refused.value.hint.splitlines()) == 1
    assert refused.value.role_missing
