"""Where a request may go: to the host that it is for, and to no other that an answer names.

An answer names addresses: the next page of a list, where an operation is asked for, where something has moved to. The SDKs follow
them to any host, with the token. Over TLS only Azure itself can answer so, or a proxy that a company has made its machines trust.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy

from dpsops.errors import Unreadable


def require_home(url: str, host: str) -> None:
    """Raises `Unreadable` unless the address is on this host, over TLS, and `ValueError` if it is none.

    It compares what stands in the address: readers of addresses differ in what they take for the host of odd ones. It is no
    `TypeError`, which the SDKs' poller would take for no error.
    """
    address = urlsplit(url)
    if address.scheme != "https" or address.netloc.lower() not in (host, f"{host}:443"):
        raise Unreadable(
            f"an answer of {host} leads to another host, so it is not followed",
            "run the command again; if it fails again, check whether a proxy changes the answers: --verbose shows each request",
        )


class HomePolicy(HTTPPolicy[Any, Any]):
    """Sends nothing to another host than this one. Where redirects, pages and operations lead, it looks at each request."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Sends a request. Raises as `require_home` does."""
        require_home(request.http_request.url, self._host)
        return self.next.send(request)
