"""The outer parts of a DER text (X.690, 8.1): enough to say what a file holds that is not what was asked for."""

from __future__ import annotations

from typing import NamedTuple

INTEGER, OBJECT_IDENTIFIER = 0x02, 0x06

PRIVATE_KEY, REQUEST = "a private key", "a request"


class Part(NamedTuple):
    """One element: its tag and its content."""

    tag: int
    content: bytes


def parts(text: bytes) -> list[Part]:
    """The elements of a text, one after the other; what is in them is not looked at. Raises `ValueError` if one is incomplete, or
    its length has not the form that DER requires (X.690, 10.1)."""
    found, at = list[Part](), 0
    while at < len(text):
        if at + 2 > len(text) or text[at] & 0x1F == 0x1F or text[at + 1] == 0x80:
            raise ValueError("not DER")
        tag, length, at = text[at], text[at + 1], at + 2
        if length > 0x80:
            size = length & 0x7F
            length = int.from_bytes(text[at : at + size], "big")
            at += size
        if at + length > len(text):
            raise ValueError("not DER")
        found.append(Part(tag, text[at : at + length]))
        at += length
    return found


def inside(text: bytes) -> list[Part]:
    """The elements in a text that is one sequence. Raises `ValueError` for any other text."""
    match parts(text):
        case [Part(tag=0x30, content=content)]:
            return parts(content)
    raise ValueError("not one sequence")


def kind(text: bytes) -> str:
    """What a text is, by the types of its parts: `PRIVATE_KEY`, `REQUEST`, or another thing in words; empty if it is not known.

    Sources: RFC 2986 (request), RFC 5280 (certificate), RFC 5958, RFC 5915, RFC 8017 (private keys), RFC 7292 (PFX), RFC 5652
    (PKCS #7).
    """
    try:
        found = inside(text)
        tags = [part.tag for part in found]
        match tags:
            case [0x30, 0x30, 0x03]:
                return _signed(parts(found[0].content))
            case [0x02, 0x30, 0x04, *_] | [0x02, 0x04, *_] | [0x30, 0x04]:
                return PRIVATE_KEY
            case [0x02, 0x30] | [0x02, 0x30, 0x30]:
                return "a PFX"
            case [0x30, 0x03]:
                return "a public key"
            case [0x06, 0xA0]:
                return "PKCS #7"
    except ValueError:
        return ""
    return PRIVATE_KEY if len(tags) >= 9 and set(tags[:9]) == {INTEGER} else ""


def _signed(found: list[Part]) -> str:
    match [part.tag for part in found]:
        case [0x02, 0x30, 0x30] | [0x02, 0x30, 0x30, 0xA0]:
            return REQUEST
        case [0xA0, 0x02, *_] | [0x02, 0x30, 0x30, 0x30, *_]:
            return "a certificate"
    return ""
