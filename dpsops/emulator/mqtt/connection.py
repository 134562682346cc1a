"""MQTT over TLS, or over a WebSocket in it: a conversation with a socket, a limit for silence, one place for each client."""

from __future__ import annotations

import asyncio

from dpsops.emulator.azure import Azure
from dpsops.emulator.mqtt.conversation import Conversation
from dpsops.emulator.mqtt.websocket import WebSocketTransport
from dpsops.emulator.post import Publication
from dpsops.emulator.tls import TlsConnection

_LATE = 0.01


class MqttServer:
    """Makes the connections of one embedded Azure, and knows which clients are connected."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.present: dict[tuple[str, str], MqttConnection] = {}

    def __call__(self) -> MqttConnection:
        return MqttConnection(self)

    def end_all(self) -> None:
        """Closes the connection of every client."""
        for connection in tuple(self.present.values()):
            connection.end()


class MqttConnection(asyncio.Protocol):
    """One client. A second connection under the same client identifier ends the first (MQTT 3.1.1, 3.1.4).

    A client that is silent for one and a half times its keep-alive is taken for gone (3.1.2.10).
    """

    def __init__(self, server: MqttServer) -> None:
        self._server = server
        self._silence: asyncio.TimerHandle | None = None
        self._place: tuple[str, str] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client has finished its TLS handshake."""
        assert isinstance(transport, TlsConnection | WebSocketTransport)
        self._tls = transport
        self._conversation = Conversation(self._server.azure, transport.host, transport.chain)

    def data_received(self, data: bytes) -> None:
        """Answers every packet that is whole."""
        heard = False
        for answer in self._conversation.hear(data):
            if self._place is None and self._conversation.client_id is not None:
                self._take_place(self._conversation.client_id)
            self._tls.write(answer)
            heard = True
        if self._conversation.over:
            self._tls.close()
        elif heard:
            self._wait()

    def pause_writing(self) -> None:
        """A client that does not read its answers is not heard either."""
        self._tls.pause_reading()

    def resume_writing(self) -> None:
        """It has read them."""
        self._tls.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection has ended."""
        if self._silence is not None:
            self._silence.cancel()
        if self._place is not None and self._server.present.get(self._place) is self:
            del self._server.present[self._place]
        self._server.azure.exchange.close(self._conversation.address)
        self._conversation.end()

    def end(self) -> None:
        """Closes the connection; nothing that is on its way is heard any more."""
        self._conversation.over = True
        self._tls.close()

    def _take_place(self, client_id: str) -> None:
        self._tls.established()
        self._place = (self._tls.host, client_id)
        former = self._server.present.get(self._place)
        if former is not None:
            former._tls.close()
        self._server.present[self._place] = self
        if self._conversation.address:
            self._loop = asyncio.get_running_loop()
            self._server.azure.exchange.open(self._conversation.address, self._take_post, self._take_wake)
            self._loop.call_soon(self._wake)

    def _take_post(self, publication: Publication) -> None:
        """In any thread."""
        self._loop.call_soon_threadsafe(self._push, publication)

    def _take_wake(self, seconds: float) -> None:
        """In any thread. A clock that has just been read may be behind by a little."""
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds + _LATE, self._wake)

    def _wake(self) -> None:
        self._conversation.wake()
        if self._conversation.over:
            self._tls.close()

    def _push(self, publication: Publication) -> None:
        """Writes a message that the client has not asked for; closes if it acknowledges none."""
        packets = self._conversation.push(publication)
        if packets:
            self._tls.write(packets)
        if self._conversation.over:
            self._tls.close()

    def _wait(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        if self._conversation.keep_alive:
            patience = 1.5 * self._conversation.keep_alive
            self._silence = asyncio.get_running_loop().call_later(patience, self._tls.abort)
