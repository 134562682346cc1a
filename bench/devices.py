"""Devices at their barest: a TLS handshake, and a registration over HTTPS and over MQTT, each on a connection of its own.

They say what Microsoft's device SDK says, without its timers and threads, which would be measured too.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from io import BufferedReader
from typing import Any

_HOST = "global.azure-devices-provisioning.net"
_VERSION = "2019-03-31"
_PATIENCE = 30.0  # seconds without an answer

_CONNECT, _PUBLISH, _PUBACK, _SUBSCRIBE, _DISCONNECT = 0x10, 0x32, 0x40, 0x82, 0xE0  # MQTT 3.1.1, 2.2; PUBLISH at QoS 1
_CONNACK, _SUBACK = 0x20, 0x90


@dataclass(frozen=True, slots=True)
class Device:
    """One device: its ID, that of the DPS, the proxy's port, and its certificate with whom it trusts."""

    name: str
    scope: str
    proxy: int
    tls: ssl.SSLContext

    def shake_hands(self) -> None:
        """Connects, and that is all."""
        with self._connected(443):
            pass

    def register_over_https(self) -> None:
        """Registers, and asks once how that went."""
        with self._connected(443) as tls:
            http = HTTPConnection(_HOST)
            http.sock = tls
            path = f"/{self.scope}/registrations/{self.name}"
            begun = _exchange(http, "PUT", f"{path}/register", json.dumps({"registrationId": self.name}))
            _check(_exchange(http, "GET", f"{path}/operations/{begun['operationId']}"))

    def register_over_mqtt(self) -> None:
        """The same."""
        with self._connected(8883) as tls, tls.makefile("rb") as answers:
            username = f"{self.scope}/registrations/{self.name}/api-version={_VERSION}"
            tls.sendall(_packet(_CONNECT, _text("MQTT"), b"\x04\x82", _number(60), _text(self.name), _text(username)))
            _expect(answers, _CONNACK)
            tls.sendall(_packet(_SUBSCRIBE, _number(1), _text("$dps/registrations/res/#"), b"\x01"))
            _expect(answers, _SUBACK)
            begun = _ask(tls, answers, 2, "PUT/iotdps-register/?$rid=2", json.dumps({"registrationId": self.name}))
            _check(_ask(tls, answers, 3, f"GET/iotdps-get-operationstatus/?$rid=3&operationId={begun['operationId']}"))
            tls.sendall(_packet(_DISCONNECT))

    @contextmanager
    def _connected(self, port: int) -> Iterator[ssl.SSLSocket]:
        """TLS through the proxy. The server has nothing left to do for the connection when the block has ended."""
        tcp = socket.create_connection(("127.0.0.1", self.proxy), _PATIENCE)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a PUBLISH waits until its PUBACK's TCP ACK, 40 ms
        tcp.sendall(f"CONNECT {_HOST}:{port} HTTP/1.1\r\nHost: {_HOST}:{port}\r\n\r\n".encode())
        answer = tcp.recv(4096)  # the proxy writes its few bytes at once, and then waits
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"the proxy answers {answer!r}")
        with self.tls.wrap_socket(tcp, server_hostname=_HOST) as tls:
            yield tls
            with contextlib.suppress(OSError):  # after DISCONNECT it is the server that closes, maybe before this end does
                tls.unwrap().recv(1)


def _exchange(http: HTTPConnection, method: str, path: str, body: str | None = None) -> dict[str, Any]:
    http.request(method, f"{path}?api-version={_VERSION}", body, {"Content-Type": "application/json"})
    answer = http.getresponse()
    document: dict[str, Any] = json.load(answer)
    if answer.status >= 400:
        raise ConnectionError(f"DPS answers {answer.status}: {document}")
    return document


def _ask(tls: ssl.SSLSocket, answers: BufferedReader, packet_id: int, topic: str, body: str = "") -> dict[str, Any]:
    """Publishes at QoS 1, and acknowledges the answer, as does the server."""
    tls.sendall(_packet(_PUBLISH, _text(f"$dps/registrations/{topic}"), _number(packet_id), body.encode()))
    _expect(answers, _PUBACK)
    answer = _expect(answers, _PUBLISH)
    end = 2 + int.from_bytes(answer[:2])
    tls.sendall(_packet(_PUBACK, answer[end : end + 2]))
    if not answer[2:end].startswith(b"$dps/registrations/res/20"):
        raise ConnectionError(f"DPS answers {answer!r}")
    document: dict[str, Any] = json.loads(answer[end + 2 :])
    return document


def _check(document: dict[str, Any]) -> None:
    if document["status"] != "assigned":
        raise ConnectionError(f"the device is not assigned: {document}")


# --- MQTT 3.1.1, section 2 ---


def _packet(kind: int, *fields: bytes) -> bytes:
    content = b"".join(fields)
    length, left = bytearray(), len(content)
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([kind, *length, left]) + content


def _number(value: int) -> bytes:
    return value.to_bytes(2)


def _text(value: str) -> bytes:
    return _number(len(value.encode())) + value.encode()


def _expect(answers: BufferedReader, kind: int) -> bytes:
    """The next packet without its fixed header."""
    first, length, shift = answers.read(1), 0, 0
    while byte := answers.read(1):
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
    content = answers.read(length)
    if first != bytes([kind]) or (kind == _CONNACK and content[1]):
        raise ConnectionError(f"DPS answers {first + content!r}")
    return content
