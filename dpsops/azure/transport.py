"""The transport of every client: the SDK's own, with one log line for each exchange."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

_LOG = logging.getLogger("dpsops.wire")


class PromptAdapter(HTTPAdapter):
    """Sends at once through a proxy too. There urllib3 leaves Nagle's algorithm enabled, which delays each body by 40 ms."""

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The connection pool for a proxy."""
        return super().proxy_manager_for(proxy, socket_options=HTTPConnection.default_socket_options, **options)


def new_session() -> requests.Session:
    """A session for the transport."""
    session = requests.Session()
    session.mount("https://", PromptAdapter())
    return session


class Transport(RequestsTransport):  # type: ignore[misc]  # the SDK exports it lazily, untyped
    """Logs method, address and status; never headers, queries or bodies, which may contain secrets."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Sends one request and returns its response, as the SDK's transport does."""
        address = urlsplit(request.url)
        try:
            response = super().send(request, **kwargs)
        except Exception as error:
            _LOG.info("%s %s%s -> %s", request.method, address.netloc, address.path, type(error).__name__)
            raise
        _LOG.info("%s %s%s -> %s", request.method, address.netloc, address.path, response.status_code)
        return response
