"""The life of a deployment: begun, polled, failed, cancelled, repeated; and who may begin one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dpsops.emulator.http import NOTHING, Request
from tests.emulator.arm.contoso import (
    BOX,
    CONTRIBUTOR,
    DEPLOYMENT,
    GROUP,
    LID,
    READER,
    STRANGER,
    VERSION,
    Contoso,
    assignment,
    box,
    boxes,
    deploy,
    module,
    properties,
    template,
)

FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for details. "
    "Please see https://aka.ms/arm-deployment-operations for usage details."
)


def test_a_deployment_runs_for_as_long_as_its_longest_chain(contoso: Contoso) -> None:
    contoso.slow_down(30)
    inner = template(box("a"), box("b", dependsOn=["a"]), outputs={"x": {"type": "string", "value": "done"}})
    begun = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(inner) | {"tags": {"by": "test"}}, version="2025-04-01")
    assert begun.status == 201
    assert begun.body["properties"]["provisioningState"] == "Accepted"
    assert begun.body["properties"]["duration"] == "PT0S"
    assert begun.headers.keys() == {"Azure-AsyncOperation"}, "nothing says when to poll (recorded 2014 to 2026)"
    poll = begun.headers["Azure-AsyncOperation"]
    assert poll.startswith(f"https://management.azure.com{DEPLOYMENT}/main/operationStatuses/")
    assert poll.endswith("?api-version=2025-04-01")
    for status in ("Accepted", "Running", "Succeeded"):
        assert contoso.follow(poll).body == {"status": status}
        shown = contoso.call("GET", f"{DEPLOYMENT}/main").body
        assert shown["properties"]["provisioningState"] == status
        assert ("outputs" in shown["properties"]) == (status == "Succeeded")
        contoso.azure.clock.advance(30)
    assert shown["tags"] == {"by": "test"}
    assert shown["properties"]["outputs"] == {"x": {"type": "String", "value": "done"}}
    assert shown["properties"]["duration"] == "PT1M"
    assert shown["properties"]["providers"] == [
        {"namespace": "Contoso.Things", "resourceTypes": [{"resourceType": "boxes", "locations": ["westeurope"]}]}
    ]
    assert [each["id"] for each in shown["properties"]["outputResources"]] == [f"{GROUP}/providers/{BOX}/{name}" for name in "ab"]


def test_an_instant_deployment_still_has_to_be_polled_once(contoso: Contoso) -> None:
    begun = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template()))
    assert begun.body["properties"]["provisioningState"] == "Accepted"
    assert contoso.follow(begun.headers["Azure-AsyncOperation"]).body == {"status": "Succeeded"}


def test_a_name_that_is_running_is_taken(contoso: Contoso) -> None:
    contoso.slow_down(60)
    first = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template()))
    for method, body in (("PUT", properties(template())), ("DELETE", None)):
        error = contoso.call(method, f"{DEPLOYMENT}/MAIN", body)
        assert error.status == 409
        assert error.body["error"]["code"] == "DeploymentActive"
        assert error.body["error"]["message"] == (
            "Unable to edit or replace deployment 'main': previous deployment from '3/1/2026 12:00:00 PM' is still active "
            "(expiration time is '3/8/2026 12:00:00 PM'). Please see https://aka.ms/arm-deploy for usage details."
        )
    contoso.azure.clock.advance(60)
    again = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template()))
    assert again.status == 200
    assert contoso.follow(first.headers["Azure-AsyncOperation"]).body["error"]["code"] == "DeploymentOperationNotFound"


def test_a_module_waits_for_no_other_deployment_of_its_name(contoso: Contoso) -> None:
    contoso.slow_down(60)
    contoso.call("PUT", f"{DEPLOYMENT}/m", properties(template()))
    contoso.azure.clock.advance(30)
    contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template(module("m", template()))))
    contoso.azure.clock.advance(60)
    error = contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["error"]
    assert error["details"][0]["code"] == "DeploymentActive"


def test_a_failure_keeps_what_was_made_and_undoes_what_was_refused(contoso: Contoso) -> None:
    inner = template(
        box("made"),
        box("large", properties={"size": 12}),
        box("taken", properties={"size": 13}),
        box("after", dependsOn=["large"]),
        box("independent", dependsOn=["made"]),
        outputs={"x": {"type": "string", "value": "never"}},
    )
    found = deploy(contoso, properties(inner))["properties"]
    assert found["provisioningState"] == "Failed"
    assert "outputs" not in found
    assert boxes(contoso) == ["independent", "made"]
    error = found["error"]
    assert (error["code"], error["message"]) == ("DeploymentFailed", FAILED)
    large, taken = error["details"]
    assert large == {
        "code": "BoxTooLarge",
        "message": "The size 12 is too large.",
        "target": f"{GROUP}/providers/{BOX}/large",
    }
    assert taken["code"] == "Conflict"
    assert taken["message"] == (
        '{\r\n  "code": 409013,\r\n  "httpStatusCode": "Conflict",\r\n  "message": "Thirteen is taken."\r\n}'
    )
    operations = contoso.call("GET", f"{GROUP}/deployments/main/operations").body["value"]
    *operations, outputs = operations
    assert (outputs["properties"]["provisioningOperation"], outputs["properties"]["statusCode"]) == (
        "EvaluateDeploymentOutput",
        "Conflict",
    )
    assert outputs["properties"]["statusMessage"].startswith("Template output evaluation skipped: ")
    states = {
        each["properties"]["targetResource"]["resourceName"]: (
            each["properties"]["provisioningState"],
            each["properties"]["statusCode"],
        )
        for each in operations
    }
    assert states == {
        "made": ("Succeeded", "OK"),
        "large": ("Failed", "BadRequest"),
        "taken": ("Failed", "Conflict"),
        "independent": ("Succeeded", "OK"),
    }
    failed = next(each for each in operations if "statusMessage" in each["properties"])
    assert contoso.call("GET", failed["id"]).body == failed


def test_the_poll_of_a_failure_tells_the_error(contoso: Contoso) -> None:
    begun = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template(box(properties={"size": 12}))))
    answer = contoso.follow(begun.headers["Azure-AsyncOperation"])
    assert answer.status == 200
    assert answer.body["status"] == "Failed"
    assert answer.body["error"]["details"][0]["code"] == "BoxTooLarge"


def test_a_failed_module_fails_what_is_around_it(contoso: Contoso) -> None:
    inner = template(box("ok"), box("large", properties={"size": 12}))
    outer = template(module("inside", inner), box("after", dependsOn=["inside"]))
    error = deploy(contoso, properties(outer))["properties"]["error"]
    (resource,) = error["details"]
    assert resource["code"] == "ResourceDeploymentFailure"
    assert resource["target"] == f"{DEPLOYMENT}/inside"
    assert resource["details"][0]["code"] == "DeploymentFailed"
    assert resource["details"][0]["details"][0]["code"] == "BoxTooLarge"
    assert boxes(contoso) == ["ok"]
    assert contoso.call("GET", f"{DEPLOYMENT}/inside").body["properties"]["provisioningState"] == "Failed"
    names = [each["name"] for each in contoso.call("GET", DEPLOYMENT).body["value"]]
    assert sorted(names) == ["inside", "main"]


def test_a_module_that_only_turns_out_wrong_fails_while_running(contoso: Contoso) -> None:
    inner = template(box("[parameters('name')]"), parameters={"name": {"type": "string", "maxLength": 3}})
    outer = template(box("first"), module("m", inner, {"name": {"value": "[concat('too-long', reference('first').size)]"}}))
    error = deploy(contoso, properties(outer))["properties"]["error"]
    assert error["details"][0]["code"] == "InvalidTemplate"
    assert "should be less than or equal to '3'" in error["details"][0]["message"]


def test_an_expression_that_fails_while_running(contoso: Contoso) -> None:
    inner = template(box("first"), box("second", properties={"x": "[reference('first').nope]"}))
    (detail,) = deploy(contoso, properties(inner))["properties"]["error"]["details"]
    assert detail["code"] == "InvalidTemplate"
    resource = f"{GROUP}/providers/{BOX}/second"
    assert detail["message"].startswith(f"Unable to process template language expressions for resource '{resource}'")


def test_cancel(contoso: Contoso) -> None:
    contoso.slow_down(60)
    begun = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template(box())))
    assert contoso.call("POST", f"{DEPLOYMENT}/main/cancel").status == 204
    assert contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["provisioningState"] == "Canceled"
    assert contoso.follow(begun.headers["Azure-AsyncOperation"]).body["error"]["code"] == "DeploymentCanceled"
    assert contoso.call("POST", f"{DEPLOYMENT}/main/cancel").status == 409


def test_reading_listing_and_deleting(contoso: Contoso) -> None:
    assert contoso.call("HEAD", f"{DEPLOYMENT}/main").status == 404
    missing = contoso.call("GET", f"{DEPLOYMENT}/main")
    assert (missing.status, missing.body["error"]["message"]) == (404, "Deployment 'main' could not be found.")
    assert contoso.call("DELETE", f"{DEPLOYMENT}/main").status == 204
    deploy(contoso, properties(template(box(properties={"size": 12}))), "bad")
    contoso.azure.clock.advance(1)
    deploy(contoso, properties(template(box())), "good")
    assert contoso.call("HEAD", f"{DEPLOYMENT}/good").status == 204
    assert [each["name"] for each in contoso.call("GET", DEPLOYMENT).body["value"]] == ["good", "bad"]
    assert [each["name"] for each in contoso.call("GET", DEPLOYMENT, query={"$top": "1"}).body["value"]] == ["good"]
    failed = contoso.call("GET", DEPLOYMENT, query={"$filter": "provisioningState eq 'Failed'"}).body["value"]
    assert [each["name"] for each in failed] == ["bad"]
    assert contoso.call("GET", DEPLOYMENT, query={"$filter": "nonsense"}).status == 400
    for top in ("x", "\N{SUPERSCRIPT TWO}", "1" * 5000):
        assert contoso.call("GET", DEPLOYMENT, query={"$top": top}).status == 400
    assert contoso.call("POST", f"{DEPLOYMENT}/good/exportTemplate").body == {"template": template(box())}
    begun = contoso.call("DELETE", f"{DEPLOYMENT}/good")
    assert begun.status == 202
    assert contoso.follow(begun.headers["Location"]).status == 204
    assert contoso.call("HEAD", f"{DEPLOYMENT}/good").status == 404
    assert boxes(contoso) == ["box"]


def test_validate_says_what_would_be_deployed_and_deploys_nothing(contoso: Contoso) -> None:
    inner = template(box("[parameters('n')]"), module("m", template(box("c"))), parameters={"n": {"type": "string"}})
    answer = contoso.call("POST", f"{DEPLOYMENT}/main/validate", properties(inner, n="b"))
    assert answer.status == 200
    found = answer.body["properties"]
    assert found["provisioningState"] == "Succeeded"
    assert found["parameters"] == {"n": {"type": "String", "value": "b"}}
    assert [each["id"].removeprefix(f"{GROUP}/providers/") for each in found["validatedResources"]] == [
        f"{BOX}/b",
        "Microsoft.Resources/deployments/m",
        f"{BOX}/c",
    ]
    assert boxes(contoso) == []
    assert contoso.call("HEAD", f"{DEPLOYMENT}/main").status == 404
    wrong = contoso.call("POST", f"{DEPLOYMENT}/main/validate", properties(inner))
    assert (wrong.status, wrong.body["error"]["code"]) == (400, "InvalidTemplate")


def test_complete_mode_needs_the_right_to_delete(contoso: Contoso) -> None:
    contoso.call("PUT", f"{GROUP}/providers/{BOX}/a", {"location": "westeurope"}, version=VERSION)
    deployer = f"{GROUP}/providers/Microsoft.Resources/deployments/main"
    contoso.grant(STRANGER, CONTRIBUTOR, deployer)
    assert contoso.call("PUT", deployer, properties(template(), "Complete"), caller=STRANGER).status == 201
    error = contoso.call("GET", deployer).body["properties"]["error"]
    assert error["details"][0]["code"] == "AuthorizationFailed"
    assert boxes(contoso) == ["a"]


def test_complete_mode_deletes_what_the_template_does_not_have(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box("a"), box("b"))))
    deploy(contoso, properties(template(box("c"))))
    assert boxes(contoso) == ["a", "b", "c"]
    deploy(contoso, properties(template(box("a"), module("m", template(box("d")))), "Complete"))
    assert boxes(contoso) == ["a", "d"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "InvalidRequestContent"),
        ({}, "InvalidRequestContent"),
        ({"properties": {"template": template()}}, "InvalidDeploymentMode"),
        ({"properties": {"mode": "Destructive", "template": template()}}, "InvalidDeploymentMode"),
        ({"properties": {"mode": "Incremental"}}, "InvalidTemplate"),
        ({"properties": {"mode": "Incremental", "templateLink": {"uri": "https://example.com/a.json"}}}, "InvalidContentLink"),
        ({"properties": {"mode": "Incremental", "template": []}}, "InvalidTemplate"),
        ({"properties": {"mode": "Incremental", "template": template(), "parameters": ["a"]}}, "InvalidRequestContent"),
        ({"properties": {"mode": "Incremental", "template": template(), "parameters": False}}, "InvalidRequestContent"),
        (properties(template()) | {"location": "westeurope"}, "InvalidDeployment"),
        (properties(template(box(apiVersion="1999-01-01"))), "NoRegisteredProviderFound"),
        (properties(template(box(location="Atlantis"))), "NoRegisteredProviderFound"),
        (properties(template(box(type="Contoso.Things/bags"))), "InvalidResourceType"),
        (properties(template(module("m", template(), apiVersion="1999-01-01"))), "NoRegisteredProviderFound"),
        (properties(template(module("m", template()) | {"properties": "text"})), "InvalidDeploymentMode"),
        (properties(template(box(type="Contoso.Nothing/boxes"))), "InvalidResourceNamespace"),
    ],
)
def test_requests_that_are_refused_at_once(contoso: Contoso, body: Any, code: str) -> None:
    answer = contoso.call("PUT", f"{DEPLOYMENT}/main", body)
    assert answer.status in (400, 404)
    assert answer.body["error"]["code"] == code
    assert boxes(contoso) == []


@pytest.mark.parametrize("name", ["a" * 65, "with space", "semi;colon"])
def test_a_name_has_rules(contoso: Contoso, name: str) -> None:
    answer = contoso.call("PUT", f"{DEPLOYMENT}/{name}", properties(template()))
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidDeploymentName")


def test_a_body_that_is_no_json(contoso: Contoso) -> None:
    seen: list[Request] = []
    contoso.azure.observers.append(lambda request, _: seen.append(request))
    contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template()))
    answer = contoso.azure.handle(replace(seen[0], body=b"{"))
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidRequestContent")


def test_a_deployment_needs_the_right_to_deploy(contoso: Contoso) -> None:
    contoso.grant(STRANGER, READER)
    assert contoso.call("GET", DEPLOYMENT, caller=STRANGER).status == 200
    answer = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template()), caller=STRANGER)
    assert (answer.status, answer.body["error"]["code"]) == (403, "AuthorizationFailed")
    assert "'Microsoft.Resources/deployments/write' over scope" in answer.body["error"]["message"]


def test_every_resource_needs_the_right_to_write_it(contoso: Contoso) -> None:
    contoso.grant(STRANGER, CONTRIBUTOR)
    deploy_as_stranger = properties(template(box(), module("m", template(assignment() | {"dependsOn": []}))))
    answer = contoso.call("PUT", f"{DEPLOYMENT}/main", deploy_as_stranger, caller=STRANGER)
    assert (answer.status, answer.body["error"]["code"]) == (403, "InvalidTemplateDeployment")
    action = "action 'Microsoft.Authorization/roleAssignments/write' at scope"
    assert action in answer.body["error"]["message"]
    assert boxes(contoso) == []


def test_a_right_that_is_missing_in_the_middle_fails_what_needs_it(contoso: Contoso) -> None:
    other = GROUP + "-2"
    contoso.call("PUT", other, {"location": "westeurope"})
    contoso.call("PUT", f"{other}/providers/{BOX}/box", {"location": "westeurope"}, version=VERSION)
    contoso.grant(STRANGER, CONTRIBUTOR)
    value = f"[reference(resourceId('rg-2', 'Contoso.Things/boxes', 'box'), '{VERSION}').size]"
    contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template(box(properties={"x": value}))), caller=STRANGER)
    error = contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["error"]
    assert error["details"][0]["code"] == "AuthorizationFailed"


def test_a_role_assignment_extends_what_exists(contoso: Contoso) -> None:
    found = deploy(contoso, properties(template(box(), assignment())))["properties"]
    assert found["provisioningState"] == "Succeeded"
    name = "a0000000-0000-4000-8000-000000000001"
    identifier = f"{GROUP}/providers/{BOX}/box/providers/Microsoft.Authorization/roleAssignments/{name}"
    assert found["outputResources"][1]["id"] == identifier
    assert contoso.call("GET", identifier, version="2022-04-01").body["properties"]["scope"] == f"{GROUP}/providers/{BOX}/box"
    assert deploy(contoso, properties(template(box(), assignment())))["properties"]["provisioningState"] == "Succeeded"
    again = properties(template(box(), assignment("b0000000-0000-4000-8000-000000000001")))
    assert deploy(contoso, again)["properties"]["error"]["details"][0]["code"] == "RoleAssignmentExists"
    nothing = assignment() | {"scope": "Contoso.Things/boxes/gone", "dependsOn": []}
    missing = deploy(contoso, properties(template(nothing)))["properties"]["error"]["details"][0]
    assert missing["code"] == "ResourceNotFound"


def test_the_old_form_of_an_extension_means_the_same(contoso: Contoso) -> None:
    old = assignment()
    del old["scope"]
    name = "a0000000-0000-4000-8000-000000000001"
    old |= {"type": f"{BOX}/providers/roleAssignments", "name": f"box/Microsoft.Authorization/{name}"}
    found = deploy(contoso, properties(template(box(), old)))["properties"]
    assert found["provisioningState"] == "Succeeded"
    assert "/boxes/box/providers/Microsoft.Authorization/roleAssignments/" in found["outputResources"][1]["id"]


def test_children_and_every_known_version_deploy(contoso: Contoso) -> None:
    lid = {"type": LID, "apiVersion": VERSION, "name": "box/top", "dependsOn": ["box"], "properties": {"size": 2}}
    found = deploy(contoso, properties(template(box(apiVersion="2025-01-01-preview"), lid)))
    assert found["properties"]["provisioningState"] == "Succeeded"
    for version in ("2016-09-01", "2021-04-01", "2025-04-01", "2026-06-01"):
        assert contoso.call("GET", f"{DEPLOYMENT}/main", version=version).body["name"] == "main"
    assert contoso.call("HEAD", f"{DEPLOYMENT}/main").body is NOTHING
