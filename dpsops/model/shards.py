"""Shards: N runs of one command at once, each for a part of the devices and with its share of what Azure allows.

The shard of a device depends on nothing but its ID and N, and anybody can compute it: the first 8 bytes of the SHA-256 hash of
the ID, as one unsigned number with the highest byte first, modulo N, plus 1. In Python:

    int(hashlib.sha256(b"press-07").hexdigest()[:16], 16) % 16 + 1  # 10, so press-07 belongs to 10/16
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from dpsops.errors import InvalidInput

_HINT = "give this shard and how many there are, as in --shard 3/16: the shards of 16 are 1/16 to 16/16"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `of` shards; `number` is from 1 to `of`."""

    number: int
    of: int

    def has(self, device: str) -> bool:
        """Whether a device belongs to it. Every text belongs to exactly one of the shards, also one that is no valid ID."""
        return self.of == 1 or _number(device, self.of) == self.number

    def share(self, allowed: float) -> float:
        """Its part of what Azure allows all shards together: they use the same root, the same DPS and the same hubs."""
        return allowed / self.of


WHOLE = Shard(1, 1)
"""All devices, in one run."""


def shard(text: str) -> Shard:
    """Reads a shard, such as 3/16. Raises `InvalidInput`."""
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None:
        raise InvalidInput(f"{text[:40]!r} is not a shard", _HINT)
    number, of = int(found[1]), int(found[2])
    if of == 0:
        raise InvalidInput(f"there is no shard {text}: there is at least one", _HINT)
    if not 1 <= number <= of:
        raise InvalidInput(f"there is no shard {text}: the number is from 1 to {of}", _HINT)
    return Shard(number, of)


def _number(device: str, of: int) -> int:
    return int.from_bytes(hashlib.sha256(device.encode()).digest()[:8], "big") % of + 1
