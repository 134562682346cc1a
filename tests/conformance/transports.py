"""Transports for the unmodified SDK clients that need no network: the embedded Azure itself, or a recording."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from dpsops.azure.transport import Transport
from dpsops.emulator.azure import Azure
from dpsops.emulator.http import NOTHING, Request
from tests.conformance.messages import Exchange

Answer = tuple[int, Mapping[str, str], bytes]


class _Adapter(HTTPAdapter):
    def __init__(self, answer: Callable[[requests.PreparedRequest], Answer]) -> None:
        super().__init__()
        self._answer = answer

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        status, headers, body = self._answer(request)
        raw = HTTPResponse(io.BytesIO(body), headers, status, preload_content=False)
        return self.build_response(request, raw)


class _Transport(Transport):
    """The transport of every client, with an answer in the place of the network."""

    def __init__(self, answer: Callable[[requests.PreparedRequest], Answer]) -> None:
        session = requests.Session()
        session.mount("https://", _Adapter(answer))
        super().__init__(session=session, session_owner=False)


class DirectTransport(_Transport):
    """Hands requests to the embedded Azure; waiting moves its clock forward."""

    def __init__(self, azure: Azure) -> None:
        super().__init__(self._ask)
        self._azure = azure

    def sleep(self, duration: float) -> None:
        """What a poller calls between two polls."""
        self._azure.clock.advance(duration)

    def _ask(self, request: requests.PreparedRequest) -> Answer:
        answer = self._azure.handle(read_request(request))
        headers = dict(answer.headers)
        if answer.body is not NOTHING:
            headers["Content-Type"] = "application/json; charset=utf-8"
        return answer.status, headers, answer.content()


class RecordedTransport(_Transport):
    """Answers from a recording, in its order: each request gets the next exchange of its method and path.

    `replacements` are made in the bodies of the answers. `asked` are the requests that came, `left` the
    exchanges not passed yet. Raises `AssertionError` on a request that the recording does not go on with.
    """

    def __init__(self, exchanges: Iterable[Exchange], replacements: Mapping[str, str] | None = None) -> None:
        super().__init__(self._ask)
        self.asked: list[Request] = []
        self.left = list(exchanges)
        self._replacements = replacements or {}

    def sleep(self, duration: float) -> None:
        """Recorded pollers have waited already."""

    def _ask(self, request: requests.PreparedRequest) -> Answer:
        asked = read_request(request)
        self.asked.append(asked)
        for index, exchange in enumerate(self.left):
            if (exchange.method, exchange.path.lower().rstrip("/")) == (asked.method, asked.path.lower().rstrip("/")):
                del self.left[: index + 1]
                body = exchange.response.body.decode()
                for recorded, now in self._replacements.items():
                    body = body.replace(recorded, now)
                dropped = {"content-length", "content-encoding", "transfer-encoding", "retry-after"}
                headers = {name: value for name, value in exchange.response.headers.items() if name not in dropped}
                return exchange.status, headers, body.encode()
        raise AssertionError(f"the recording does not go on with {asked.method} {asked.path}")


def read_request(request: requests.PreparedRequest) -> Request:
    """The request as the embedded Azure sees it."""
    parts = urlsplit(request.url or "")
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    return Request(
        method=request.method or "",
        host=(parts.hostname or "").lower(),
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value if isinstance(value, str) else value.decode() for name, value in request.headers.items()},
        body=body,
    )
