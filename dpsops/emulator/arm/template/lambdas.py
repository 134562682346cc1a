"""The functions that take a lambda: a function of the elements of an array, or of an object's values.

Source: "Lambda functions for ARM templates" of the Resource Manager documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from dpsops.emulator.arm.template.collection_functions import require_distinct
from dpsops.emulator.arm.template.function import wrong
from dpsops.emulator.arm.template.values import is_known, kind, same

Apply = Callable[..., Any]
"""A lambda, given the values of its variables. It takes no more of them than it has variables."""


class Undecided(Exception):
    """A lambda gave what only a running deployment can know, where all that follows depends on it."""


@dataclass(frozen=True, slots=True)
class _HigherOrder:
    """A function over the elements of a `list` or the values of a `dict`.

    lambdas: for each of its lambdas the least and the most variables that it may have; the last may be left out where
    `optional`. start: whether a value stands before them.
    """

    body: Callable[..., Any]
    over: type
    lambdas: tuple[tuple[int, int], ...]
    optional: bool = False
    start: bool = False


def _decided(value: Any) -> Any:
    if not is_known(value):
        raise Undecided
    return value


def _truth(value: Any) -> bool:
    if type(_decided(value)) is not bool:
        raise ValueError(f"the lambda must give a boolean, not a value of type '{kind(value)}'")
    return bool(value)


def _key(value: Any) -> str:
    if not isinstance(_decided(value), str):
        raise ValueError(f"the lambda must give a string as the key, not a value of type '{kind(value)}'")
    return str(value)


def _map(items: list[Any], function: Apply) -> list[Any]:
    return [function(item, place) for place, item in enumerate(items)]


def _filter(items: list[Any], function: Apply) -> list[Any]:
    return [item for place, item in enumerate(items) if _truth(function(item, place))]


def _reduce(items: list[Any], start: Any, function: Apply) -> Any:
    for place, item in enumerate(items):
        start = function(start, item, place)
    return start


def _sort(items: list[Any], function: Apply) -> list[Any]:
    """The lambda tells whether its first value comes first. Two of which each would come first are refused."""

    def compare(left: Any, right: Any) -> int:
        before, after = _truth(function(left, right)), _truth(function(right, left))
        if before and after and not same(left, right):
            raise ValueError("the lambda must not put two elements before each other; their order is not known here")
        return int(after) - int(before)

    return sorted(items, key=cmp_to_key(compare))


def _to_object(items: list[Any], key: Apply, value: Apply | None = None) -> dict[str, Any]:
    """What becomes of elements with the same key is not known: refused."""
    keys = [_key(key(item)) for item in items]
    require_distinct(keys)
    return {each: value(item) if value else item for each, item in zip(keys, items, strict=True)}


def _group_by(items: list[Any], key: Apply) -> dict[str, Any]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(_key(key(item)), []).append(item)
    require_distinct(list(groups))
    return groups


def _map_values(value: dict[str, Any], function: Apply) -> dict[str, Any]:
    return {key: function(each) for key, each in value.items()}


HIGHER_ORDER: Mapping[str, _HigherOrder] = {
    "map": _HigherOrder(_map, list, ((1, 2),)),
    "filter": _HigherOrder(_filter, list, ((1, 2),)),
    "reduce": _HigherOrder(_reduce, list, ((2, 3),), start=True),
    "sort": _HigherOrder(_sort, list, ((2, 2),)),
    "toobject": _HigherOrder(_to_object, list, ((1, 1), (1, 1)), optional=True),
    "groupby": _HigherOrder(_group_by, list, ((1, 1),)),
    "mapvalues": _HigherOrder(_map_values, dict, ((1, 1),)),
}
"""By lower-case name."""


def apply_higher_order(name: str, values: Sequence[Any], lambdas: Callable[[Any, int, int], Apply]) -> Any:
    """The value of one of them. Raises `Undecided`, and `TemplateError` for what it does not take.

    lambdas: gives the lambda that a value is, which must have so many variables; raises `TemplateError`.
    """
    function = HIGHER_ORDER[name.lower()]
    before = 1 + function.start
    most = before + len(function.lambdas)
    if not most - function.optional <= len(values) <= most:
        raise wrong(name, f"function requires {most - function.optional} argument(s) while {len(values)} were provided")
    if type(values[0]) is not function.over:
        wanted = kind(function.over())
        raise wrong(name, f"argument 1 is of type '{kind(values[0])}'; it must be of type '{wanted}'")
    taken = [lambdas(each, *counts) for each, counts in zip(values[before:], function.lambdas, strict=False)]
    try:
        return function.body(*values[:before], *taken)
    except ValueError as failed:
        raise wrong(name, str(failed)) from failed
