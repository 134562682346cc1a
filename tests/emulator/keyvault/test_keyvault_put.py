"""What a PUT of a vault does with what it leaves out: nobody has seen it, so it is a habit; some can never be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.identity.state import TENANT
from tests.emulator.keyvault.lab import KEEPER, VAULT_ID, Lab, properties

ACLS = {
    "bypass": "None",
    "defaultAction": "Deny",
    "ipRules": [{"value": "203.0.113.7/32"}],
    "virtualNetworkRules": [],
}
POLICY = {"tenantId": TENANT, "objectId": KEEPER.object_id, "permissions": {"keys": ["get"]}}
SETTABLE: dict[str, Any] = {
    "networkAcls": ACLS,
    "publicNetworkAccess": "Disabled",
    "enabledForDeployment": True,
    "enabledForDiskEncryption": True,
    "enabledForTemplateDeployment": True,
}


def lab(habit: Any) -> Lab:
    made = Lab()
    made.azure.habits = Habits(vault_put_absent=habit)
    return made


def put(lab: Lab, **changes: Any) -> Any:
    answer = lab.arm("PUT", VAULT_ID, {"location": "westeurope", "properties": properties(**changes)})
    assert answer.status == 200, answer
    return lab.arm("GET", VAULT_ID).body["properties"]


@pytest.mark.parametrize("habit", ["reset", "kept"])
@pytest.mark.parametrize("name", sorted(SETTABLE))
def test_a_property_that_is_left_out(habit: str, name: str) -> None:
    azure = lab(habit)
    default = put(azure).get(name)
    shown = put(azure, **{name: SETTABLE[name]})[name]
    assert shown == SETTABLE[name] != default
    assert put(azure).get(name) == (shown if habit == "kept" else default)


@pytest.mark.parametrize(("habit", "left"), [("reset", []), ("kept", [POLICY])])
def test_access_policies_that_are_left_out_of_a_vault_with_roles(habit: str, left: list[Any]) -> None:
    azure = lab(habit)
    assert put(azure, accessPolicies=[POLICY])["accessPolicies"] == [POLICY]
    assert put(azure, accessPolicies=None)["accessPolicies"] == left


@pytest.mark.parametrize(("habit", "left"), [("reset", {}), ("kept", {"costcenter": "4711"})])
def test_tags_that_are_left_out(habit: str, left: dict[str, str]) -> None:
    azure = lab(habit)
    body = {"location": "westeurope", "properties": properties()}
    assert azure.arm("PUT", VAULT_ID, body | {"tags": {"costcenter": "4711"}}).body["tags"] == {"costcenter": "4711"}
    assert azure.arm("PUT", VAULT_ID, body).body["tags"] == left
    assert azure.arm("PUT", VAULT_ID, body | {"tags": {}}).body["tags"] == {}


@pytest.mark.parametrize("habit", ["reset", "kept"])
def test_what_can_never_be_taken_back_stays(habit: str) -> None:
    azure = lab(habit)
    azure.create_vault("kv-other", softDeleteRetentionInDays=7, enablePurgeProtection=True)
    other = VAULT_ID.replace("kv-test", "kv-other")
    assert azure.arm("PUT", other, {"location": "westeurope", "properties": properties()}).status == 200
    shown = azure.arm("GET", other).body["properties"]
    assert (shown["softDeleteRetentionInDays"], shown["enablePurgeProtection"]) == (7, True)
    for wrong in ({"softDeleteRetentionInDays": 90}, {"enablePurgeProtection": False}, {"enableSoftDelete": False}):
        refused = azure.arm("PUT", other, {"location": "westeurope", "properties": properties(**wrong)})
        assert refused.status == 400, wrong


def test_members_that_no_model_has_are_not_kept() -> None:
    odd = {"x": 1, "": {}}
    acls = ACLS | odd | {"ipRules": [{"value": "203.0.113.7/32"} | odd], "bypass": "None"}
    policy = POLICY | odd | {"applicationId": None, "permissions": {"keys": ["get"], "secrets": None}}
    shown = put(Lab(), sku={"family": "A", "name": "standard"} | odd, networkAcls=acls, accessPolicies=[policy])
    assert shown["sku"] == {"family": "A", "name": "standard"}
    assert (shown["networkAcls"], shown["accessPolicies"]) == (ACLS, [POLICY])


@pytest.mark.parametrize("operation", ["add", "replace", "remove"])
def test_permissions_that_are_null_grant_nothing_and_take_nothing(operation: str) -> None:
    azure = Lab()
    put(azure, accessPolicies=[POLICY])
    nothing = POLICY | {"permissions": {"keys": None}}
    answer = azure.arm("PUT", f"{VAULT_ID}/accessPolicies/{operation}", {"properties": {"accessPolicies": [nothing]}})
    assert answer.status == 200, answer
    granted = {} if operation == "replace" else POLICY["permissions"]
    assert [each["permissions"] for each in azure.arm("GET", VAULT_ID).body["properties"]["accessPolicies"]] == [granted]
