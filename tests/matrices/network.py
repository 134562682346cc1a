"""What is between the commands and the embedded Azure: a network that a test can disturb, and that counts what it carries.

It stands where a proxy would. The SDKs reach it through an adapter of their session, the pool through a sender; both get the
errors that a socket would give them. Devices use a socket of their own, where the faults of the embedded Azure meet them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from azure.core.exceptions import ServiceRequestError, ServiceResponseError, ServiceResponseTimeoutError
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from dpsops.azure.exchange import Answer, Ask
from dpsops.emulator.azure import Azure, Dropped
from dpsops.emulator.http import Request

_TURNS = 4
"""So often others have their turn before a request is sent: whoever waits for a result has it first, and may want no more."""


class Silent(Exception):
    """Nothing comes until whoever waits gives up."""


@dataclass(frozen=True, slots=True)
class Carried:
    """An answer as bytes on the wire. `missing`: how many of those that its length promises do not come."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    missing: int = 0


Serve = Callable[[Request], Carried]
Meddle = Callable[[Request, Serve], Carried]
"""Answers a request, by serving it or in another way. Raises `Dropped`, or `Silent`."""


def undisturbed(request: Request, serve: Serve) -> Carried:
    """Serves each request."""
    return serve(request)


@dataclass(slots=True)
class Network:
    """Carries requests. `meddle` answers them; `before` is called before each with its number, from 1; `wait` passes seconds of
    silence."""

    azure: Azure
    wait: Callable[[float], None]
    meddle: Meddle = undisturbed
    before: Callable[[int], None] = lambda _: None
    carried: int = 0

    def carry(self, request: Request) -> Carried:
        """The answer. Raises `Dropped`, or `Silent`."""
        self.carried += 1
        self.before(self.carried)
        return self.meddle(request, self.serve)

    def serve(self, request: Request) -> Carried:
        """The answer of the embedded Azure."""
        answer = self.azure.handle(request)
        return Carried(answer.status, answer.fields(self.azure.clock.now()), answer.content())


class Adapter(HTTPAdapter):
    """Sends the requests of a session over a network."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network

    def send(self, request: requests.PreparedRequest, *_arguments: Any, **options: Any) -> requests.Response:
        """The answer to one request."""
        url = request.url or ""
        if not self._network.azure.resolves(urlsplit(url).hostname or ""):
            raise requests.exceptions.ProxyError(f"host='{urlsplit(url).hostname}': 502 Bad Gateway", request=request)
        body = request.body or b""
        assert isinstance(body, str | bytes), "no SDK streams what it sends"
        sent = body.encode() if isinstance(body, str) else body
        timeout = options.get("timeout")
        patience = timeout[1] if isinstance(timeout, tuple) else float(timeout or 60.0)
        try:
            found = self._network.carry(_request(request.method or "", url, request.headers, sent))
        except Dropped:
            raise requests.exceptions.ConnectionError(ProtocolError("the connection breaks"), request=request) from None
        except Silent:
            self._network.wait(patience)
            raise requests.exceptions.ReadTimeout("Read timed out.", request=request) from None
        content = b"" if request.method == "HEAD" else found.content
        headers = {**found.headers, "Content-Length": str(len(content) + found.missing)}
        raw = HTTPResponse(BytesIO(content), headers, found.status, preload_content=False, request_method=request.method)
        return self.build_response(request, raw)


class Sender:
    """Sends what the pool sends over a network."""

    def __init__(self, network: Network, patience: float) -> None:
        self._network = network
        self._patience = patience

    async def __call__(self, ask: Ask, seconds: float) -> Answer:
        """The answer. Raises azure-core's errors, as `Connections` does."""
        await _others()
        host = urlsplit(ask.url).hostname or ""
        if not self._network.azure.resolves(host):
            raise ServiceRequestError(f"host='{host}': 502 Bad Gateway")
        try:
            found = self._network.carry(_request(ask.method, ask.url, ask.headers, ask.content))
        except Dropped:
            raise ServiceResponseError(f"{host}: Server disconnected") from None
        except Silent:
            until = self._network.azure.clock.now() + min(seconds, self._patience)
            await _others()  # who are silent meanwhile
            self._network.wait(until - self._network.azure.clock.now())
            raise ServiceResponseTimeoutError(f"no answer of {host}") from None
        if found.missing:
            raise ServiceResponseError(f"{host}: Response payload is not completed")
        return Answer(ask, found.status, CaseInsensitiveDict(found.headers), found.content)

    async def close(self) -> None:
        """Has nothing to close."""


async def _others() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _request(method: str, url: str, headers: Mapping[str, Any], body: bytes) -> Request:
    address = urlsplit(url)
    asked = dict(parse_qsl(address.query, keep_blank_values=True))
    named = {name.lower(): str(value) for name, value in headers.items()}
    return Request(method, address.hostname or "", unquote(address.path), asked, named, body)
