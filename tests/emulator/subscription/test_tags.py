"""Tags by themselves, at a subscription, a group and resources of every kind that has tags."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.identity.state import TENANT
from dpsops.emulator.principal import Principal
from tests.emulator.subscription.lab import DPS, GROUP, HUB, THERE, VAULT, Subscription
from tests.emulator.subscription.test_policies import COST, GROUP_TAG, TAG, assign

IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
SCOPES = [THERE, GROUP, HUB, DPS, VAULT, IDENTITY]


@pytest.fixture(autouse=True)
def resources(azure: Subscription) -> None:
    azure.hub()
    azure.service()
    azure.vault()
    azure.ok("POST", f"{THERE}/providers/Microsoft.ManagedIdentity/register", version="2022-09-01")
    azure.ok("PUT", IDENTITY, {"location": "westeurope"})


def tags(scope: str) -> str:
    return f"{scope}/providers/Microsoft.Resources/tags/default"


def body(operation: str = "", **given: Any) -> Any:
    return {"properties": {"tags": given}} | ({"operation": operation} if operation else {})


@pytest.mark.parametrize("scope", SCOPES)
def test_tags_are_replaced_merged_and_deleted(azure: Subscription, scope: str) -> None:
    shown = azure.ok("PUT", tags(scope), body(Team="a", cost="7"))
    assert shown == {
        "id": tags(scope),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": {"Team": "a", "cost": "7"}},
    }
    assert azure.ok("GET", tags(scope)) == shown
    assert azure.ok("GET", scope)["tags"] == {"Team": "a", "cost": "7"}
    for operation, given, left in (
        ("Merge", {"team": "b", "new": "x"}, {"Team": "b", "cost": "7", "new": "x"}),
        ("delete", {"TEAM": "other", "COST": "7", "new": ""}, {"Team": "b"}),
        ("replace", {"only": "one"}, {"only": "one"}),
    ):
        assert azure.ok("PATCH", tags(scope), body(operation, **given))["properties"]["tags"] == left
        assert azure.ok("GET", scope)["tags"] == left
    assert azure.call("DELETE", tags(scope)).status == 200
    assert azure.ok("GET", tags(scope))["properties"]["tags"] == {}
    assert not azure.ok("GET", scope).get("tags")


def test_nothing_else_of_the_resource_changes(azure: Subscription) -> None:
    for scope in (HUB, DPS, VAULT, IDENTITY):
        before = azure.ok("GET", scope)
        azure.ok("PUT", tags(scope), body(a="b"))
        after = azure.ok("GET", scope)
        passing = ("tags", "etag", "systemData")
        assert {name: value for name, value in after.items() if name not in passing} == {
            name: value for name, value in before.items() if name not in passing
        }


@pytest.mark.parametrize(
    ("scope", "method", "sent", "refused"),
    [
        (HUB, "PATCH", body("add", a="b"), (400, "InvalidTagPatchOperation")),
        (HUB, "PATCH", body(a="b"), (400, "InvalidTagPatchOperation")),
        (HUB, "PUT", {}, (400, "InvalidRequestContent")),
        (HUB, "PUT", [], (400, "InvalidRequestContent")),
        (HUB, "PUT", body(a=1), (400, "InvalidRequestContent")),
        (HUB, "PUT", body(**{"a<b": "c"}), (400, "InvalidTagNameCharacters")),
        (GROUP, "PATCH", body("merge", **{f"t{count}": "" for count in range(51)}), (400, "InvalidNumberOfTags")),
        (f"{HUB}x", "PUT", body(a="b"), (404, "ResourceNotFound")),
        (f"{GROUP}x", "PUT", body(a="b"), (404, "ResourceGroupNotFound")),
        (f"{HUB}/certificates/root", "PUT", body(a="b"), (400, "InvalidResourceType")),
    ],
)
def test_what_cannot_be(azure: Subscription, scope: str, method: str, sent: Any, refused: tuple[int, str]) -> None:
    assert azure.refused(method, tags(scope), sent) == refused


def test_policies_judge_what_the_resource_then_is(azure: Subscription) -> None:
    azure.ok("PUT", tags(HUB), body(costcenter="7"))
    azure.ok("PUT", tags(GROUP), body(costcenter="7"))
    assign(azure, TAG, COST)
    assign(azure, GROUP_TAG, COST, THERE, "groups")
    for scope in (HUB, GROUP):
        assert azure.refused("DELETE", tags(scope)) == (403, "RequestDisallowedByPolicy")
        assert azure.refused("PATCH", tags(scope), body("replace", a="b")) == (403, "RequestDisallowedByPolicy")
        azure.ok("PATCH", tags(scope), body("merge", a="b"))
        assert azure.ok("GET", scope)["tags"] == {"costcenter": "7", "a": "b"}


def test_a_right_of_its_own(azure: Subscription) -> None:
    """A reader of the resource reads its tags, and changes none."""
    reader = Principal("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002", TENANT)
    role = f"{THERE}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
    given = {"roleDefinitionId": role, "principalId": reader.object_id, "principalType": "ServicePrincipal"}
    name = "a0000000-0000-4000-8000-000000000001"
    azure.call("PUT", f"{HUB}/providers/Microsoft.Authorization/roleAssignments/{name}", {"properties": given})
    assert azure.call("GET", tags(HUB), caller=reader).status == 200
    assert azure.call("GET", tags(DPS), caller=reader).status == 403
    for method, sent in (("PUT", body(a="b")), ("PATCH", body("merge", a="b")), ("DELETE", None)):
        assert azure.call(method, tags(HUB), sent, caller=reader).status == 403
