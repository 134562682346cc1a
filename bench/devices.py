"""Devices at their barest: a TLS handshake, and a registration over HTTPS and over MQTT, each on a connection of its own.

They say what Microsoft's device SDK says, without its timers and threads, which would be measured too. Their MQTT is that of
the tests.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dpsops.emulator.mqtt.packets import Connect, Disconnect, Puback, Publish, Subscribe, connack, puback, suback
from tests.emulator.mqtt.client import Client, published

_HOST = "global.azure-devices-provisioning.net"
_VERSION = "2019-03-31"
_PATIENCE = 30.0  # seconds without an answer


@dataclass(frozen=True, slots=True)
class Device:
    """One device: its ID, that of the DPS, the proxy's port, and its TLS settings: its certificate, and the CA that it trusts."""

    name: str
    scope: str
    proxy: int
    tls: ssl.SSLContext

    def shake_hands(self) -> None:
        """Connects, and that is all."""
        with self.connected(443):
            pass

    def register_over_https(self) -> None:
        """Registers, and asks once how that went."""
        with self.connected(443) as tls:
            http = HTTPConnection(_HOST)
            http.sock = tls
            path = f"/{self.scope}/registrations/{self.name}"
            begun = _exchange(http, "PUT", f"{path}/register", json.dumps({"registrationId": self.name}))
            _check(_exchange(http, "GET", f"{path}/operations/{begun['operationId']}"))

    def register_over_mqtt(self) -> None:
        """The same."""
        with self.connected(8883) as tls:
            client = Client(tls)
            client.say(Connect(self.name, True, 60, f"{self.scope}/registrations/{self.name}/api-version={_VERSION}"))
            _expect(client, connack(0))
            client.say(Subscribe(1, (("$dps/registrations/res/#", 1),)))
            _expect(client, suback(1, [1]))
            begun = _ask(client, 2, "PUT/iotdps-register/?$rid=2", json.dumps({"registrationId": self.name}))
            _check(_ask(client, 3, f"GET/iotdps-get-operationstatus/?$rid=3&operationId={begun['operationId']}"))
            client.say(Disconnect())

    @contextmanager
    def connected(self, port: int, host: str = _HOST) -> Iterator[ssl.SSLSocket]:
        """TLS through the proxy. The server has nothing left to do for the connection when the block has ended."""
        tcp = socket.create_connection(("127.0.0.1", self.proxy), _PATIENCE)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a PUBLISH waits until its PUBACK's TCP ACK, 40 ms
        tcp.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = tcp.recv(4096)  # the proxy writes its few bytes at once, and then waits
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"the proxy answers {answer!r}")
        with self.tls.wrap_socket(tcp, server_hostname=host) as tls:
            yield tls
            with contextlib.suppress(OSError):  # after DISCONNECT it is the server that closes, maybe before this end does
                tls.unwrap().recv(1)


def device(name: str, bundle: str, scope: str, variables: Mapping[str, str], place: Path) -> Device:
    """The device with this bundle (key, certificate and chain, as PEM), which it keeps in the directory `place`. `variables`: of
    a client of the embedded Azure."""
    file = place / f"{name}.pem"
    file.write_text(bundle, encoding="ascii")
    tls = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    tls.load_cert_chain(file)
    return Device(name, scope, urlsplit(variables["HTTPS_PROXY"]).port or 0, tls)


def _exchange(http: HTTPConnection, method: str, path: str, body: str | None = None) -> dict[str, Any]:
    http.request(method, f"{path}?api-version={_VERSION}", body, {"Content-Type": "application/json"})
    answer = http.getresponse()
    document: dict[str, Any] = json.load(answer)
    if answer.status >= 400:
        raise ConnectionError(f"DPS answers {answer.status}: {document}")
    return document


def _ask(client: Client, packet_id: int, topic: str, body: str = "") -> dict[str, Any]:
    """Publishes at QoS 1, and acknowledges the answer, as does the server."""
    client.say(Publish(f"$dps/registrations/{topic}", body.encode(), packet_id))
    _expect(client, puback(packet_id))
    answer = client.hear()
    answered, identifier, payload = published(answer)
    if identifier is None or not answered.startswith("$dps/registrations/res/20"):
        raise ConnectionError(f"DPS answers {answer!r}")
    client.say(Puback(identifier))
    document: dict[str, Any] = json.loads(payload)
    return document


def _expect(client: Client, packet: bytes) -> None:
    answer = client.hear()
    if answer != packet:
        raise ConnectionError(f"DPS answers {answer!r}")


def _check(document: dict[str, Any]) -> None:
    if document["status"] != "assigned":
        raise ConnectionError(f"the device is not assigned: {document}")
