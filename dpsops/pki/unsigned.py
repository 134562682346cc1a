"""A certificate before it is signed, for a key that is elsewhere: what is to be signed, and the certificate with its signature.

Source: RFC 5280, 4.1: `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`, and `TBSCertificate ::=
SEQUENCE { version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, extensions }`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificateIssuerPublicKeyTypes,
    CertificatePublicKeyTypes,
)

from dpsops.pki.keys import signing_hash

_INTEGER, _BIT_STRING, _UTC_TIME, _GENERALIZED_TIME, _SEQUENCE = 0x02, 0x03, 0x17, 0x18, 0x30
_GENERALIZED_FROM = 2050  # RFC 5280, 4.1.2.5


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A certificate without its signature. `digest` is what the issuer's key signs, by `hash_name` (`sha256` or `sha384`)."""

    digest: bytes
    hash_name: str
    _tbs: bytes = field(repr=False)
    _algorithm: bytes = field(repr=False)

    def signed(self, signature: bytes) -> x509.Certificate:
        """The certificate with this signature: DER (RFC 3279, 2.2.3) of an EC key, PKCS #1 v1.5 of an RSA key. Any bytes are
        taken: `chains.require_issued_by` checks them. Raises `ValueError` if no certificate comes of it."""
        value = _element(_BIT_STRING, b"\x00" + signature)
        return x509.load_der_x509_certificate(_element(_SEQUENCE, self._tbs + self._algorithm + value))

    def signed_by(self, key: CertificateIssuerPrivateKeyTypes) -> x509.Certificate:
        """The certificate, signed with a key that is here. Raises `TypeError` for a key that is neither RSA nor EC."""
        algorithm = hashes.SHA384() if self.hash_name == "sha384" else hashes.SHA256()
        match key:
            case ec.EllipticCurvePrivateKey():
                return self.signed(key.sign(self._tbs, ec.ECDSA(algorithm)))
            case rsa.RSAPrivateKey():
                return self.signed(key.sign(self._tbs, padding.PKCS1v15(), algorithm))
        raise TypeError(f"a key of type {type(key).__name__} does not sign certificates")


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the certificates of one kind and issuer have in common, encoded once: building each anew takes four times as long."""

    _hash_name: str
    _version: bytes = field(repr=False)
    _algorithm: bytes = field(repr=False)
    _issuer: bytes = field(repr=False)
    _extensions: tuple[bytes, bytes] = field(repr=False)
    """What is before the digest in the subject key identifier, and after it."""

    @classmethod
    def of(
        cls,
        builder: Callable[[CertificatePublicKeyTypes], x509.CertificateBuilder],
        issuer_key: CertificateIssuerPublicKeyTypes,
    ) -> Pattern:
        """Of what `builder` describes for a public key, which has an identifier; for an issuer's key of this type. It is signed
        with a key that nobody keeps, and that signature is thrown away."""
        key, algorithm = _throwaway(isinstance(issuer_key, rsa.RSAPublicKey)), signing_hash(issuer_key)
        made = builder(key.public_key()).sign(key, algorithm)
        identifier = made.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        tbs = made.tbs_certificate_bytes
        version, _, signed_with, issuer, _, _, _, extensions = _elements(tbs[_header(tbs) :])
        before, _, after = extensions.partition(identifier)
        return cls(algorithm.name, version, signed_with, issuer, (before, after))

    def filled(
        self, subject: x509.Name, public_key: CertificatePublicKeyTypes, *, serial: int, begin: datetime, end: datetime
    ) -> Unsigned:
        """A certificate of this kind."""
        before, after = self._extensions
        tbs = _element(
            _SEQUENCE,
            b"".join(
                (
                    self._version,
                    _element(_INTEGER, serial.to_bytes(serial.bit_length() // 8 + 1, "big")),
                    self._algorithm,
                    self._issuer,
                    _element(_SEQUENCE, _time(begin) + _time(end)),
                    subject.public_bytes(),
                    public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
                    before,
                    x509.SubjectKeyIdentifier.from_public_key(public_key).digest,
                    after,
                )
            ),
        )
        return Unsigned(hashlib.new(self._hash_name, tbs).digest(), self._hash_name, tbs, self._algorithm)


def _element(tag: int, content: bytes) -> bytes:
    """A DER element (X.690, 8.1.3)."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def _elements(content: bytes) -> Iterator[bytes]:
    """The DER elements that follow each other."""
    while content:
        header = _header(content)
        length = content[1] if header == 2 else int.from_bytes(content[2:header], "big")
        yield content[: header + length]
        content = content[header + length :]


def _header(element: bytes) -> int:
    """How many bytes the tag and the length of an element have."""
    return 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)


def _time(moment: datetime) -> bytes:
    """A time in UTC (RFC 5280, 4.1.2.5)."""
    moment = moment.astimezone(UTC)
    if moment.year < _GENERALIZED_FROM:
        return _element(_UTC_TIME, f"{moment:%y%m%d%H%M%SZ}".encode())
    return _element(_GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%SZ}".encode())


@cache
def _throwaway(is_rsa: bool) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if is_rsa:
        return rsa.generate_private_key(65537, 1024)  # noqa: S505  # nothing that it signs is kept, and it is fast
    return ec.generate_private_key(ec.SECP256R1())
