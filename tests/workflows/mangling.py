"""Answers of another shape: one answer of a command is changed at one place, on its way from the embedded Azure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import NOTHING, Request, Response

ABSENT = object()
"""The member, or the element, is not there at all."""

MANGLINGS: dict[str, Any] = {"null": None, "number": 7, "text": "x", "list": [], "object": {}, "absent": ABSENT}

Place = tuple[str | int, ...]
"""The way to a value in a JSON document: names of members, numbers of elements. The empty one is the whole document."""


def places(document: Any, above: Place = ()) -> Iterator[Place]:
    """Every place in a document, the whole first; of a list its first element only."""
    yield above
    if isinstance(document, dict):
        for name, value in document.items():
            yield from places(value, (*above, name))
    elif isinstance(document, list) and document:
        yield from places(document[0], (*above, 0))


def mangled(document: Any, place: Place, instead: Any) -> Any:
    """The document with something else at a place."""
    if not place:
        return NOTHING if instead is ABSENT else instead
    found = copy.deepcopy(document)
    inner = found
    for part in place[:-1]:
        inner = inner[part]
    if instead is ABSENT:
        del inner[place[-1]]
    else:
        inner[place[-1]] = instead
    return found


@dataclass(slots=True)
class Mangler:
    """Stands between the embedded Azure and its clients: it notes each answer, and changes the one of a number."""

    number: int = -1
    place: Place = ()
    instead: Any = None
    answers: list[tuple[Request, Response]] = field(default_factory=list)

    @property
    def handler(self) -> Callable[[Azure, Request], Response]:
        """What is to stand in the place of `Azure.handle`: the answer, changed where it is its turn."""

        def handle(azure: Azure, request: Request) -> Response:
            response = _handle(azure, request)
            self.answers.append((request, response))
            if len(self.answers) - 1 != self.number:
                return response
            return replace(response, body=mangled(response.body, self.place, self.instead))

        return handle


_handle = Azure.handle
