"""The two hashes that templates make names with: `uniqueString` and `guid`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import lru_cache

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_MASK = 0xFFFFFFFF


def guid(parts: Sequence[str]) -> str:
    """A name-based UUID (RFC 9562, version 5) of the parts, in Resource Manager's own namespace."""
    return str(uuid.uuid5(_NAMESPACE, "-".join(parts)))


def unique_string(parts: Sequence[str]) -> str:
    """Thirteen characters of `a-z2-7` that depend on nothing but the parts."""
    bits = hash64("-".join(parts).encode()) << 1
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(60, -1, -5))


@lru_cache(256)
def hash64(data: bytes) -> int:
    """Resource Manager's 64-bit hash: two 32-bit lanes of MurmurHash3, seed 0."""
    low = high = 0
    whole = len(data) // 8 * 8
    for start in range(0, whole, 8):
        low = _rotate(low ^ _first_lane(data[start : start + 4]), 19) + high
        low = low * 5 + 0x561CCD1B & _MASK
        high = _rotate(high ^ _second_lane(data[start + 4 : start + 8]), 13) + low
        high = high * 5 + 0x0BCAA747 & _MASK
    tail = data[whole:]
    low ^= _first_lane(tail[:4]) ^ len(data)
    high ^= _second_lane(tail[4:]) ^ len(data)
    low = low + high & _MASK
    high = high + low & _MASK
    low, high = _mix(low), _mix(high)
    low = low + high & _MASK
    high = high + low & _MASK
    return high << 32 | low


def _first_lane(word: bytes) -> int:
    return _rotate(int.from_bytes(word, "little") * 0x239B961B & _MASK, 15) * 0xAB0E9789 & _MASK


def _second_lane(word: bytes) -> int:
    return _rotate(int.from_bytes(word, "little") * 0xAB0E9789 & _MASK, 17) * 0x239B961B & _MASK


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _MASK


def _mix(word: int) -> int:
    word = (word ^ word >> 16) * 0x85EBCA6B & _MASK
    word = (word ^ word >> 13) * 0xC2B2AE35 & _MASK
    return word ^ word >> 16
