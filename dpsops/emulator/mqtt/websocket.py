"""MQTT over WebSockets: the same packets in binary messages, behind an HTTP request (MQTT 3.1.1, 6; RFC 6455)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType, web

from dpsops.emulator.tls import TlsConnection

_PROTOCOL = "mqtt"
_LONGEST_MESSAGE = 1024 * 1024  # more than any packet that a service here takes; packets may be divided anyhow


class WebSocketTransport(asyncio.Transport):
    """A transport to an MQTT connection. What it writes is sent in order by `send`, which ends when it is closed."""

    def __init__(self, tls: TlsConnection) -> None:
        super().__init__()
        self.host, self.chain = tls.host, tls.chain
        self._tls = tls
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._sent = asyncio.Event()
        self._sent.set()
        self._closing = False

    def established(self) -> None:
        """The connection is pending no longer."""
        self._tls.established()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends, one message for each call."""
        if data and not self._closing:
            self._sent.clear()
            self._outgoing.put_nowait(bytes(data))

    def close(self) -> None:
        """Closes the WebSocket, when all that was written has been sent."""
        if not self._closing:
            self._closing = True
            self._outgoing.put_nowait(None)

    def abort(self) -> None:
        """Breaks TCP off."""
        self._closing = True
        self._tls.abort()

    async def send(self, socket: web.WebSocketResponse) -> None:
        """Sends what is written, until the end."""
        try:
            while (data := await self._outgoing.get()) is not None:
                await socket.send_bytes(data)
                if self._outgoing.empty():
                    self._sent.set()
            await socket.close()
        finally:
            self._closing = True
            self._sent.set()

    async def drained(self) -> None:
        """Returns when all that was written has been sent: a client that does not read its answers is not heard either."""
        await self._sent.wait()


async def converse(received: web.Request, tls: TlsConnection, make: Callable[[], asyncio.Protocol]) -> web.StreamResponse:
    """Lets the connection that `make` makes speak to the client until either ends.

    A request that does not offer the subprotocol `mqtt` gets 400: AMQP over WebSockets has the same path.
    """
    offered = {each.strip() for each in received.headers.get("Sec-WebSocket-Protocol", "").split(",")}
    if _PROTOCOL not in offered:
        text = "The embedded Azure speaks MQTT over WebSockets (the subprotocol mqtt), and no AMQP.\n"
        return web.Response(status=400, text=text)
    socket = web.WebSocketResponse(protocols=(_PROTOCOL,), max_msg_size=_LONGEST_MESSAGE)
    if not socket.can_prepare(received):
        return web.Response(status=400, text="This is a WebSocket: the request lacks its headers (RFC 6455, 4.1).\n")
    await socket.prepare(received)
    connection, transport = make(), WebSocketTransport(tls)
    connection.connection_made(transport)
    sending = asyncio.ensure_future(transport.send(socket))
    try:
        async for message in socket:
            if message.type is not WSMsgType.BINARY:  # MQTT 3.1.1, 6.0: the connection is to be closed
                break
            connection.data_received(message.data)
            await transport.drained()
    finally:
        connection.connection_lost(None)
        sending.cancel()
        await asyncio.wait([sending])
    await socket.close()
    return socket
