"""Recorded traffic of the real Azure, read from whatever format it was published in.

VCR cassettes (YAML or JSON; also those of cloud-custodian, whose JSON bodies are already parsed), files of
Azure's test proxy, and the older .NET session records, whose URIs are relative and whose headers are lists.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / os.environ.get("DPSOPS_RECORDINGS", "../shared/recordings")
"""Where the recordings are, relative to the repository. The tests that need them skip where it does not exist."""

ABSENT = "no recordings: DPSOPS_RECORDINGS names no folder, and there is none beside the repository"

MANAGEMENT = "management.azure.com"
_LIST = re.compile(r'^interactions:|"(interactions|Entries)"\s*:', re.MULTILINE)


class Unreadable(Exception):
    """A file that looks like a recording, and is a broken one; the message says how."""


@dataclass(frozen=True, slots=True)
class Message:
    """One half of an exchange: header names in lower case, the body as bytes, decompressed."""

    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, None where it is empty or something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to Azure and its answer. `index` is the position in the recording, from 0; `url` is absolute."""

    index: int
    method: str
    url: str
    request: Message
    status: int
    response: Message

    @property
    def host(self) -> str:
        """The host name, in lower case."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(urlsplit(self.url).path)

    @property
    def query(self) -> dict[str, str]:
        """The query; a parameter without a value has the empty one."""
        pairs = (part.partition("=") for part in urlsplit(self.url).query.split("&") if part)
        return {unquote(name): unquote(value.replace("+", " ")) for name, _, value in pairs}

    @property
    def api_version(self) -> str:
        """The `api-version` of the query, or the empty string."""
        return next((value for name, value in self.query.items() if name.lower() == "api-version"), "")

    def __str__(self) -> str:
        return f"#{self.index} {self.method} {self.host}{self.path} ({self.api_version}) {self.status}"


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of exchanges; `name` is its path below the folder."""

    name: str
    exchanges: tuple[Exchange, ...]


def discover(folder: Path = FOLDER) -> list[Path]:
    """The files below `folder` that look like recordings, in the order of their paths; none where there is no folder."""
    files = (path for path in folder.rglob("*") if path.suffix in {".json", ".yaml", ".yml"} and path.is_file())
    return sorted(path for path in files if _LIST.search(_text(path)))


def read_recording(path: Path, folder: Path = FOLDER) -> Recording | None:
    """The recording in a file, or None where the file is something else. Raises `Unreadable`."""
    text = _text(path)
    try:
        document = json.loads(text) if path.suffix == ".json" else _Loader(text).get_single_data()
        return _read(document, path.relative_to(folder).as_posix(), text)
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as broken:
        raise Unreadable(f"{path} looks like a recording, and cannot be read: {broken!r}") from broken


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _read(document: Any, name: str, text: str) -> Recording | None:
    match document:
        case {"interactions": list(interactions)}:
            exchanges = tuple(_from_cassette(index, each) for index, each in enumerate(interactions))
        case {"Entries": list(entries)}:
            host = _vault_host(text)
            exchanges = tuple(_from_session(index, each, host) for index, each in enumerate(entries))
        case _:
            return None
    return Recording(name, exchanges)


def read_all(folder: Path = FOLDER) -> Iterator[Recording]:
    """Every recording below `folder` that can be read."""
    for path in discover(folder):
        with suppress(Unreadable):
            recording = read_recording(path, folder)
            if recording is not None:
                yield recording


class _Loader(yaml.CSafeLoader):
    """Reads strings as strings where Python 2 wrote a cassette, too."""


def _construct_text(loader: yaml.CSafeLoader, node: Any) -> Any:
    return loader.construct_scalar(node)


for _tag in ("unicode", "str"):
    _Loader.add_constructor(f"tag:yaml.org,2002:python/{_tag}", _construct_text)


def _from_cassette(index: int, interaction: Mapping[str, Any]) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    status = response.get("status", response.get("status_code"))
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


def _vault_host(text: str) -> str:
    found = re.search(r"https?://([a-z0-9-]+\.vault\.azure\.net)", text, re.IGNORECASE)
    return found[1].lower() if found else "vaultname.vault.azure.net"


def _headers(headers: Mapping[str, Any] | None) -> dict[str, str]:
    return {
        name.lower(): ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in (headers or {}).items()
    }


def _parsed(half: Mapping[str, Any], headers: str, body: Any) -> Any:
    """A body that was recorded parsed, where no body and the value null look alike: only the length tells them apart."""
    if body is not None and body != {"data": None}:
        return body
    return "null" if _headers(half.get(headers)).get("content-length") == "4" else None


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
            return body.encode()
        case {"base64_string": str(text)}:
            return base64.b64decode(text)
        case {"string": text, **rest} if not rest.keys() - {"encoding"}:
            return _bytes(headers, text)
        case {"data": data, **rest} if not rest.keys() - {"encoding"} and "json" in headers.get("content-type", "json"):
            return json.dumps(data).encode()
        case [str(), *_] if "json" not in headers.get("content-type", ""):
            return "".join(map(str, body)).encode()
        case _:
            return json.dumps(body).encode()


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
