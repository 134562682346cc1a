"""What all requests to the data plane have in common, parsed once."""

from __future__ import annotations

import base64
import re
from typing import Any

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.http import Request, whole_number
from dpsops.emulator.keyvault.errors import bad_parameter

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_BASE64URL = re.compile(r"[0-9a-zA-Z_-]*")
_MAX_TAGS = 15
_MAX_TAG = 256
_PAGE = 25
_TIMES = range(253_402_300_800)
"""Epoch seconds from 1970 to the end of the year 9999, which is .NET's last; none before 1970 (stricter guess)."""


def body_of(request: Request) -> JSON:
    """The body, which has to be a JSON object."""
    try:
        document = parse_json(request.body) if request.body.strip() else None
    except ValueError as invalid:
        raise bad_parameter("Failed to parse JSON request body.") from invalid
    if not isinstance(document, dict):
        raise bad_parameter("Request body not specified")
    return document


def object_name(name: str) -> str:
    """An object's name. Source: "About keys, secrets, and certificates", Object identifiers."""
    if not _NAME.fullmatch(name):
        raise bad_parameter(f"The request URI contains an invalid name: {name}")
    return name


def field(body: JSON, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
    """An optional field of a given JSON type; null counts as absent, and `true` is no number."""
    value = body.get(name)
    if value is None:
        return default
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise bad_parameter(f"Property {name} has invalid value")
    return value


def required_text(body: JSON, name: str) -> str:
    """A field that has to be there, with text."""
    value = field(body, name, str)
    if not value:
        raise bad_parameter(f"Property {name} is required")
    return str(value)


def tags_of(body: JSON) -> dict[str, str] | None:
    """The tags: at most 15 of 256 characters each (Key Vault, "Tags"). None where the request has none."""
    tags = field(body, "tags", dict)
    if tags is None:
        return None
    if len(tags) > _MAX_TAGS:
        raise bad_parameter(f"The number of tags must not exceed {_MAX_TAGS}.")
    if not all(isinstance(value, str) and len(name) <= _MAX_TAG and len(value) <= _MAX_TAG for name, value in tags.items()):
        raise bad_parameter(f"A tag's name and its value must be text of at most {_MAX_TAG} characters.")
    return {str(name): str(value) for name, value in tags.items()}


def attributes_of(body: JSON) -> JSON:
    """The attributes that a client may set (`enabled`, `nbf`, `exp`; epoch s), as far as the request has them."""
    given = field(body, "attributes", dict, {})
    kinds: dict[str, type] = {"enabled": bool, "nbf": int, "exp": int}
    attributes = {name: field(given, name, kind) for name, kind in kinds.items() if given.get(name) is not None}
    for name in ("nbf", "exp"):
        if attributes.get(name, 0) not in _TIMES:
            raise bad_parameter(f"Property {name} has invalid value")
    if attributes.get("exp", 2**63) <= attributes.get("nbf", 0):
        raise bad_parameter("Property exp must be later than property nbf")
    return attributes


def maximum_of(request: Request) -> int:
    """The size of a page: `maxresults`, 25 at most and by default."""
    text = request.query.get("maxresults", str(_PAGE))
    size = whole_number(text)
    if size is None or not 1 <= size <= _PAGE:
        raise bad_parameter(f"Invalid value for maxresults: {text}. It must be between 1 and {_PAGE}.")
    return size


def base64url_decode(text: str, name: str) -> bytes:
    """Base64url without padding (RFC 7515, section 2), out of the field `name`."""
    try:
        if not _BASE64URL.fullmatch(text):
            raise ValueError("neither padding nor the other alphabet")
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as invalid:
        raise bad_parameter(f"Property {name} is not encoded with base64url") from invalid


def base64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
