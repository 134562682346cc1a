"""Request bodies of the data planes, read member by member: what has the wrong type is refused in DPS's words."""

from __future__ import annotations

from typing import TypeVar

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.dps.errors import BAD_REQUEST, refusal
from dpsops.emulator.http import Refusal
from dpsops.emulator.world import World

T = TypeVar("T")


def json_object(world: World, body: bytes) -> JSON:
    """A JSON object. Refuses anything else."""
    try:
        found = parse_json(body)
    except ValueError as unreadable:
        raise bad_request(world) from unreadable
    if not isinstance(found, dict):
        raise bad_request(world)
    return found


def member(world: World, body: JSON, name: str, kind: type[T]) -> T | None:
    """The member `name`, None where it is absent or null. Refuses any other type than `kind`."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind):
        raise bad_request(world)
    return value


def bad_request(world: World) -> Refusal:
    """400: the request cannot be read."""
    return refusal(world, BAD_REQUEST, "Bad Request")
