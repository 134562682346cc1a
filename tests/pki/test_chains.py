"""Certificate chains: which are valid, and the names, thumbprints and encodings of certificates."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dpsops.errors import Error
from dpsops.pki import chains
from tests.pki.authorities import KINDS, NOW, YEAR, by_hand, device_key, key, leaf, root, tampered
from tests.pki.judges import openssl, shown

CA = (x509.BasicConstraints(ca=True, path_length=0), True)


def refusal(certificate: x509.Certificate, authority: x509.Certificate, after: timedelta = timedelta()) -> str:
    """Why a certificate is not valid under the root: a message of one line, with a hint."""
    with pytest.raises(Error) as refused:
        chains.require_issued_by(certificate, authority, NOW + after)
    assert len(refused.value.message.splitlines()) == 1
    assert refused.value.hint
    return refused.value.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_the_root_signed_is_accepted(kind: str) -> None:
    authority = root(kind)
    chains.require_issued_by(leaf(authority, key(kind)), authority, NOW)
    chains.require_issued_by(authority, authority, NOW)


@pytest.mark.parametrize("kind", ["RSA-2048", "EC-P256", "EC-P384"])
def test_a_certificate_that_the_root_did_not_sign_is_refused(kind: str) -> None:
    ours, same_name, other = root(kind), root(kind, which=2), root(kind, which=2, generation=2)
    certificate = leaf(ours, key(kind))
    says = "the certificate of CN=press-07 does not have a valid signature of CN=dpsops test root G"
    assert refusal(certificate, same_name) == f"{says}1"
    assert refusal(certificate, other) == f"{says}2"
    assert refusal(tampered(certificate), ours) == f"{says}1"
    assert refusal(leaf(ours, key(kind, 2)), ours) == f"{says}1"  # the vault signed with another key
    assert refusal(certificate, root("EC-P384" if kind != "EC-P384" else "RSA-2048")) == f"{says}1"  # a key of another type


def test_a_certificate_is_not_valid_before_or_after_its_root() -> None:
    signer = key("EC-P256")
    authority = by_hand(signer, CA, begin=NOW - YEAR, end=NOW + YEAR)
    second = timedelta(seconds=1)
    says = "the certificate of CN=x would be valid before or after its root"
    newer = by_hand(signer, issuer=authority, subject="x", begin=NOW, end=NOW + YEAR + second)
    assert refusal(newer, authority) == says
    older = by_hand(signer, issuer=authority, subject="x", begin=NOW - YEAR - second, end=NOW + YEAR)
    assert refusal(older, authority) == says
    as_long = by_hand(signer, issuer=authority, subject="x", begin=NOW - YEAR, end=NOW + YEAR)
    chains.require_issued_by(as_long, authority, NOW)


def test_an_expired_certificate_is_refused() -> None:
    authority = root()
    certificate = leaf(authority, key("EC-P256"), lifetime=YEAR)
    left = certificate.not_valid_after_utc - NOW
    assert refusal(certificate, authority, left) == "the certificate of CN=press-07 would already be expired"
    chains.require_issued_by(certificate, authority, NOW + left - timedelta(seconds=1))


def test_thumbprints_equal_openssls_fingerprints() -> None:
    certificate = root()
    for ours, option in ((chains.thumbprint, "-sha256"), (chains.sha1_thumbprint, "-sha1")):
        fingerprint = shown(certificate, "-fingerprint", option).partition("=")[2].strip()
        assert ours(certificate) == fingerprint.replace(":", "")


@given(st.integers(1, 2**159 - 1))
@example(1)
@example(0x7F)
@example(0x80)
@example(0xFF)
@example(0x100)
@example(0xABC)
@example(2**159 - 1)
@settings(max_examples=25)
def test_serial_numbers_are_written_as_openssl_writes_them(serial: int) -> None:
    certificate = by_hand(key("EC-P256"), serial=serial)
    assert shown(certificate, "-serial") == f"serial={chains.serial_text(certificate)}\n"


def test_a_bundle_is_key_leaf_and_root_in_this_order(tmp_path: Path) -> None:
    authority = root("RSA-4096")  # the longest
    certificate = leaf(authority, key("RSA-4096"))
    text = chains.bundle(device_key(), certificate, [authority])
    assert [line for line in text.splitlines() if line.startswith("-----BEGIN")] == [
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----",
    ]
    assert [each.serial_number for each in x509.load_pem_x509_certificates(text.encode())] == [
        certificate.serial_number,
        authority.serial_number,
    ]
    assert len(text) < 25 * 1024  # the limit of a vault secret

    path = tmp_path / "device.pem"
    path.write_text(text)
    assert openssl("x509", "-in", str(path), "-noout", "-subject", "-nameopt", "RFC2253") == "subject=CN=press-07\n"
    assert openssl("pkey", "-in", str(path), "-pubout") == openssl("x509", "-in", str(path), "-noout", "-pubkey")
    openssl("verify", "-CAfile", str(path), "-attime", str(int(NOW.timestamp())), "-purpose", "sslclient", str(path))
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path)  # raises if the key is not the certificate's


def test_pem_equals_openssls() -> None:
    certificate = root()
    assert chains.pem(certificate) == openssl("x509", stdin=chains.pem(certificate))


def test_common_names() -> None:
    name = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Contoso")]
    assert chains.common_name(x509.Name(name)) == "O=Contoso"
    assert chains.common_name(x509.Name([*name, x509.NameAttribute(x509.NameOID.COMMON_NAME, "a, b")])) == "a, b"


def test_keys_are_compared_independently_of_their_certificates() -> None:
    one, again = root(), root(generation=2)
    assert chains.same_key(one.public_key(), again.public_key())
    assert not chains.same_key(one.public_key(), root(which=2).public_key())
    assert not chains.same_key(one.public_key(), root("RSA-2048").public_key())


def test_types_of_keys() -> None:
    assert [chains.key_type(key(kind).public_key()) for kind in KINDS] == [
        ("RSA", 2048), ("RSA", 3072), ("RSA", 4096), ("EC", 256), ("EC", 384),
    ]  # fmt: skip
    with pytest.raises(Error, match="is not supported"):
        chains.key_type(ed25519.Ed25519PrivateKey.generate().public_key())
