"""The hub's query language, so far as it asks for devices.

`SELECT [TOP number] * | path [AS name], ... FROM devices [WHERE condition]`, or `COUNT() AS name`; conditions are comparisons
of paths and constants with `=`, `!=`, `<>`, `<`, `<=`, `>`, `>=`, `IN` and `NIN`, `is_defined(path)`, and `AND`, `OR`, `NOT`
over them.
Source: "Reference - IoT Hub query language". Everything else, Azure's groups and aggregates among it, is refused.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import whole_number

_TOKEN = re.compile(r"""\s*(?:(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_$]
    [\w$\-]*)|(?P<sign><=|>=|!=|<>|[=<>(),.\[\]*]))""", re.VERBOSE)  # fmt: skip
_UNDEFINED = object()
_ORDERED = (str, int, float)

Value = Callable[[JSON], Any]
Condition = Callable[[JSON], bool]


class InvalidQuery(Exception):
    """The text is no query that this hub answers; the message says where it stops being one."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to select, and of which devices. `columns` None: the whole twin; `count`: the name of a count instead of rows;
    `top`: of so many devices at most, None: of all."""

    condition: Condition
    columns: tuple[tuple[str, Value], ...] | None = None
    count: str = ""
    top: int | None = None

    @classmethod
    def parse(cls, text: str) -> Query:
        """Reads one. Raises `InvalidQuery`."""
        return _Parser(text).query()

    def rows(self, twins: Iterable[JSON]) -> list[JSON]:
        """The answer over twins that meet the condition. A path that a twin does not have is left out of its row."""
        if self.count:
            return [{self.count: sum(1 for _ in twins)}]
        if self.columns is None:
            return list(twins)
        rows = [{name: value(twin) for name, value in self.columns} for twin in twins]
        return [{name: value for name, value in row.items() if value is not _UNDEFINED} for row in rows]


class _Parser:
    """Recursive descent over the tokens of one query; keywords are read in any case."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def query(self) -> Query:
        self._expect("SELECT")
        top = self._top() if self._accept("TOP") else None
        columns, count = self._selection()
        if count and top is not None:  # a stricter guess
            raise InvalidQuery("a count has no TOP")
        self._expect("FROM")
        self._expect("devices")
        condition = self._either() if self._accept("WHERE") else lambda twin: True
        if self._at < len(self._tokens):
            raise InvalidQuery(f"unexpected '{self._peek()}'")
        return Query(condition, columns, count, top)

    def _top(self) -> int:
        """A number from 1 on (stricter guess), in at most nine digits."""
        number = whole_number(self._take("number"))
        if not number:
            raise InvalidQuery("TOP needs a number from 1 on")
        return number

    def _selection(self) -> tuple[tuple[tuple[str, Value], ...] | None, str]:
        if self._accept("*"):
            return None, ""
        if self._accept("COUNT"):
            self._expect("(")
            self._expect(")")
            self._expect("AS")
            return None, self._name()
        columns = [self._column()]
        while self._accept(","):
            columns.append(self._column())
        return tuple(columns), ""

    def _column(self) -> tuple[str, Value]:
        path = self._path()
        name = self._name() if self._accept("AS") else path[-1]
        return name, lambda twin: _follow(twin, path)

    def _either(self) -> Condition:
        condition = self._both()
        while self._accept("OR"):
            condition = _or(condition, self._both())
        return condition

    def _both(self) -> Condition:
        condition = self._simple()
        while self._accept("AND"):
            condition = _and(condition, self._simple())
        return condition

    def _simple(self) -> Condition:
        if self._accept("NOT"):
            denied = self._simple()
            return lambda twin: not denied(twin)
        if self._accept("("):
            condition = self._either()
            self._expect(")")
            return condition
        if self._accept("is_defined"):
            self._expect("(")
            path = self._path()
            self._expect(")")
            return lambda twin: _follow(twin, path) is not _UNDEFINED
        return self._comparison()

    def _comparison(self) -> Condition:
        left = self._value()
        for word in ("IN", "NIN"):
            if self._accept(word):
                return _member(left, self._constants(), wanted=word == "IN")
        sign = self._take("sign")
        if sign not in _COMPARISONS:
            raise InvalidQuery(f"unexpected '{sign}'")
        return _compare(_COMPARISONS[sign], left, self._value())

    def _constants(self) -> list[Any]:
        self._expect("[")
        constants = [self._constant()]
        while self._accept(","):
            constants.append(self._constant())
        self._expect("]")
        return constants

    def _value(self) -> Value:
        kind, text = self._token()
        if kind == "name" and text.lower() not in _WORDS:
            path = self._path()
            return lambda twin: _follow(twin, path)
        constant = self._constant()
        return lambda twin: constant

    def _constant(self) -> Any:
        kind, text = self._token()
        self._at += 1
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "number":
            return json.loads(text)
        if kind == "name" and text.lower() in _WORDS:
            return _WORDS[text.lower()]
        raise InvalidQuery(f"unexpected '{text}'")

    def _path(self) -> list[str]:
        path = [self._name()]
        while self._accept("."):
            path.append(self._name())
        return path[1:] if len(path) > 1 and path[0].lower() == "devices" else path

    def _name(self) -> str:
        return self._take("name")

    def _take(self, wanted: str) -> str:
        kind, text = self._token()
        if kind != wanted:
            raise InvalidQuery(f"unexpected '{text}'")
        self._at += 1
        return text

    def _accept(self, word: str) -> bool:
        found = self._peek().lower() == word.lower()
        self._at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise InvalidQuery(f"expected '{word}' instead of '{self._peek()}'")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _token(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise InvalidQuery("unexpected end")
        return self._tokens[self._at]


_WORDS = {"true": True, "false": False, "null": None}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _tokens(text: str) -> Iterable[tuple[str, str]]:
    at, text = 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise InvalidQuery(f"unexpected '{text[at:].strip()[:20]}'")
        assert found.lastgroup is not None, "every alternative is named"
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _follow(twin: JSON, path: list[str]) -> Any:
    value: Any = twin
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return _UNDEFINED
        value = value[name]
    return value


def _compare(holds: Callable[[Any, Any], Any], left: Value, right: Value) -> Condition:
    """Whether a comparison holds: never where a side is undefined, and no order between values of different types."""

    def condition(twin: JSON) -> bool:
        one, other = left(twin), right(twin)
        if one is _UNDEFINED or other is _UNDEFINED:
            return False
        if holds in (operator.eq, operator.ne):
            return bool(holds(one, other))
        alike = isinstance(one, str) == isinstance(other, str) and isinstance(one, _ORDERED) and isinstance(other, _ORDERED)
        return alike and bool(holds(one, other))

    return condition


def _member(value: Value, constants: list[Any], *, wanted: bool) -> Condition:
    def condition(twin: JSON) -> bool:
        found = value(twin)
        return found is not _UNDEFINED and (found in constants) == wanted

    return condition


def _and(one: Condition, other: Condition) -> Condition:
    return lambda twin: one(twin) and other(twin)


def _or(one: Condition, other: Condition) -> Condition:
    return lambda twin: one(twin) or other(twin)
