"""The functions of the template language that need nothing but their arguments.

Source: "Template functions" of the Resource Manager documentation, one page for each group.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.arm.template.hashing import guid, unique_string
from dpsops.emulator.arm.template.values import TemplateError, composite, kind, member, text
from dpsops.emulator.documents import parse_json

_TEXT, _INT, _BOOL, _ARRAY, _OBJECT, _NULL = (str,), (int,), (bool,), (list,), (dict,), (type(None),)
_SCALAR = (str, int, bool, float)
_MANY = (str, list, dict)
_ANY = (str, int, bool, float, list, dict, type(None))
Kinds = tuple[type, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function: the kinds of its arguments in order, how many of them may be left out, the kinds of any further ones."""

    name: str
    body: Callable[..., Any]
    takes: tuple[Kinds, ...] = ()
    optional: int = 0
    more: Kinds = ()

    def __call__(self, arguments: Sequence[Any]) -> Any:
        """Its value. Raises `TemplateError` for arguments that it does not take."""
        least = len(self.takes) - self.optional
        if len(arguments) < least or (not self.more and len(arguments) > len(self.takes)):
            raise self._wrong(f"function requires {least} argument(s) while {len(arguments)} were provided")
        for place, argument in enumerate(arguments):
            kinds = self.takes[place] if place < len(self.takes) else self.more
            if type(argument) not in kinds:
                wanted = ", ".join(kind(each()) for each in kinds)
                raise self._wrong(f"argument {place + 1} is of type '{kind(argument)}'; it must be of type '{wanted}'")
        try:
            return self.body(*arguments)
        except (ValueError, ZeroDivisionError, IndexError) as wrong:
            raise self._wrong(str(wrong)) from wrong

    def _wrong(self, reason: str) -> TemplateError:
        return TemplateError(
            f"Unable to evaluate template language function '{self.name}': {reason}. "
            f"Please see https://aka.ms/arm-functions/#{self.name.lower()} for usage details."
        )


def _concat(*parts: Any) -> Any:
    if all(isinstance(part, list) for part in parts):
        return [each for part in parts for each in part]
    if any(isinstance(part, list) for part in parts):
        raise ValueError("the arguments must be all arrays or all strings")
    return "".join(map(text, parts))


def _contains(container: Any, wanted: Any) -> bool:
    match container:
        case str():
            return text(wanted) in container
        case dict():
            return text(wanted).lower() in map(str.lower, container)
        case _:
            return any(same(each, wanted) for each in container)


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal; unlike in Python, `true` is not 1."""
    match left, right:
        case list(), list():
            return len(left) == len(right) and all(map(same, left, right))
        case dict(), dict():
            return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
        case _:
            return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _create_object(*parts: Any) -> dict[str, Any]:
    if len(parts) % 2 or not all(isinstance(key, str) for key in parts[::2]):
        raise ValueError("the arguments must be pairs of a key and a value")
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _union(*parts: Any) -> Any:
    if all(isinstance(part, dict) for part in parts):
        merged: dict[str, Any] = {}
        for part in parts:
            for key, value in part.items():
                old = merged.get(key)
                merged[key] = _union(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        return merged
    if not all(isinstance(part, list) for part in parts):
        raise ValueError("the arguments must be all arrays or all objects")
    found: list[Any] = []
    for each in _concat(*parts):
        if not _contains(found, each):
            found.append(each)
    return found


def _intersection(first: Any, *others: Any) -> Any:
    if any(type(other) is not type(first) for other in others):
        raise ValueError("the arguments must be all arrays or all objects")
    if isinstance(first, dict):
        return {key: value for key, value in first.items() if all(key in other and same(other[key], value) for other in others)}
    return [each for each in first if all(_contains(other, each) for other in others)]


def _join(items: list[Any], delimiter: str) -> str:
    return delimiter.join(map(text, items))


def _split(value: str, delimiter: Any) -> list[str]:
    pieces = [value]
    for each in [delimiter] if isinstance(delimiter, str) else delimiter:
        pieces = [part for piece in pieces for part in piece.split(each)]
    return pieces


def _substring(value: str, start: int, length: int | None = None) -> str:
    end = len(value) if length is None else start + length
    if not 0 <= start <= end <= len(value):
        raise ValueError("the start and length must be within the string")
    return value[start:end]


def _int(value: Any) -> int:
    return int(value)


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false", "1", "0"):
            raise ValueError(f"the string '{value}' is no boolean")
        return value.lower() in ("true", "1")
    return bool(value)


def _divide(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _extreme(pick: Callable[[Sequence[int]], int]) -> Callable[..., int]:
    def body(*numbers: Any) -> int:
        found = numbers[0] if len(numbers) == 1 and isinstance(numbers[0], list) else numbers
        if not found or any(type(each) is not int for each in found):
            raise ValueError("the arguments must be integers, or one array of integers")
        return pick(found)

    return body


def _range(start: int, count: int) -> list[int]:
    if not 0 <= count <= 10_000:
        raise ValueError("the count must be between 0 and 10000")
    return list(range(start, start + count))


def _take(value: Any, count: int) -> Any:
    return value[: max(count, 0)]


def _skip(value: Any, count: int) -> Any:
    return value[max(count, 0) :]


def _first(value: Any) -> Any:
    return value[0] if value else ("" if isinstance(value, str) else None)


def _last(value: Any) -> Any:
    return value[-1] if value else ("" if isinstance(value, str) else None)


def _items(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def _pad_left(value: Any, length: int, padding: str = " ") -> str:
    if len(padding) != 1:
        raise ValueError("the padding must be one character")
    return text(value).rjust(length, padding)


def _compare(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def body(left: Any, right: Any) -> bool:
        if type(left) is not type(right):
            raise ValueError("the two arguments must be of the same type")
        return holds(left, right)

    return body


def _try_get(value: Any, key: Any, *more: Any) -> Any:
    if isinstance(value, dict) and isinstance(key, str) and _contains(value, key):
        found = member(value, key)
    elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
        found = value[key]
    else:
        return None
    return _try_get(found, *more) if more and found is not None else found


_COMPARABLE = (str, int)
_TABLE = (
    Function("concat", _concat, (), 0, (*_SCALAR, list)),
    Function("format", lambda pattern, *arguments: composite(pattern, arguments), (_TEXT,), 0, _ANY),
    Function("uniqueString", lambda *parts: unique_string(parts), (_TEXT,), 0, _TEXT),
    Function("guid", lambda *parts: guid(parts), (_TEXT,), 0, _TEXT),
    Function("string", text, (_ANY,)),
    Function("int", _int, ((str, int),)),
    Function("bool", _bool, ((str, int, bool),)),
    Function("json", parse_json, (_TEXT,)),
    Function("null", lambda: None),
    Function("true", lambda: True),
    Function("false", lambda: False),
    Function("toLower", str.lower, (_TEXT,)),
    Function("toUpper", str.upper, (_TEXT,)),
    Function("trim", str.strip, (_TEXT,)),
    Function("replace", str.replace, (_TEXT, _TEXT, _TEXT)),
    Function("substring", _substring, (_TEXT, _INT, _INT), 1),
    Function("split", _split, (_TEXT, (str, list))),
    Function("join", _join, (_ARRAY, _TEXT)),
    Function("padLeft", _pad_left, ((str, int), _INT, _TEXT), 1),
    Function("startsWith", lambda value, start: value.lower().startswith(start.lower()), (_TEXT, _TEXT)),
    Function("endsWith", lambda value, end: value.lower().endswith(end.lower()), (_TEXT, _TEXT)),
    Function("indexOf", lambda value, wanted: value.lower().find(wanted.lower()), (_TEXT, _TEXT)),
    Function("lastIndexOf", lambda value, wanted: value.lower().rfind(wanted.lower()), (_TEXT, _TEXT)),
    Function("base64", lambda value: base64.b64encode(value.encode()).decode(), (_TEXT,)),
    Function("base64ToString", lambda value: base64.b64decode(value, validate=True).decode(), (_TEXT,)),
    Function("base64ToJson", lambda value: parse_json(base64.b64decode(value, validate=True)), (_TEXT,)),
    Function("and", lambda *terms: all(terms), (_BOOL, _BOOL), 0, _BOOL),
    Function("or", lambda *terms: any(terms), (_BOOL, _BOOL), 0, _BOOL),
    Function("not", lambda term: not term, (_BOOL,)),
    Function("equals", same, (_ANY, _ANY)),
    Function("greater", _compare(lambda left, right: left > right), (_COMPARABLE, _COMPARABLE)),
    Function("greaterOrEquals", _compare(lambda left, right: left >= right), (_COMPARABLE, _COMPARABLE)),
    Function("less", _compare(lambda left, right: left < right), (_COMPARABLE, _COMPARABLE)),
    Function("lessOrEquals", _compare(lambda left, right: left <= right), (_COMPARABLE, _COMPARABLE)),
    Function("coalesce", lambda *values: next((each for each in values if each is not None), None), (_ANY,), 0, _ANY),
    Function("empty", lambda value: not value, ((*_MANY, *_NULL),)),
    Function("contains", _contains, (_MANY, _ANY)),
    Function("length", len, (_MANY,)),
    Function("first", _first, ((str, list),)),
    Function("last", _last, ((str, list),)),
    Function("take", _take, ((str, list), _INT)),
    Function("skip", _skip, ((str, list), _INT)),
    Function("range", _range, (_INT, _INT)),
    Function("array", lambda value: value if isinstance(value, list) else [value], (_ANY,)),
    Function("createArray", lambda *values: list(values), (), 0, _ANY),
    Function("createObject", _create_object, (), 0, _ANY),
    Function("union", _union, ((list, dict), (list, dict)), 0, (list, dict)),
    Function("shallowMerge", lambda parts: {key: each for part in parts for key, each in part.items()}, (_ARRAY,)),
    Function("intersection", _intersection, ((list, dict), (list, dict)), 0, (list, dict)),
    Function("items", _items, (_OBJECT,)),
    Function("tryGet", _try_get, ((dict, list, *_NULL), (str, int)), 0, (str, int)),
    Function("min", _extreme(min), ((int, list),), 0, _INT),
    Function("max", _extreme(max), ((int, list),), 0, _INT),
    Function("add", lambda left, right: left + right, (_INT, _INT)),
    Function("sub", lambda left, right: left - right, (_INT, _INT)),
    Function("mul", lambda left, right: left * right, (_INT, _INT)),
    Function("div", _divide, (_INT, _INT)),
    Function("mod", lambda left, right: left - right * _divide(left, right), (_INT, _INT)),
)

FUNCTIONS = {function.name.lower(): function for function in _TABLE}
"""By lower-case name: function names have no case."""
