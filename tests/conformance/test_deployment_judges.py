"""The judge of deployments is held to account: it takes a true recording of another provider's resources, and no false one.

All of it is made up, in the shapes that Azure's answers have.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.recordings import read_recording
from tests.conformance.replay import Outcome, Replay, Result
from tests.conformance.scope import LANGUAGE, STAND_IN

THERE = "/subscriptions/00000000-0000-0000-0000-000000000001"
GROUP = f"{THERE}/resourceGroups/g"
ONE = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
THING = f"{GROUP}/providers/Foreign.Things/things/t"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
DATE = "Mon, 06 Nov 2023 12:00:00 GMT"
TEMPLATE = {
    "$schema": SCHEMA,
    "contentVersion": "1.0.0.0",
    "metadata": {"_generator": {"templateHash": "1"}},
    "resources": [{"type": "Foreign.Things/things", "apiVersion": "2020-01-01", "name": "t", "location": "West US"}],
    "outputs": {"THE_id": {"type": "string", "value": "[resourceId('Foreign.Things/things', 't')]"}},
}
SENT = {"properties": {"mode": "Incremental", "template": TEMPLATE}}
SHOWN = {
    "templateHash": "1",
    "mode": "Incremental",
    "timestamp": "2023-11-06T12:00:01.1234567Z",
    "duration": "PT0.0001311S",
    "correlationId": "2d102b53-6eff-470e-b9c5-bdafd71771c9",
    "providers": [
        {"namespace": "Foreign.Things", "resourceTypes": [{"resourceType": "things", "locations": ["westus"]}]},
    ],
    "dependencies": [],
}


def shown(state: str, **more: Any) -> dict[str, Any]:
    """The deployment in a state."""
    kind = {"id": ONE, "name": "d", "type": "Microsoft.Resources/deployments"}
    return kind | {"properties": SHOWN | {"provisioningState": state} | more}


MADE = {
    "id": GROUP,
    "name": "g",
    "type": "Microsoft.Resources/resourceGroups",
    "location": "westus",
    "properties": {"provisioningState": "Succeeded"},
}
DONE = shown("Succeeded", outputs={"thE_id": {"type": "String", "value": THING}}, outputResources=[{"id": THING}])
POLL = f"https://management.azure.com{ONE}/operationStatuses/08585023333253314003?api-version=2022-09-01"
OPERATION: dict[str, Any] = {
    "id": f"{ONE}/operations/88A2CF5860583BC5",
    "operationId": "88A2CF5860583BC5",
    "properties": {
        "provisioningOperation": "Create",
        "provisioningState": "Succeeded",
        "timestamp": "2023-11-06T12:00:02.1234567Z",
        "duration": "PT1.1005733S",
        "trackingId": "88511a04-bfb2-4d3e-85d3-98611542cf48",
        "statusCode": "Created",
        "targetResource": {"id": THING, "resourceType": "Foreign.Things/things", "resourceName": "t"},
    },
}
EVALUATION: dict[str, Any] = {
    "id": f"{ONE}/operations/08585023333253314003",
    "operationId": "08585023333253314003",
    "properties": OPERATION["properties"] | {"provisioningOperation": "EvaluateDeploymentOutput", "statusCode": "OK"},
}
EVALUATION["properties"].pop("targetResource")
GONE = {"code": "DeploymentNotFound", "message": "Deployment 'd-gone' could not be found."}
Step = list[Any]
STEPS: list[Step] = [
    ["PUT", GROUP, {"location": "westus"}, 201, MADE, {}],
    ["PUT", ONE, SENT, 201, shown("Accepted"), {"Azure-AsyncOperation": [POLL]}],
    ["GET", POLL, None, 200, {"status": "Running"}, {}],
    ["GET", POLL, None, 200, {"status": "Succeeded"}, {}],
    ["GET", ONE, None, 200, DONE, {}],
    ["GET", f"{GROUP}/deployments/d/operations", None, 200, {"value": [OPERATION, EVALUATION]}, {}],
    ["GET", THING, None, 200, {"id": THING, "whatever": True}, {}],
    [
        "GET",
        f"{ONE}-gone",
        None,
        404,
        {"error": {"code": "DeploymentNotFound", "message": "Deployment 'd-gone' could not be found."}},
        {},
    ],
]
STEPS[-1][-1] = {"x-ms-failure-cause": ["gateway"]}


def fresh(steps: list[Step]) -> list[Step]:
    """A copy that shares nothing."""
    copied: list[Step] = json.loads(json.dumps(steps))
    return copied


def replayed(folder: Path, steps: list[Step]) -> list[Result]:
    """What becomes of a recording of these steps."""
    interactions = [
        {
            "request": {
                "method": method,
                "uri": path if path.startswith("https:") else f"https://management.azure.com{path}?api-version=2022-09-01",
                "headers": {},
                "body": None if sent is None else json.dumps(sent),
            },
            "response": {
                "status": {"code": status},
                "headers": {"date": [DATE]} | headers,
                "body": {"string": "" if answer is None else json.dumps(answer)},
            },
        }
        for method, path, sent, status, answer, headers in steps
    ]
    file = folder / "made-up.json"
    file.write_text(json.dumps({"interactions": interactions}))
    recording = read_recording(file, [folder])
    assert recording is not None
    return Replay(recording).run()


def test_a_true_recording_matches(tmp_path: Path) -> None:
    results = replayed(tmp_path, STEPS)
    wanted: list[tuple[Outcome, tuple[str, ...]]] = [(Outcome.MATCHED, ())] * len(STEPS)
    wanted[6] = (Outcome.REFUSED, (STAND_IN,))
    assert [(each.outcome, each.reasons) for each in results] == wanted


def test_what_the_recorder_left_out_is_made_up_again(tmp_path: Path) -> None:
    steps = fresh(STEPS)
    for step in steps:
        step[2] = None
    found = [(each.outcome, each.reasons) for each in replayed(tmp_path, steps) if each.outcome is not Outcome.MATCHED]
    assert found == [(Outcome.REFUSED, (STAND_IN,))]


def without(name: str) -> Callable[[Any], Any]:
    return lambda answer: {key: value for key, value in answer.items() if key != name}


def changed(*path: str, to: Any) -> Callable[[Any], Any]:
    def change(answer: Any) -> Any:
        inner = answer
        for name in path[:-1]:
            inner = inner[int(name) if isinstance(inner, list) else name]
        inner[path[-1]] = to
        return answer

    return change


@pytest.mark.parametrize(
    ("index", "change", "reason"),
    [
        (0, without("type"), "body.type: not expected"),
        (1, changed("properties", "templateHash", to="2"), "body.properties.templateHash: '2' expected"),
        (1, changed("properties", "timestamp", to="2023-11-06T12:00:01Z"), "body.properties.timestamp"),
        (1, changed("properties", "duration", to="a moment"), ""),
        (1, changed("properties", "correlationId", to="2d102b536eff470eb9c5bdafd71771c9"), ""),
        (1, changed("properties", "providers", "0", "resourceTypes", "0", "locations", to=[None]), "body.properties.providers"),
        (3, changed("status", to="Failed"), "body.status: 'Failed' expected"),
        (
            4,
            changed("properties", "outputs", to={"THE_id": {"type": "String", "value": THING}}),
            "body.properties.outputs.THE_id",
        ),
        (4, changed("properties", "outputResources", to=[]), "body.properties.outputResources: 0 elements expected"),
        (4, changed("properties", "timestamp", to="Mon, 06 Nov 2023 12:00:00 GMT"), "body.properties.timestamp"),
        (5, changed("value", "0", "properties", "statusCode", to="Conflict"), "body.value[0].properties.statusCode"),
        (7, changed("error", "message", to="No."), "body.error.message: 'No.' expected"),
    ],
)
def test_a_false_answer_differs(tmp_path: Path, index: int, change: Callable[[Any], Any], reason: str) -> None:
    steps = fresh(STEPS)
    steps[index][4] = change(steps[index][4])
    found = {each.exchange.index: each.reasons for each in replayed(tmp_path, steps) if each.outcome is Outcome.DIFFERED}
    if not reason:
        assert found == {}, "the form of this value is not known, or chance"
        return
    assert list(found) == [index], "one false answer makes no other differ"
    assert any(each.startswith(reason) for each in found[index]), found[index]


@pytest.mark.parametrize(
    ("index", "headers", "reason"),
    [
        (1, {"Azure-AsyncOperation": [POLL], "Retry-After": ["5"]}, "header retry-after: missing"),
        (1, {}, "header azure-asyncoperation: not expected"),
        (4, {"x-ms-failure-cause": ["gateway"]}, "header x-ms-failure-cause: missing"),
    ],
)
def test_a_false_header_differs(tmp_path: Path, index: int, headers: dict[str, list[str]], reason: str) -> None:
    steps = fresh(STEPS)
    steps[index][5] = headers
    result = replayed(tmp_path, steps)[index]
    assert result.outcome is Outcome.DIFFERED
    assert any(each.startswith(reason) for each in result.reasons), result.reasons


def test_a_provider_that_refuses_fails_the_deployment_as_recorded(tmp_path: Path) -> None:
    steps = fresh(STEPS[:4])
    text = "At least one resource deployment operation failed. Please list deployment operations for details. "
    link = "Please see https://aka.ms/arm-deployment-operations for usage details."
    detail = {"code": "TooLarge", "target": "size", "message": "The size is too large."}
    error = {"code": "DeploymentFailed", "target": ONE, "message": text + link, "details": [detail]}
    steps[3][4] = {"status": "Failed", "error": error}
    assert [each.reasons for each in replayed(tmp_path, steps) if each.outcome is not Outcome.MATCHED] == []
    del error["target"]
    assert replayed(tmp_path, steps)[3].reasons[0].startswith("body.error.target: not expected")


def test_a_provider_that_refuses_at_once_makes_nothing(tmp_path: Path) -> None:
    message = (
        "The template deployment 'd' is not valid according to the validation procedure. The tracking id is "
        "'c48a43f7-eb4b-4052-b32c-4b1d0502b9b0'. See inner errors for details."
    )
    detail = {"code": "InvalidParameter", "target": "size", "message": "No such size."}
    steps = fresh(STEPS[:2])
    steps[1][3:] = [400, {"error": {"code": "InvalidTemplateDeployment", "message": message, "details": [detail]}}, {}]
    assert [each.reasons for each in replayed(tmp_path, steps) if each.outcome is not Outcome.MATCHED] == []


def test_what_the_template_language_lacks_is_told(tmp_path: Path) -> None:
    steps = fresh(STEPS[:5])
    steps[1][2]["properties"]["template"]["outputs"]["THE_id"]["value"] = "[noSuchFunction()]"
    results = replayed(tmp_path, steps)
    reason = LANGUAGE.format("The template function 'noSuchFunction' is not valid")
    assert [(each.outcome, each.reasons) for each in results[1:]] == [(Outcome.REFUSED, (reason,))] * 4
