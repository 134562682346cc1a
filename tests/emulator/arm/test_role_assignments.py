"""Role assignments and definitions, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from tests.emulator.arm.contoso import BOX, CONTRIBUTOR, GROUP, READER, STRANGER, VERSION, Contoso

NAME = "a0000000-0000-4000-8000-000000000001"
OTHER = "b0000000-0000-4000-8000-000000000002"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
USER = "d0000000-0000-4000-8000-000000000003"
THERE = f"/subscriptions/{SUBSCRIPTION}"
DEFINITIONS = f"{THERE}/providers/Microsoft.Authorization/roleDefinitions"


def path(scope: str, name: str = NAME) -> str:
    """The ID of an assignment."""
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"


def assign(contoso: Contoso, scope: str = GROUP, name: str = NAME, role: str = READER, **changes: Any) -> Response:
    """Gives a role to a principal that has none."""
    definition = f"{DEFINITIONS}/{role}"
    given = {"roleDefinitionId": definition, "principalId": STRANGER.object_id, "principalType": "ServicePrincipal"}
    body = {"properties": {key: each for key, each in (given | changes).items() if each is not None}}
    return contoso.call("PUT", path(scope, name), body, version="2022-04-01")


def listed(contoso: Contoso, scope: str, text: str = "") -> list[str]:
    """The names of the assignments, by scope."""
    query = {"$filter": text} if text else {}
    answer = contoso.call("GET", path(scope, ""), version="2022-04-01", query=query)
    return [each["name"] for each in answer.body["value"]]


def test_an_assignment_is_made_and_works(contoso: Contoso) -> None:
    made = assign(contoso, description="to look around")
    assert made.status == 201
    shown = contoso.call("GET", path(GROUP).upper(), version="2022-04-01").body
    assert made.body == shown | {"properties": shown["properties"] | {"createdBy": None}}
    assert shown == {
        "properties": {
            "roleDefinitionId": f"{DEFINITIONS}/{READER}",
            "principalId": STRANGER.object_id,
            "principalType": "ServicePrincipal",
            "scope": GROUP,
            "condition": None,
            "conditionVersion": None,
            "createdOn": "2026-03-01T12:00:00.0000000Z",
            "updatedOn": "2026-03-01T12:00:00.0000000Z",
            "createdBy": OPERATOR.object_id,
            "updatedBy": OPERATOR.object_id,
            "delegatedManagedIdentityResourceId": None,
            "description": "to look around",
        },
        "id": path(GROUP),
        "type": "Microsoft.Authorization/roleAssignments",
        "name": NAME,
    }
    assert contoso.call("GET", GROUP, caller=STRANGER).status == 200


def test_the_same_assignment_again_keeps_when_it_was_made(contoso: Contoso) -> None:
    assign(contoso)
    first = contoso.call("GET", path(GROUP), version="2022-04-01").body
    contoso.azure.clock.advance(60)
    again = assign(contoso, description="now with words")
    assert again.status == 201
    assert again.body["properties"]["createdOn"] == "2026-03-01T12:01:00.0000000Z", "the answer takes it for new (recorded)"
    shown = contoso.call("GET", path(GROUP), version="2022-04-01").body["properties"]
    assert shown["createdOn"] == first["properties"]["createdOn"]
    assert shown["updatedOn"] == "2026-03-01T12:01:00.0000000Z"
    assert (shown["createdBy"], shown["description"]) == (OPERATOR.object_id, "now with words")


def test_one_assignment_has_one_name_and_one_name_one_assignment(contoso: Contoso) -> None:
    assign(contoso)
    twice = assign(contoso, name=OTHER)
    assert (twice.status, twice.body["error"]["code"]) == (409, "RoleAssignmentExists")
    said = "The role assignment already exists."
    named = f"{said} The ID of the existing role assignment is {NAME.replace('-', '')}."
    assert twice.body["error"]["message"] == named
    contoso.azure.habits = Habits(names_existing_assignment=False)
    assert assign(contoso, name=OTHER).body["error"]["message"] == said
    for change in ({"role": CONTRIBUTOR}, {"scope": THERE}, {"principalId": USER, "principalType": "User"}):
        changed = assign(contoso, **change)
        assert (changed.status, changed.body["error"]["code"]) == (400, "RoleAssignmentUpdateNotPermitted")
    assert listed(contoso, GROUP, f"principalId eq '{STRANGER.object_id}'") == [NAME]


@pytest.mark.parametrize(
    ("name", "changes", "status", "code"),
    [
        ("not-a-guid", {}, 400, "InvalidRoleAssignmentId"),
        (NAME, {"roleDefinitionId": "Reader"}, 400, "InvalidRoleDefinitionId"),
        (NAME, {"roleDefinitionId": None}, 400, "InvalidRoleDefinitionId"),
        (NAME, {"role": USER}, 404, "RoleDefinitionDoesNotExist"),
        (NAME, {"principalId": None}, 400, "InvalidPrincipalId"),
        (NAME, {"principalId": "me"}, 400, "InvalidPrincipalId"),
        (NAME, {"principalId": USER, "principalType": None}, 400, "PrincipalNotFound"),
        (NAME, {"principalType": "User"}, 400, "UnmatchedPrincipalType"),
        (NAME, {"principalType": "Robot"}, 400, "InvalidPrincipalType"),
        (NAME, {"condition": "1 == 1", "conditionVersion": "1.0"}, 400, "InvalidRoleAssignmentCondition"),
        (NAME, {"condition": "1 == 1"}, 400, "InvalidRoleAssignmentCondition"),
        (NAME, {"scope": f"{GROUP}/providers/{BOX}/gone"}, 404, "ResourceNotFound"),
        (NAME, {"scope": f"{GROUP}-gone"}, 404, "ResourceGroupNotFound"),
    ],
)
def test_an_assignment_that_cannot_be(contoso: Contoso, name: str, changes: dict[str, Any], status: int, code: str) -> None:
    answer = assign(contoso, name=name, **changes)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert listed(contoso, THERE, f"principalId eq '{STRANGER.object_id}'") == []


def test_a_condition_is_kept_and_takes_the_right_to_give_roles_away(contoso: Contoso) -> None:
    condition = {"condition": "@Resource[Microsoft.Storage/x:Name] stringEquals 'foo'", "conditionVersion": "2.0"}
    made = assign(contoso, role=OWNER, **condition)
    assert made.status == 201
    assert {name: made.body["properties"][name] for name in condition} == condition
    assert contoso.call("PUT", GROUP, {"location": "westeurope"}, caller=STRANGER).status == 200
    body = {"properties": {"roleDefinitionId": f"{DEFINITIONS}/{READER}", "principalId": USER, "principalType": "User"}}
    refused = contoso.call("PUT", path(GROUP, OTHER), body, caller=STRANGER, version="2022-04-01")
    assert (refused.status, refused.body["error"]["code"]) == (403, "AuthorizationFailed")


@pytest.mark.parametrize(
    ("version", "left_out"),
    [
        ("2015-07-01", {"principalType", "condition", "conditionVersion", "delegatedManagedIdentityResourceId", "description"}),
        ("2018-09-01-preview", {"condition", "conditionVersion", "delegatedManagedIdentityResourceId", "description"}),
        ("2022-04-01", set()),
    ],
)
def test_older_versions_show_less(contoso: Contoso, version: str, left_out: set[str]) -> None:
    assign(contoso)
    newest = contoso.call("GET", path(GROUP), version="2022-04-01").body["properties"]
    assert newest.keys() - contoso.call("GET", path(GROUP), version=version).body["properties"].keys() == left_out
    assert ("nextLink" in contoso.call("GET", path(GROUP, ""), version=version).body) == (version < "2018")


def test_a_principal_that_is_not_there_yet_needs_its_type(contoso: Contoso) -> None:
    assert assign(contoso, principalId=USER, principalType="User").body["properties"]["principalType"] == "User"
    assert assign(contoso, name=OTHER, principalType=None).body["properties"]["principalType"] == "ServicePrincipal"


def test_a_body_without_properties(contoso: Contoso) -> None:
    bodies: tuple[Any, ...] = ({}, [])
    for body in bodies:
        answer = contoso.call("PUT", path(GROUP), body, version="2022-04-01")
        assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidRequestContent")


def test_assignments_are_listed_at_above_and_below(contoso: Contoso) -> None:
    box = f"{GROUP}/providers/{BOX}/box"
    contoso.call("PUT", box, {"location": "westeurope"}, version=VERSION)
    assign(contoso, THERE, NAME)
    assign(contoso, box, OTHER)
    owner = OPERATOR.object_id
    assert listed(contoso, GROUP) == sorted([owner, NAME, OTHER], key=lambda name: (name == OTHER, name))
    assert listed(contoso, GROUP, "atScope()") == sorted([owner, NAME])
    assert listed(contoso, box, f"atScope() and assignedTo('{STRANGER.object_id.upper()}')") == [NAME, OTHER]
    assert listed(contoso, GROUP, f"principalId eq '{STRANGER.object_id}'") == [NAME, OTHER]
    contoso.call("PUT", GROUP + "-2", {"location": "westeurope"})
    assert listed(contoso, GROUP + "-2", f"principalId eq '{STRANGER.object_id}'") == [NAME]
    wrong = contoso.call("GET", path(GROUP, ""), version="2022-04-01", query={"$filter": "roleName eq 'x'"})
    assert (wrong.status, wrong.body["error"]["code"]) == (400, "UnsupportedQuery")


def test_deleting(contoso: Contoso) -> None:
    assign(contoso)
    made = contoso.call("GET", path(GROUP), version="2022-04-01")
    missing = contoso.call("GET", path(GROUP, OTHER), version="2022-04-01")
    assert (missing.status, missing.body["error"]["code"]) == (404, "RoleAssignmentNotFound")
    removed = contoso.call("DELETE", path(GROUP), version="2022-04-01")
    assert (removed.status, removed.body) == (200, made.body)
    assert contoso.call("DELETE", path(GROUP), version="2022-04-01").status == 204
    assert contoso.call("GET", GROUP, caller=STRANGER).status == 403


def test_a_contributor_gives_no_roles(contoso: Contoso) -> None:
    contoso.grant(STRANGER, CONTRIBUTOR)
    body = {"properties": {"roleDefinitionId": f"{DEFINITIONS}/{READER}", "principalId": USER, "principalType": "User"}}
    for method in ("PUT", "DELETE"):
        answer = contoso.call(method, path(GROUP), body, caller=STRANGER, version="2022-04-01")
        assert (answer.status, answer.body["error"]["code"]) == (403, "AuthorizationFailed")
    assert contoso.call("GET", path(GROUP, ""), caller=STRANGER, version="2022-04-01").status == 200


def test_definitions(contoso: Contoso) -> None:
    reader = contoso.call("GET", f"{DEFINITIONS}/{READER}", version="2022-04-01").body
    assert (reader["id"], reader["properties"]["roleName"]) == (f"{DEFINITIONS}/{READER}", "Reader")
    permission = {"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}
    assert reader["properties"]["permissions"] == [permission]
    named = contoso.call("GET", DEFINITIONS, version="2022-04-01", query={"$filter": "roleName eq 'Reader'"}).body["value"]
    assert named == [reader]
    everywhere = contoso.call(
        "GET", "/providers/Microsoft.Authorization/roleDefinitions", caller=STRANGER, version="2022-04-01"
    ).body["value"]
    assert f"/providers/Microsoft.Authorization/roleDefinitions/{READER}" in [each["id"] for each in everywhere]
    assert (
        contoso.call("GET", f"{DEFINITIONS}/{USER}", version="2022-04-01").body["error"]["code"] == "RoleDefinitionDoesNotExist"
    )
