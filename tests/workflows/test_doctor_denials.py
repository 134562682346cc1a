"""`doctor` and deny assignments: what it says that one stops, it stops, whatever roles an identity has."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.rbac import DENY_ASSIGNMENT, EVERYBODY
from dpsops.errors import Denied
from dpsops.model.checkup import Finding, Outcome
from tests.workflows import commands
from tests.workflows.by_hand import azure
from tests.workflows.doing import PRESS
from tests.workflows.history import group_of
from tests.workflows.identities import as_identity, custom_role, define, principal
from tests.worlds import World

ALL = {"id": EVERYBODY, "type": "SystemDefined"}
ME = {"id": OPERATOR.object_id, "type": "ServicePrincipal"}
GROUP = {"id": "0b0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "type": "Group"}
WRITES_SECRETS = {"dataActions": ["Microsoft.KeyVault/vaults/secrets/setSecret/action"]}
DELETES = {"actions": ["*/delete"]}


def deny(world: World, permission: dict[str, list[str]], **changes: Any) -> None:
    """A deployment stack denies something on the resource group."""
    nothing: dict[str, list[str]] = {"actions": [], "notActions": [], "dataActions": [], "notDataActions": []}
    document = {
        "name": "stack", "scope": group_of(world).lower(), "permission": nothing | permission, "below": True,
        "principals": [ALL], "excluded": [],
    }  # fmt: skip
    with azure(world).database.transaction() as state:
        state.put(DENY_ASSIGNMENT, "c0c0a0a0-0000-4000-8000-000000000001", document | changes)


def findings(world: World, *names: str) -> list[Finding]:
    return [each for each in commands.doctor(world.connect(), *names).findings if each.check == "deny-assignment"]


def test_what_it_stops_is_named_and_does_not_work(quick: World) -> None:
    deny(quick, DELETES)
    (found,) = findings(quick, "up", "down", "device issue", "rotate")
    assert (found.subject, found.outcome) == ("stack", Outcome.FAILED)
    assert found.detail.lower() == f"on {group_of(quick)} stops down, rotate".lower()
    with pytest.raises(Denied) as denied:
        commands.down(quick.connect())
    assert "because of the deny assignment with name 'stack' and Id" in denied.value.message
    assert denied.value.hint == found.hint
    assert denied.value.hint.startswith("no role helps")
    assert not denied.value.role_missing


def test_data_is_denied_too(quick: World) -> None:
    deny(quick, WRITES_SECRETS)
    (found,) = findings(quick, "device issue", "status")
    assert found.detail.endswith(" stops device issue")
    with pytest.raises(Denied):
        commands.issue_to(quick.connect(), PRESS)


@pytest.mark.parametrize(
    "changes",
    [
        {"excluded": [ME]},
        {"principals": [{"id": "1" * 8, "type": "User"}]},
        {"below": False},
        {"scope": "/subscriptions/5a7d4c1e-30b2-4f6e-8a71-2c9be0d4f833/resourcegroups/another"},
    ],
    ids=["excluded", "somebody else", "not below", "elsewhere"],
)
def test_what_does_not_concern_is_not_told(quick: World, changes: dict[str, Any]) -> None:
    deny(quick, WRITES_SECRETS, **changes)
    assert findings(quick, "device issue") == []
    commands.issue_to(quick.connect(), PRESS)


@pytest.mark.parametrize("changes", [{"principals": [GROUP]}, {"excluded": [GROUP]}], ids=["denied", "excluded"])
def test_who_is_in_a_group_is_unknown(quick: World, changes: dict[str, Any]) -> None:
    deny(quick, WRITES_SECRETS, **changes)
    (found,) = findings(quick, "device issue")
    assert found.outcome is Outcome.UNKNOWN
    assert "that depends on the groups" in found.detail


def test_who_may_not_list_them_is_told(quick: World) -> None:
    planner = as_identity(quick, principal("planner"), define(quick, custom_role("planner")))
    (found,) = findings(planner, "plan")
    assert found.outcome is Outcome.UNKNOWN
    assert "Microsoft.Authorization/denyAssignments/read" in found.detail
