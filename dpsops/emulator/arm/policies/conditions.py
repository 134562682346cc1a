"""Whether a resource meets the condition of a policy: the part of the language that the built-in definitions here are written in.

Source: "Azure Policy definition structure policy rule". Texts are compared without regard to case, regions as Resource Manager
spells them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.arm.template.values import is_known
from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.regions import normal

_PARAMETER = re.compile(r"\[parameters\('(?P<name>[^']+)'\)\]")
_TAG_OF_PARAMETER = re.compile(r"\[concat\('tags\[', parameters\('(?P<name>[^']+)'\), '\]'\)\]")
_TAG = re.compile(r"tags\[(?P<name>.*)\]")


@dataclass(frozen=True, slots=True)
class Subject:
    """The resource that is judged: its type as policies name it, and its body, parts of which may not be known yet."""

    type: str
    body: JSON

    def field(self, name: str) -> Any:
        """The value of a field or alias; None where it has none."""
        if name.lower() == "type":
            return self.type
        if tag := _TAG.fullmatch(name):
            tags = self.body.get("tags")
            return _member(tags, tag["name"]) if is_known(tags) else tags
        if name.lower().startswith(f"{self.type.lower()}/"):
            value: Any = self.body.get("properties")
            for part in name[len(self.type) + 1 :].split("."):
                value = _member(value, part)
            return value
        found = _member(self.body, name)
        return normal(found) if name.lower() == "location" and isinstance(found, str) else found


def resolve(value: Any, parameters: Mapping[str, Any]) -> Any:
    """A value of a rule, with the assignment's parameters in it."""
    if not isinstance(value, str):
        return value
    if match := _PARAMETER.fullmatch(value):
        return parameters[match["name"]]
    if match := _TAG_OF_PARAMETER.fullmatch(value):
        return f"tags[{parameters[match['name']]}]"
    return value


def holds(condition: JSON, subject: Subject, parameters: Mapping[str, Any]) -> tuple[bool, list[JSON]]:
    """Whether the condition is met, and the expressions that were evaluated, as a refusal shows them.

    What is not known yet meets no condition: it is judged once it is.
    """
    if "allOf" in condition:
        parts = [holds(each, subject, parameters) for each in condition["allOf"]]
        return all(met for met, _ in parts), [each for _, found in parts for each in found]
    field = resolve(condition["field"], parameters)
    operator, target = next((key, each) for key, each in condition.items() if key != "field")
    value, wanted = subject.field(field), resolve(target, parameters)
    if not is_known(value):
        return False, []
    met = _compare(operator, value, wanted)
    evaluated = {
        "result": str(met),
        "expressionKind": "Field",
        "expression": field,
        "path": _path(field, subject),
        **({} if value is None else {"expressionValue": value}),
        "targetValue": wanted,
        "operator": operator[0].upper() + operator[1:],
    }
    return met, [evaluated]


def _path(field: str, subject: Subject) -> str:
    prefix = f"{subject.type}/"
    return f"properties.{field[len(prefix) :]}" if field.lower().startswith(prefix.lower()) else field


def _compare(operator: str, value: Any, wanted: Any) -> bool:
    match operator:
        case "exists":
            return (value is not None) == (_text(wanted) == "true")
        case "equals" | "notEquals":
            return (_text(value) == _text(wanted)) == (operator == "equals")
        case "in" | "notIn":
            return (_text(value) in {normal(_text(each)) for each in wanted}) == (operator == "in")
    raise NotImplementedError(operator)


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower()


def _member(value: Any, name: str) -> Any:
    """The member of this name, in any case; None where there is none. Of what is not known yet: that."""
    if not isinstance(value, dict):
        return value if not is_known(value) else None
    return next((each for key, each in value.items() if key.lower() == name.lower()), None)
