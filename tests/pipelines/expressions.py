"""GitHub's expressions, as far as the workflows use them. Whatever else there is raises `Unknown`, so a test cannot pass because
something was read as empty.

Source: GitHub, "Evaluate expressions in workflows and actions": literals, operators, functions, the conversions of `==`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = Any
"""null, a boolean, a number, a string, or a list or an object of values."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)|'(?P<string>(?:[^']|'')*)'|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|(?P<sign>&&|\|\||[!=]=|[!().,\[\]]))"
)
_INSERTION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class Unknown(Exception):
    """An expression that this evaluator does not know."""


class Lenient(dict[str, Value]):
    """An object of which a missing member is null, as GitHub has it: variables, inputs that an event does not have."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the functions of `if` say: whether something needed has failed, and whether the run was cancelled."""

    failed: bool = False
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Contexts:
    """What an expression can see."""

    values: Mapping[str, Value]
    status: Status = Status()

    def insert(self, text: Value) -> str:
        """The text with the value of each `${{ }}` in its place."""
        return _INSERTION.sub(lambda found: as_text(self.evaluate(found[1])), as_text(text))

    def value(self, text: Value) -> Value:
        """The value of a member that is one whole `${{ }}`; else the text, as `insert`."""
        whole = _INSERTION.fullmatch(text.strip()) if isinstance(text, str) else None
        if whole is not None and "${{" not in whole[1]:
            return self.evaluate(whole[1])
        return self.insert(text) if isinstance(text, str) else text

    def condition(self, text: Value) -> bool:
        """The value of an `if`, which may leave out the `${{ }}`. One that asks for no status asks for success."""
        if text is None:
            return not self.status.failed and not self.status.cancelled
        expression = as_text(text).strip()
        whole = _INSERTION.fullmatch(expression)
        expression = whole[1] if whole else expression
        asks = re.search(r"\b(always|success|failure|cancelled)\(", expression)
        return is_true(self.evaluate(expression)) and (asks is not None or (not self.status.failed and not self.status.cancelled))

    def evaluate(self, expression: str) -> Value:
        """The value of what is between `${{` and `}}`."""
        return _Parser(expression, self).whole()


def as_text(value: Value) -> str:
    """The value as GitHub inserts it into a text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case int() | float() | str():
            return str(value)
    raise Unknown(f"{value!r} is inserted into a text")


def is_true(value: Value) -> bool:
    """Whether a value counts as true."""
    return isinstance(value, dict | list) or (value not in (None, False, 0, ""))


def _number(value: Value) -> float | None:
    match value:
        case None | "":
            return 0.0
        case bool() | int() | float():
            return float(value)
        case str():
            try:
                return float(value)
            except ValueError:
                return None
    return None


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        return left is right
    numbers = _number(left), _number(right)
    return None not in numbers and numbers[0] == numbers[1]


def _format(text: Value, *values: Value) -> str:
    return re.sub(r"\{(\d+)\}", lambda found: as_text(values[int(found[1])]), as_text(text))


def _from_json(text: Value) -> Value:
    return json.loads(as_text(text))


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "contains": lambda within, what: (
        any(_equal(each, what) for each in within)
        if isinstance(within, list)
        else as_text(what).lower() in as_text(within).lower()
    ),
    "endswith": lambda text, end: as_text(text).lower().endswith(as_text(end).lower()),
    "format": _format,
    "fromjson": _from_json,
    "startswith": lambda text, start: as_text(text).lower().startswith(as_text(start).lower()),
    "tojson": lambda value: json.dumps(value, indent=2),
}


class _Parser:
    """Reads and evaluates at once; both sides of `&&` and `||` are evaluated, so what is unknown in either is found."""

    def __init__(self, text: str, contexts: Contexts) -> None:
        self._text, self._contexts, self._tokens = text.strip(), contexts, self._split(text.strip())

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise Unknown(f"{text!r} at {text[at:]!r}")
            tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        return [*tokens, ("end", "")]

    def whole(self) -> Value:
        value = self._either()
        if self._tokens[0][0] != "end":
            raise Unknown(f"{self._text!r} at {self._tokens[0][1]!r}")
        return value

    def _next(self, *signs: str) -> str | None:
        kind, text = self._tokens[0]
        if kind != "sign" or text not in signs:
            return None
        del self._tokens[0]
        return text

    def _require(self, sign: str) -> None:
        if self._next(sign) is None:
            raise Unknown(f"{self._text!r}: {sign!r} is missing before {self._tokens[0][1]!r}")

    def _either(self) -> Value:
        value = self._both()
        while self._next("||"):
            other = self._both()
            value = value if is_true(value) else other
        return value

    def _both(self) -> Value:
        value = self._compared()
        while self._next("&&"):
            other = self._compared()
            value = other if is_true(value) else value
        return value

    def _compared(self) -> Value:
        value = self._negated()
        while sign := self._next("==", "!="):
            value = _equal(value, self._negated()) == (sign == "==")
        return value

    def _negated(self) -> Value:
        return not is_true(self._negated()) if self._next("!") else self._primary()

    def _primary(self) -> Value:
        if self._next("("):
            value = self._either()
            self._require(")")
            return value
        kind, text = self._tokens.pop(0)
        match kind:
            case "number":
                return float(text)
            case "string":
                return text.replace("''", "'")
            case "name" if text in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[text]
            case "name" if self._next("("):
                return self._call(text.lower())
            case "name":
                return self._members(text)
        raise Unknown(f"{self._text!r} at {text!r}")

    def _call(self, name: str) -> Value:
        arguments: list[Value] = []
        while not self._next(")"):
            if arguments:
                self._require(",")
            arguments.append(self._either())
        status = self._contexts.status
        said = {
            "always": True,
            "cancelled": status.cancelled,
            "failure": status.failed,
            "success": not status.failed and not status.cancelled,
        }
        if name in said and not arguments:
            return said[name]
        if name not in _FUNCTIONS:
            raise Unknown(f"{self._text!r}: the function {name}")
        return _FUNCTIONS[name](*arguments)

    def _members(self, name: str) -> Value:
        path, value = name, _member(self._contexts.values, name, name)
        while sign := self._next(".", "["):
            if sign == ".":
                kind, member = self._tokens.pop(0)
                if kind != "name":
                    raise Unknown(f"{self._text!r} at {member!r}")
            else:
                member = as_text(self._either())
                self._require("]")
            path = f"{path}.{member}"
            value = None if value is None else _member(value, member, path)
        return value


def _member(value: Value, name: str, path: str) -> Value:
    if isinstance(value, Sequence) and not isinstance(value, str) and name.isdigit():
        return value[int(name)]
    if not isinstance(value, Mapping) or (name not in value and not isinstance(value, Lenient)):
        raise Unknown(f"{path} is not known")
    return value.get(name)
