"""The functions of arrays and objects, many of which take strings too.

Sources: "Array functions for ARM templates" and "Object functions for ARM templates" of the Resource Manager documentation.
Keys have no case: where it is not known what becomes of two that differ in nothing else, they are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cmp_to_key
from typing import Any

from dpsops.emulator.arm.template import dotnet
from dpsops.emulator.arm.template.function import ANY, ARRAY, INT, MANY, NULL, OBJECT, Function
from dpsops.emulator.arm.template.values import key_of, member, same, text


def require_distinct(keys: Sequence[str]) -> None:
    """Raises `ValueError` if two of the keys differ in nothing but case."""
    folded = {dotnet.upper(key) for key in keys}
    if len(folded) < len(keys):
        raise ValueError(f"what becomes of keys that are the same but for their case is not known here: '{', '.join(keys)}'")


def _has(items: Iterable[Any], wanted: Any) -> bool:
    return any(same(each, wanted) for each in items)


def _contains(container: Any, wanted: Any) -> bool:
    match container:
        case str():
            return text(wanted) in container
        case dict():
            return key_of(container, text(wanted)) is not None
        case _:
            return _has(container, wanted)


def _equals(left: Any, right: Any) -> bool:
    _require_one_spelling(left, right)
    return same(left, right)


def _require_one_spelling(left: Any, right: Any) -> None:
    """Whether objects are equal whose keys differ in case alone is not known: refused, at any depth."""
    match left, right:
        case dict(), dict():
            for key, each in left.items():
                found = key_of(right, key)
                if found is not None:
                    require_distinct([key, found] if key != found else [key])
                    _require_one_spelling(each, right[found])
        case list(), list():
            for one, other in zip(left, right, strict=False):
                _require_one_spelling(one, other)


def _create_object(*parts: Any) -> dict[str, Any]:
    if len(parts) % 2 or not all(isinstance(key, str) for key in parts[::2]):
        raise ValueError("the arguments must be pairs of a key and a value")
    require_distinct(parts[::2])
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _distinct(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for each in items:
        if not _has(found, each):
            found.append(each)
    return found


def _put(into: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The object with this key in this spelling, at the place of the same key in another."""
    old = key_of(into, key)
    if old is None or old == key:
        return into | {key: value}
    return {key if each == old else each: value if each == old else kept for each, kept in into.items()}


def _union(*parts: Any) -> Any:
    if all(isinstance(part, list) for part in parts):
        return _distinct(each for part in parts for each in part)
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("the arguments must be all arrays or all objects")
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            found = key_of(merged, key)
            old = None if found is None else merged[found]
            both = isinstance(old, dict) and isinstance(value, dict)
            # A null adds a key, but takes no value away.
            merged = _put(merged, key, _union(old, value) if both else old if value is None else value)
    return merged


def _shallow_merge(parts: list[Any]) -> dict[str, Any]:
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("the elements must be objects")
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            merged = _put(merged, key, value)
    return merged


def _intersection(first: Any, *others: Any) -> Any:
    if any(type(other) is not type(first) for other in others):
        raise ValueError("the arguments must be all arrays or all objects")
    if isinstance(first, dict):
        for other in others:
            _require_one_spelling(first, other)
        return {key: value for key, value in first.items() if all(key in other and same(other[key], value) for other in others)}
    return _distinct(each for each in first if all(_has(other, each) for other in others))


def _index_of(value: Any, wanted: Any) -> int:
    if isinstance(value, list):
        return next((place for place, each in enumerate(value) if same(each, wanted)), -1)
    if not isinstance(wanted, str):
        raise ValueError("what is looked for in a string must be a string")
    return dotnet.find(value, wanted)


def _last_index_of(value: Any, wanted: Any) -> int:
    if isinstance(value, list):
        return next((place for place in reversed(range(len(value))) if same(value[place], wanted)), -1)
    if not isinstance(wanted, str):
        raise ValueError("what is looked for in a string must be a string")
    return dotnet.find_last(value, wanted)


def _length(value: Any) -> int:
    return dotnet.length(value) if isinstance(value, str) else len(value)


def _take(value: Any, count: int) -> Any:
    return dotnet.part(value, 0, max(count, 0)) if isinstance(value, str) else value[: max(count, 0)]


def _skip(value: Any, count: int) -> Any:
    return dotnet.part(value, max(count, 0)) if isinstance(value, str) else value[max(count, 0) :]


def _first(value: Any) -> Any:
    return dotnet.part(value, 0, 1) if isinstance(value, str) else value[0] if value else None


def _last(value: Any) -> Any:
    return dotnet.part(value, max(dotnet.length(value) - 1, 0)) if isinstance(value, str) else value[-1] if value else None


def _sorted(value: dict[str, Any]) -> list[str]:
    """The keys in the order of the alphabet. Whose alphabet is not known: keys that the three of .NET order otherwise (by
    number, by number without case, by culture) are refused."""
    found = sorted(value)
    require_distinct(found)
    if found != sorted(value, key=dotnet.upper) or found != sorted(value, key=cmp_to_key(dotnet.compare)):
        raise ValueError(f"the order of these keys is not known here: '{', '.join(value)}'")
    return found


def _items(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value[key]} for key in _sorted(value)]


def _flatten(value: list[Any]) -> list[Any]:
    if not all(isinstance(each, list) for each in value):
        raise ValueError("the elements must be arrays")
    return [each for inner in value for each in inner]


def _range(start: int, count: int) -> list[int]:
    if not 0 <= count <= 10_000:
        raise ValueError("the count must be between 0 and 10000")
    return list(range(start, start + count))


def _try_get(value: Any, key: Any, *more: Any) -> Any:
    if isinstance(value, dict) and isinstance(key, str) and _contains(value, key):
        found = member(value, key)
    elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
        found = value[key]
    else:
        return None
    return _try_get(found, *more) if more and found is not None else found


def _extreme(pick: Callable[[Sequence[int]], int]) -> Callable[..., int]:
    def body(*numbers: Any) -> int:
        found = numbers[0] if len(numbers) == 1 and isinstance(numbers[0], list) else numbers
        if not found or any(type(each) is not int for each in found):
            raise ValueError("the arguments must be integers, or one array of integers")
        return pick(found)

    return body


COLLECTION_FUNCTIONS = (
    Function("equals", _equals, (ANY, ANY)),
    Function("empty", lambda value: not value, ((*MANY, *NULL),)),
    Function("contains", _contains, (MANY, ANY)),
    Function("length", _length, (MANY,)),
    Function("indexOf", _index_of, ((str, list), ANY)),
    Function("lastIndexOf", _last_index_of, ((str, list), ANY)),
    Function("first", _first, ((str, list),)),
    Function("last", _last, ((str, list),)),
    Function("take", _take, ((str, list), INT)),
    Function("skip", _skip, ((str, list), INT)),
    Function("range", _range, (INT, INT)),
    Function("array", lambda value: value if isinstance(value, list) else [value], (ANY,)),
    Function("createArray", lambda *values: list(values), (), 0, ANY),
    Function("createObject", _create_object, (), 0, ANY),
    Function("union", _union, ((list, dict), (list, dict)), 0, (list, dict)),
    Function("shallowMerge", _shallow_merge, (ARRAY,)),
    Function("intersection", _intersection, ((list, dict), (list, dict)), 0, (list, dict)),
    Function("flatten", _flatten, (ARRAY,)),
    Function("items", _items, (OBJECT,)),
    Function("objectKeys", _sorted, (OBJECT,)),
    Function("tryGet", _try_get, ((dict, list, *NULL), (str, int)), 0, (str, int)),
    Function("min", _extreme(min), ((int, list),), 0, INT),
    Function("max", _extreme(max), ((int, list),), 0, INT),
)
