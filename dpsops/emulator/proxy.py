"""The CONNECT proxy through which clients reach the embedded Azure under Azure's real host names (RFC 9110, 9.3.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from dpsops.emulator.connections import Connections

_MAX_REQUEST = 16_384
_AMQP = ("5671", "5672")

FindHost = Callable[[str, str], asyncio.Protocol | None]
"""What answers under a host name and port: a protocol for one new connection, or None where there is nothing."""


class File(NamedTuple):
    """What a GET is answered, and its media type."""

    content: bytes
    kind: str


class ConnectProxy(asyncio.Protocol):
    """One client connection until its CONNECT is answered; then the host that it asked for takes it over.

    A host that Azure would not know gets 502, which is how a proxy reports a name that does not resolve. `files`: what is
    answered to a GET of these targets, which are paths, or URLs as a proxy is asked for them (RFC 9112, 3.2).
    """

    def __init__(self, find_host: FindHost, connections: Connections, files: Mapping[str, File]) -> None:
        self._files = files
        self._find_host = find_host
        self._connections = connections
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.enter(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """The client has gone: it was refused, or it has not asked for anything."""
        self._connections.leave(self._transport)

    def data_received(self, data: bytes) -> None:
        """Collects the request, and answers it when it is whole."""
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if len(head) > _MAX_REQUEST:
            self._transport.abort()
        elif end and not self._transport.is_closing():
            self._answer(head.decode("latin-1"), rest)

    def _answer(self, head: str, rest: bytes) -> None:
        method, _, target = head.partition(" ")
        authority = target.partition(" ")[0]
        host, _, port = authority.rpartition(":")
        if method == "GET" and authority in self._files:
            file = self._files[authority]
            self._respond("200 OK", file.content, file.kind)
            return
        if method != "CONNECT":
            self._refuse("405 Method Not Allowed", "This is a CONNECT proxy: use it as HTTPS_PROXY.")
            return
        answering = self._find_host(host.lower(), port)
        if answering is None:
            no_amqp = f" AMQP ({port}) is not there: use MQTT (8883, or 443 over WebSockets) or HTTPS." if port in _AMQP else ""
            self._refuse("502 Bad Gateway", f"The embedded Azure has no host {authority}.{no_amqp}")
            return
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._transport.set_protocol(answering)
        answering.connection_made(self._transport)
        if rest:
            answering.data_received(rest)

    def _refuse(self, status: str, text: str) -> None:
        self._respond(status, f"{text}\n".encode(), "text/plain")

    def _respond(self, status: str, body: bytes, kind: str) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._transport.write(head.encode() + body)
        self._transport.close()
