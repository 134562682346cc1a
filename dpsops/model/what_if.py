"""Which changes in the answer of Resource Manager's what-if are real.

What-if also reports `Modify` for properties that the server has set and the template does not name (as deletions), for values
that it did not evaluate (as expressions in brackets), and for a region that is written in another way. Source: Azure Resource
Manager, "What-if: noise".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dpsops.model.action import Action


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property that a deployment would change: `kind` is `Create`, `Delete`, `Modify`, `Array` or `NoEffect`; an array or
    an object has its parts as `children`."""

    path: str
    kind: str
    before: object = None
    after: object = None
    children: tuple[PropertyChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that a deployment would change: `kind` is `Create`, `Delete`, `Modify`, `Deploy`, `NoChange`, `Ignore`,
    `Unsupported`, or a new kind."""

    resource_id: str
    kind: str
    delta: tuple[PropertyChange, ...] = ()


def significant(changes: Iterable[ResourceChange]) -> Iterator[Action]:
    """The real changes, as actions."""
    for change in changes:
        if change.kind in ("Create", "Delete", "Deploy"):
            yield Action(change.kind.lower(), _short(change.resource_id))
        elif change.kind == "Modify" and any(_is_real(delta) for delta in change.delta):
            yield Action("modify", _short(change.resource_id))


def _is_real(delta: PropertyChange, *, element: bool = False) -> bool:
    """`element`: it is an element of an array. A deployment replaces the complete array, so a missing element is deleted."""
    if delta.kind in ("Delete", "NoEffect"):
        return element and delta.kind == "Delete"
    if delta.children:
        return any(_is_real(child, element=delta.kind == "Array") for child in delta.children)
    if isinstance(delta.after, str) and delta.after.startswith("[") and delta.after.endswith("]"):
        return False
    if delta.path == "location":
        return _region(delta.before) != _region(delta.after)
    return bool(delta.before != delta.after)


def _region(value: object) -> str:
    return str(value).replace(" ", "").lower()


def _short(resource_id: str) -> str:
    """A resource ID without its subscription and group."""
    return resource_id.split("/providers/", 1)[-1] if "/providers/" in resource_id else resource_id
