"""What Resource Manager's what-if says, beside what dpsops has decided: a witness, not an oracle.

What-if reports changes that are none (what the service has set and the template does not name, values that it did not
evaluate), and is silent about some that are some. So it decides nothing: what it says that was not expected is shown.
Source: Azure Resource Manager, "What-if"; `WhatIfOperationProperties`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dpsops.model.deployment import Deployment
from dpsops.model.resources import is_services_own

_ASSIGNMENTS = "/microsoft.authorization/roleassignments/"


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that a deployment would change: `kind` is `Create`, `Delete`, `Modify`, `Deploy`, `NoChange`, `Ignore`,
    `Unsupported`, or a new kind. `gone`: the paths of properties that would be deleted. `reason`: why it is unsupported."""

    resource_id: str
    kind: str
    gone: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What what-if says about itself, as that it has skipped a module."""

    message: str
    target: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The result of a what-if."""

    changes: tuple[ResourceChange, ...]
    potential: tuple[ResourceChange, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def notes(foreseen: Foreseen, deployment: Deployment) -> tuple[str, ...]:
    """What a person should know of it, in alphabetical order: Azure promises no order."""
    expected = {action.target.lower() for action in deployment.actions if action.action != "assign"}
    found = [
        *(f"what-if: {each.message}" + (f" ({_short(each.target)})" if each.target else "") for each in foreseen.diagnostics),
        *(f"what-if: {_short(each.resource_id)} may change" for each in foreseen.potential),
        *_unexpected(foreseen.changes, expected),
        *_silent(foreseen.changes, deployment, expected),
    ]
    return tuple(sorted(set(found), key=str.lower))


def _unexpected(changes: Iterable[ResourceChange], expected: set[str]) -> Iterator[str]:
    for change in changes:
        name = _short(change.resource_id)
        if change.kind == "Unsupported":
            yield f"what-if cannot tell what becomes of {name}" + (f": {change.reason}" if change.reason else "")
        elif change.kind == "Delete":
            yield f"what-if: {name} would be deleted"
        elif change.kind in ("Create", "Modify", "Deploy") and _ASSIGNMENTS not in change.resource_id.lower():
            if name.lower() not in expected:
                yield f"what-if: {name} would change, though nothing of it is to be written"
            for path in change.gone:
                if is_services_own(name.rpartition("/")[0], path):
                    continue
                yield f"what-if: {path} of {name} would go, though it is sent again"


def _silent(changes: Iterable[ResourceChange], deployment: Deployment, expected: set[str]) -> Iterator[str]:
    """What-if has skipped modules without a word."""
    said = {_short(change.resource_id).lower() for change in changes}
    for action in deployment.actions:
        if action.target.lower() in expected - said:
            yield f"what-if says nothing about {action.target}"


def _short(resource_id: str) -> str:
    """A resource ID without its subscription and group."""
    return resource_id.split("/providers/", 1)[-1] if "/providers/" in resource_id else resource_id
