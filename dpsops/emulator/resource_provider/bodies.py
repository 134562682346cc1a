"""Request bodies, read member by member: what has the wrong type is refused as Resource Manager refuses it."""

from __future__ import annotations

from typing import TypeVar

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.tags import read_tags

T = TypeVar("T")


def _unreadable(name: str) -> Refusal:
    message = f"The request content was invalid and could not be deserialized: 'Error converting the value of '{name}'.'."
    return refusal(400, "InvalidRequestContent", message)


def json_object(request: Request) -> JSON:
    """The body, which must be a JSON object; an empty one counts as `{}`."""
    body = request.json()
    if not isinstance(body, dict):
        raise _unreadable("")
    return body


def member(body: JSON, name: str, kind: type[T]) -> T | None:
    """The member `name`, None where it is absent or null. Refuses any other type than `kind`."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _unreadable(name)
    return value


def members(body: JSON, name: str, kind: type[T]) -> list[T] | None:
    """The member `name` as an array whose elements are all of type `kind`; None where it is absent or null."""
    values = member(body, name, list)
    if values is not None and not all(isinstance(value, kind) for value in values):
        raise _unreadable(name)
    return values


def tags(body: JSON) -> dict[str, str] | None:
    """The tags, None where the body has none."""
    return read_tags(body.get("tags"))
