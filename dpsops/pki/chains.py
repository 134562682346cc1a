"""Certificate chains: whether they are valid, and the names, thumbprints and encodings of certificates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes

from dpsops.errors import Error, InvalidCertificate


def require_issued_by(certificate: x509.Certificate, root: x509.Certificate, now: datetime) -> None:
    """Raises `InvalidCertificate` unless `root` signed the certificate and is valid at least as long (RFC 5280, 6.1.3).

    A certificate builder accepts any bytes as a signature. So every certificate that a vault has signed is checked here
    before it is used.
    """
    try:
        certificate.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError) as cause:
        raise InvalidCertificate(
            f"{_whose(certificate)} does not have a valid signature of {root.subject.rfc4514_string()}",
            "the vault did not sign with the root's key: check the root with 'dpsops root show', then run the command again",
        ) from cause
    if certificate.not_valid_before_utc < root.not_valid_before_utc or certificate.not_valid_after_utc > root.not_valid_after_utc:
        raise InvalidCertificate(
            f"{_whose(certificate)} would be valid before or after its root",
            f"the root is valid {root.not_valid_before_utc:%Y-%m-%d} to {root.not_valid_after_utc:%Y-%m-%d}: check the clock",
        )
    if certificate.not_valid_after_utc <= now:
        raise InvalidCertificate(
            f"{_whose(certificate)} would already be expired",
            "the root has expired: 'dpsops status' shows how to replace it",
        )


def _whose(certificate: x509.Certificate) -> str:
    return f"the certificate of {certificate.subject.rfc4514_string()}"


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate is signed with its own key."""
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def thumbprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, upper case hex: the thumbprint in dpsops' output and in device identities."""
    return certificate.fingerprint(hashes.SHA256()).hex().upper()


def sha1_thumbprint(certificate: x509.Certificate) -> str:
    """SHA-1 of the certificate, upper case hex: the thumbprint in DPS's management API. It identifies, it does not protect."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


def serial_text(certificate: x509.Certificate) -> str:
    """The serial number as openssl prints it: upper case hex, two digits for each byte."""
    text = f"{certificate.serial_number:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


def common_name(name: x509.Name) -> str:
    """The common name, or the full name if there is none."""
    attributes = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(attributes[0].value) if attributes else name.rfc4514_string()


def same_key(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    """Whether two public keys are the same key."""
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return one.public_bytes(serialization.Encoding.DER, spki) == other.public_bytes(serialization.Encoding.DER, spki)


def key_hash(key: PublicKeyTypes) -> str:
    """SHA-256 of a public key (`SubjectPublicKeyInfo`, RFC 5280, 4.1.2.7), upper case hex."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(spki)
    return digest.finalize().hex().upper()


def pem(certificate: x509.Certificate) -> str:
    """The certificate as PEM (RFC 7468)."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def bundle(key: ec.EllipticCurvePrivateKey | None, leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> str:
    """A device's private key, certificate and chain as one PEM text, without the key if there is none here. The chain is
    complete, or DPS would answer 401002."""
    certificates = "".join(pem(certificate) for certificate in (leaf, *chain))
    if key is None:
        return certificates
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode() + certificates


def key_type(key: CertificatePublicKeyTypes) -> tuple[str, int]:
    """The type of a key and its size in bits: ("RSA", 3072), ("EC", 256)."""
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.curve.key_size
    raise Error(f"a key of type {type(key).__name__} is not supported", "use RSA or EC")
