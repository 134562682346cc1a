"""The JSON Schemas in docs/schemas: each command has one, and their words are those of the code."""

from __future__ import annotations

import ast
import enum
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator

from dpsops.cli.device import _COLUMNS
from dpsops.cli.main import app
from dpsops.model.rotation import Phase, Step, Trust, VaultState
from tests import documents
from tests.cli.terminal import LOCAL, Terminal
from tests.cli.test_actions_commands import NO_RESULT, words

SOURCE = Path(__file__).parents[2] / "dpsops"
ROWS = ["device issue", "device list", "device renew"]
"""The commands that print a line of JSON for each device with `--output jsonl`."""

OTHERS = {"common.json", "error.json", "plan-file.json"}
"""The schemas of what is no result of one command."""


def test_each_command_has_a_schema_and_each_schema_a_command() -> None:
    commands = set(words(typer.main.get_command(app))) - NO_RESULT
    results = {documents.file_name(each) for each in commands}
    rows = {documents.file_name(each, row=True) for each in ROWS}
    assert documents.schemas().keys() == results | rows | OTHERS


@pytest.mark.parametrize("name", documents.schemas())
def test_a_schema_is_one_and_says_what_each_member_is(name: str) -> None:
    schema = documents.schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert (schema["$schema"], schema["$id"]) == ("https://json-schema.org/draft/2020-12/schema", name)
    assert schema["title"]
    for found in _objects(schema):
        assert "additionalProperties" in found
        for member, inner in found["properties"].items():
            assert "description" in (inner | _referred(inner)), member


def _objects(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and schema.get("type"):
            yield schema
        for each in schema.values():
            yield from _objects(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _objects(each)


def _referred(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    found: Mapping[str, Any] = documents.schemas()["common.json"]["$defs"].get(reference.rpartition("/")[2], {})
    return found


def _words(name: str) -> list[str]:
    return [each["const"] for each in documents.schemas()["common.json"]["$defs"][name]["oneOf"] if "const" in each]


def _values(of: type[enum.Enum]) -> list[str]:
    return [each.value for each in of]


def test_the_words_of_a_rotation_are_those_of_the_code() -> None:
    generation = documents.schemas()["common.json"]["$defs"]["generation"]["properties"]
    assert _words("phase") == _values(Phase)
    assert _words("step") == _values(Step)
    assert [each["const"] for each in generation["vault"]["oneOf"]] == _values(VaultState)
    assert [each["const"] for each in generation["dps"]["oneOf"]] == _values(Trust)


def test_the_words_of_actions_are_those_of_the_code() -> None:
    assert _words("word") == sorted(_words("word"))
    assert set(_words("word")) == _actions_in_the_code()


def _actions_in_the_code() -> set[str]:
    """The words that the code gives to actions, wherever they are: what an action is called with, and what a verb is."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if "emulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Action" and node.args:
                found.update(_texts(node.args[0]))
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "verb, done":  # model/pipeline_steps.py
                found.update(_texts(_first(node.value)))
            elif isinstance(node, ast.Assign | ast.AnnAssign) and path.name == "root.py" and _assigns(node, "steps"):
                found.update(text for each in getattr(node.value, "values", ()) for text in _texts(each))
    return found


def _assigns(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return ast.unparse(target) == name


def _first(value: ast.expr) -> ast.expr:
    """The first of the two words of an action, also if it depends on something."""
    if isinstance(value, ast.IfExp):
        return ast.List([_first(value.body), _first(value.orelse)])
    return value.elts[0] if isinstance(value, ast.Tuple) else value


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):  # its test has words of other kinds
        yield from (*_texts(node.body), *_texts(node.orelse))
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.expr):
            yield from _texts(each)


def test_the_columns_of_a_device_are_the_members_of_its_document() -> None:
    assert list(documents.schemas()["common.json"]["$defs"]["member"]["properties"]) == list(_COLUMNS)


OTHERS_GET_THE_ROLES = """
[access]
principals = [{ id = "11111111-1111-4111-8111-111111111111", type = "User" }]
"""


def test_a_plan_and_its_file_fit_also_with_a_note(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "infra" / "local.toml").write_text(LOCAL + OTHERS_GET_THE_ROLES, encoding="utf-8")
    printed = terminal.json("plan", "--out", "local.plan")
    written = json.loads((tmp_path / "local.plan").read_text(encoding="utf-8"))
    terminal.seen |= documents.held("plan-file.json", written)
    assert printed["notes"] == written["notes"] != []


def test_the_failures_of_several_devices_are_a_list_and_of_one_an_error(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-01", "press-02")
    assert terminal.json("device", "unblock", "press-01", "press-02")["failed"] == []
    assert "failed" not in terminal.json("device", "unblock", "press-01")


def test_the_variables_that_are_forgotten_are_those_that_are_printed(terminal: Terminal) -> None:
    every = set(documents.schemas()["local-env.json"]["properties"]) - {"schema_version", "environment", "unset"}
    assert set(terminal.json("local", "env", "--unset")["unset"]) == every


# The judge


@pytest.mark.parametrize("wrong", [{"more": 1}, {"changed": "yes"}, {"schema_version": 2}, {"changed": ...}])
def test_what_does_not_fit_is_refused(wrong: dict[str, object]) -> None:
    right = {"schema_version": 1, "environment": "local", "changed": True}
    assert documents.judge(["--output", "json", "local", "stop"], json.dumps(right)) == {
        ("local-stop.json", f"/{name}") for name in right
    }
    found = {name: value for name, value in (right | wrong).items() if value is not ...}
    with pytest.raises(AssertionError, match=r"local-stop\.json does not fit"):
        documents.judge(["--output", "json", "local", "stop"], json.dumps(found))


def test_an_error_has_the_members_of_its_command_that_it_has() -> None:
    begun = {"schema_version": 1, "environment": "local", "error": {"code": "failed", "message": "it", "hint": ""}}
    seen = documents.judge(["device", "issue", "--output=json", "x"], json.dumps(begun | {"unchanged": ["x"]}))
    assert ("error.json", "/error/code") in seen
    assert ("device-issue.json", "/unchanged") in seen
    with pytest.raises(AssertionError, match="device-issue"):
        documents.judge(["device", "issue", "--output=json", "x"], json.dumps(begun | {"notes": []}))


def test_lines_are_held_against_the_schema_of_a_line() -> None:
    kept = {"device": "x", "outcome": "existing", "secret_id": ""}
    seen = documents.judge(["--output", "jsonl", "device", "issue", "x"], json.dumps(kept) + "\n")
    assert ("common.json", "result/outcome") in seen
    with pytest.raises(AssertionError):
        documents.judge(["--output", "jsonl", "device", "issue", "x"], json.dumps(kept | {"outcome": "kept"}) + "\n")


def test_a_property_that_nobody_has_seen_is_named() -> None:
    every = documents.properties()
    assert documents.unseen([every]) == []
    assert documents.unseen([every - {("common.json", "root/key/size")}]) == ["common.json: root/key/size"]
