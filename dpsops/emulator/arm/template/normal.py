"""A template as Resource Manager keeps it: its members in the engine's own order, which its hash is taken of.

Source: recordings of exported templates and of template hashes, 2020 to 2026.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dpsops.emulator.arm.template.hashing import hash64
from dpsops.emulator.arm.template.type_definitions import TYPES
from dpsops.emulator.documents import JSON

_TEMPLATE = (
    "$schema", "languageVersion", "contentVersion", "apiProfile", "parameters", "functions", "variables", "resources", "outputs",
    "metadata",
)  # fmt: skip
_DECLARATION = (
    "defaultValue", "allowedValues", "minValue", "maxValue", "minLength", "maxLength", "nullable", "type", "value", "metadata",
)  # fmt: skip
_RESOURCE = (
    "comments", "condition", "type", "apiVersion", "name", "scope", "location", "zones", "copy", "dependsOn", "tags", "sku",
    "kind", "plan", "identity", "properties", "resourceGroup", "resources",
)  # fmt: skip
"""Not recorded are apiProfile, functions, minValue, maxValue, and of a resource comments, condition, scope, zones, copy, plan,
identity and resources."""


def normal(source: JSON) -> JSON:
    """The template in that order, the types of its parameters and outputs with a capital."""
    found: JSON = _ordered(source, _TEMPLATE)
    for section in ("parameters", "outputs"):
        if isinstance(found.get(section), dict):
            found[section] = {name: _declaration(each) for name, each in found[section].items()}
    resources = found.get("resources")
    if isinstance(resources, list):
        found["resources"] = [_ordered(each, _RESOURCE) for each in resources]
    if isinstance(resources, dict):
        found["resources"] = {name: _ordered(each, _RESOURCE) for name, each in resources.items()}
    return found


def template_hash(source: JSON, *, as_sent: bool) -> str:
    """What identifies a template: what its compiler says, or else the hash of its text without spaces, in capitals; of the
    text `as_sent`, or in the engine's order."""
    metadata = source.get("metadata")
    generator = metadata.get("_generator") if isinstance(metadata, dict) else None
    stated = generator.get("templateHash") if isinstance(generator, dict) else None
    if isinstance(stated, str):
        return stated
    return str(hash64(minified(source if as_sent else normal(source)).encode()))


def minified(source: JSON) -> str:
    """The text of a template that is hashed."""
    return json.dumps(source, separators=(",", ":"), ensure_ascii=False).upper()


def _declaration(source: Any) -> Any:
    if not isinstance(source, dict):
        return source
    found = _ordered(source, _DECLARATION)
    kind = found.get("type")
    return found | ({"type": TYPES.get(kind.lower(), kind)} if isinstance(kind, str) else {})


def _ordered(source: Any, order: Sequence[str]) -> Any:
    if not isinstance(source, dict):
        return source
    return {key: source[key] for key in sorted(source, key=lambda key: order.index(key) if key in order else len(order))}
