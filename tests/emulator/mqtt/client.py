"""A client of MQTT 3.1.1 that says exactly what it is told, whether or not a client may; written from the standard alone."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import trustme

from dpsops.emulator.mqtt.packets import Connect, Disconnect, Packet, Pingreq, Puback, Publish, Subscribe, Unsubscribe
from tests.emulator.mqtt.parrot import HOST


def encoded(packet: Packet) -> bytes:
    """The packet on the wire."""
    match packet:
        case Connect():
            flags = 0x80 * (packet.username is not None) + 0x40 * (packet.password is not None) + 0x02 * packet.clean_session
            fields = [packet.client_id.encode()]
            fields += [] if packet.username is None else [packet.username.encode()]
            fields += [] if packet.password is None else [packet.password]
            head = field(b"MQTT") + bytes([4, flags]) + number(packet.keep_alive)
            return frame(0x10, head + b"".join(map(field, fields)))
        case Publish():
            flags = 0x08 * packet.duplicate + 0x02 * (packet.packet_id is not None) + packet.retain
            identifier = b"" if packet.packet_id is None else number(packet.packet_id)
            return frame(0x30 + flags, field(packet.topic.encode()) + identifier + packet.payload)
        case Puback():
            return frame(0x40, number(packet.packet_id))
        case Subscribe():
            wanted = b"".join(field(topic_filter.encode()) + bytes([qos]) for topic_filter, qos in packet.filters)
            return frame(0x82, number(packet.packet_id) + wanted)
        case Unsubscribe():
            return frame(0xA2, number(packet.packet_id) + b"".join(field(topic.encode()) for topic in packet.filters))
        case Pingreq():
            return frame(0xC0, b"")
        case Disconnect():
            return frame(0xE0, b"")


def number(value: int) -> bytes:
    """Two bytes, the high one first."""
    return bytes(divmod(value, 256))


def field(content: bytes) -> bytes:
    """Bytes behind their length."""
    return number(len(content)) + content


def frame(first: int, body: bytes) -> bytes:
    """A packet of a first byte and what follows the remaining length."""
    length, rest = [len(body) % 128], len(body) // 128
    while rest:
        length[-1] += 128
        length.append(rest % 128)
        rest //= 128
    return bytes([first, *length]) + body


class Server(Protocol):
    """What a client has to know of an embedded Azure: where its proxy is, and which CA to trust."""

    @property
    def proxy_url(self) -> str:
        """http://127.0.0.1:PORT."""
        ...

    @property
    def authority_file(self) -> Path:
        """The CA's certificate, PEM."""
        ...


class Client:
    """One connection. Everything that it waits for has to come within `patience`, in seconds."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @property
    def patience(self) -> float | None:
        """Ten, unless it is changed."""
        return self._connection.gettimeout()

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._connection.settimeout(seconds)

    def say(self, *said: Packet | bytes) -> None:
        """Sends packets, or any bytes, in one piece."""
        self._connection.sendall(b"".join(part if isinstance(part, bytes) else encoded(part) for part in said))

    def finish(self) -> None:
        """Says that nothing more will be said (TCP's half-close)."""
        socket.socket.shutdown(self._connection, socket.SHUT_WR)

    def hear(self) -> bytes:
        """The next packet, as it came; nothing where the server has hung up."""
        first = self._read(1)
        if not first:
            return b""
        length, weight, head = 0, 1, first
        while True:
            byte = self._read(1)
            head += byte
            length += byte[0] % 128 * weight
            weight *= 128
            if byte[0] < 128:
                return head + self._read(length)

    def _read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            try:
                more = self._connection.recv(size - len(read))
            except ConnectionError:
                more = b""
            if not more:
                return read
            read += more
        return read


def tunnel(server: Server, host: str = HOST, port: int = 8883) -> socket.socket:
    """A TCP connection through the proxy."""
    connection = socket.create_connection(("127.0.0.1", int(server.proxy_url.rpartition(":")[2])), timeout=10)
    connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200 "):
        connection.close()
        raise ConnectionRefusedError(answer.decode())
    return connection


def trusting(server: Server, identity: Path | None = None) -> ssl.SSLContext:
    """TLS that trusts the embedded Azure, and presents the certificates in the file `identity`, which holds their key too."""
    context = ssl.create_default_context(cafile=str(server.authority_file))
    if identity is not None:
        context.load_cert_chain(identity)
    return context


def silent(server: Server) -> socket.socket:
    """A connection to the proxy, and nothing said."""
    return socket.create_connection(("127.0.0.1", int(server.proxy_url.rpartition(":")[2])), timeout=10)


def half_asked(server: Server) -> socket.socket:
    """A request to the proxy, begun."""
    connection = silent(server)
    connection.sendall(b"CONNECT ")
    return connection


def half_shaken(server: Server) -> socket.socket:
    """The MQTT port, and a TLS record begun."""
    connection = tunnel(server)
    connection.sendall(b"\x16\x03\x01")
    return connection


def half_said(server: Server) -> socket.socket:
    """The TLS handshake done, and a CONNECT packet begun."""
    connection = trusting(server).wrap_socket(tunnel(server), server_hostname=HOST)
    connection.sendall(b"\x10")
    return connection


@contextmanager
def connected(server: Server, identity: Path | None = None, *, host: str = HOST) -> Iterator[Client]:
    """A client whose TLS handshake is done, and which has said nothing yet."""
    with (
        tunnel(server, host) as raw,
        trusting(server, identity).wrap_socket(raw, server_hostname=host, suppress_ragged_eofs=True) as connection,
    ):
        yield Client(connection)


def identity_of(leaf: trustme.LeafCert, directory: Path, *, chain: bool = True) -> Path:
    """A file with a leaf's key, its certificate and, unless told otherwise, those of its issuers that it came with."""
    path = directory / "identity.pem"
    certificates = leaf.cert_chain_pems if chain else leaf.cert_chain_pems[:1]
    path.write_bytes(leaf.private_key_pem.bytes() + b"".join(certificate.bytes() for certificate in certificates))
    return path
