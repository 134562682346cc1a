"""A certificate that is filled into a pattern is byte for byte the one that `cryptography` builds anew."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import example, given
from hypothesis import strategies as st

from dpsops.pki import profiles
from dpsops.pki.keys import signing_hash
from dpsops.pki.names import device_id
from tests.pki.authorities import KINDS, NOW, YEAR, key, root

LAST_UTC_TIME = datetime(2049, 12, 31, 23, 59, 59, tzinfo=NOW.tzinfo)


def built(
    device: str, public_key: CertificatePublicKeyTypes, authority: x509.Certificate, serial: int, begin: datetime, end: datetime
) -> bytes:
    """What is signed of a device certificate, by the builder of `cryptography`."""
    of_root = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
    )
    signer = key("EC-P256", 2) if "ecdsa" in authority.signature_algorithm_oid._name else key("RSA-2048", 2)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, device)]))
        .issuer_name(authority.subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(of_root), critical=False)
        .add_extension(x509.KeyUsage(digital_signature=True, encipher_only=False, decipher_only=False, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, signing_hash(authority.public_key()))  # type: ignore[arg-type]
        .tbs_certificate_bytes
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of_device", ["EC-P256", "EC-P384", "RSA-2048", "RSA-4096"])
def test_for_every_type_of_key(kind: str, of_device: str) -> None:
    authority, public_key = root(kind), key(of_device, 3).public_key()
    filled = profiles.issue_leaf(device_id("press-07"), public_key, authority, key(kind), lifetime=YEAR, serial=7, now=NOW)
    begin = NOW - profiles.BACKDATE
    assert filled.tbs_certificate_bytes == built("press-07", public_key, authority, 7, begin, begin + YEAR)
    filled.verify_directly_issued_by(authority)


@given(
    device=st.from_regex(r"[a-z0-9]([a-z0-9_:.-]{0,62}[a-z0-9])?", fullmatch=True),
    serial=st.integers(1, (1 << 159) - 1),
    age=st.timedeltas(timedelta(0), 29 * YEAR),
    days=st.integers(1, 3650),
)
@example(device="press-07", serial=127, age=timedelta(0), days=365)
@example(device="press-07", serial=128, age=timedelta(0), days=365)  # a leading bit that is no sign
@example(device="d" * 64, serial=1, age=timedelta(0), days=3650)
@example(device="press-07", serial=1, age=LAST_UTC_TIME - NOW, days=1)  # begins in 2049 and ends in 2050: two forms of a time
def test_for_every_device_serial_number_and_time(device: str, serial: int, age: timedelta, days: int) -> None:
    authority, now = root("EC-P256", lifetime=30 * YEAR), (NOW + age).replace(microsecond=0)
    public_key, signer = key("EC-P256", 3).public_key(), key("EC-P256")
    filled = profiles.issue_leaf(
        device_id(device), public_key, authority, signer, lifetime=timedelta(days=days), serial=serial, now=now
    )
    begin = now - profiles.BACKDATE
    end = min(begin + timedelta(days=days), authority.not_valid_after_utc)
    assert filled.tbs_certificate_bytes == built(device, public_key, authority, serial, begin, end)
