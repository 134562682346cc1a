"""Custom roles over HTTP: made, assigned, changed and removed, as Microsoft's CLI does it."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator import rbac
from dpsops.emulator.http import Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from dpsops.emulator.world import Timings
from tests.emulator.arm.contoso import BOX, CONTRIBUTOR, GROUP, READER, STRANGER, VERSION, Contoso

NAME = "88888888-0000-4000-8000-000000000001"
OTHER = "88888888-0000-4000-8000-000000000002"
THERE = f"/subscriptions/{SUBSCRIPTION}"
DATA = "Contoso.Things/boxes/things"
GIVEN: dict[str, Any] = {
    "roleName": "keeper of boxes",
    "description": "Keeps boxes, but none for ever",
    "permissions": [
        {
            "actions": [f"{BOX}/*", "Microsoft.Resources/subscriptions/resourceGroups/read"],
            "notActions": [f"{BOX}/delete"],
            "dataActions": [f"{DATA}/*"],
            "notDataActions": [f"{DATA}/write"],
        }
    ],
    "assignableScopes": [THERE],
}


def definition(name: str = NAME, scope: str = THERE) -> str:
    """The ID of a role."""
    return f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}"


def make(contoso: Contoso, name: str = NAME, *, scope: str = THERE, caller: Any = OPERATOR, **changes: Any) -> Response:
    """Makes or changes a role."""
    given = {key: each for key, each in (GIVEN | changes).items() if each is not None}
    return contoso.call("PUT", definition(name, scope), {"properties": given}, version="2022-04-01", caller=caller)


def assign(contoso: Contoso, scope: str = GROUP, role: str = NAME) -> Response:
    """Gives the role to somebody who has none."""
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/a0000000-0000-4000-8000-000000000001"
    given = {"roleDefinitionId": definition(role), "principalId": STRANGER.object_id, "principalType": "ServicePrincipal"}
    return contoso.call("PUT", path, {"properties": given}, version="2022-04-01")


def find(contoso: Contoso, scope: str = THERE, **query: str) -> list[Any]:
    """The roles that a scope lists."""
    asked = {f"${name}": each for name, each in query.items()}
    found: list[Any] = contoso.call("GET", definition("", scope).rstrip("/"), version="2022-04-01", query=asked).body["value"]
    return found


def test_a_role_is_made_and_shown_as_recorded(contoso: Contoso) -> None:
    made = make(contoso)
    moment = "2026-03-01T12:00:00.0000000Z"
    assert (made.status, made.body) == (
        201,
        {
            "properties": {
                "roleName": "keeper of boxes",
                "type": "CustomRole",
                "description": "Keeps boxes, but none for ever",
                "assignableScopes": [THERE],
                "permissions": GIVEN["permissions"],
                "createdOn": moment,
                "updatedOn": moment,
                "createdBy": None,
                "updatedBy": OPERATOR.object_id,
            },
            "id": definition(),
            "type": "Microsoft.Authorization/roleDefinitions",
            "name": NAME,
        },
    )
    shown = contoso.call("GET", definition(), version="2022-04-01").body
    assert shown == made.body | {"properties": made.body["properties"] | {"createdBy": OPERATOR.object_id}}
    assert find(contoso, filter="roleName eq 'keeper of boxes'") == [shown]
    assert find(contoso, filter="type eq 'CustomRole'") == [shown]
    assert len(find(contoso)) == len(rbac.ROLES) + 1


def test_what_a_permission_does_not_name_is_empty(contoso: Contoso) -> None:
    made = make(contoso, permissions=[{"actions": ["*/read"]}], description=None).body["properties"]
    assert made["permissions"] == [{"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}]
    assert made["description"] == ""


def test_a_change_is_answered_as_if_the_role_were_new(contoso: Contoso) -> None:
    make(contoso)
    contoso.azure.clock.advance(60)
    changed = make(contoso, roleName="keeper")
    assert (changed.status, changed.body["properties"]["createdOn"]) == (201, "2026-03-01T12:01:00.0000000Z")
    shown = contoso.call("GET", definition(), version="2022-04-01").body["properties"]
    assert (shown["roleName"], shown["createdOn"]) == ("keeper", "2026-03-01T12:00:00.0000000Z")
    assert shown["updatedOn"] == "2026-03-01T12:01:00.0000000Z"


def test_a_role_gives_what_it_says_and_no_more(contoso: Contoso) -> None:
    make(contoso)
    assert assign(contoso).status == 201
    path = f"{GROUP}/providers/{BOX}/box"
    assert contoso.call("PUT", path, {"location": "westeurope"}, caller=STRANGER, version=VERSION).status == 200
    assert contoso.call("DELETE", path, caller=STRANGER, version=VERSION).status == 403
    assert contoso.call("GET", GROUP, caller=STRANGER).status == 200
    assert contoso.call("PUT", GROUP, {"location": "westeurope"}, caller=STRANGER).status == 403
    with contoso.world() as world:
        assert rbac.allowed(world, STRANGER, f"{DATA}/read", path, data=True)
        assert rbac.allowed(world, STRANGER, f"{DATA}/MOVE/action", path, data=True)
        assert not rbac.allowed(world, STRANGER, f"{DATA}/write", path, data=True)
        assert not rbac.allowed(world, STRANGER, f"{BOX}/write", path, data=True), "an action is no data action"
        assert not rbac.allowed(world, STRANGER, f"{DATA}/read", f"{GROUP}-2", data=True)


def test_a_change_reaches_the_data_plane_after_a_while(contoso: Contoso) -> None:
    make(contoso, permissions=[{"actions": ["*/read"]}])
    assign(contoso)
    contoso.azure.timings = contoso.timings = Timings(role=60)
    contoso.azure.clock.advance(3600)
    make(contoso)
    for seconds, expected in ((0, False), (59, False), (1, True)):
        contoso.azure.clock.advance(seconds)
        with contoso.world() as world:
            assert rbac.allowed(world, STRANGER, f"{DATA}/read", GROUP, data=True) == expected


def test_a_role_is_there_only_where_it_can_be_assigned(contoso: Contoso) -> None:
    contoso.call("PUT", GROUP + "-2", {"location": "westeurope"})
    make(contoso, assignableScopes=[GROUP], scope=GROUP)
    assert assign(contoso, GROUP + "-2").body["error"]["code"] == "RoleDefinitionDoesNotExist"
    assert assign(contoso, THERE).status == 404
    assert assign(contoso, GROUP.upper()).status == 201
    assert find(contoso, GROUP + "-2", filter="type eq 'CustomRole'") == []
    (shown,) = find(contoso, GROUP, filter="type eq 'CustomRole'")
    assert shown["id"] == definition(), "the ID has the subscription only (recorded)"


@pytest.mark.parametrize(
    ("name", "changes", "status", "code"),
    [
        ("keeper", {}, 400, "InvalidRoleDefinitionId"),
        (READER, {}, 409, "RoleDefinitionExists"),
        (NAME, {"type": "BuiltInRole"}, 400, "InvalidRoleDefinitionType"),
        (NAME, {"roleName": None}, 400, "RoleDefinitionNameNullOrEmpty"),
        (NAME, {"roleName": ""}, 400, "RoleDefinitionNameNullOrEmpty"),
        (NAME, {"roleName": "x" * 513}, 400, "InvalidRoleDefinitionName"),
        (NAME, {"roleName": "reader"}, 409, "RoleDefinitionWithSameNameExists"),
        (NAME, {"assignableScopes": None}, 400, "MissingAssignableScopes"),
        (NAME, {"assignableScopes": []}, 400, "MissingAssignableScopes"),
        (NAME, {"assignableScopes": [THERE, "Invalid_Scope"]}, 400, "LinkedInvalidPropertyId"),
        (NAME, {"assignableScopes": ["/"]}, 400, "LinkedInvalidPropertyId"),
        (NAME, {"assignableScopes": [f"{GROUP}-gone"]}, 404, "ResourceGroupNotFound"),
        (NAME, {"permissions": []}, 400, "InvalidRoleDefinitionPermissions"),
        (NAME, {"permissions": GIVEN["permissions"] * 2}, 400, "InvalidRoleDefinitionPermissions"),
        (NAME, {"permissions": [{"actions": "*"}]}, 400, "InvalidRequestContent"),
        (NAME, {"permissions": [{"actions": ["read boxes"]}]}, 400, "InvalidActionOrNotAction"),
        (NAME, {"permissions": [{"notActions": ["Contoso.Things"]}]}, 400, "InvalidActionOrNotAction"),
        (NAME, {"permissions": [{"actions": [f"{BOX}/[rw]"]}]}, 400, "InvalidActionOrNotAction"),
        (NAME, {"permissions": [{"dataActions": ["*"]}]}, 400, "InvalidActionOrNotAction"),
    ],
)
def test_a_role_that_cannot_be(contoso: Contoso, name: str, changes: dict[str, Any], status: int, code: str) -> None:
    answer = make(contoso, name, **changes)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert find(contoso, filter="type eq 'CustomRole'") == []


def test_two_roles_of_one_name(contoso: Contoso) -> None:
    make(contoso)
    second = make(contoso, OTHER, roleName="Keeper of Boxes", assignableScopes=[GROUP])
    assert (second.status, second.body["error"]["code"]) == (409, "RoleDefinitionWithSameNameExists")


def test_a_body_without_properties(contoso: Contoso) -> None:
    bodies: tuple[Any, ...] = ({}, [], {"properties": 3})
    for body in bodies:
        answer = contoso.call("PUT", definition(), body, version="2022-04-01")
        assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidRequestContent")


def test_whoever_makes_a_role_must_be_allowed_to_wherever_it_can_be_assigned(contoso: Contoso) -> None:
    contoso.grant(STRANGER, CONTRIBUTOR, THERE)
    assert make(contoso, caller=STRANGER).body["error"]["code"] == "AuthorizationFailed"
    contoso.grant(STRANGER, "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9")  # User Access Administrator, on the group alone
    assert make(contoso, caller=STRANGER, scope=GROUP).body["error"]["code"] == "LinkedAuthorizationFailed"
    assert make(contoso, caller=STRANGER, scope=GROUP, assignableScopes=[GROUP]).status == 201
    make(contoso, assignableScopes=[THERE])
    taken = make(contoso, caller=STRANGER, scope=GROUP, assignableScopes=[GROUP])
    assert (taken.status, taken.body["error"]["code"]) == (403, "LinkedAuthorizationFailed")


def test_deleting(contoso: Contoso) -> None:
    make(contoso)
    assign(contoso)
    held = contoso.call("DELETE", definition(), version="2022-04-01")
    assert (held.status, held.body["error"]["code"]) == (400, "RoleDefinitionHasAssignments")
    contoso.call(
        "DELETE", f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/a0000000-0000-4000-8000-000000000001",
        version="2022-04-01",
    )  # fmt: skip
    shown = contoso.call("GET", definition(), version="2022-04-01").body
    removed = contoso.call("DELETE", definition(), version="2022-04-01")
    assert (removed.status, removed.body) == (200, shown)
    assert contoso.call("DELETE", definition(), version="2022-04-01").status == 204
    assert contoso.call("GET", definition(), version="2022-04-01").body["error"]["code"] == "RoleDefinitionDoesNotExist"
    assert contoso.call("DELETE", definition(READER), version="2022-04-01").status == 400
