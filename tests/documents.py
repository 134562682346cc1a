"""The JSON Schemas in docs/schemas: each JSON document that a command of a test prints is held against the one of its command."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import typer
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from dpsops.cli.main import app

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"

Place = tuple[str, str]
"""A property in a schema: the file, and where in it, as in `common.json` and `root/key/size`."""

SEEN = "seen in documents"
"""The name under which a test reports the properties that its documents had."""

_GLOBAL = ("schema_version", "environment", "error")


@cache
def schemas() -> dict[str, Any]:
    """All schemas, by the names of their files."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def file_name(command: str, *, row: bool = False) -> str:
    """The file of the schema of a command, as in `device issue`; `row`: of one of its lines of JSON."""
    return f"{command.replace(' ', '-')}{'.row' if row else ''}.json"


@cache
def _registry() -> Registry[Any]:
    return Registry().with_resources((name, Resource.from_contents(found)) for name, found in schemas().items())


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, registry=_registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def judge(arguments: Sequence[str], printed: str) -> set[Place]:
    """Holds what a command has printed against its schema, and returns the properties that it has. Raises `AssertionError` if it
    does not fit, and `KeyError` if there is no schema."""
    output = next((value for name, value in _pairs(arguments) if name == "--output"), "text")
    if output not in ("json", "jsonl") or not printed or {"--help", "-h", "--version"} & set(arguments):
        return set()
    if output == "json":
        return held(file_name(command(arguments)), json.loads(printed))
    lines = (json.loads(line) for line in printed.splitlines())
    return set(chain.from_iterable(held(file_name(command(arguments), row=True), line) for line in lines))


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word, following in pairwise([*arguments, ""]):
        name, equals, value = word.partition("=")
        yield name, value if equals else following


def command(arguments: Sequence[str]) -> str:
    """The words of the command, without options and what they are given: `device issue`."""
    words, here = [], typer.main.get_command(app)
    for each in arguments:
        if found := getattr(here, "commands", {}).get(each):
            words.append(each)
            here = found
    return " ".join(words)


def held(name: str, document: Any) -> set[Place]:
    """Holds a document against the schema of this name, and returns the properties that it has."""
    if "error" not in document:
        require(schemas()[name], document, name)
        return set(_seen(name, document))
    found = {"schema_version": 1, "environment": "local"} | document
    require(schemas()["error.json"], found, "error.json")
    places = set(_seen("error.json", found))
    # What was done until then has the command's own members, and may lack any of them. A group of commands has none.
    unknown = {"changed"} if document.get("changed", ...) is None else set()  # the error may have come after a change
    done = {key: value for key, value in document.items() if key not in {*_GLOBAL, *unknown}}
    if name not in schemas():
        assert not done
        return places
    require({key: value for key, value in schemas()[name].items() if key not in ("required", "oneOf", "$ref")}, done, name)
    return places | set(_seen(name, done))


def require(schema: Mapping[str, Any], document: Any, name: str) -> None:
    """Asserts that a document fits."""
    wrong = [f"{each.json_path}: {each.message}" for each in _validator(schema).iter_errors(document)]
    assert not wrong, f"docs/schemas/{name} does not fit:\n" + "\n".join(wrong)


def _seen(name: str, document: Any) -> Iterator[Place]:
    """The properties of a schema that a document has."""
    return _walk(name, "", schemas()[name], document)


def _walk(name: str, path: str, schema: Mapping[str, Any], value: Any) -> Iterator[Place]:
    if "$ref" in schema:
        yield from _walk(*_target(schema["$ref"]), value)
    for choice in schema.get("oneOf", ()):
        if _validator(choice).is_valid(value):
            yield from _walk(name, path, choice, value)
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if key in value:
                yield name, f"{path}/{key}"
                yield from _walk(name, f"{path}/{key}", inner, value[key])
    if isinstance(value, list):
        for each in value:
            yield from _walk(name, path, schema.get("items", {}), each)


def _target(reference: str) -> tuple[str, str, Mapping[str, Any]]:
    """Where a reference leads: `common.json#/$defs/root`."""
    file, _, word = reference.partition("#/$defs/")
    return file, word, schemas()[file]["$defs"][word]


def properties() -> set[Place]:
    """Every property of every schema."""
    found: set[Place] = set()
    for name, schema in schemas().items():
        found.update(_properties(name, "", schema))
        for word, inner in schema.get("$defs", {}).items():
            found.update(_properties(name, word, inner))
    return found


def _properties(name: str, path: str, schema: Mapping[str, Any]) -> Iterator[Place]:
    for key, inner in schema.get("properties", {}).items():
        yield name, f"{path}/{key}"
        yield from _properties(name, f"{path}/{key}", inner)
    for inner in (*schema.get("oneOf", ()), *filter(None, [schema.get("items")])):
        yield from _properties(name, path, inner)


def unseen(reported: Iterable[Any]) -> list[str]:
    """The properties that no document had, of those that tests have reported."""
    seen = {(name, path) for each in reported for name, path in each}
    return sorted(f"{name}: {path.strip('/')}" for name, path in properties() - seen)
