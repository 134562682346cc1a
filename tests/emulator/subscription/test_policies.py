"""Azure Policy: built-in definitions assigned as `az policy assignment create` does, and what they deny."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.subscription.lab import (
    DEPLOYMENTS,
    DPS,
    GROUP,
    HUB,
    S1,
    THERE,
    VAULT,
    Subscription,
    deployment,
    vault_properties,
)

LOCATIONS, TAG, GROUP_TAG, LOCAL = (
    "e56962a6-4747-49cd-b67b-bf8b01975c4c",
    "871b6d14-10aa-478d-b590-94f262ecfa99",
    "96670d01-0a4d-4649-9c89-2d3abc0a5025",
    "672d56b3-23a7-4a3c-a233-b77ed7777518",
)
DEFINITIONS = "/providers/Microsoft.Authorization/policyDefinitions"
ALLOWED = {"listOfAllowedLocations": {"value": ["northeurope", "swedencentral"]}}
COST = {"tagName": {"value": "costcenter"}}
HUB_RESOURCE = {"type": "Microsoft.Devices/IotHubs", "apiVersion": "2023-06-30", "name": "hub1", "sku": S1, "properties": {}}
VAULT_RESOURCE = {
    "type": "Microsoft.KeyVault/vaults",
    "apiVersion": "2026-02-01",
    "name": "kv-test",
    "properties": vault_properties(),
}


def assignment(scope: str, name: str = "mine") -> str:
    return f"{scope}/providers/Microsoft.Authorization/policyAssignments/{name}"


def assign(azure: Subscription, definition: str, parameters: JSON, scope: str = GROUP, name: str = "mine", **more: Any) -> JSON:
    body = {"properties": {"policyDefinitionId": f"{DEFINITIONS}/{definition}", "parameters": parameters} | more}
    made = azure.call("PUT", assignment(scope, name), body)
    assert made.status == 201, made
    assert isinstance(made.body, dict)
    return made.body


def resource(location: str = "westeurope", tags: JSON | None = None, **properties: Any) -> JSON:
    return {"location": location, "sku": S1, "tags": tags or {}, "properties": properties}


@pytest.mark.parametrize("name", [LOCATIONS, TAG, GROUP_TAG, LOCAL])
def test_a_built_in_definition_is_the_tenants(azure: Subscription, name: str) -> None:
    found = azure.ok("GET", f"{DEFINITIONS}/{name}")
    assert found["id"] == f"{DEFINITIONS}/{name}"
    assert found["properties"]["policyType"] == "BuiltIn"
    assert azure.refused("GET", f"{THERE}{DEFINITIONS}/{name}") == (404, "PolicyDefinitionNotFound")
    listed = azure.ok("GET", f"{THERE}{DEFINITIONS}")["value"]
    assert found in listed
    assert azure.refused("GET", f"{DEFINITIONS}/mine") == (404, "PolicyDefinitionNotFound")


def test_an_assignment_is_made_shown_listed_and_removed(azure: Subscription) -> None:
    made = assign(azure, LOCATIONS, ALLOWED, THERE, displayName="Only the north")
    path = assignment(THERE)
    assert made["id"] == path
    assert made["properties"]["scope"] == THERE
    assert made["properties"]["enforcementMode"] == "Default"
    assert azure.ok("GET", path) == made
    below = assign(azure, TAG, COST, GROUP, "tags")
    for scope, at in ((THERE, [made]), (GROUP, [made, below])):
        base = f"{scope}/providers/Microsoft.Authorization/policyAssignments"
        listed = azure.ok("GET", base)["value"]
        assert sorted(each["name"] for each in listed) == ["mine", "tags"]
        assert sorted(each["name"] for each in azure.ok("GET", f"{base}?$filter=atScope()")["value"]) == [x["name"] for x in at]
        exact = azure.ok("GET", f"{base}?$filter=atExactScope()")["value"]
        assert [each["properties"]["scope"] for each in exact] == [scope]
    assert azure.refused("GET", f"{assignment(THERE)[:-5]}?$filter=atNoScope()") == (400, "InvalidFilterInQueryString")
    assert azure.ok("DELETE", path) == made
    assert azure.call("DELETE", path).status == 204
    assert azure.refused("GET", path) == (404, "PolicyAssignmentNotFound")
    azure.ok("DELETE", GROUP)
    azure.ok("PUT", GROUP, {"location": "westeurope"})
    assert azure.refused("GET", assignment(GROUP, "tags")) == (404, "PolicyAssignmentNotFound")


@pytest.mark.parametrize(
    ("definition", "parameters", "more", "code"),
    [
        ("nothing", {}, {}, "PolicyDefinitionNotFound"),
        (LOCATIONS, {}, {}, "MissingPolicyParameter"),
        (LOCATIONS, ALLOWED | {"x": {"value": 1}}, {}, "UndefinedPolicyParameter"),
        (LOCATIONS, {"listOfAllowedLocations": {"value": "northeurope"}}, {}, "InvalidPolicyParameter"),
        (LOCATIONS, {"listOfAllowedLocations": ["northeurope"]}, {}, "InvalidPolicyAssignment"),
        (LOCAL, {"effect": {"value": "deny2"}}, {}, "PolicyParameterValueNotAllowed"),
        (LOCATIONS, ALLOWED, {"enforcementMode": "Sometimes"}, "InvalidPolicyAssignment"),
        (LOCATIONS, ALLOWED, {"notScopes": "none"}, "InvalidPolicyAssignment"),
    ],
)
def test_a_wrong_assignment_is_refused(azure: Subscription, definition: str, parameters: JSON, more: JSON, code: str) -> None:
    body = {"properties": {"policyDefinitionId": f"{DEFINITIONS}/{definition}", "parameters": parameters} | more}
    assert azure.refused("PUT", assignment(GROUP), body)[1] == code
    assert azure.refused("PUT", assignment(f"{GROUP}-gone"), body) == (404, "ResourceGroupNotFound")
    assert azure.refused("PUT", assignment(HUB), body) == (404, "ResourceNotFound")
    assert azure.refused("PUT", assignment(GROUP), {}) == (400, "InvalidRequestContent")


def test_a_denied_resource_is_refused_in_azures_words(azure: Subscription) -> None:
    assign(azure, LOCATIONS, ALLOWED, displayName="Only the north")
    answer = azure.call("PUT", HUB, resource())
    assert answer.status == 403
    error = answer.body["error"]
    assert (error["code"], error["target"]) == ("RequestDisallowedByPolicy", "hub1")
    beginning, _, identifiers = error["message"].partition("'[")
    assert beginning == "Resource 'hub1' was disallowed by policy. Policy identifiers: "
    assert json.loads("[" + identifiers.removesuffix("'.")) == [
        {
            "policyAssignment": {"name": "Only the north", "id": assignment(GROUP)},
            "policyDefinition": {"name": "Allowed locations", "id": f"{DEFINITIONS}/{LOCATIONS}"},
        }
    ]
    (info,) = (each["info"] for each in error["additionalInfo"] if each["type"] == "PolicyViolation")
    assert info["policyDefinitionEffect"] == "Deny"
    assert info["policyAssignmentId"] == assignment(GROUP)
    assert info["evaluationDetails"]["evaluatedExpressions"][0] == {
        "result": "True",
        "expressionKind": "Field",
        "expression": "location",
        "path": "location",
        "expressionValue": "westeurope",
        "targetValue": ["northeurope", "swedencentral"],
        "operator": "NotIn",
    }
    assert azure.refused("GET", HUB)[0] == 404
    azure.ok("PUT", HUB, resource("North Europe"))


def test_an_assignment_may_give_its_own_reason(azure: Subscription) -> None:
    assign(azure, LOCATIONS, ALLOWED, nonComplianceMessages=[{"message": "Only the north."}])
    message = azure.call("PUT", DPS, resource()).body["error"]["message"]
    assert message == (
        "Resource 'dps1' was disallowed by policy. Reasons: 'Only the north.'. See error details for policy resource IDs."
    )


@pytest.mark.parametrize(
    ("definition", "parameters", "denied", "allowed"),
    [
        (TAG, COST, resource(), resource(tags={"CostCenter": "4711"})),
        (TAG, COST, resource(tags={"owner": "me"}), resource(tags={"costcenter": ""})),
        (LOCAL, {"effect": {"value": "Deny"}}, resource(), resource(disableLocalAuth=True)),
        (LOCAL, {"effect": {"value": "deny"}}, resource(disableLocalAuth=False), resource(disableLocalAuth=True)),
    ],
)
def test_what_a_policy_denies_of_a_hub(
    azure: Subscription, definition: str, parameters: JSON, denied: JSON, allowed: JSON
) -> None:
    assign(azure, definition, parameters, THERE)
    assert azure.refused("PUT", HUB, denied) == (403, "RequestDisallowedByPolicy")
    azure.ok("PUT", HUB, allowed)


def test_a_policy_of_hubs_is_not_for_others(azure: Subscription) -> None:
    assign(azure, LOCAL, {"effect": {"value": "Deny"}})
    azure.ok("PUT", DPS, resource())
    azure.ok("PUT", VAULT, {"location": "westeurope", "properties": vault_properties()})


@pytest.mark.parametrize(
    "more", [{"enforcementMode": "DoNotEnforce"}, {"notScopes": [GROUP]}, {"notScopes": [f"{THERE}/resourceGroups/RG"]}]
)
def test_what_is_not_enforced_denies_nothing(azure: Subscription, more: JSON) -> None:
    assign(azure, LOCATIONS, ALLOWED, THERE, **more)
    azure.ok("PUT", HUB, resource())


def test_an_audit_denies_nothing(azure: Subscription) -> None:
    assign(azure, LOCAL, {})
    azure.ok("PUT", HUB, resource())


def test_tags_that_a_patch_would_take_away_are_missed(azure: Subscription) -> None:
    assign(azure, TAG, COST)
    azure.ok("PUT", HUB, resource(tags={"costcenter": "4711"}))
    assert azure.refused("PATCH", HUB, {"tags": {}}) == (403, "RequestDisallowedByPolicy")
    azure.ok("PATCH", HUB, {"tags": {"costcenter": "4712"}})


def test_a_patch_is_judged_by_the_resource_that_it_would_make(azure: Subscription) -> None:
    azure.ok("PUT", HUB, resource())
    azure.ok("PUT", DPS, resource("northeurope"))
    azure.vault(location="northeurope")
    assign(azure, LOCATIONS, ALLOWED)
    assert azure.refused("PATCH", HUB, {"tags": {"a": "b"}}) == (403, "RequestDisallowedByPolicy")
    azure.ok("PATCH", DPS, {"tags": {"a": "b"}})
    azure.ok("PATCH", VAULT, {"properties": {"enabledForDeployment": True}})


def test_what_has_no_tags_is_not_asked_for_any(azure: Subscription) -> None:
    assign(azure, TAG, COST, THERE)
    role = f"{THERE}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
    body = {"properties": {"roleDefinitionId": role, "principalId": "b" * 8 + "-0000-4000-8000-" + "0" * 12}}
    body["properties"]["principalType"] = "User"
    name = "a0000000-0000-4000-8000-000000000001"
    azure.ok("PUT", f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{name}", body)
    assert azure.deploy()["provisioningState"] == "Succeeded"
    azure.ok("PUT", f"{GROUP}-2", {"location": "westeurope"})


def test_a_group_needs_its_tag_and_a_resource_none(azure: Subscription) -> None:
    assign(azure, GROUP_TAG, COST, THERE)
    assert azure.refused("PUT", f"{GROUP}-2", {"location": "westeurope"}) == (403, "RequestDisallowedByPolicy")
    azure.ok("PUT", f"{GROUP}-2", {"location": "westeurope", "tags": {"costcenter": "4711"}})
    assert azure.refused("PATCH", f"{GROUP}-2", {"tags": {}}) == (403, "RequestDisallowedByPolicy")
    azure.ok("PUT", HUB, resource())


def test_a_deployment_names_every_resource_that_is_denied_and_makes_none(azure: Subscription) -> None:
    assign(azure, LOCATIONS, ALLOWED)
    body = deployment(HUB_RESOURCE | {"location": "westeurope"}, VAULT_RESOURCE | {"location": "westeurope"})
    for method, path in (("PUT", f"{GROUP}/{DEPLOYMENTS}/main"), ("POST", f"{GROUP}/{DEPLOYMENTS}/main/validate")):
        answer = azure.call(method, path, body)
        assert answer.status == 400
        error = answer.body["error"]
        assert error["code"] == "InvalidTemplateDeployment"
        found = [(each["code"], each["target"]) for each in error["details"]]
        assert sorted(found) == [("RequestDisallowedByPolicy", "hub1"), ("RequestDisallowedByPolicy", "kv-test")]
    begun = azure.call("POST", f"{GROUP}/{DEPLOYMENTS}/main/whatIf", body)
    assert begun.status == 202
    result = azure.ok("GET", begun.headers["Location"])
    assert (result["status"], result["error"]["code"]) == ("Failed", "InvalidTemplateDeployment")
    assert len(result["error"]["details"]) == 2
    assert azure.refused("GET", HUB)[0] == azure.refused("GET", VAULT)[0] == 404
    body["properties"]["validationLevel"] = "Template"
    azure.ok("POST", f"{GROUP}/{DEPLOYMENTS}/main/validate", body)


def test_a_value_that_only_the_deployment_knows_is_judged_when_it_is_there(azure: Subscription) -> None:
    assign(azure, LOCAL, {"effect": {"value": "Deny"}})
    azure.vault()
    unknown = f"[reference('{VAULT}', '2026-02-01').enableSoftDelete]"
    hub = HUB_RESOURCE | {"location": "westeurope", "properties": {"disableLocalAuth": unknown}}
    assert azure.deploy(hub)["provisioningState"] == "Succeeded"
    unknown = unknown.replace("enableSoftDelete", "enabledForDeployment")
    found = azure.deploy(hub | {"properties": {"disableLocalAuth": unknown}}, name="second")
    assert found["provisioningState"] == "Failed"
    assert [each["code"] for each in found["error"]["details"]] == ["RequestDisallowedByPolicy"]


def test_a_deployment_of_a_group_needs_its_tag(azure: Subscription) -> None:
    assign(azure, GROUP_TAG, COST, THERE)
    group = {"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2022-09-01", "name": "rg2", "location": "westeurope"}
    body = deployment(group) | {"location": "westeurope"}
    assert azure.refused("PUT", f"{THERE}/{DEPLOYMENTS}/main", body) == (400, "InvalidTemplateDeployment")
    assert azure.deploy(group | {"tags": {"costcenter": "1"}}, scope=THERE)["provisioningState"] == "Succeeded"


def test_a_deployment_assigns_a_policy(azure: Subscription) -> None:
    made = {
        "type": "Microsoft.Authorization/policyAssignments",
        "apiVersion": "2023-04-01",
        "name": "mine",
        "properties": {"policyDefinitionId": f"{DEFINITIONS}/{LOCATIONS}", "parameters": ALLOWED},
    }
    assert azure.deploy(made)["provisioningState"] == "Succeeded"
    assert azure.refused("PUT", HUB, resource()) == (403, "RequestDisallowedByPolicy")
