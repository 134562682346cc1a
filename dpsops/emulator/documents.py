"""JSON documents, as requests bring them and the state keeps them: their type, and how strictly they are read."""

from __future__ import annotations

import json
from typing import Any

JSON = dict[str, Any]

_DEEPEST = 64
"""Levels of a document: where .NET's two readers of JSON stop unless they are told otherwise (stricter guess)."""


def parse_json(data: bytes | str) -> Any:
    """JSON as RFC 8259 has it, without a half of a surrogate pair (8.2) and at most 64 levels deep. Raises `ValueError`."""
    try:
        document = json.loads(data, parse_constant=_refuse_constant)
        json.dumps(document, ensure_ascii=False).encode()
    except RecursionError as deep:
        raise ValueError(f"the document has more than {_DEEPEST} levels") from deep
    if _is_deeper(document, _DEEPEST):
        raise ValueError(f"the document has more than {_DEEPEST} levels")
    return document


def _is_deeper(document: Any, levels: int) -> bool:
    """Whether arrays and objects are nested in more than so many levels."""
    inside = document.values() if isinstance(document, dict) else document if isinstance(document, list) else None
    return inside is not None and (levels == 0 or any(_is_deeper(each, levels - 1) for each in inside))


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON's")
