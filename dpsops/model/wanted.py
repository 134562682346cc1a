"""The devices that a command is given: one row for each, as text, and what it means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from dpsops.errors import InvalidInput
from dpsops.limits import desired_properties
from dpsops.model.enrollment import IndividualSettings, require_hub
from dpsops.pki.names import DeviceId, device_id
from dpsops.settings import Environment

_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


class Row(NamedTuple):
    """One row as it is written, each column as text; empty: the row does not say.

    device: the ID. hub: the name of a hub. twin: the initial desired properties, as a JSON object. individual: whether the
    device gets an individual enrollment, yes or no. request: the path of its certificate signing request.
    """

    device: str
    hub: str = ""
    twin: str = ""
    individual: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One device that a command is asked for, and what its row says of it; None: the row does not say.

    hub: one of the environment's. twin: the initial desired properties. individual: whether it gets an individual enrollment.
    request: the path of its certificate signing request, from the working directory.
    """

    device: DeviceId
    hub: str | None = None
    twin: Mapping[str, object] | None = None
    individual: bool | None = None
    request: str | None = None

    def individual_settings(self, common: IndividualSettings | None) -> IndividualSettings | None:
        """The settings of its individual enrollment, or None if it gets none. `common`: those that the command has for every
        device, or None if it has none. The row decides before them; a hub or a twin in it asks for an enrollment."""
        given = self.hub is not None or self.twin is not None
        if self.individual is False or (self.individual is None and not given and common is None):
            return None
        common = common or IndividualSettings()
        return replace(
            common,
            hub=common.hub if self.hub is None else self.hub,
            twin=common.twin if self.twin is None else self.twin,
        )

    def row(self) -> Row:
        """The row that means this device."""
        twin = "" if self.twin is None else json.dumps(self.twin, separators=(",", ":"))
        individual = "" if self.individual is None else "yes" if self.individual else "no"
        return Row(self.device, self.hub or "", twin, individual, self.request or "")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that a command cannot use: its line (the first is 1), the row as it is written, and why."""

    line: int
    row: Row
    reason: str

    @property
    def text(self) -> str:
        """Where it is, and why. A request in a directory has no line, and its reason names it."""
        return self.reason if self.row.request and not self.row.device else f"line {self.line}: {self.reason}"


def wanted(row: Row, environment: Environment) -> Wanted:
    """What a row means. Raises `InvalidInput` for the first column that cannot be used."""
    device = device_id(row.device)
    if row.hub:
        require_hub(environment, IndividualSettings(hub=row.hub))
    twin = read_twin(row.twin) if row.twin else None
    individual = _individual(row.individual)
    if individual is False and (row.hub or twin is not None):
        raise InvalidInput(
            f"{device} gets no individual enrollment, which could have a hub or a twin of its own",
            "leave the column 'individual' empty or write yes, or leave out hub and twin",
        )
    return Wanted(device, row.hub or None, twin, individual, row.request or None)


def no_name_twice(members: list[tuple[str, object]]) -> dict[str, object]:
    """The members of a JSON object. Raises `ValueError` if two have the same name: JSON leaves open which one counts (RFC 8259,
    section 4)."""
    known = dict(members)
    if len(known) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} is there twice")
    return known


def read_twin(text: str) -> Mapping[str, object]:
    """Reads the initial desired properties of a twin. Raises `InvalidInput`."""
    hint = 'a twin is a JSON object of desired properties, as in {"interval": 30}'
    try:
        document = desired_properties(json.loads(text, object_pairs_hook=no_name_twice))
    except (ValueError, RecursionError) as cause:  # RecursionError: brackets that are too deep
        raise InvalidInput(f"the twin cannot be used: {cause}", hint) from cause
    if not isinstance(document, dict):
        raise InvalidInput("the twin is not a JSON object", hint)
    return document


def _individual(text: str) -> bool | None:
    if not text:
        return None
    word = text.lower()
    if word not in _YES + _NO:
        raise InvalidInput(f"{text[:40]!r} does not say whether the device gets an individual enrollment", "write yes or no")
    return word in _YES
