"""Certificates like the recorded ones, over keys that are at hand.

A recorded proof of possession names the code that the real Azure made, and is signed with a key that nobody
published; a recorded merge is of a certificate over the real vault's key. The replay needs others that differ
in nothing else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A certificate as a client wrote it into a body, and how to write another one in the same way."""

    certificate: x509.Certificate
    wrap: Callable[[x509.Certificate], str]


_KEYS: dict[str, rsa.RSAPrivateKey] = {}


def key(name: str) -> rsa.RSAPrivateKey:
    """A key of our own, the same for the same name."""
    if name not in _KEYS:
        _KEYS[name] = rsa.generate_private_key(65537, 2048)
    return _KEYS[name]


def read(text: str) -> Wrapped | None:
    """The first certificate in PEM, in base64 of DER, or in base64 of either; None where there is none."""
    if "-----BEGIN CERTIFICATE-----" in text:
        try:
            return Wrapped(x509.load_pem_x509_certificate(text.encode()), _pem)
        except ValueError:
            return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        return None
    try:
        return Wrapped(x509.load_der_x509_certificate(data), _der)
    except ValueError:
        inner = read(data.decode("ascii", errors="ignore")) if len(data) > 100 else None
        return inner and Wrapped(
            inner.certificate, lambda certificate: base64.b64encode(inner.wrap(certificate).encode()).decode()
        )


def reissue(
    certificate: x509.Certificate,
    public_key: CertificatePublicKeyTypes,
    signer: rsa.RSAPrivateKey,
    common_name: str | None = None,
) -> x509.Certificate:
    """The same certificate over another key, signed with another key, and with another CN if one is given."""
    subject = certificate.subject
    if common_name is not None:
        names = [each for each in subject if each.oid != NameOID.COMMON_NAME]
        subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(certificate.issuer)
        .public_key(public_key)
        .serial_number(certificate.serial_number)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
    )
    for extension in certificate.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(signer, hashes.SHA256())


def authority(name: str, now: float) -> str:
    """A CA certificate in base64 of PEM, for where the recorder masked the one that was sent."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.fromtimestamp(now, UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key(name).public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return base64.b64encode(_pem(builder.sign(key(name), hashes.SHA256())).encode()).decode()


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def common_name(certificate: x509.Certificate) -> str:
    """The CN, or the empty string."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def same_key(one: x509.Certificate, other: x509.CertificateSigningRequest) -> bool:
    """Whether two documents are over the same public key."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return one.public_key().public_bytes(*form) == other.public_key().public_bytes(*form)


def request(csr: str) -> x509.CertificateSigningRequest:
    """A CSR as Key Vault answers it: base64 of DER."""
    return x509.load_der_x509_csr(base64.b64decode(csr))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
