"""Request bodies of a hub's own API, read member by member: what has the wrong type is refused in the hub's words."""

from __future__ import annotations

from typing import TypeVar

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.http import Refusal, Request
from dpsops.emulator.iothub.errors import refusal
from dpsops.emulator.world import World

T = TypeVar("T")


def read_body(world: World, request: Request, kind: type[T]) -> T:
    """The body as JSON of this type. Refuses any other."""
    try:
        body = parse_json(request.body)
    except ValueError as unreadable:
        raise _unreadable(world, "the body") from unreadable
    if not isinstance(body, kind):
        raise _unreadable(world, "the body")
    return body


def member(world: World, body: JSON, name: str, kind: type[T]) -> T | None:
    """The member `name`, None where it is absent or null. Refuses any other type than `kind`."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind):
        raise _unreadable(world, f"'{name}'")
    return value


def _unreadable(world: World, what: str) -> Refusal:
    return refusal(world, 400, "DeserializationError", f"BadRequest: cannot read {what}.")
