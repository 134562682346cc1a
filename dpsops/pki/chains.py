"""Whether certificates hang together, how they are named, and how they are written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes

from dpsops.errors import Error, InvalidInput, Unsound
from dpsops.pki.profiles import root_faults

_CHAIN = "the chain is the issuer's certificate, its issuer's, and so on up to a self-signed one, in this order"


def require_issued_by(certificate: x509.Certificate, root: x509.Certificate, now: datetime) -> None:
    """Raises `Unsound` unless `root` really signed the certificate and it lies within the root's life (RFC 5280, 6.1.3).

    A certificate builder accepts any bytes for a signature, so this is asked of every certificate that a
    vault has signed before it is used for anything.
    """
    subject = certificate.subject.rfc4514_string()
    try:
        certificate.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError) as cause:
        raise Unsound(
            f"the certificate of {subject} does not carry a valid signature of {root.subject.rfc4514_string()}",
            "the vault signed with another key than the root's: run 'dpsops root show' and try again",
        ) from cause
    if certificate.not_valid_before_utc < root.not_valid_before_utc or certificate.not_valid_after_utc > root.not_valid_after_utc:
        raise Unsound(
            f"the certificate of {subject} would begin before its root or outlive it",
            f"the root lives from {root.not_valid_before_utc:%Y-%m-%d} to {root.not_valid_after_utc:%Y-%m-%d}: check the clock",
        )
    if certificate.not_valid_after_utc <= now:
        raise Unsound(
            f"the certificate of {subject} would already have expired",
            "the root has ended: dpsops status says until when it was valid",
        )


def require_chain(certificate: x509.Certificate, above: Sequence[x509.Certificate], now: datetime) -> None:
    """Raises `InvalidInput` unless `above` leads from the certificate's issuer to a self-signed one, each signed by the
    next, valid today, and allowed to stand where it stands (RFC 5280, 6.1: CA, keyCertSign, path length).

    `certificate` is a CA itself, so each one above has at least one CA below it. None may end before what it has signed.
    """
    chain = [certificate, *above]
    for below, (signed, issuer) in enumerate(pairwise(chain), 1):
        who, whose = issuer.subject.rfc4514_string(), signed.subject.rfc4514_string()
        try:
            signed.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError) as cause:
            raise InvalidInput(f"{who} did not sign {whose}", _CHAIN) from cause
        if faults := [*root_faults(issuer, now), *_length_faults(issuer, below)]:
            raise InvalidInput(f"{who}, the issuer of {whose}, {' and '.join(faults)}", "have a CA sign it that may")
        if issuer.not_valid_after_utc < signed.not_valid_after_utc:
            raise InvalidInput(
                f"{whose} would outlive its issuer, which ends on {issuer.not_valid_after_utc:%Y-%m-%d}",
                "have it signed for a shorter time",
            )
    if not is_self_signed(chain[-1]):
        raise InvalidInput(f"the chain ends with {chain[-1].subject.rfc4514_string()}, which another CA has signed", _CHAIN)


def _length_faults(issuer: x509.Certificate, below: int) -> list[str]:
    """`below`: how many CAs stand between this one and a leaf (RFC 5280, 4.2.1.9)."""
    length = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    return [f"allows {length} CA(s) below it, and there are {below}"] if length is not None and length < below else []


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate's own key has signed it."""
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def thumbprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, upper case hex: what dpsops and the hub identities show."""
    return certificate.fingerprint(hashes.SHA256()).hex().upper()


def sha1_thumbprint(certificate: x509.Certificate) -> str:
    """SHA-1 of the certificate, upper case hex: what DPS's management API shows. An identifier, not a safeguard."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


def serial_text(certificate: x509.Certificate) -> str:
    """The serial number as openssl prints it: upper case hex, whole bytes."""
    text = f"{certificate.serial_number:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


def common_name(name: x509.Name) -> str:
    """The common name, or the whole name where it has none."""
    attributes = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(attributes[0].value) if attributes else name.rfc4514_string()


def same_key(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    """Whether two public keys are the same key."""
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return one.public_bytes(serialization.Encoding.DER, spki) == other.public_bytes(serialization.Encoding.DER, spki)


def pem(certificate: x509.Certificate) -> str:
    """The certificate as PEM (RFC 7468)."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def bundle(key: ec.EllipticCurvePrivateKey, leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> str:
    """A device's key, leaf and chain as one PEM text. The chain is complete, because DPS answers 401002 without it."""
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode() + "".join(pem(certificate) for certificate in (leaf, *chain))


def key_kind(key: CertificatePublicKeyTypes) -> tuple[str, int]:
    """What kind of key it is and its size in bits: ("RSA", 3072), ("EC", 256)."""
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.curve.key_size
    raise Error(f"a key of the kind {type(key).__name__} has no place here", "use RSA or EC")
