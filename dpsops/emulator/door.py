"""The door for clients that know no proxy: TLS connections to this machine, whose server name says which host they are for.

Source: RFC 8446, 4.1.2 and 5.1 (ClientHello, records); RFC 6066, 3 (server name).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dpsops.emulator.connections import Connections
from dpsops.emulator.proxy import FindHost

_MAX_HELLO = 65_536
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0
_UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"  # a fatal alert (RFC 6066, 3)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the doors are: an IP address of this machine, and a port for HTTPS and one for MQTT; 0: any free port."""

    address: str
    https: int = 443
    mqtt: int = 8883


class CannotListen(Exception):
    """The system refuses a port of a door."""

    def __init__(self, address: str, port: int, reason: str) -> None:
        super().__init__(f"{address}:{port} cannot be used: {reason}")


class Door(asyncio.Protocol):
    """One client connection until it has named its host in TLS; then that host takes it over.

    `port` is Azure's, whatever the door's own is. A name that Azure would not know, or none, is refused with an alert;
    what is no TLS is hung up on.
    """

    def __init__(self, port: str, find_host: FindHost, connections: Connections) -> None:
        self._port = port
        self._find_host = find_host
        self._connections = connections
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.enter(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """The client has gone: it was refused, or it has not named a host."""
        self._connections.leave(self._transport)

    def data_received(self, data: bytes) -> None:
        """Collects the ClientHello, and hands it on when it is whole."""
        if self._transport.is_closing():
            return
        self._received += data
        try:
            host = server_name(self._received)
        except ValueError:
            self._transport.abort()
            return
        if host is None:
            if len(self._received) > _MAX_HELLO:
                self._transport.abort()
            return
        answering = self._find_host(host, self._port)
        if answering is None:
            self._transport.write(_UNRECOGNIZED_NAME)
            self._transport.close()
            return
        self._transport.set_protocol(answering)
        answering.connection_made(self._transport)
        answering.data_received(self._received)


def server_name(received: bytes) -> str | None:
    """The server name in a ClientHello, in lower case, empty if it has none; None if there is more to come.

    Raises `ValueError` if this is no TLS, or no ClientHello that can be read.
    """
    hello = _hello(received)
    if hello is None:
        return None
    fields = _Fields(hello)
    fields.skip(2 + 32)  # version, random
    for size in (1, 2, 1):  # session ID, cipher suites, compression methods
        fields.vector(size)
    if fields.is_empty:
        return ""
    extensions = _Fields(fields.vector(2))
    while not extensions.is_empty:
        kind, content = extensions.number(2), extensions.vector(2)
        if kind == _SERVER_NAME:
            names = _Fields(_Fields(content).vector(2))
            while not names.is_empty:
                type_of_name, name = names.number(1), names.vector(2)
                if type_of_name == _HOST_NAME:
                    return name.decode("ascii").lower()
    return ""


def _hello(received: bytes) -> bytes | None:
    """The content of the first handshake message, which several records may carry; None while it is not whole."""
    if received[:1] and received[0] != _HANDSHAKE:
        raise ValueError("no TLS handshake")
    message, at = b"", 0
    while len(received) >= at + 5:
        if received[at] != _HANDSHAKE or received[at + 1] != 3:
            raise ValueError("no TLS handshake")
        length = int.from_bytes(received[at + 3 : at + 5])
        message += received[at + 5 : at + 5 + length]
        if message[:1] and message[0] != _CLIENT_HELLO:
            raise ValueError("no ClientHello")
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4]):
            return message[4 : 4 + int.from_bytes(message[1:4])]
        at += 5 + length
    return None


class _Fields:
    """The fields of a structure of TLS, one after the other (RFC 8446, 3). Raises `ValueError` beyond the end."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    @property
    def is_empty(self) -> bool:
        return not self._rest

    def skip(self, size: int) -> bytes:
        if len(self._rest) < size:
            raise ValueError("the ClientHello ends too early")
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.skip(size))

    def vector(self, size: int) -> bytes:
        """Bytes behind their length, which has `size` bytes."""
        return self.skip(self.number(size))
