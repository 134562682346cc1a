"""The TLS end: every client certificate comes through as it was presented, and none without its key."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from dpsops.emulator.server import EmbeddedAzure
from tests.emulator.mqtt.lab import identity_of, trusting, tunnel
from tests.emulator.mqtt.parrot import HOST, parrot_azure


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedAzure]:
    """An embedded Azure with a parrot."""
    with parrot_azure(tmp_path) as azure:
        yield azure


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


def presented(connection: ssl.SSLSocket) -> list[bytes]:
    """The chain that the service behind HTTPS was given, DER."""
    connection.sendall(f"GET /chain HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return [base64.b64decode(each) for each in json.loads(answer.partition(b"\r\n\r\n")[2])["chain"]]


def chain_seen(embedded: EmbeddedAzure, context: ssl.SSLContext) -> list[bytes]:
    """The same, over a new connection."""
    with tunnel(embedded, port=443) as raw, context.wrap_socket(raw, server_hostname=HOST) as connection:
        return presented(connection)


def der(*certificates: trustme.Blob) -> list[bytes]:
    """PEM to DER."""
    return [load_pem_x509_certificate(certificate.bytes()).public_bytes(Encoding.DER) for certificate in certificates]


@VERSIONS
@pytest.mark.parametrize("key_type", trustme.KeyType, ids=lambda key_type: key_type.name)
def test_the_chain_comes_through_as_it_was_presented(
    embedded: EmbeddedAzure, tmp_path: Path, version: ssl.TLSVersion, key_type: trustme.KeyType
) -> None:
    leaf = trustme.CA(key_type=key_type).create_child_ca(key_type=key_type).issue_cert(common_name="press-07", key_type=key_type)
    context = trusting(embedded, identity_of(leaf, tmp_path))
    context.minimum_version = context.maximum_version = version

    seen = chain_seen(embedded, context)

    assert len(seen) == 2
    assert seen == der(*leaf.cert_chain_pems)


def test_a_certificate_may_come_without_its_chain(embedded: EmbeddedAzure, tmp_path: Path) -> None:
    leaf = trustme.CA().create_child_ca().issue_cert(common_name="press-07")
    assert chain_seen(embedded, trusting(embedded, identity_of(leaf, tmp_path, chain=False))) == der(leaf.cert_chain_pems[0])


def test_a_certificate_may_have_expired(embedded: EmbeddedAzure, tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert(
        common_name="press-07", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC)
    )
    assert chain_seen(embedded, trusting(embedded, identity_of(leaf, tmp_path))) == der(*leaf.cert_chain_pems)


def test_a_certificate_may_be_self_signed_and_a_ca(embedded: EmbeddedAzure, tmp_path: Path) -> None:
    authority = trustme.CA()
    path = tmp_path / "self.pem"
    path.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    assert chain_seen(embedded, trusting(embedded, path)) == der(authority.cert_pem)


def test_a_chain_may_be_of_certificates_that_have_nothing_to_do_with_each_other(embedded: EmbeddedAzure, tmp_path: Path) -> None:
    leaf, other = trustme.CA().issue_cert(common_name="press-07"), trustme.CA()
    path = identity_of(leaf, tmp_path)
    path.write_bytes(path.read_bytes() + other.cert_pem.bytes())
    assert chain_seen(embedded, trusting(embedded, path)) == der(*leaf.cert_chain_pems, other.cert_pem)


def test_a_client_needs_no_certificate(embedded: EmbeddedAzure) -> None:
    assert chain_seen(embedded, trusting(embedded)) == []


@VERSIONS
def test_a_client_needs_the_key_of_its_certificate(embedded: EmbeddedAzure, tmp_path: Path, version: ssl.TLSVersion) -> None:
    leaf = trustme.CA().issue_cert(common_name="press-07")
    path = tmp_path / "stolen.pem"
    path.write_bytes(key_of_another(leaf) + leaf.cert_chain_pems[0].bytes())
    context = trusting(embedded, path)
    context.minimum_version = context.maximum_version = version

    with pytest.raises(ssl.SSLError, match=r"(?i)decrypt.error"):
        chain_seen(embedded, context)

    assert chain_seen(embedded, trusting(embedded)) == [], "others are still served"


def key_of_another(leaf: trustme.LeafCert) -> bytes:
    """A private key that claims the leaf's public key for its own, so that TLS libraries take it for the leaf's (RFC 5915, 3)."""
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    scalar = bytes(31) + b"\x07"
    curve = bytes.fromhex("a00a06082a8648ce3d030107")
    fields = b"\x02\x01\x01" + b"\x04\x20" + scalar + curve + b"\xa1\x44\x03\x42\x00" + point
    return ssl.DER_cert_to_PEM_cert(b"\x30" + bytes([len(fields)]) + fields).replace("CERTIFICATE", "EC PRIVATE KEY").encode()


@VERSIONS
def test_no_session_is_resumed_for_it_would_not_remember_the_chain(
    embedded: EmbeddedAzure, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    leaf = trustme.CA().create_child_ca().issue_cert(common_name="press-07")
    context = trusting(embedded, identity_of(leaf, tmp_path))
    context.minimum_version = context.maximum_version = version
    with tunnel(embedded, port=443) as raw, context.wrap_socket(raw, server_hostname=HOST) as first:
        assert len(presented(first)) == 2
        session = first.session
    with tunnel(embedded, port=443) as raw, context.wrap_socket(raw, server_hostname=HOST, session=session) as second:
        assert len(presented(second)) == 2
        assert not second.session_reused


def first_flight(embedded: EmbeddedAzure, host: str) -> set[int]:
    """The types of the handshake messages in the server's first flight, which TLS 1.2 sends in the clear (RFC 5246, 7.4)."""
    context = trusting(embedded)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host).do_handshake()
    seen: set[int] = set()
    with tunnel(embedded, host, 443) as raw, raw.makefile("rb") as answers:
        raw.sendall(outgoing.read())
        while SERVER_HELLO_DONE not in seen:
            record = answers.read(5)
            assert len(record) == 5
            messages = answers.read(int.from_bytes(record[3:]))
            while messages:
                seen.add(messages[0])
                messages = messages[4 + int.from_bytes(messages[1:4]) :]
    return seen


CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 13, 14


@pytest.mark.parametrize(("host", "asks"), [(HOST, True), ("management.azure.com", False), ("login.microsoftonline.com", False)])
def test_only_device_hosts_ask_for_a_certificate(embedded: EmbeddedAzure, host: str, asks: bool) -> None:
    assert (CERTIFICATE_REQUEST in first_flight(embedded, host)) is asks


def handshake_fails(embedded: EmbeddedAzure, context: ssl.SSLContext, name: str | None) -> bool:
    """Whether the server breaks the handshake off."""
    with tunnel(embedded, port=443) as raw:
        try:
            with context.wrap_socket(raw, server_hostname=name) as connection:
                return connection.recv(1) == b""
        except (ssl.SSLError, ConnectionError):
            return True


@pytest.mark.parametrize("name", [None, "management.azure.com", "parrot2.azure-devices.net"])
def test_the_server_name_is_the_one_that_the_proxy_was_asked_for(embedded: EmbeddedAzure, name: str | None) -> None:
    context = trusting(embedded)
    context.check_hostname = False
    assert handshake_fails(embedded, context, name)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_too_old(embedded: EmbeddedAzure) -> None:
    context = trusting(embedded)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert handshake_fails(embedded, context, HOST)


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 200, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"]
)
def test_a_connection_that_is_no_tls_is_closed(embedded: EmbeddedAzure, said: bytes) -> None:
    with tunnel(embedded, port=443) as raw:
        try:
            raw.sendall(said)
            rest = b"".join(iter(lambda: raw.recv(4096), b""))
        except ConnectionError:
            rest = b""
    assert len(rest) <= 7, "at most an alert"
    assert chain_seen(embedded, trusting(embedded)) == []


def test_a_client_hello_may_follow_its_connect_at_once(embedded: EmbeddedAzure) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting(embedded).wrap_bio(incoming, outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with socket.create_connection(("127.0.0.1", int(embedded.proxy_url.rpartition(":")[2])), timeout=10) as raw:
        raw.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode() + outgoing.read())
        received = b""
        while b"\r\n\r\n\x16\x03" not in received:
            more = raw.recv(4096)
            assert more
            received += more


@pytest.mark.parametrize("asked", ["/ca.crl", "http://127.0.0.1:8043/ca.crl"])
def test_openssl_finds_the_server_certificate_not_revoked(tmp_path: Path, asked: str) -> None:
    with EmbeddedAzure(tmp_path / ".dpsops") as azure:
        server = tmp_path / ".dpsops" / "server.pem"
        certificate = x509.load_pem_x509_certificate(server.read_bytes())
        (point,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert point.full_name is not None
        assert [each.value for each in point.full_name] == ["http://127.0.0.1:8043/ca.crl"]
        connection = http.client.HTTPConnection(azure.proxy_url.removeprefix("http://"), timeout=10)
        connection.request("GET", asked)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pkix-crl")
        (tmp_path / "list.pem").write_bytes(x509.load_der_x509_crl(answer.read()).public_bytes(Encoding.PEM))
        connection.close()
        trust = ["-CAfile", str(azure.authority_file), "-CRLfile", str(tmp_path / "list.pem")]
        verified = subprocess.run(["openssl", "verify", "-crl_check", *trust, str(server)], capture_output=True, check=False)
        assert verified.returncode == 0, verified.stderr
