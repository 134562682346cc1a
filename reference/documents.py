"""The pages of the JSON documents and of their words, from the schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reference.markdown import anchor, code, page, table

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
SCHEMAS: Mapping[str, Any] = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
COMMON: Mapping[str, Any] = SCHEMAS["common.json"]["$defs"]


def documents_page() -> str:
    """The page of all documents."""
    results = [name for name in SCHEMAS if name != "common.json"]
    parts = [
        "What each command prints with `--output json`: one document on stdout. The schemas (JSON Schema, draft 2020-12) are in "
        "[docs/schemas](../schemas): they refer to `common.json` beside them. They are closed: they say what this version "
        "prints. A later version may add members within `schema_version` 1, and changes none.",
        table(("document", "of"), ((f"[{name}](#{anchor(name)})", code(SCHEMAS[name]["title"])) for name in results)),
    ]
    for name in results:
        schema = SCHEMAS[name]
        parts += [f"## {name}", f"{code(schema['title'])}: {schema['description']}", *_content(schema)]
    for name, schema in COMMON.items():
        if schema.get("type") == "object" or "oneOf" in schema:
            parts += [f"## {name}", schema["description"], *_content(schema)]
    return page("JSON documents", *parts)


def _content(schema: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        yield f"It is a {_type(schema)}."
    elif "properties" in schema:
        yield table(("member", "type", "meaning"), _rows(schema, ""))
    elif all("const" in each or each.get("type") == "null" for each in schema["oneOf"]):
        yield _words(schema)
    else:
        for choice in schema["oneOf"]:
            yield f"Or: {_type(choice)}." if "$ref" in choice else choice["description"]
            if "properties" in choice:
                yield table(("member", "type", "meaning"), _rows(choice, ""))


def _rows(schema: Mapping[str, Any], above: str) -> Iterator[tuple[str, str, str]]:
    for name, inner in schema.get("properties", {}).items():
        place = f"{above}{name}"
        items = inner.get("items")
        maybe = "" if name in schema.get("required", ()) else ", not always there"
        yield code(place), f"{_type(inner)}{maybe}", _meaning(inner)
        if items and "properties" in items:
            yield from _rows(items, f"{place}[].")
        elif "properties" in inner:
            yield from _rows(inner, f"{place}.")


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found = COMMON[name]
        return f"[{name}](#{name})" if found.get("type") == "object" or "oneOf" in found else _type(found)
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return " or ".join(code(json.dumps(each)) for each in schema["enum"])
    if "oneOf" in schema:
        return " or ".join(_type(each) for each in schema["oneOf"])
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}"
    types = schema.get("type", "any")
    return " or ".join(types) if isinstance(types, list) else types


def _meaning(schema: Mapping[str, Any]) -> str:
    if own := schema.get("description"):
        return str(own)
    return str(COMMON[schema["$ref"].rpartition("/")[2]]["description"])


def _words(schema: Mapping[str, Any]) -> str:
    return table(("word", "meaning"), ((code(each["const"]), each["description"]) for each in schema["oneOf"] if "const" in each))


def actions_page() -> str:
    """The page of the words of actions, phases, steps and errors."""
    error = SCHEMAS["error.json"]["properties"]["error"]["properties"]["code"]
    return page(
        "Words",
        "The words in plans, results and JSON documents.",
        "## Actions",
        "What `plan`, `up`, `rotate`, `device block`, `pipeline setup` and the others do: `action` in their `actions`. "
        "Each has a target, and an outcome: `planned`, or what came of it.",
        _words(COMMON["word"]),
        "## Phases of a rotation",
        "`rotation.phase` of `status` and `rotate`, in their order.",
        _words(COMMON["phase"]),
        "## Steps of a rotation",
        "`rotation.next` of `status` and `rotate`.",
        _words(COMMON["step"]),
        "## Kinds of errors",
        "`error.code` with `--output json`.",
        _words(error),
    )
