"""The string functions, and the conversions to and from strings.

Source: "String functions for ARM templates" of the Resource Manager documentation.
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from dpsops.emulator.arm.template import dotnet
from dpsops.emulator.arm.template.function import ANY, ARRAY, INT, SCALAR, TEXT, Function
from dpsops.emulator.arm.template.hashing import guid, unique_string
from dpsops.emulator.arm.template.values import composite, text
from dpsops.emulator.documents import parse_json

_PLAIN_URI = re.compile(r"[A-Za-z0-9._~:/?#@!$&'()*+,;=-]*")
_DATA_URI = re.compile(r"data:(?:[\w.+-]+/[\w.+-]+)?(?:;charset=(?P<charset>[\w-]+))?;base64,(?P<data>[A-Za-z0-9+/=]*)")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def _concat(*parts: Any) -> Any:
    if all(isinstance(part, list) for part in parts):
        return [each for part in parts for each in part]
    if any(isinstance(part, list) for part in parts):
        raise ValueError("the arguments must be all arrays or all strings")
    return "".join(map(text, parts))


def _replace(value: str, old: str, new: str) -> str:
    if not old:
        raise ValueError("the string to replace must not be empty")
    return value.replace(old, new)


def _join(items: list[Any], delimiter: str) -> str:
    return delimiter.join(map(text, items))


def _split(value: str, delimiter: Any) -> list[str]:
    pieces = [value]
    for each in [delimiter] if isinstance(delimiter, str) else delimiter:
        if not isinstance(each, str) or not each:
            raise ValueError("a delimiter must be a string of one character at least")
        pieces = [part for piece in pieces for part in piece.split(each)]
    return pieces


def _substring(value: str, start: int, length: int | None = None) -> str:
    whole = dotnet.length(value)
    end = whole if length is None else start + length
    if not 0 <= start <= end <= whole:
        raise ValueError("the start and length must be within the string")
    return dotnet.part(value, start, end)


def _int(value: Any) -> int:
    if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]+", value):
        raise ValueError(f"the string '{value}' is no integer")
    found = int(value)
    if not -(2**63) <= found < 2**63:
        raise ValueError(f"the integer '{value}' does not fit into 64 bits")
    return found


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false", "1", "0"):
            raise ValueError(f"the string '{value}' is no boolean")
        return value.lower() in ("true", "1")
    return bool(value)


def _pad_left(value: Any, length: int, padding: str = " ") -> str:
    if dotnet.length(padding) != 1:
        raise ValueError("the padding must be one character")
    written = text(value)
    return padding * (length - dotnet.length(written)) + written


def _uri(base: str, relative: str) -> str:
    """The two as one, as RFC 3986 joins them. What .NET would write otherwise (an escape, a letter beyond ASCII) is refused."""
    found = urljoin(base, relative)
    parts = urlsplit(found)
    if parts.scheme not in _DEFAULT_PORTS or not parts.netloc:
        raise ValueError(f"'{base}' is no absolute http or https URI")
    if not (_PLAIN_URI.fullmatch(base) and _PLAIN_URI.fullmatch(relative)) or "@" in parts.netloc:
        raise ValueError("what becomes of characters that a URI escapes is not known here")
    host = parts.netloc.lower().removesuffix(_DEFAULT_PORTS[parts.scheme])
    return parts._replace(netloc=host, path=parts.path or "/").geturl()


def _data_uri(value: str) -> str:
    return f"data:text/plain;charset=utf-8;base64,{_to_base64(value)}"


def _data_uri_to_string(value: str) -> str:
    match = _DATA_URI.fullmatch(value)
    if match is None or (match["charset"] or "utf-8").lower() not in ("utf-8", "utf8"):
        raise ValueError("it is no data URI of text in base64 and UTF-8; others are not known here")
    return _from_base64(match["data"]).decode()


def _to_base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _from_base64(value: str) -> bytes:
    return base64.b64decode(value, validate=True)


STRING_FUNCTIONS = (
    Function("concat", _concat, (), 0, (*SCALAR, list)),
    Function("format", lambda pattern, *arguments: composite(pattern, arguments), (TEXT,), 0, ANY),
    Function("uniqueString", lambda *parts: unique_string(parts), (TEXT,), 0, TEXT),
    Function("guid", lambda *parts: guid(parts), (TEXT,), 0, TEXT),
    Function("string", text, (ANY,)),
    Function("int", _int, ((str, int),)),
    Function("bool", _bool, ((str, int, bool),)),
    Function("json", parse_json, (TEXT,)),
    Function("toLower", dotnet.lower, (TEXT,)),
    Function("toUpper", dotnet.upper, (TEXT,)),
    Function("trim", dotnet.strip, (TEXT,)),
    Function("replace", _replace, (TEXT, TEXT, TEXT)),
    Function("substring", _substring, (TEXT, INT, INT), 1),
    Function("split", _split, (TEXT, (str, list))),
    Function("join", _join, (ARRAY, TEXT)),
    Function("padLeft", _pad_left, ((str, int), INT, TEXT), 1),
    Function("startsWith", lambda value, start: dotnet.upper(value).startswith(dotnet.upper(start)), (TEXT, TEXT)),
    Function("endsWith", lambda value, end: dotnet.upper(value).endswith(dotnet.upper(end)), (TEXT, TEXT)),
    Function("base64", _to_base64, (TEXT,)),
    Function("base64ToString", lambda value: _from_base64(value).decode(), (TEXT,)),
    Function("base64ToJson", lambda value: parse_json(_from_base64(value)), (TEXT,)),
    Function("uri", _uri, (TEXT, TEXT)),
    Function("uriComponent", lambda value: quote(value, safe=""), (TEXT,)),
    Function("uriComponentToString", lambda value: unquote(value, errors="strict"), (TEXT,)),
    Function("dataUri", _data_uri, (TEXT,)),
    Function("dataUriToString", _data_uri_to_string, (TEXT,)),
)
