"""Requests, answers and routes: the vocabulary every service of the embedded Azure is written in.

A service is a table of routes. A handler receives the world as it is inside one transaction, the
request, and the parts of host and path that its route names; it returns a `Response` or raises a
`Refusal`, and a refusal leaves no trace in the state.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from dpsops.emulator.documents import parse_json
from dpsops.emulator.post import Awaited
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World

_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class _Nothing:
    """The absence of a body, which is not the JSON value null that some Azure services answer."""


NOTHING = _Nothing()


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a service sees it: host and header names in lower case, the path decoded.

    `chain`: the TLS client certificates as presented, DER, leaf first; empty where the client sent none. `meanwhile`: the paths,
    in lower case, of the requests that were changing something when it came.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: Principal | None = None
    chain: tuple[bytes, ...] = ()
    meanwhile: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """The `api-version` of the query, or the empty string."""
        return next((value for key, value in self.query.items() if key.lower() == "api-version"), "")

    @property
    def media_type(self) -> str:
        """The media type that `Content-Type` names, without its parameters, or the empty string (RFC 9110, 8.3)."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def principal(self) -> Principal:
        """Who calls. Only for routes behind a token, where the dispatcher has put the caller in."""
        assert self.caller is not None, "a route without a token asked who calls"
        return self.caller

    @property
    def url(self) -> str:
        """Scheme, host and path, as Azure quotes a resource of its own."""
        return f"https://{self.host}{self.path}"

    def json(self) -> Any:
        """The body as JSON; an empty body is an empty object. Anything else is refused."""
        try:
            return parse_json(self.body) if self.body.strip() else {}
        except ValueError as invalid:
            message = f"The request content was invalid and could not be deserialized: '{invalid}'."
            raise Refusal(Response(400, {"error": {"code": "InvalidRequestContent", "message": message}})) from invalid


def whole_number(text: str) -> int | None:
    """The number that a query or a header names in at most nine decimal digits; None where it names none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: a status, a JSON value (or `NOTHING`, or bytes of any kind), and headers as Azure spells them.

    `awaits`: what this one gives way to, if the server waits for it. `because`: why it is refused, where the service does not
    say so: for the log alone, and never sent. `lag`: the seconds for which the server keeps it.
    """

    status: int
    body: Any = NOTHING
    headers: Mapping[str, str] = field(default_factory=dict)
    awaits: Awaited | None = None
    because: str = ""
    lag: float = 0.0

    def content(self) -> bytes:
        """The body as bytes on the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is NOTHING else json.dumps(self.body, separators=(",", ":")).encode()

    def fields(self, now: float) -> dict[str, str]:
        """The headers on the wire, at this time (epoch s): those of the service, and those that every answer has."""
        is_json = self.body is not NOTHING and not isinstance(self.body, bytes)
        media_type = {"Content-Type": "application/json; charset=utf-8"} if is_json else {}
        always = {"x-ms-request-id": str(uuid.uuid4()), "Date": formatdate(now, usegmt=True)}  # RFC 9110, 6.6.1
        return {**always, **self.headers, **media_type}


def in_ascii(response: Response) -> Response:
    """The response with headers in printable ASCII (RFC 9110, 5.5): all else in them, such as a group's name in a URL, is
    percent-encoded."""
    headers = {
        name: value if value.isascii() and value.isprintable() else quote(value, safe=_ASCII)
        for name, value in response.headers.items()
    }
    return replace(response, headers=headers)


class Refusal(Exception):
    """The refusal of a service. It carries the whole answer, so that each service keeps its own shape of error."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.content().decode()}")
        self.response = response


Handler = Callable[..., Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. In the pattern `{name}` is one path segment and `{name*}` any number of them.

    Fixed segments match in any case, as in Azure. `action` is the RBAC action that the caller must hold, with `{name}` for what
    the pattern names.
    """

    method: str
    pattern: str
    handler: Handler
    action: str = ""


class Router:
    """Finds the route of a request; the first match in the order given wins."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [(_compile(route.pattern), route) for route in routes]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and what its pattern names in `path`; None where there is no such operation."""
        for expression, route in self._routes:
            if route.method == method and (match := expression.fullmatch(path)):
                return route, match.groupdict()
        return None


def _compile(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\*?\})", pattern)
    text = "".join(
        f"(?P<{part[1:-2]}>.+)"
        if part.endswith("*}")
        else f"(?P<{part[1:-1]}>[^/]+)"
        if part.startswith("{")
        else re.escape(part)
        for part in parts
    )
    return re.compile(text + "/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Service:
    """One of Azure's services: which hosts it answers for, what token it wants, and its operations.

    `host` is matched against the whole host name; its named groups reach the handlers like those of a
    path. `audience` is the token's `aud` (empty: no token; several are separated by spaces). `authorize` raises
    the service's own `Refusal`; `unauthenticated` is its answer to a request without a usable token, given the reason;
    `unknown` its answer to an operation that it does not have. `resolves` tells whether a host name of
    this service exists: Azure gives a vault a name in the DNS only while the vault lives. `spelled` is how the service
    itself reads a path.
    """

    name: str
    host: re.Pattern[str]
    audience: str
    router: Router
    authorize: Callable[[World, Request, Route, Mapping[str, str]], None]
    unauthenticated: Callable[[World, Request, str], Response]
    unknown: Callable[[World, Request], Response]
    resolves: Callable[[World, Mapping[str, str]], bool] = lambda world, named: True
    spelled: Callable[[str], str] = str
