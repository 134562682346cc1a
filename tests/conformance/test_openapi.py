"""The judge is held to account: Azure's own examples pass, what is broken in them does not, and what it excuses has a witness."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.deviations import DEVIATIONS, Deviation, is_gateway_error
from tests.conformance.messages import MANAGEMENT, Recording
from tests.conformance.openapi import ABSENT, FOLDER, Operation, Specification, Violation

JSON = dict[str, Any]
EXAMPLES = sorted(FOLDER.glob("*/*/examples/*.json"))

SPECIFICATION = {
    "swagger": "2.0",
    "info": {"version": "2026-01-01"},
    "host": "management.azure.com",
    "paths": {
        "/things/{name}": {
            "put": {
                "operationId": "Things_Put",
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "type": "string", "pattern": "^[a-z]+$"},
                    {"name": "top", "in": "query", "type": "integer", "maximum": 25},
                    {"$ref": "../../common/v1/types.json#/parameters/IfMatch"},
                    {"name": "thing", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Thing"}},
                ],
                "responses": {
                    "200": {"schema": {"$ref": "#/definitions/Thing"}},
                    "202": {},
                    "default": {"schema": {"$ref": "../../common/v1/types.json#/definitions/Error"}},
                },
            }
        },
        "/things/mine": {"get": {"operationId": "Things_Mine", "responses": {"200": {}}}},
    },
    "definitions": {
        "Thing": {
            "type": "object",
            "discriminator": "kind",
            "required": ["kind", "id"],
            "properties": {
                "kind": {"type": "string"},
                "id": {"type": "string", "format": "arm-id", "readOnly": True},
                "owner": {"$ref": "#/definitions/Owner", "x-nullable": True},
                "parts": {"type": "array", "items": {"$ref": "#/definitions/Owner"}},
                "made": {"type": "string", "format": "date-time-rfc7231"},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "Owner": {"type": "object", "properties": {"since": {"type": "integer", "format": "unixtime"}}},
        "Box": {
            "x-ms-discriminator-value": "box",
            "allOf": [{"$ref": "#/definitions/Thing"}],
            "required": ["width"],
            "properties": {"width": {"type": "integer"}},
        },
    },
}
COMMON = {
    "parameters": {"IfMatch": {"name": "If-Match", "in": "header", "required": True, "type": "string"}},
    "definitions": {"Error": {"type": "object", "required": ["code"], "properties": {"code": {"type": "integer"}}}},
}
THING = {"kind": "box", "id": "/things/a", "width": 1, "owner": None, "parts": [{"since": 1}], "tags": {"any": "tag"}}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Specification:
    folder = tmp_path_factory.mktemp("api")
    for name, document in {"things/2026-01-01/things.json": SPECIFICATION, "common/v1/types.json": COMMON}.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(json.dumps(document))
    return Specification.load(folder)


def found(specification: Specification, path: str, method: str = "PUT") -> Operation:
    operation = specification.find(method, "management.azure.com", path, "2026-01-01")
    assert operation is not None
    return operation


def rules(violations: list[Violation]) -> set[tuple[str, str]]:
    return {(violation.where, violation.rule) for violation in violations}


def test_fixed_paths_win_over_parameters_and_versions_fall_back(made_up: Specification) -> None:
    assert found(made_up, "/things/mine", "GET").name == "Things_Mine"
    assert found(made_up, "/Things/mine").name == "Things_Put"
    older = made_up.find("PUT", "management.azure.com", "/things/a", "2020-01-01")
    assert older is not None
    assert older.api_version == "2026-01-01"
    assert made_up.find("PUT", "example.com", "/things/a", "2026-01-01") is None
    assert made_up.find("PUT", "management.azure.com", "/things/a/b", "2026-01-01") is None


def test_a_good_exchange_passes(made_up: Specification) -> None:
    operation = found(made_up, "/things/a")
    sent = json.dumps({"kind": "box", "width": 1}).encode()  # the ID is Azure's to make
    assert made_up.check_request(operation, "/things/a", {"top": "25"}, {"if-match": "*"}, sent) == []
    assert made_up.check_response(operation, 200, json.dumps(THING).encode()) == []
    assert made_up.check_response(operation, 202, b"") == []
    assert made_up.check_response(operation, 404, b'{"code": 404001}') == []


def test_a_bad_request_is_caught(made_up: Specification) -> None:
    violations = made_up.check_request(found(made_up, "/things/A1"), "/things/A1", {"top": "26"}, {}, b"")
    assert rules(violations) == {
        ("request.path.name", "pattern"),
        ("request.query.top", "maximum"),
        ("request.header.If-Match", "missing"),
        ("request.body", "missing"),
    }


@pytest.mark.parametrize(
    ("change", "where", "rule"),
    [
        ({"id": None}, "response.body.id", "type"),
        ({"id": "a"}, "response.body.id", "format"),
        ({"made": "2026-01-01T00:00:00Z"}, "response.body.made", "format"),
        ({"owner": {"since": 1.5}}, "response.body.owner.since", "type"),
        ({"parts": [{"since": -1}]}, "response.body.parts[].since", "format"),
        ({"parts": [None]}, "response.body.parts[]", "type"),
        ({"tags": {"any": 1}}, "response.body.tags.any", "type"),
        ({"colour": "red"}, "response.body.colour", "declared"),
        ({"kind": "bag"}, "response.body.width", "declared"),
        ({"width": ...}, "response.body.width", "required"),
        ({"id": ...}, "response.body.id", "required"),
    ],
)
def test_a_bad_answer_is_caught(made_up: Specification, change: JSON, where: str, rule: str) -> None:
    body = {name: value for name, value in (THING | change).items() if value is not ...}
    violations = made_up.check_response(found(made_up, "/things/a"), 200, json.dumps(body).encode())
    assert (where, rule) in rules(violations)


def test_the_same_bad_answer_is_caught_each_time_and_on_its_own_side(made_up: Specification) -> None:
    """What was judged once is remembered, of an answer apart from a request: only an answer must have what is read-only."""
    operation = found(made_up, "/things/a")
    body = json.dumps({name: value for name, value in THING.items() if name != "id"}).encode()
    wrong = [rules(made_up.check_response(operation, 200, body)) for _ in range(2)]
    assert wrong == [{("response.body.id", "required")}] * 2
    sent = made_up.check_request(operation, "/things/a", {"api-version": "2026-01-01"}, {"if-match": "*"}, body)
    assert not any(violation.where.startswith("request.body") for violation in sent)


def test_a_wrong_status_or_no_body_is_caught(made_up: Specification) -> None:
    operation = found(made_up, "/things/a")
    assert rules(made_up.check_response(operation, 201, b"{}")) == {("response.status", "status")}
    assert rules(made_up.check_response(operation, 200, b"")) == {("response.body", "missing")}
    assert rules(made_up.check_response(operation, 200, b"<html>")) == {("response.body", "type")}
    assert rules(made_up.check_response(operation, 500, b'{"code": "x"}')) == {("response.body.code", "type")}


each_example = pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in EXAMPLES] or [pytest.param(FOLDER, marks=pytest.mark.skip(reason=ABSENT))],
)


def example(path: Path, specification: Specification) -> tuple[Operation, JSON]:
    document = json.loads(path.read_text())
    service = path.relative_to(FOLDER).parts[0]
    (operation,) = (each for each in specification.operations if (each.service, each.name) == (service, document["operationId"]))
    return operation, document


def check_example(specification: Specification, operation: Operation, document: JSON) -> list[Violation]:
    given, path, query, headers, body = document["parameters"], operation.path, {}, {}, b""
    for parameter in operation.parameters:
        value = given.get(parameter["name"])
        match parameter["in"]:
            case "body":  # one example calls it by another name than its file
                body = json.dumps(given.get("body") if value is None else value).encode()
            case "path":
                path = path.replace("{" + parameter["name"] + "}", str(value))
            case "query" if value is not None:
                query[parameter["name"]] = str(value)
            case "header" if value is not None:
                headers[parameter["name"].lower()] = str(value)
    violations = specification.check_request(operation, path, query, headers, body)
    for status, answer in document["responses"].items():
        text = json.dumps(answer["body"]).encode() if "body" in answer else b""
        violations += specification.check_response(operation, int(status), text)
    return violations


def spoiled(value: Any) -> Iterator[Any]:
    """The value with one thing in it of another type, for each thing that has one."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            for worse in spoiled(value[key]):
                changed = copy.copy(value)
                changed[key] = worse
                yield changed
    else:
        yield ["of another type"]


@each_example
def test_the_examples_of_azure_pass(specification: Specification, path: Path) -> None:
    assert check_example(specification, *example(path, specification)) == []


@each_example
def test_the_examples_of_azure_do_not_pass_spoiled(specification: Specification, path: Path) -> None:
    operation, document = example(path, specification)
    for status, answer in document["responses"].items():
        for worse in spoiled(answer.get("body", {})):
            changed = document | {"responses": {status: {"body": worse}}}
            assert check_example(specification, operation, changed), worse


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: f"{deviation.service} {deviation.where}")
def test_what_is_excused_has_a_witness(deviation: Deviation, departures: list[tuple[Operation, Violation]]) -> None:
    if not any(deviation.excuses(operation, violation) for operation, violation in departures):
        pytest.skip(f"no recording in this folder shows it; witness: {deviation.witness or 'other recordings'}")


def test_the_gateway_has_errors_of_its_own(recorded: list[Recording]) -> None:
    exchanges = [each for recording in recorded for each in recording.exchanges if each.host == MANAGEMENT]
    if not any(each.status >= 400 and is_gateway_error(each.response.json()) for each in exchanges):
        pytest.skip("no recording in this folder shows it")
