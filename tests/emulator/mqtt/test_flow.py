"""MQTT over TLS without a network: which end waits for the other, and what is still sent at the end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.emulator.authority import ensure_certificates
from dpsops.emulator.azure import Azure
from dpsops.emulator.connections import Connections
from dpsops.emulator.mqtt import packets
from dpsops.emulator.mqtt.connection import MqttServer
from dpsops.emulator.mqtt.packets import Connect, Packet, Publish
from dpsops.emulator.state import Database
from dpsops.emulator.tls import ServerContexts, TlsConnection
from tests.emulator.mqtt.client import encoded
from tests.emulator.mqtt.parrot import HOST, Parrot

HELLO = Connect("press-07", True, 0)


class Wire(asyncio.Transport):
    """The server's TCP transport, which keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = ssl.MemoryBIO()
        self.reading = True
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keeps."""
        assert not self.closed
        self.written.write(data)

    def pause_reading(self) -> None:
        """Notes it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Notes it."""
        self.reading = True

    def close(self) -> None:
        """Notes it."""
        self.closed = True


class Line:
    """A client that has finished its TLS handshake with the server at the other end."""

    def __init__(self, azure: Azure, directory: Path) -> None:
        authority, server = ensure_certificates(directory)
        self.wire = Wire()
        self.server = TlsConnection(ServerContexts(server).of(HOST), HOST, MqttServer(azure), Connections())
        self.server.connection_made(self.wire)
        self._outgoing = ssl.MemoryBIO()
        self.client = ssl.create_default_context(cafile=str(authority)).wrap_bio(
            self.wire.written, self._outgoing, server_hostname=HOST
        )
        with pytest.raises(ssl.SSLWantReadError):
            self.client.do_handshake()
        self.send()
        self.client.do_handshake()
        self.send()

    def say(self, *said: Packet) -> None:
        """Encrypts, to be sent."""
        for packet in said:
            self.client.write(encoded(packet))

    def send(self) -> None:
        """Sends all that is encrypted, in one piece."""
        self.server.data_received(self._outgoing.read())


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """To a parrot."""
    database = Database(None)
    yield Line(Azure(database, endpoints=(Parrot(),)), tmp_path)
    database.close()


def test_a_client_that_does_not_read_is_not_read_from(line: Line) -> None:
    reading = [line.wire.reading]
    for change in (line.server.pause_writing, line.server.resume_writing):
        change()
        reading.append(line.wire.reading)
    assert reading == [True, False, True]


def test_the_last_message_before_the_end_of_tls_is_acknowledged(line: Line) -> None:
    line.say(HELLO, Publish("t", b"bye", 9))
    with pytest.raises(ssl.SSLWantReadError):
        line.client.unwrap()
    line.send()
    assert line.client.read() == packets.connack(0)
    assert line.client.read() == packets.puback(9)
    with pytest.raises(ssl.SSLZeroReturnError):
        line.client.read()
    assert line.wire.closed


def test_nothing_is_heard_or_said_after_the_end(line: Line) -> None:
    line.say(HELLO)
    line.send()
    line.server.close()
    line.server.close()
    line.say(Publish("t", b"late", 9))
    line.send()
    line.server.write(b"late")
    assert line.client.read() == packets.connack(0)
    assert line.client.read() == b""
