"""Clients that know no proxy: TLS connections to ports of the embedded Azure's own, for the host that they name."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.emulator.door import CannotListen, Listen, server_name
from dpsops.emulator.server import EmbeddedAzure

LOGIN, DPS = "login.microsoftonline.com", "global.azure-devices-provisioning.net"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[EmbeddedAzure]:
    """One with doors on free ports."""
    with EmbeddedAzure(tmp_path / ".dpsops", listen=Listen("127.0.0.1", 0, 0)) as running:
        yield running


def ports(azure: EmbeddedAzure) -> tuple[int, int]:
    """That for HTTPS and that for MQTT."""
    assert azure.listen is not None
    return azure.listen.https, azure.listen.mqtt


@contextlib.contextmanager
def connected(azure: EmbeddedAzure, port: int, host: str | None) -> Iterator[ssl.SSLSocket]:
    """A TLS connection that names `host`, which the certificate has to be for."""
    context = ssl.create_default_context(cafile=str(azure.authority_file))
    context.check_hostname = host is not None
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname=host, suppress_ragged_eofs=True) as tls,
    ):
        yield tls


def test_a_client_that_names_a_host_is_answered_by_it(azure: EmbeddedAzure) -> None:
    path = "/common/discovery/instance?authorization_endpoint=https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
    with connected(azure, ports(azure)[0], LOGIN) as tls:
        tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {LOGIN}:8443\r\n\r\n".encode())
        answer = http.client.HTTPResponse(tls)
        answer.begin()
        assert answer.status == 200


def test_a_device_without_a_proxy_speaks_mqtt(azure: EmbeddedAzure) -> None:
    with connected(azure, ports(azure)[1], DPS) as tls:
        tls.sendall(bytes.fromhex("100e 0004 4d515454 04 02 003c 0002 6431".replace(" ", "")))  # CONNECT of d1, no user name
        assert tls.recv(4) == bytes([0x20, 2, 0, 5])


@pytest.mark.parametrize("host", [None, "example.com", "nobody.vault.azure.net"])
def test_no_name_or_one_that_azure_does_not_know_is_refused_with_an_alert(azure: EmbeddedAzure, host: str | None) -> None:
    for port in ports(azure):
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"), connected(azure, port, host):
            pass


def test_each_port_has_its_protocol_alone(azure: EmbeddedAzure) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"), connected(azure, ports(azure)[1], LOGIN):
        pass


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"AMQP\x00\x01\x00\x00", b"\x16\x03\x01\x00\x01\x02", b"\x16\x02\x00\x00\x00"]
)
def test_what_is_no_tls_is_hung_up_on(azure: EmbeddedAzure, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", ports(azure)[0]), timeout=5) as raw:
        raw.sendall(said)
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(100) == b""


def hello(host: str) -> bytes:
    """The ClientHello of OpenSSL for a host."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=host)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_a_hello_may_come_in_pieces_and_in_several_records() -> None:
    whole = hello("Hub1.Azure-Devices.net")
    assert {server_name(whole[:length]) for length in range(len(whole))} == {None}
    assert server_name(whole) == "hub1.azure-devices.net"
    halves = [whole[5:100], whole[100:]]
    records = b"".join(b"\x16\x03\x01" + len(half).to_bytes(2) + half for half in halves)
    assert server_name(records) == "hub1.azure-devices.net"


def test_a_hello_that_contradicts_itself_is_none() -> None:
    whole = bytearray(hello("hub1.azure-devices.net"))
    at = whole.index(b"hub1.azure") - 2
    whole[at : at + 2] = b"\xff\xff"  # the length of the name
    with pytest.raises(ValueError, match="too early"):
        server_name(bytes(whole))


def test_a_port_that_the_system_refuses(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port} cannot be used"):
            EmbeddedAzure(tmp_path / ".dpsops", listen=Listen("127.0.0.1", port, 0)).__enter__()


def test_without_being_asked_no_door_is_open(tmp_path: Path) -> None:
    with EmbeddedAzure(tmp_path / ".dpsops") as azure:
        assert azure.listen is None


def _others() -> str | None:
    """An address of this machine beside 127.0.0.1: on Linux the whole of 127.0.0.0/8."""
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.2", 0)):
        return "127.0.0.2"
    return None


def _get(address: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.2"])  # noqa: S104
def test_the_proxy_is_where_the_doors_are_and_gives_the_ca_to_who_asks(tmp_path: Path, address: str) -> None:
    other = _others()
    if other is None:
        pytest.skip("this machine has one loopback address")
    with EmbeddedAzure(tmp_path / ".dpsops", listen=Listen(address, 0, 0)) as azure:
        port = int(azure.proxy_url.rpartition(":")[2])
        for each in ("127.0.0.1", other):
            assert _get(each, port, "/ca.pem") == (200, azure.authority_file.read_bytes())
            assert _get(each, port, "/server.pem")[0] == 405


def test_no_other_interface_than_the_one_asked_for(azure: EmbeddedAzure) -> None:
    other = _others()
    if other is None:
        pytest.skip("this machine has one loopback address")
    for port in (*ports(azure), int(azure.proxy_url.rpartition(":")[2])):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((other, port), timeout=5)
