"""A certificate before it is signed, for a key that is elsewhere: what is to be signed, and the certificate with its signature.

Source: RFC 5280, 4.1: `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificateIssuerPublicKeyTypes

from dpsops.pki.keys import signing_hash

_SEQUENCE, _BIT_STRING = 0x30, 0x03


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A certificate without its signature. `digest` is what the issuer's key signs, by `hash_name` (`sha256` or `sha384`)."""

    digest: bytes
    hash_name: str
    _tbs: bytes = field(repr=False)
    _algorithm: bytes = field(repr=False)

    @classmethod
    def of(cls, builder: x509.CertificateBuilder, issuer_key: CertificateIssuerPublicKeyTypes) -> Unsigned:
        """What `builder` describes, for a key of this type: with a signature of a key that nobody keeps, which is thrown away."""
        algorithm = signing_hash(issuer_key)
        made = builder.sign(_throwaway(isinstance(issuer_key, rsa.RSAPublicKey)), algorithm)
        whole, tbs = made.public_bytes(serialization.Encoding.DER), made.tbs_certificate_bytes
        digest = hashes.Hash(algorithm)
        digest.update(tbs)
        signature = _element(_BIT_STRING, b"\x00" + made.signature)
        content = whole[: len(whole) - len(signature)]  # of the sequence, behind its own length
        return cls(digest.finalize(), algorithm.name, tbs, content[content.index(tbs) + len(tbs) :])

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


def _element(tag: int, content: bytes) -> bytes:
    """A DER element (X.690, 8.1.3)."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


@cache
def _throwaway(is_rsa: bool) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if is_rsa:
        return rsa.generate_private_key(65537, 1024)  # noqa: S505  # nothing that it signs is kept, and it is fast
    return ec.generate_private_key(ec.SECP256R1())
