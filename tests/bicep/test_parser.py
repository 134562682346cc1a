"""Our parser reads of `bicep/` what pycep, which is another's, reads: each declaration alone, since pycep cannot read all."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lark.exceptions import UnexpectedInput
from pycep import BicepParser

from tests.bicep import syntax as s
from tests.bicep.compiler import sources
from tests.bicep.parser import parse

PYCEP = BicepParser()
UNREADABLE = {
    ("dps.bicep", "written"): "a choice over several lines",
    ("dps-by-identity.bicep", "written"): "the same",
    ("hub.bicep", "written"): "the same",
    ("vault.bicep", "written"): "a comment between the arguments of a function",
    ("types.bicep", "vaultType"): "a decorator in a type",
    ("types.bicep", "hubType"): "the same",
    ("types.bicep", "serviceType"): "the same",
    ("types.bicep", "identityServiceType"): "the same",
    ("types.bicep", "logsType"): "the same",
    ("types.bicep", "assignmentType"): "the same",
}
"""Declarations that pycep cannot read, and why."""


def declarations() -> list[tuple[str, str]]:
    """The text of each declaration, with its file: an empty line is before it, and none inside it at the margin."""
    found = [(file, part) for file, text in sources().items() for part in re.split(r"\n\n(?=\S)", text)]
    return [(file, f"{part.strip()}\n") for file, part in found if parse(part)]


def name(text: str) -> str:
    """The name of what a text declares; empty for what has none."""
    (ours,) = parse(text)
    return getattr(ours, "name", "")


@pytest.mark.parametrize(("file", "text"), [each for each in declarations() if (each[0], name(each[1])) not in UNREADABLE])
def test_it_reads_the_same(file: str, text: str) -> None:
    theirs: dict[str, Any] = dict(PYCEP.parse(text=text))
    scope = theirs.pop("globals")["scope"]
    (ours,) = parse(text)
    match ours:
        case s.TargetScope(scope=s.Literal(value=value)):
            assert (scope["value"], theirs) == (value, {})
        case s.Import(names=names, path=path):
            assert theirs == {"imports": {there: {"file_path": path} for there, _ in names}}
        case s.Parameter(name=key, type=type_, default=default):
            found = theirs["parameters"][key]
            assert (found["type"], found["default"] is not None) == (_type(type_), default is not None)
            assert _decorators(found) == [each.name for each in ours.decorators]
        case s.Variable(name=key, value=s.Literal(value=value)):
            assert theirs["variables"][key]["value"] == value
        case s.Variable(name=key, value=s.Array(items=items)):
            assert theirs["variables"][key]["value"] == [each.value for each in items if isinstance(each, s.Literal)]
        case s.Output(name=key, type=type_):
            assert theirs["outputs"][key]["type"] == _type(type_)
        case s.Resource(name=key):
            found = theirs["resources"][key]
            assert (f"{found['type']}@{found['api_version']}", found["existing"]) == (ours.type, ours.existing)
            assert _keys(found["config"]) == _body(ours.value)
        case s.Module(name=key):
            found = theirs["modules"][key]
            assert found["detail"]["path"] == ours.path
            assert _keys(found["config"]) == _body(ours.value)
        case _:
            raise AssertionError(f"{file}: what does pycep make of this?\n{text}")


@pytest.mark.parametrize(("file", "declared"), UNREADABLE)
def test_what_it_does_not_read_is_not_readable(file: str, declared: str) -> None:
    (text,) = [text for where, text in declarations() if (where, name(text)) == (file, declared)]
    with pytest.raises(UnexpectedInput):
        PYCEP.parse(text=text)


def test_there_are_as_many_declarations_as_in_the_whole_files() -> None:
    whole = {file: [type(each) for each in parse(text)] for file, text in sources().items()}
    apart = {file: [type(each) for where, text in declarations() if where == file for each in parse(text)] for file in whole}
    assert apart == whole


def _type(type_: s.Type) -> Any:
    """A type as pycep shows it."""
    if isinstance(type_, s.ArrayType):
        return {"type": "array", "item_type": _type(type_.of)}
    assert isinstance(type_, s.NamedType)
    return type_.name


def _decorators(found: dict[str, Any]) -> list[str]:
    return [each["type"] for each in found["decorators"]]


def _keys(config: dict[str, Any]) -> tuple[str, list[str]]:
    """What a body is repeated for, and its properties."""
    if "loop_type" not in config:
        return "", list(config)
    return config["loop_type"]["detail"]["item_name"], list(config["config"])


def _body(value: s.Expression) -> tuple[str, list[str]]:
    """The same of ours."""
    item = value.item if isinstance(value, s.For) else ""
    body = value.body if isinstance(value, s.For) else value
    assert isinstance(body, s.Object)
    keys = [each.key.value for each in body.properties if isinstance(each, s.Property) and isinstance(each.key, s.Literal)]
    return item, [str(each) for each in keys]
