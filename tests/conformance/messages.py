"""One recorded exchange with the real Azure, whatever recorder wrote it down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

MANAGEMENT = "management.azure.com"


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
    """One file of exchanges; `name` says in which folder, and where in it."""

    name: str
    exchanges: tuple[Exchange, ...]
