"""The embedded Azure without a network, for tests that send thousands of requests: the same SDKs, and the same answers.

TLS, HTTP and the server's thread cost more than what they carry. Devices, and tests that send less, use a real socket.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from dpsops.emulator.azure import Azure, Dropped
from dpsops.emulator.http import Request


class DirectAdapter(HTTPAdapter):
    """Sends the requests of a session to an embedded Azure. A name that has no host, and a connection that breaks, are errors
    of the same kind as over a socket."""

    def __init__(self, azure: Azure) -> None:
        super().__init__()
        self._azure = azure

    def send(self, request: requests.PreparedRequest, *_arguments: Any, **_options: Any) -> requests.Response:
        """The answer to one request."""
        address = urlsplit(request.url or "")
        host = address.hostname or ""
        if not self._azure.resolves(host):
            raise requests.exceptions.ProxyError(f"host='{host}': 502 Bad Gateway", request=request)
        try:
            answer = self._azure.handle(_as_served(request, host, address.path, address.query))
        except Dropped:
            raise requests.exceptions.ConnectionError(ProtocolError("the connection breaks"), request=request) from None
        content = b"" if request.method == "HEAD" else answer.content()
        raw = HTTPResponse(BytesIO(content), answer.fields(self._azure.clock.now()), answer.status, preload_content=False)
        return self.build_response(request, raw)


def _as_served(request: requests.PreparedRequest, host: str, path: str, query: str) -> Request:
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    body = request.body or b""
    assert isinstance(body, str | bytes), "no SDK streams what it sends"
    sent = body.encode() if isinstance(body, str) else body
    asked = dict(parse_qsl(query, keep_blank_values=True))
    return Request(request.method or "", host, unquote(path), asked, headers, sent)
