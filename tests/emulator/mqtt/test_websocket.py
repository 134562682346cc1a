"""MQTT over WebSockets, and AMQP, which is refused at once."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from dpsops.emulator.mqtt import packets
from dpsops.emulator.mqtt.packets import Connect
from dpsops.emulator.server import EmbeddedAzure
from tests.emulator.mqtt.client import encoded
from tests.emulator.mqtt.lab import trusting, tunnel
from tests.emulator.mqtt.parrot import HOST, parrot_azure

BINARY, TEXT, CLOSE = 2, 1, 8  # RFC 6455, 5.2


@pytest.fixture
def connection(embedded: EmbeddedAzure) -> Iterator[ssl.SSLSocket]:
    """A TLS connection to the HTTPS port."""
    with tunnel(embedded, HOST, 443) as raw, trusting(embedded).wrap_socket(raw, server_hostname=HOST) as tls:
        tls.settimeout(5)
        yield tls


def ask(connection: ssl.SSLSocket, *fields: str, upgrade: bool = True) -> bytes:
    """What is answered to a request to open a WebSocket."""
    key = base64.b64encode(bytes(16)).decode()
    opening = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")
    lines = ("GET /$iothub/websocket HTTP/1.1", f"Host: {HOST}", *(opening if upgrade else ()), *fields)
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    return connection.recv(4096)


def frame(kind: int, payload: bytes) -> bytes:
    """A message of a client, under the mask 0 (RFC 6455, 5.2)."""
    assert len(payload) < 126
    return bytes([0x80 | kind, 0x80 | len(payload)]) + bytes(4) + payload


def heard(connection: ssl.SSLSocket) -> tuple[int, bytes]:
    """The next message of the server: its kind and payload."""
    head = connection.recv(2)
    return head[0] & 15, connection.recv(head[1]) if head[1] else b""


def test_packets_are_binary_messages(connection: ssl.SSLSocket) -> None:
    assert ask(connection, "Sec-WebSocket-Protocol: mqtt").startswith(b"HTTP/1.1 101 ")
    said = encoded(Connect("press-07", True, 60))
    connection.sendall(frame(BINARY, said[:5]) + frame(BINARY, said[5:]))  # a packet may be divided (MQTT 3.1.1, 6)
    assert heard(connection) == (BINARY, packets.connack(0))


def test_a_text_message_ends_the_connection(connection: ssl.SSLSocket) -> None:
    ask(connection, "Sec-WebSocket-Protocol: mqtt")
    connection.sendall(frame(TEXT, encoded(Connect("press-07", True, 60))))
    assert heard(connection)[0] == CLOSE


def test_a_violation_of_mqtt_ends_the_connection(connection: ssl.SSLSocket) -> None:
    ask(connection, "Sec-WebSocket-Protocol: mqtt")
    connection.sendall(frame(BINARY, b"\xc0\x00"))  # PINGREQ before CONNECT
    assert heard(connection)[0] == CLOSE


def test_amqp_over_websockets_is_refused_in_words(connection: ssl.SSLSocket) -> None:
    answer = ask(connection, "Sec-WebSocket-Protocol: AMQPWSB10")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"no AMQP" in answer


def test_a_request_that_opens_no_websocket_is_refused(connection: ssl.SSLSocket) -> None:
    assert ask(connection, "Sec-WebSocket-Protocol: mqtt", upgrade=False).startswith(b"HTTP/1.1 400 ")


def test_amqp_is_refused_in_words(embedded: EmbeddedAzure) -> None:
    with pytest.raises(ConnectionRefusedError, match=r"(?s)^HTTP/1.1 502 .*AMQP \(5671\) is not there: use MQTT"):
        tunnel(embedded, HOST, 5671)
    with pytest.raises(ConnectionRefusedError) as other:
        tunnel(embedded, HOST, 22)
    assert "AMQP" not in str(other.value)


def test_an_open_websocket_ends_with_the_server(tmp_path: Path) -> None:
    with ExitStack() as client:
        with parrot_azure(tmp_path) as azure:
            raw = client.enter_context(tunnel(azure, HOST, 443))
            tls = client.enter_context(trusting(azure).wrap_socket(raw, server_hostname=HOST))
            tls.settimeout(5)
            ask(tls, "Sec-WebSocket-Protocol: mqtt")
        with suppress(ConnectionError, ssl.SSLEOFError):
            assert tls.recv(1) == b""
