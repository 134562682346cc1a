"""The transport of every client: the SDK's own, with bounds for its waits, and one log line for each exchange."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from dpsops.azure.body import Body
from dpsops.azure.waits import Waiting
from dpsops.settings import Waits

_PART_BYTES = 64 * 1024

_LOG = logging.getLogger("dpsops.wire")


class PromptAdapter(HTTPAdapter):
    """Sends at once through a proxy too. There urllib3 leaves Nagle's algorithm enabled, which delays each body by 40 ms."""

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The connection pool for a proxy."""
        return super().proxy_manager_for(proxy, socket_options=HTTPConnection.default_socket_options, **options)


class BoundedSession(requests.Session):
    """Reads each answer at once, whether or not a client wants to read it piece by piece, and none that is larger than one of
    Azure's can be."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Sends a request and reads its answer. Raises as `Body.add` does."""
        found = super().send(request, **{**options, "stream": True})
        body = Body(urlsplit(found.url).hostname or "")
        with found:  # only now the connection is free again: it is closed if its answer was not read to the end
            for part in found.iter_content(_PART_BYTES):
                body.add(part)
        found._content = body.content
        return found


def new_session() -> requests.Session:
    """A session for whatever sends requests by `requests`."""
    session = BoundedSession()
    session.mount("https://", PromptAdapter())
    return session


class Transport(RequestsTransport):  # type: ignore[misc]  # the SDK exports it lazily, untyped
    """Waits no longer than `waits` allow, and knows in `waiting` what for: the SDKs wait and pause nowhere else.

    Logs method, address and status; never headers, queries or bodies, which may contain secrets.
    """

    def __init__(self, waits: Waits | None = None, waiting: Waiting | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.waits = waits or Waits()
        self.waiting = waiting or Waiting()

    def sleep(self, duration: float) -> None:
        """Pauses. Raises `Unavailable` if the present wait would be over before."""
        super().sleep(self.waiting.pause(duration))

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Sends one request and returns its response, as the SDK's transport does. Raises `Unavailable` if the present wait is
        over."""
        address = urlsplit(request.url)
        left = self.waiting.require_time()
        connecting = min(kwargs.pop("connection_timeout", self.waits.connect_seconds), self.waits.connect_seconds, left)
        reading = min(kwargs.pop("read_timeout", self.waits.answer_seconds), self.waits.answer_seconds, left)
        try:
            response = super().send(request, connection_timeout=connecting, read_timeout=reading, **kwargs)
        except Exception as error:
            _LOG.info("%s %s%s -> %s", request.method, address.netloc, address.path, type(error).__name__)
            raise
        _LOG.info("%s %s%s -> %s", request.method, address.netloc, address.path, response.status_code)
        return response
