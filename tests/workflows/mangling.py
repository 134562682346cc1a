"""Answers of another shape: changes one answer of the embedded Azure at one place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import NOTHING, Request, Response

ABSENT = object()
"""Stands for a member, or an element, that is removed."""

MANGLINGS: dict[str, Any] = {"null": None, "number": 7, "text": "x", "list": [], "object": {}, "absent": ABSENT}

Place = tuple[str | int, ...]
"""The path to a value in a JSON document: names of members, numbers of elements. The empty path is the document itself."""


def places(document: Any, above: Place = ()) -> Iterator[Place]:
    """Every place in a document, the document itself first; of a list only the first element."""
    yield above
    if isinstance(document, dict):
        for name, value in document.items():
            yield from places(value, (*above, name))
    elif isinstance(document, list) and document:
        yield from places(document[0], (*above, 0))


def mangled(document: Any, place: Place, instead: Any) -> Any:
    """The document with another value at a place."""
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
    """Between the embedded Azure and its clients: records each answer, and changes the one with this number."""

    number: int = -1
    place: Place = ()
    instead: Any = None
    answers: list[tuple[Request, Response]] = field(default_factory=list)

    @property
    def handler(self) -> Callable[[Azure, Request], Response]:
        """Replaces `Azure.handle`: returns the answer, changed if it has that number."""

        def handle(azure: Azure, request: Request) -> Response:
            response = _handle(azure, request)
            self.answers.append((request, response))
            if len(self.answers) - 1 != self.number:
                return response
            return replace(response, body=mangled(response.body, self.place, self.instead))

        return handle


_handle = Azure.handle
