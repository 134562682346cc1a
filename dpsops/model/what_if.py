"""What of Resource Manager's what-if is a real change.

What-if reports `Modify` for properties that the server filled in and the template never named (as
deletions), for values that it did not evaluate (as expressions in brackets) and for a region spelt in
another way. Source: Azure Resource Manager, "What-if: noise".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dpsops.model.action import Action


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property that a deployment would change: `kind` is `Create`, `Delete`, `Modify`, `Array` or `NoEffect`; an array or
    an object shows its parts as `children`."""

    path: str
    kind: str
    before: object = None
    after: object = None
    children: tuple[PropertyChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that a deployment would change: `kind` is `Create`, `Delete`, `Modify`, `Deploy`, `NoChange`, `Ignore`,
    `Unsupported`, or one that is not known yet."""

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
    """`element`: it is one of an array, which a deployment replaces whole: what the template left out does go."""
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
