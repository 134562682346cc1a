"""The page of the settings: type, default and range from the code, and what each means."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dpsops.settings import Environment
from reference.markdown import code, page, table
from reference.meanings import SETTINGS


def settings() -> Iterator[tuple[str, FieldInfo]]:
    """Each setting by its place, as in `hub.sku`, with its field."""
    yield from _settings(Environment, "")


def _settings(model: type[BaseModel], above: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if name == "name" and model is Environment:
            continue  # the name of the file
        inner = _table(field.annotation)
        if inner is None:
            yield f"{above}{name}", field
        else:
            yield from _settings(inner, f"{above}{name}.")


def _table(annotation: Any) -> type[BaseModel] | None:
    """The table that a setting is, or is a list of."""
    plain = _plain(annotation)
    if typing.get_origin(plain) is list:
        plain = _plain(typing.get_args(plain)[0])
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """A type without its rules, and without None."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return _plain(next(each for each in typing.get_args(annotation) if each is not type(None)))
    return annotation


def settings_page() -> str:
    """The page."""
    tables: dict[str, list[tuple[str, FieldInfo]]] = {}
    for place, field in settings():
        tables.setdefault(place.rpartition(".")[0], []).append((place, field))
    parts = [
        "What `infra/NAME.toml` may have. A setting that is not here is refused, with its line. `infra/dev.toml` is an example.",
    ]
    for name, found in tables.items():
        listed = name in ("hub", "access.principals")
        parts += [f"## {'The environment' if not name else code(f'[[{name}]]' if listed else f'[{name}]')}"]
        parts += [table(("setting", "type", "default", "meaning"), (_row(*each) for each in found))]
    return page("Settings", *parts)


def _row(place: str, field: FieldInfo) -> tuple[str, str, str, str]:
    default = "required" if field.is_required() else _default(field.default)
    return code(place.rpartition(".")[2]), _type(field), default, SETTINGS[place]


def _default(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f"{value:g}" if isinstance(value, float) else str(value))


_NAMES = {"str": "text", "int": "whole number", "float": "number", "bool": "`true` or `false`", "KeySpec": "kind of key"}


def _type(field: FieldInfo) -> str:
    plain = _plain(field.annotation)
    if typing.get_origin(plain) is typing.Literal:
        return ", ".join(code(each) for each in typing.get_args(plain))
    if typing.get_origin(plain) is list:
        return f"list of {_NAMES[_plain(typing.get_args(plain)[0]).__name__]}"
    if typing.get_origin(plain) is dict:
        return "table"
    return f"{_NAMES[plain.__name__]}{_range([*field.metadata, *_inner(field.annotation)])}"


def _inner(annotation: Any) -> Iterator[Any]:
    """The rules of what may also be left out."""
    for each in typing.get_args(annotation):
        for rule in getattr(each, "__metadata__", ()):
            yield from rule.metadata if isinstance(rule, FieldInfo) else (rule,)


def _range(rules: list[Any]) -> str:
    low = next((rule.ge for rule in rules if isinstance(rule, Ge)), None)
    above = next((rule.gt for rule in rules if isinstance(rule, Gt)), None)
    high = next((rule.le for rule in rules if isinstance(rule, Le)), None)
    shortest = next((rule.min_length for rule in rules if isinstance(rule, MinLen)), 0)
    longest = next((rule.max_length for rule in rules if isinstance(rule, MaxLen)), None)
    if longest is not None:
        return f", {f'{shortest} to ' if shortest else 'at most '}{longest} characters"
    if low is not None:
        return f", {low} to {high}" if high is not None else f", at least {low}"
    return f", above {above}" if above is not None else ""
