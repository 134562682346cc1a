"""What a workflow reports: an action that is planned or done, what it changes, a device for which it failed, what a person must
do themselves, and what to know of it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpsops.pki.names import DeviceId


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property of a resource, by its path, as it is and as it will be: JSON, None for what is not there. `warning`: what
    the change takes away, or that it cannot be undone; else empty."""

    path: str
    before: object
    after: object
    warning: str = ""

    def document(self) -> dict[str, object]:
        """The change as JSON."""
        known: dict[str, object] = {"path": self.path, "before": self.before, "after": self.after}
        return known | ({"warning": self.warning} if self.warning else {})


@dataclass(frozen=True, slots=True)
class Action:
    """One action that is planned or done: a verb, its target, the outcome if it is done, and the properties it changes."""

    action: str
    target: str
    outcome: str = "planned"
    changes: tuple[PropertyChange, ...] = ()

    def document(self) -> dict[str, object]:
        """The action as JSON. It has `changes` only if there are any."""
        known: dict[str, object] = {"action": self.action, "target": self.target, "outcome": self.outcome}
        return known | ({"changes": [each.document() for each in self.changes]} if self.changes else {})

    @classmethod
    def read(cls, document: object) -> Action:
        """Reads an action from its JSON. Raises `LookupError` or `TypeError` for anything else."""
        found = members(document)
        listed = found.get("changes", [])
        if not isinstance(listed, list):
            raise TypeError("changes that are no list")
        return cls(text(found["action"]), text(found["target"]), text(found["outcome"]), tuple(map(_read_change, listed)))


def _read_change(document: object) -> PropertyChange:
    found = members(document)
    return PropertyChange(text(found["path"]), found["before"], found["after"], text(found.get("warning", "")))


def members(document: object) -> Mapping[str, object]:
    """A JSON object. Raises `TypeError` for anything else."""
    if not isinstance(document, dict):
        raise TypeError("no object")
    return document


def text(value: object) -> str:
    """A JSON string. Raises `TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


@dataclass(frozen=True, slots=True)
class Failed:
    """A device for which a command failed, and why. Other devices are not affected."""

    device: DeviceId
    reason: str


@dataclass(frozen=True, slots=True)
class Remains:
    """Something that a breach could not cut off, and why: a person must do it. Everything else is cut off nevertheless."""

    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence on what was done, or on why nothing was."""

    text: str


Result = Action | Failed | Remains | Note
"""One result of a rotation."""
