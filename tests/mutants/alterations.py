"""How an answer is altered: each function here makes an `Alteration`, which leaves an answer alone that it does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dpsops.emulator.http import Response

Alteration = Callable[[Response], Response]
Edit = Callable[[Any], Any]


def status(old: int, new: int) -> Alteration:
    """Another status, where it is `old`."""
    return lambda answer: replace(answer, status=new) if answer.status == old else answer


def header(name: str, edit: Callable[[str], str] | None = None) -> Alteration:
    """A header with another value, or (no `edit`) none of the name."""

    def alter(answer: Response) -> Response:
        headers = {
            each: value if each.lower() != name.lower() or edit is None else edit(value)
            for each, value in answer.headers.items()
            if each.lower() != name.lower() or edit is not None
        }
        return replace(answer, headers=headers)

    return alter


def at(path: str, edit: Edit) -> Alteration:
    """What is at `path` of the body, edited: names and `[]` for each element of a list, as in `value[].properties.state`."""
    parts = [part for name in path.split(".") for part in re.findall(r"\[\]|[^\[\]]+", name)]
    return lambda answer: replace(answer, body=_at(answer.body, parts, edit))


def without(path: str) -> Alteration:
    """The body without the member at `path`."""
    parent, _, name = path.rpartition(".")
    return at(
        parent, lambda found: {key: each for key, each in found.items() if key != name} if isinstance(found, dict) else found
    )


def beside(path: str, value: Any) -> Alteration:
    """The body with a member at `path`, where there is none yet."""
    parent, _, name = path.rpartition(".")
    return at(parent, lambda found: {name: value} | found if isinstance(found, dict) else found)


def backwards(path: str) -> Alteration:
    """The list at `path` from its end to its beginning."""
    return at(path, lambda found: found[::-1] if isinstance(found, list) else found)


def words(path: str, old: str, new: str) -> Alteration:
    """The text at `path` with other words; `old` is a pattern."""
    return at(path, lambda found: re.sub(old, new, found) if isinstance(found, str) else found)


def both(*alterations: Alteration) -> Alteration:
    """One after the other."""

    def alter(answer: Response) -> Response:
        for each in alterations:
            answer = each(answer)
        return answer

    return alter


def _at(value: Any, parts: Sequence[str], edit: Edit) -> Any:
    if not parts:
        return edit(value)
    name, *rest = parts
    if name == "[]":
        return [_at(each, rest, edit) for each in value] if isinstance(value, list) else value
    if not isinstance(value, dict) or name not in value:
        return value
    return value | {name: _at(value[name], rest, edit)}
