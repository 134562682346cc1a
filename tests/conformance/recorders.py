"""The formats that recorders write, each read into the same exchanges.

VCR cassettes of Python (also those of cloud-custodian, whose JSON bodies are already parsed, and nock files transcribed
into that form), of Go and of Ruby; files of Azure's test proxy; the older .NET session records, whose URIs are relative
and whose headers are lists; the network call records of Java, which have no bodies of requests.
"""

from __future__ import annotations

import ast
import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.messages import MANAGEMENT, Exchange, Message

_BODY_OF_PYTHON_2 = re.compile(r"b(['\"]).*\1", re.DOTALL)


def exchanges(document: Any, text: str) -> tuple[Exchange, ...] | None:
    """The exchanges in a document that was written as `text`; None where it is no recording. Raises `ValueError` and its
    kin for a broken one."""
    match document:
        case {"interactions": list(interactions)} | {"http_interactions": list(interactions)}:
            return tuple(_from_cassette(index, each) for index, each in enumerate(interactions))
        case {"Entries": list(entries)}:
            host, entries = _vault_host(text), _in_time(entries)
            return tuple(_from_session(index, each, host) for index, each in enumerate(entries))
        case {"networkCallRecords": list(calls)}:
            return tuple(_from_call(index, each) for index, each in enumerate(calls))
        case _:
            return None


def _in_time(entries: list[Any]) -> list[Any]:
    """The entries of an old session in the order of their answers' times: its recorder sorted them by the request."""
    dates = [_headers(each.get("ResponseHeaders")).get("date", "") for each in entries]
    if not all(dates) or not all(each["RequestUri"].startswith("/") for each in entries):
        return entries
    times = [parsedate_to_datetime(each) for each in dates]
    return [entries[place] for place in sorted(range(len(entries)), key=lambda place: times[place])]


def _from_cassette(index: int, interaction: Mapping[str, Any]) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    # Go writes the number into a member of its own, and the whole line into `status`.
    status = response.get("code", response.get("status", response.get("status_code")))
    headers = _headers(response.get("headers"))
    return Exchange(
        index,
        request["method"].upper(),
        request.get("uri") or request["url"],
        _message(_headers(request.get("headers")), request.get("body")),
        int(status["code"] if isinstance(status, Mapping) else status),
        _message(headers, _parsed(response, "headers", response.get("body", response.get("content")))),
    )


def _from_session(index: int, entry: Mapping[str, Any], vault: str) -> Exchange:
    uri = entry["RequestUri"]
    if uri.startswith("/"):
        # The old recorder dropped the host, and left two slashes where the client had joined base and path.
        path = "/" + uri.lstrip("/")
        uri = f"https://{MANAGEMENT if path.lower().startswith(('/subscriptions', '/providers')) else vault}{path}"
    return Exchange(
        index,
        entry["RequestMethod"].upper(),
        uri,
        _message(_headers(entry.get("RequestHeaders")), entry.get("RequestBody")),
        int(entry["StatusCode"]),
        _message(_headers(entry.get("ResponseHeaders")), _parsed(entry, "ResponseHeaders", entry.get("ResponseBody"))),
    )


def _from_call(index: int, call: Mapping[str, Any]) -> Exchange:
    parts = urlsplit(call["Uri"])
    answer = _headers(call["Response"])
    status, body = int(answer.pop("statuscode")), answer.pop("body", None)
    # The recorder put itself in the place of Resource Manager, and a pause of zero into every answer.
    answer.pop("retry-after", None)
    answer = {name: value.replace("http://localhost:1234", f"https://{MANAGEMENT}") for name, value in answer.items()}
    uri = parts._replace(scheme="https", netloc=MANAGEMENT).geturl() if parts.hostname == "localhost" else parts.geturl()
    return Exchange(
        index, call["Method"].upper(), uri, Message(_headers(call.get("Headers")), b""), status, _message(answer, body)
    )


def _vault_host(text: str) -> str:
    found = re.search(r"https?://([a-z0-9-]+\.vault\.azure\.net)", text, re.IGNORECASE)
    return found[1].lower() if found else "vaultname.vault.azure.net"


def _headers(headers: Mapping[str, Any] | None) -> dict[str, str]:
    return {
        name.lower(): ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in (headers or {}).items()
    }


def _parsed(half: Mapping[str, Any], headers: str, body: Any) -> Any:
    """A body that was recorded parsed, where no body and the value null look alike, and in some sessions the empty list, too:
    only the length tells them apart."""
    length = _headers(half.get(headers)).get("content-length")
    if body == [] and length == "0":
        return None
    if body is not None and body != {"data": None}:
        return body
    return "null" if length == "4" else None


def _message(headers: dict[str, str], body: Any) -> Message:
    return Message(headers, _decompress(_bytes(headers, body), headers.get("content-encoding", "")))


def _bytes(headers: Mapping[str, str], body: Any) -> bytes:
    match body:
        case None:
            return b""
        case bytes():
            return body
        case str() if "octet-stream" in headers.get("content-type", ""):
            try:
                return base64.b64decode(body, validate=True)
            except binascii.Error:
                return body.encode()
        case str():
            return _text(body).encode()
        case {"base64_string": str(text)}:
            return base64.b64decode(text)
        case {"string": text, **rest} if not rest.keys() - {"encoding"}:
            return _bytes(headers, text)
        case {"data": str(text)} if not text or text.lstrip().startswith(("{", "[")):
            return _text(text).encode()
        case {"data": data, **rest} if not rest.keys() - {"encoding"} and "json" in headers.get("content-type", "json"):
            return json.dumps(data).encode()
        case [str(), *_] if "json" not in headers.get("content-type", ""):
            return "".join(map(str, body)).encode()
        case _:
            return json.dumps(body).encode()


def _text(body: str) -> str:
    """A body as text: a recorder under Python 2 wrote some as the literals of byte strings, over and over again."""
    while _BODY_OF_PYTHON_2.fullmatch(body):
        with suppress(ValueError, SyntaxError):
            literal = ast.literal_eval(body)
            body = literal.decode(errors="replace")
            continue
        break
    return body


def _decompress(body: bytes, encoding: str) -> bytes:
    # Most recorders have decompressed the body and kept the header.
    if "gzip" in encoding and body.startswith(b"\x1f\x8b"):
        return gzip.decompress(body)
    if "deflate" in encoding and body:
        for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
            try:
                return zlib.decompress(body, window)
            except zlib.error:
                continue
    return body
