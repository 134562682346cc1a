"""One request and its answer, in the form that `errors` takes too, and the sender that all requests share."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from azure.core.exceptions import (
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from dpsops.azure.body import Body

if TYPE_CHECKING:
    import ssl

    import aiohttp

_PART_BYTES = 64 * 1024

_LOG = logging.getLogger("dpsops.wire")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. The headers are those of the request itself; the pool adds its own."""

    method: str
    url: str
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Answer:
    """One answer. Its headers are found in any case. It can be the `response` of azure-core's errors."""

    request: Ask
    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    reason: str = ""

    def text(self) -> str:
        """The body as text (UTF-8). Raises `ValueError` for anything else."""
        return self.content.decode("utf-8-sig")

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError` for anything else."""
        return self.document

    @cached_property
    def document(self) -> Any:
        """The body as JSON, parsed once."""
        return json.loads(self.content)


class Sender(Protocol):
    """Sends a request once, and returns its answer within `seconds`.

    Raises azure-core's `ServiceRequestError` if the request was surely not received, else `ServiceResponseError`.
    """

    async def __call__(self, ask: Ask, seconds: float) -> Answer:
        """The answer."""

    async def close(self) -> None:
        """Closes the connections."""


class Connections:
    """The sender over one pool of connections, which are kept open.

    proxy: the address of a proxy; None: whatever the variables of the environment say. connect, answer: the seconds to wait for
    a connection, and for the next bytes of an answer.
    """

    _MOST = 64

    def __init__(self, trusted: Callable[[], ssl.SSLContext], proxy: str | None, connect: float, answer: float) -> None:
        self._trusted = trusted
        self._proxy = proxy
        self._connect = connect
        self._answer = answer
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, ask: Ask, seconds: float) -> Answer:
        """The answer. Raises as `Body.add` does, too."""
        import aiohttp

        session = self._session or self._open()
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=self._connect, sock_read=self._answer)
        try:
            async with session.request(
                ask.method, ask.url, data=ask.content or None, headers=ask.headers, proxy=self._proxy, timeout=timeout,
                allow_redirects=False,
            ) as found:  # fmt: skip
                body = Body(urlsplit(ask.url).hostname or "")
                async for part in found.content.iter_chunked(_PART_BYTES):
                    body.add(part)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a timeout is an OSError too
            _log(ask, type(error).__name__)
            raise _failed(error, urlsplit(ask.url).hostname or "") from error
        _log(ask, found.status)
        return Answer(ask, found.status, found.headers, body.content, found.reason or "")

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        connector = aiohttp.TCPConnector(limit=self._MOST, ssl=self._trusted(), ttl_dns_cache=60)
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=self._proxy is None, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
        )
        return self._session

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _log(ask: Ask, outcome: object) -> None:
    if _LOG.isEnabledFor(logging.INFO):
        address = urlsplit(ask.url)
        _LOG.info("%s %s%s -> %s", ask.method, address.netloc, address.path, outcome)


def _failed(error: Exception, host: str) -> ServiceRequestError | ServiceResponseError:
    """azure-core's error for a failure of aiohttp: whether the request may have been received. It quotes only what has no address
    of a proxy, where a password may be, and no header."""
    import aiohttp

    match error:
        case aiohttp.ClientHttpProxyError(status=502):  # what a proxy says of a name that does not exist
            return ServiceRequestError(f"host='{host}': 502 Bad Gateway", error=error)
        case aiohttp.ConnectionTimeoutError():
            return ServiceRequestTimeoutError(f"no connection to {host}", error=error)
        case aiohttp.ClientConnectorDNSError():
            return ServiceRequestError(f"Failed to resolve '{host}'", error=error)
        case aiohttp.ClientHttpProxyError():
            return ServiceRequestError(f"{host}: the proxy has answered {error.status}", error=error)
        case aiohttp.ClientConnectorError():
            return ServiceRequestError(f"{host}: {error}", error=error)
        case TimeoutError():
            return ServiceResponseTimeoutError(f"no answer of {host}", error=error)
        case ValueError():  # the address of a proxy that is none
            return ServiceRequestError(f"{host}: {type(error).__name__}", error=error)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return ServiceResponseError(f"{host}: {error}", error=error)
        case _:
            return ServiceResponseError(f"{host}: {type(error).__name__}", error=error)
