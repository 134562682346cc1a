"""Clients of an embedded Azure with a parrot: through its proxy and over TLS, or only half of the way."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import trustme

from tests.emulator.mqtt.client import Client
from tests.emulator.mqtt.parrot import HOST


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
