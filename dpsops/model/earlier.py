"""The certificates that a device had before its newest one, in a tag of the newest secret: so nobody has to ask for each device.

The tag `before` has the newest of them first, each as `GENERATION:THUMBPRINT:EXPIRY`, separated by commas: the generation of its
root, its SHA-256 thumbprint in upper case hex, and its expiry in seconds since 1970. A value has at most 256 characters (Key
Vault, "Secret tags"), so there are at most three. An expired one leaves first. If a valid one had no room, there is no
tag, and the versions of the secret are read instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_ROOM = 3
_FORM = re.compile(r"([1-9][0-9]{0,5}):([0-9A-F]{64}):([0-9]{1,12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class EarlierLeaf:
    """A certificate that a device had before its newest one: its thumbprint, the generation of its root, and when it expires."""

    thumbprint: str
    generation: int
    not_after: datetime

    def is_valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.not_after > now

    def text(self) -> str:
        """It in the form of the tag."""
        return f"{self.generation}:{self.thumbprint}:{int(self.not_after.timestamp())}"


def written(earlier: Iterable[EarlierLeaf]) -> str:
    """The value of the tag."""
    return ",".join(each.text() for each in earlier)


def read(value: str | None) -> tuple[EarlierLeaf, ...] | None:
    """What the tag says; None if there is none, or if dpsops did not write it: anybody with access can edit a tag."""
    if value is None:
        return None
    texts = value.split(",") if value else []
    found = tuple(each for text in texts if (each := _read(text)) is not None)
    return found if len(found) == len(texts) <= _ROOM else None


def _read(text: str) -> EarlierLeaf | None:
    parts = _FORM.fullmatch(text)
    if parts is None:
        return None
    try:
        return EarlierLeaf(parts[2], int(parts[1]), datetime.fromtimestamp(int(parts[3]), UTC))
    except (ValueError, OverflowError, OSError):  # after the year 9999
        return None


def remembered(earlier: Sequence[EarlierLeaf], now: datetime) -> tuple[EarlierLeaf, ...] | None:
    """Those that the tag is to have, of all, the newest first; None if a valid one, or one that no tag can have, would be left
    out."""
    known = list({each.thumbprint: each for each in reversed(earlier)}.values())[::-1]
    for each in reversed(known[:]):
        if len(known) > _ROOM and not each.is_valid(now):
            known.remove(each)
    found = tuple(known)
    return found if read(written(found)) == found else None
