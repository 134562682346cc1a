"""Deployments at the scopes above a resource group: a subscription, a management group, the tenant."""

from __future__ import annotations

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from tests.emulator.arm.contoso import BOX, DEPLOYMENT, Contoso, box, boxes, deploy, module, properties, template

THERE = f"/subscriptions/{SUBSCRIPTION}"
ABOVE = "/providers/Microsoft.Management/managementGroups/top"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
NEW = {"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2021-04-01", "name": "new", "location": "West Europe"}

MODULES = [("m", "inside", "new"), ("n", "old", "rg")]


def at(scope: str, name: str = "main") -> str:
    """The path of a deployment."""
    return f"{scope}/providers/Microsoft.Resources/deployments/{name}"


def body(*resources: JSON, **sections: JSON) -> JSON:
    """A deployment that is kept in the west of Europe."""
    return properties(template(*resources, **sections)) | {"location": "westeurope"}


@pytest.fixture
def above(contoso: Contoso) -> Contoso:
    """The made-up Azure with an operator who owns the tenant."""
    contoso.grant(OPERATOR, OWNER, "/")
    return contoso


def test_a_subscription_gets_a_group_and_what_is_in_it(contoso: Contoso) -> None:
    inner = template(box("inside", location="[resourceGroup().location]"), outputs={"ID": {"type": "string", "value": "x"}})
    outer = body(NEW, module("m", inner, resourceGroup="new", dependsOn=["[subscriptionResourceId(variables('g'), 'new')]"]))
    outer["properties"]["template"]["variables"] = {"g": "Microsoft.Resources/resourceGroups"}
    outer["properties"]["template"]["outputs"] = {"NewID": {"type": "string", "value": "[reference('m').outputs.id.value]"}}
    valid = contoso.call("POST", f"{at(THERE)}/validate", outer)
    assert valid.status == 200, valid.body
    made = [f"{THERE}/resourceGroups/new", f"{THERE}/resourceGroups/new/providers/{BOX}/inside"]
    module_id = f"{THERE}/resourceGroups/new/providers/Microsoft.Resources/deployments/m"
    assert [each["id"] for each in valid.body["properties"]["validatedResources"]] == [made[0], module_id, made[1]]
    assert contoso.call("GET", f"{THERE}/resourceGroups/new").status == 404

    begun = contoso.call("PUT", at(THERE), outer)
    assert (begun.status, begun.body["location"]) == (201, "westeurope")
    assert begun.body["id"] == at(THERE)
    assert begun.headers["Azure-AsyncOperation"].startswith(f"https://management.azure.com{at(THERE)}/operationStatuses/")
    assert contoso.follow(begun.headers["Azure-AsyncOperation"]).body == {"status": "Succeeded"}
    found = contoso.call("GET", at(THERE)).body["properties"]
    assert found["outputs"] == {"newID": {"type": "String", "value": "x"}}
    assert [each["id"] for each in found["outputResources"]] == made
    assert found["providers"] == [
        {
            "namespace": "Microsoft.Resources",
            "resourceTypes": [
                {"resourceType": "resourceGroups", "locations": ["westeurope"]},
                {"resourceType": "deployments", "locations": [None]},
            ],
        }
    ]
    assert boxes(contoso, f"{THERE}/resourceGroups/new") == ["inside"]
    assert contoso.call("PUT", at(THERE), outer).status == 200


def test_what_if_tells_of_the_group_and_of_what_is_in_it(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box("old"))))
    outer = body(
        NEW, module("m", template(box("inside")), resourceGroup="new"), module("n", template(box("old")), resourceGroup="rg")
    )
    begun = contoso.call("POST", f"{at(THERE)}/whatIf", outer)
    assert begun.headers["Location"].startswith(f"https://management.azure.com{THERE}/operationresults/")
    found = contoso.follow(begun.headers["Location"]).body["properties"]["changes"]
    assert [(each["changeType"], each["resourceId"].removeprefix(f"{THERE}/resourceGroups/")) for each in found] == [
        ("Create", "new"),
        ("Create", f"new/providers/{BOX}/inside"),
        ("NoChange", f"rg/providers/{BOX}/old"),
    ]
    assert found[0]["after"] == {
        "apiVersion": "2021-04-01",
        "id": f"{THERE}/resourceGroups/new",
        "location": "West Europe",
        "name": "new",
        "type": "Microsoft.Resources/resourceGroups",
    }


def test_a_group_that_is_there_shows_no_properties_to_a_what_if(contoso: Contoso) -> None:
    contoso.call("PUT", f"{THERE}/resourceGroups/new", {"location": "westeurope"})
    begun = contoso.call("POST", f"{at(THERE)}/whatIf", body(NEW))
    (change,) = contoso.follow(begun.headers["Location"]).body["properties"]["changes"]
    assert change["changeType"] == "NoChange"
    assert change["before"].keys() == {"apiVersion", "id", "location", "name", "type"}


def test_each_scope_lists_its_own(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box())), "in-the-group")
    contoso.call("PUT", at(THERE, "above"), body())
    listed = contoso.call("GET", f"{THERE}/providers/Microsoft.Resources/deployments").body["value"]
    assert [each["name"] for each in listed] == ["above"]
    assert [each["name"] for each in contoso.call("GET", DEPLOYMENT).body["value"]] == ["in-the-group"]
    operations = contoso.call("GET", f"{at(THERE, 'above')}/operations").body["value"]
    assert [each["properties"]["provisioningOperation"] for each in operations] == ["EvaluateDeploymentOutput"]
    gone = contoso.call("DELETE", at(THERE, "above"))
    assert (gone.status, contoso.follow(gone.headers["Location"]).status) == (202, 204)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"location": None}, "The 'location' property must be specified for 'main'."),
        ({"properties": properties(template(), "Complete")["properties"]}, "only supported at resource group scope"),
        (
            {"properties": body(outputs={"x": {"type": "string", "value": "[resourceGroup().id]"}})["properties"]},
            "'resourceGroup'",
        ),
    ],
)
def test_what_a_subscription_does_not_take(contoso: Contoso, change: JSON, words: str) -> None:
    answer = contoso.call("PUT", at(THERE), body() | change)
    assert answer.status == 400
    assert words in answer.body["error"]["message"]
    assert contoso.call("HEAD", at(THERE)).status == 404


def test_a_deployment_stays_where_it_is_kept(contoso: Contoso) -> None:
    assert contoso.call("PUT", at(THERE), body()).status == 201
    moved = contoso.call("PUT", at(THERE), body() | {"location": "northeurope"})
    assert (moved.status, moved.body["error"]["code"]) == (409, "InvalidDeploymentLocation")
    inside = contoso.call("PUT", f"{DEPLOYMENT}/main", body())
    assert (inside.status, inside.body["error"]["code"]) == (400, "InvalidDeployment")


@pytest.mark.parametrize("scope", [ABOVE, ""])
def test_above_subscriptions_results_are_polled_elsewhere(above: Contoso, scope: str) -> None:
    asked = above.call("POST", f"{at(scope)}/whatIf", body())
    assert asked.headers["Location"].startswith("https://management.azure.com/providers/Microsoft.Resources/operationResults/")
    assert above.follow(asked.headers["Location"]).body["properties"]["changes"] == []
    begun = above.call(
        "PUT", at(scope), body(module("m", template(box("deep")), subscriptionId=SUBSCRIPTION, resourceGroup="rg"))
    )
    assert begun.status == 201, begun.body
    assert above.call("GET", at(scope)).body["properties"]["provisioningState"] == "Succeeded"
    assert boxes(above) == ["deep"]
    denied = above.call("PUT", at(scope), body(outputs={"x": {"type": "string", "value": "[subscription().id]"}}))
    assert "'subscription' is not expected" in denied.body["error"]["message"]
