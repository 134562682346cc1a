"""Strings as .NET knows them: UTF-16, the invariant culture's letters, and the order of words.

Sources: "String class", "Best practices for comparing strings in .NET" and "Char.IsWhiteSpace" of the .NET documentation;
the root collation of the Unicode CLDR, which .NET compares by.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What `Char.IsWhiteSpace` holds for; Python's `strip` takes four control characters more."""

_ORDER = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"
_PRIMARY = {each: place for place, each in enumerate(_ORDER, 1)}
_MARKS = "\u0301\u0300\u0306\u0302\u030c\u030a\u0308\u030b\u0303\u0307\u0327\u0328\u0304"
"""The accents of the Latin letters in the order of their weights."""

_SECONDARY = {each: place for place, each in enumerate(_MARKS, 1)}
_MAPPED_BY_CULTURE = "\u0130\u0131"
"""The Turkish I with a dot and i without: only Turkish cultures give them another case."""


@lru_cache(4096)
def _upper(each: str) -> str:
    upper = each.upper()
    # A letter whose upper case is two (\xdf) keeps its own, unless it has one of a single letter too, which is its title case.
    upper = upper if len(upper) == 1 else each.title()
    return upper if len(upper) == 1 and each not in _MAPPED_BY_CULTURE else each


@lru_cache(4096)
def _lower(each: str) -> str:
    lower = each.lower()
    return lower if len(lower) == 1 and each not in _MAPPED_BY_CULTURE else each


def upper(text: str) -> str:
    """`ToUpperInvariant`: letter by letter, so that none becomes two."""
    return text.upper() if text.isascii() else "".join(map(_upper, text))


def lower(text: str) -> str:
    """`ToLowerInvariant`."""
    return text.lower() if text.isascii() else "".join(map(_lower, text))


def strip(text: str) -> str:
    """`Trim`."""
    return text.strip(_SPACE)


def length(text: str) -> int:
    """How many UTF-16 units it has: a character beyond U+FFFF is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def part(text: str, start: int, end: int | None = None) -> str:
    """The UTF-16 units from `start` up to `end`, which may lie beyond the last.

    Raises `ValueError` where a cut would leave half a character (stricter guess: .NET goes on, and ends in an error when it
    writes the half down).
    """
    if text.isascii():
        return text[start:end]
    units = text.encode("utf-16-le", "surrogatepass")
    return units[2 * start : None if end is None else 2 * end].decode("utf-16-le")


def find(text: str, wanted: str) -> int:
    """`IndexOf` in any case: the first place, in UTF-16 units, or -1."""
    text = upper(text)
    at = text.find(upper(wanted))
    return at if at < 0 else length(text[:at])


def find_last(text: str, wanted: str) -> int:
    """`LastIndexOf` in any case. Nothing is found before the last unit, not after it."""
    text = upper(text)
    if not wanted:
        return max(length(text) - 1, 0)
    at = text.rfind(upper(wanted))
    return at if at < 0 else length(text[:at])


def compare(left: str, right: str) -> int:
    """`Compare` in the invariant culture: letters first, then their accents, then their case, the small letter first.

    Raises `ValueError` for characters other than those of ASCII and accented Latin letters: their order is not known here.
    """
    if left == right:
        return 0
    one, other = _weights(left), _weights(right)
    return (one > other) - (one < other)


@lru_cache(1024)
def _weights(text: str) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    primary, secondary, tertiary = [], [], []
    for each in unicodedata.normalize("NFD", text):
        small = each.lower()
        if small in _PRIMARY:
            primary.append(_PRIMARY[small])
            secondary.append(0)
            tertiary.append(int(each != small))
        elif each in _SECONDARY:
            secondary.append(_SECONDARY[each])
            tertiary.append(0)
        else:
            raise ValueError(f"the place of '{each}' (U+{ord(each):04X}) in the order of strings is not known here")
    return tuple(primary), tuple(secondary), tuple(tertiary)
