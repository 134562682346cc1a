"""What becomes of a file on its way: cut in half by a transfer, saved by an editor in another encoding, joined with another one,
exported by a tool that quotes it, or made by somebody who wants to do harm."""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

HUGE = 17 << 20
"""Bytes: more than any file that dpsops reads may have."""

DEEP = 5_000

Mutate = Callable[[bytes, Random], bytes]
"""Makes another content of a content."""


def _cut(whole: bytes, chance: Random) -> bytes:
    return whole[: chance.randrange(len(whole))]


def _without_beginning(whole: bytes, chance: Random) -> bytes:
    return whole[chance.randrange(len(whole)) :]


def _spliced(whole: bytes, other: bytes, chance: Random) -> bytes:
    return whole[: chance.randrange(len(whole))] + other[chance.randrange(len(other)) :]


def _joined(whole: bytes, other: bytes, chance: Random) -> bytes:
    return b"".join(chance.sample((whole, other), 2))


def _flipped(whole: bytes, chance: Random) -> bytes:
    changed = bytearray(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _inserted(whole: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(whole) + 1)
    return whole[:place] + chance.choice(_BYTES) + whole[place:]


def _lines(whole: bytes, chance: Random) -> bytes:
    """One line twice, not at all, or at another place."""
    lines = whole.splitlines(keepends=True)
    line = lines.pop(chance.randrange(len(lines)))
    for _ in range(chance.randrange(3)):
        lines.insert(chance.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _member(whole: bytes, chance: Random) -> bytes:
    """JSON with another value at one place, or without that place; of what is no JSON, the bytes as a member of it."""
    try:
        document = json.loads(whole)
    except ValueError:
        return json.dumps({"value": whole.decode("latin-1")}).encode()
    holders = [(holder, name) for holder in _containers(document) for name in _names(holder)]
    if not holders:
        return json.dumps(chance.choice(_VALUES)).encode()
    holder, name = chance.choice(holders)
    if chance.random() < 0.3:
        del holder[name]
    else:
        holder[name] = chance.choice(_VALUES)
    return json.dumps(document).encode()


def _containers(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [] if inner is None else [value, *(each for found in inner for each in _containers(found))]


def _names(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def _as(encoding: str, mark: bytes = b"") -> Mutate:
    """As an editor saves it. Bytes that are no text are read as latin-1."""
    return lambda whole, _: mark + whole.decode("latin-1").encode(encoding, "replace")


def _of(change: Callable[[bytes], bytes]) -> Mutate:
    return lambda whole, _: change(whole)


_BYTES: tuple[bytes, ...] = (
    b"\0", b"\xff", b"\n", b"\r", b" ", b'"', b",", b"-", b"=", b"\x1b[2J", b"\xe2\x80\xae", b"9" * 400, b"-----BEGIN X-----\n",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (None, True, -1, 10**400, 1.5, "", "\0", "\ud800", "x" * 5000, [], {}, [[]], {"": None}, "\N{SNOWMAN}")

_ALONE: dict[str, Mutate] = {
    "cut": _cut,
    "without its beginning": _without_beginning,
    "flipped": _flipped,
    "inserted": _inserted,
    "lines": _lines,
    "member": _member,
    "twice": _of(lambda whole: whole + whole),
    "empty": _of(lambda whole: b""),
    "blank": _of(lambda whole: b" \r\n\t"),
    "reversed": _of(lambda whole: whole[::-1]),
    "without ends of lines": _of(lambda whole: whole.replace(b"\n", b"")),
    "with CR": _of(lambda whole: whole.replace(b"\n", b"\r")),
    "with CRLF": _of(lambda whole: whole.replace(b"\n", b"\r\n")),
    "with a literal \\n": _of(lambda whole: whole.replace(b"\n", b"\\n")),
    "quoted": _of(lambda whole: json.dumps(whole.decode("latin-1")).encode()),
    "in base64": _of(base64.b64encode),
    "in capitals": _of(bytes.upper),
    "with a mark": _as("latin-1", codecs.BOM_UTF8),
    "UTF-16": _as("utf-16-le", codecs.BOM_UTF16_LE),
    "UTF-16 unsaid": _as("utf-16-be"),
    "UTF-32": _as("utf-32"),
    "UTF-7": _as("utf-7"),
    "EBCDIC": _as("cp037"),
    "huge with itself": _of(lambda whole: whole * (HUGE // (len(whole) or 1) + 1)),
    "huge with blanks": _of(lambda whole: whole + b" " * HUGE),
    "many times": _of(lambda whole: whole * 200),
    "deep list": _of(lambda whole: b"[" * DEEP + whole + b"]" * DEEP),
    "deep objects": _of(lambda whole: b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep DER": _of(lambda whole: b"\x30\x80" * DEEP + whole),
    "DER of a long length": _of(lambda whole: b"\x30\x84\xff\xff\xff\xff" + whole),
    "HTML": _of(lambda whole: b"<!doctype html><html><body>" + whole + b"</body></html>"),
}
_TOGETHER: dict[str, Callable[[bytes, bytes, Random], bytes]] = {"spliced": _spliced, "joined": _joined}

MUTATIONS = (*_ALONE, *_TOGETHER)
"""The names of all."""


def mutated(name: str, whole: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """What the mutation of this name makes of a content; the others are what it can be joined with."""
    return _ALONE[name](whole, chance) if name in _ALONE else _TOGETHER[name](whole, chance.choice(others), chance)
