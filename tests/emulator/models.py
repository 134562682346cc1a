"""The models of Azure's OpenAPI files: every field that a document may have, as a dotted path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from tests.conformance.openapi import ABSENT, FOLDER


def definitions(path: str) -> Mapping[str, JSON]:
    """The models of the file at this path below the folder of OpenAPI files. Skips the test where there is no such folder."""
    if not FOLDER.is_dir():
        pytest.skip(ABSENT)
    found: Mapping[str, JSON] = json.loads((FOLDER / path).read_text())["definitions"]
    return found


def fields_of(models: Mapping[str, JSON], name: str) -> Iterator[str]:
    """The paths of a model's fields, down to those without members: `attestation.x509.caReferences.primary`; of an array's
    elements as `iotHubs[]`. What a service only answers (`readOnly`) is among them."""
    for member, schema in models[name].get("properties", {}).items():
        yield from _below(models, member, schema)


def _below(models: Mapping[str, JSON], path: str, schema: JSON) -> Iterator[str]:
    model = schema.get("$ref", "").rpartition("/")[2]
    if schema.get("type") == "array":
        yield from _below(models, f"{path}[]", schema["items"])
    elif model and models[model].get("properties"):
        yield from (f"{path}.{each}" for each in fields_of(models, model))
    else:
        yield path


def value_at(document: Any, path: str) -> Any:
    """What a document has at a path: its first element for an array's. None where there is nothing."""
    found = document
    for name in path.replace("[]", ".[]").split("."):
        match found:
            case dict() if name in found:
                found = found[name]
            case list() if name == "[]" and found:
                found = found[0]
            case _:
                return None
    return found
