"""Certificates of a company's CA, as its programs may make them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_YEARS = timedelta(days=3650)

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def name(text: str) -> x509.Name:
    """A common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate with its key. It has signed itself, or `issuer` has signed it."""

    def __init__(
        self,
        subject: str | x509.Name,
        key: SigningKey | None = None,
        *,
        issuer: Authority | None = None,
        issuer_name: x509.Name | None = None,
        ca: bool = True,
        life: timedelta = _YEARS,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        own = name(subject) if isinstance(subject, str) else subject
        builder = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(issuer_name or (issuer.certificate.subject if issuer else own))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number() | 1 << 158)
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + life)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        for value, critical in extensions:
            builder = builder.add_extension(value, critical)
        self.certificate: x509.Certificate = builder.sign((issuer or self).key, hashes.SHA256())

    def issue(self, subject: str | x509.Name, key: SigningKey | None = None, *, ca: bool = True) -> Authority:
        """One below it."""
        return Authority(subject, key, issuer=self, ca=ca)


def with_sha1(certificate: x509.Certificate, issuer: rsa.RSAPrivateKey) -> x509.Certificate:
    """The same certificate, signed with SHA-1 by an RSA key, as old CAs did. Both identifiers are equally long (RFC
    8017, A.2.4)."""
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    signed = certificate.tbs_certificate_bytes.replace(sha256, sha1)
    signature = issuer.sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    whole = certificate.public_bytes(serialization.Encoding.DER).replace(sha256, sha1)
    return x509.load_der_x509_certificate(whole.replace(certificate.signature, signature))
