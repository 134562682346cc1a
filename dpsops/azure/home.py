"""Where a request may go: to the host that it is for, and to no other that an answer names.

An answer names addresses: the next page of a list, where an operation is asked for, where something has moved to. The SDKs follow
them to any host, with the token. Over TLS only Azure itself can answer so, or a proxy that a company has made its machines trust.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy


class ElsewhereError(ValueError):
    """An answer leads to another host. It is no `TypeError`, which the SDKs' poller would take for no error."""


def require_home(url: str, host: str) -> None:
    """Raises `ElsewhereError` unless the address is on this host, over TLS; another `ValueError` if it is none.

    It compares what stands in the address: readers of addresses differ in what they take for the host of odd ones.
    """
    address = urlsplit(url)
    if address.scheme != "https" or address.netloc.lower() not in (host, f"{host}:443"):
        raise ElsewhereError("an address on another host")


class HomePolicy(HTTPPolicy[Any, Any]):
    """Sends nothing to another host than this one. Where redirects, pages and operations lead, it looks at each request."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Sends a request. Raises as `require_home` does."""
        require_home(request.http_request.url, self._host)
        return self.next.send(request)
