"""The form of what Azure makes up: two times, hashes or IDs differ from run to run, but not in how they are written."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Any

_FORMS = (
    ("a time as in HTTP", r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"),
    ("no time at all", r"0001-01-01T00:00:00Z?"),
    # How many digits a fraction has is chance: some services leave zeros at its end away.
    ("a time with a fraction", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,7}(Z|[+-]\d\d:\d\d)"),
    ("a time in seconds", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"),
    ("a time with a blank", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"),
    ("a length of time", r"PT?[\dHMSD.]+"),
    ("a UUID", r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    ("an ID scope", r"0ne[0-9A-F]{8}"),
    ("SHA-1 in capitals", r"[0-9A-F]{40}"),
    ("SHA-1 in small letters", r"[0-9a-f]{40}"),
    ("SHA-256 in capitals", r"[0-9A-F]{64}"),
    ("SHA-256 in small letters", r"[0-9a-f]{64}"),
    ("48 hexadecimal digits in capitals", r"[0-9A-F]{48}"),
    ("20 digits", r"\d{20}"),
    ("16 hexadecimal digits in capitals", r"[0-9A-F]{16}"),
)
_UNSET = "no time at all"
"""What stands where nothing has happened yet; whether it has is chance."""


def form(text: str) -> str:
    """How a value is written, in words; the empty string where there is no word for it."""
    return next((name for name, pattern in _FORMS if re.fullmatch(pattern, text)), "")


def same_form(recorded: str, got: str) -> bool:
    """Whether two values are written alike. An empty form says nothing."""
    one, other = form(recorded), form(got)
    return one == other or not one or _UNSET in (one, other)


def inconsistencies(answer: Any, where: str) -> Iterator[str]:
    """What in an answer contradicts itself: a thumbprint beside the certificate that it is not of."""
    if not isinstance(answer, dict):
        return
    encoded, thumbprint = answer.get("cer"), answer.get("x5t")
    if isinstance(encoded, str) and isinstance(thumbprint, str):
        try:
            digest = hashlib.sha1(base64.b64decode(encoded)).digest()  # noqa: S324 - what x5t is by RFC 7515
        except binascii.Error:
            yield f"{where}.cer: no base64"
            return
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != thumbprint:
            yield f"{where}.x5t: is not the thumbprint of cer"
