"""The lines of TOML text in which its keys are: `tomllib` reports no positions."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*\[\[?([^\[\]]+)\]")
_KEY = re.compile(r"\s*([\w.\"' -]+?)\s*=")


def line_of(text: str, keys: tuple[int | str, ...]) -> int:
    """The line (from 1) of a key; else that of its table's header; else the first line.

    This looks for headers and `key =` in the text. The settings are flat enough for that.
    """
    names = [key for key in keys if isinstance(key, str)]
    place, index = next(((place, key) for place, key in enumerate(keys) if isinstance(key, int)), (1, 0))
    table: list[str] = []
    tables, best = -1, 1
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            path = table = _parts(header[1])
            tables += table == names[:place]
        elif key := _KEY.match(line):
            path = table + _parts(key[1])
        else:
            continue
        elsewhere = table[:place] == names[:place] and tables != index
        if path == names[: len(path)] and not elsewhere:
            best = number  # first a table, then a key in it
    return best


def _parts(dotted: str) -> list[str]:
    return [part.strip(" \t\"'") for part in dotted.split(".")]
