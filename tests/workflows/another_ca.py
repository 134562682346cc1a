"""Another CA, which signs the request for a root."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type

YEAR = timedelta(days=365)


def company(
    now: datetime, *, path_length: int | None = 1, life: timedelta = 20 * YEAR, authority: bool = True
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Another CA: its key and its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Company CA")])
    length = path_length if authority else None
    made = builder(name, name, key.public_key(), now, life)
    return key, made.add_extension(x509.BasicConstraints(authority, length), critical=True).sign(key, hashes.SHA256())


def builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    """A certificate without extensions."""
    named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return named.serial_number(x509.random_serial_number()).not_valid_before(now - YEAR).not_valid_after(now + life)


def signed(
    request: x509.CertificateSigningRequest,
    issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate],
    now: datetime,
    *,
    common_name: str = "",
    authority: bool = True,
    life: timedelta = 5 * YEAR,
    path_length: int | None = 0,
    issuer_name: x509.Name | None = None,
) -> x509.Certificate:
    """The certificate that this CA issues for a request. It may write its own name in its own way."""
    key = request.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]) if common_name else request.subject
    made = builder(name, issuer_name or issuer[1].subject, key, now, life)
    constraints = x509.BasicConstraints(authority, path_length if authority else None)
    return made.add_extension(constraints, critical=True).sign(issuer[0], hashes.SHA256())


def in_printable_string(name: x509.Name) -> x509.Name:
    """The same name (RFC 5280, 7.1) with other bytes."""
    attributes = [x509.NameAttribute(each.oid, each.value, _type=_ASN1Type.PrintableString) for each in name]
    return x509.Name(attributes)


def certified(request: x509.CertificateSigningRequest, now: datetime) -> tuple[x509.Certificate, x509.Certificate]:
    """A certificate for the request, and the certificate of its issuer."""
    issuer = company(now)
    return signed(request, issuer, now), issuer[1]
