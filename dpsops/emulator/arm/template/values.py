"""The values of the template language: JSON, and values that only a running deployment can know."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.arm.template import dotnet
from dpsops.emulator.arm.template.parser import Call, Expression, Literal, render

_SEPARATORS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""Line ends beyond ASCII, which .NET escapes in JSON and Python does not."""

_KINDS = {str: "String", int: "Integer", bool: "Boolean", float: "Float", list: "Array", dict: "Object", type(None): "Null"}


class TemplateError(Exception):
    """What Resource Manager finds wrong with a template; the message is the sentence that it would say."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A value that cannot be known before the deployment runs: what is left to be evaluated then."""

    expression: Expression


def kind(value: Any) -> str:
    """The JSON type of a value, in Resource Manager's words."""
    return _KINDS.get(type(value), "Uri")


def is_known(value: Any) -> bool:
    """Whether nothing in the value is deferred."""
    match value:
        case Deferred():
            return False
        case list():
            return all(map(is_known, value))
        case dict():
            return all(map(is_known, value.values()))
        case _:
            return True


def as_expression(value: Any) -> Expression:
    """An expression that evaluates to the value."""
    match value:
        case Deferred(expression):
            return expression
        case None:
            return Call("null", ())
        case bool():
            return Call("true" if value else "false", ())
        case list():
            return Call("createArray", tuple(map(as_expression, value)))
        case dict():
            pairs = (as_expression(part) for pair in value.items() for part in pair)
            return Call("createObject", tuple(pairs))
        case float():
            return Call("json", (Literal(json.dumps(value)),))
        case _:
            return Literal(value)


def shown(value: Any) -> Any:
    """The value as JSON: what is deferred becomes the text of its expression."""
    match value:
        case Deferred(expression):
            return f"[{render(expression)}]"
        case list():
            return [shown(each) for each in value]
        case dict():
            return {key: shown(each) for key, each in value.items()}
        case _:
            return value


def text(value: Any) -> str:
    """The value as a string: strings as they are, booleans as .NET writes them, arrays and objects as JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return str(value)
        case _:
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False).translate(_SEPARATORS)


def _formatted(value: Any) -> str:
    """The value as `format` shows it: arrays and objects as JSON in which strings stand between single quotes."""
    match value:
        case list():
            return f"[{','.join(map(_inside, value))}]"
        case dict():
            return "{" + ",".join(f"{_quoted(key)}:{_inside(each)}" for key, each in value.items()) + "}"
        case _:
            return text(value)


def _inside(value: Any) -> str:
    match value:
        case str():
            return _quoted(value)
        case list() | dict():
            return _formatted(value)
        case _:
            return json.dumps(value)


def _quoted(value: str) -> str:
    escaped = json.dumps(value, ensure_ascii=False).translate(_SEPARATORS)[1:-1]
    return "'" + escaped.replace('\\"', '"').replace("'", "\\'") + "'"


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal; unlike in Python, `true` is not 1."""
    match left, right:
        case list(), list():
            return len(left) == len(right) and all(map(same, left, right))
        case dict(), dict():
            return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
        case _:
            return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def composite(pattern: str, arguments: tuple[Any, ...]) -> str:
    """.NET composite formatting: `{0}`, `{1,-8}`, `{2:D4}`, with `{{` and `}}` for braces. Raises `TemplateError`."""

    def fill(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match["index"] is None or int(match["index"]) >= len(arguments):
            raise TemplateError(
                "Unable to evaluate template language function 'format': the format is not valid: "
                "the zero-based index must be smaller than the number of arguments. "
                "Please see https://aka.ms/arm-functions/#format for usage details."
            )
        width = int(match["width"] or 0)
        filled = _number(arguments[int(match["index"])], match["style"] or "")
        space = " " * (abs(width) - dotnet.length(filled))
        return filled + space if width < 0 else space + filled

    return re.sub(r"\{\{|\}\}|\{(?P<index>\d+)(?:,(?P<width>-?\d+))?(?::(?P<style>[^}]*))?\}|[{}]", fill, pattern)


def _number(value: Any, style: str) -> str:
    """Standard numeric formats: D (digits), X (hexadecimal), N (groups of three). .NET ignores a format on text."""
    match = re.fullmatch(r"(?P<letter>[DdXxNn])(?P<digits>\d*)", style)
    if not isinstance(value, int) or isinstance(value, bool) or not style:
        return _formatted(value)
    if match is None:
        message = f"Unable to evaluate template language function 'format': the format string '{style}' is not valid."
        raise TemplateError(message)
    digits = int(match["digits"] or (2 if match["letter"] in "Nn" else 0))
    if match["letter"] in "Nn":
        return f"{value:,.{digits}f}"
    sign, size = ("-" if value < 0 else ""), abs(value)
    return sign + format(size, match["letter"].replace("D", "d")).rjust(digits, "0")


def key_of(value: Mapping[str, Any], name: str) -> str | None:
    """How an object spells a key, which has no case; None where it has none."""
    if name in value:
        return name
    folded = dotnet.upper(name)
    return next((key for key in value if dotnet.upper(key) == folded), None)


def member(value: Mapping[str, Any], name: str) -> Any:
    """A property, its name in any case. Raises `TemplateError` where there is none."""
    key = key_of(value, name)
    if key is not None:
        return value[key]
    raise TemplateError(
        f"The language expression property '{name}' doesn't exist, available properties are '{', '.join(value)}'."
    )
