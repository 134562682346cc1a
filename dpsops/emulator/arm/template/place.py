"""Where an expression stands, and what may be asked there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dpsops.emulator.arm.template.parser import Call
from dpsops.emulator.arm.template.values import Deferred, TemplateError, as_expression

Runtime = Callable[[str, Sequence[Any]], Any]
"""Answers `reference`, `list*` and `target`, given the function's name and its arguments."""

COPY_LIMIT = 800
"""Resources in a template, and turns of a loop (Resource Manager limits)."""


def forbidden(name: str, arguments: Sequence[Any]) -> Any:
    """Outside of properties and outputs, nothing may be asked of a resource."""
    raise unexpected(name)


def deferred(name: str, arguments: Sequence[Any]) -> Any:
    """Before the deployment runs, what it would be asked stays an expression."""
    return Deferred(Call(name, tuple(map(as_expression, arguments))))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands.

    loops: the turn of each loop around it, by lower-case name; the empty name is that of the resource's own
    loop. local: the variables of the lambdas around it. default: it is the default of a parameter.
    """

    runtime: Runtime = forbidden
    loops: Mapping[str, int] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)
    default: bool = False


def copy_index(values: list[Any], place: Place) -> int:
    """The turn of a loop around the place, the named one or the resource's own, from an offset on. Raises `TemplateError`."""
    name = values[0].lower() if values and isinstance(values[0], str) else ""
    offset = values[-1] if values and type(values[-1]) is int else 0
    if name not in place.loops:
        raise TemplateError(
            "The template function 'copyIndex' is not expected at this location. The function can only be used in a "
            "resource with copy specified. Please see https://aka.ms/arm-copy for usage details."
        )
    return place.loops[name] + offset


def unexpected(name: str) -> TemplateError:
    """What is said of a function that stands where it cannot be asked."""
    return TemplateError(
        f"The template function '{name}' is not expected at this location. "
        "Please see https://aka.ms/arm-functions for usage details."
    )
