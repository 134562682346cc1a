"""Certificate chains, as devices present them: what DPS and hubs check."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from dpsops.emulator.microsoft_devices.proof import distinguished_name

_NOT_SIGNED = (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm)
_UNREADABLE = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
_MAY_BE_A_CLIENT = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


class InvalidChain(Exception):
    """The chain proves nothing; the message says why."""


def thumbprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the certificate, upper-case hex."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest().upper()


def read_chain(presented: Sequence[bytes], now: float) -> list[x509.Certificate]:
    """The certificates (DER, leaf first). Raises `InvalidChain` unless they are one chain that is valid at `now`.

    That is: each is signed by the next, all are within their validity, all but the leaf are CAs that may sign it, the
    leaf is for clients, and no critical extension is unknown (RFC 5280, 4.2 and 6.1). How much of that DPS checks is
    not known (stricter guess: all of it).
    """
    try:
        chain = [x509.load_der_x509_certificate(each) for each in presented]
        for certificate in chain:
            _check_validity(certificate, now)
            _check_extensions(certificate)
        _check_leaf(chain[0])
        for below, (certificate, issuer) in enumerate(pairwise(chain)):
            _check_authority(issuer, below)
            certificate.verify_directly_issued_by(issuer)
    except (*_NOT_SIGNED, *_UNREADABLE) as unreadable:
        raise InvalidChain("a certificate cannot be read, or is not signed by the next") from unreadable
    return chain


def complete(chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: float) -> list[x509.Certificate]:
    """A chain that `read_chain` has read, and above it those of `authorities` that it came without, as far up as they reach.

    It is as it came where that would be no valid chain.
    """
    found = list(chain)
    try:
        while (above := _issuer_of(found[-1], [each for each in authorities if each not in found])) is not None:
            _check_validity(above, now)
            _check_extensions(above)
            _check_authority(above, len(found) - 1)
            found.append(above)
    except (InvalidChain, *_NOT_SIGNED, *_UNREADABLE):
        return list(chain)
    return found


def _issuer_of(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The first of `authorities` that has signed the certificate; None where none has, and above a root.

    They are found by name, so that signatures are checked only where there is something to find.
    """
    named = [each for each in authorities if each.subject == certificate.issuer]
    if not named or is_self_signed(certificate):
        return None
    return next((each for each in named if _is_signed_by(certificate, each)), None)


def is_valid(certificate: x509.Certificate, now: float) -> bool:
    """Whether the certificate is within its validity at `now` (epoch s)."""
    return certificate.not_valid_before_utc <= datetime.fromtimestamp(now, UTC) <= certificate.not_valid_after_utc


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate's own key has signed it."""
    return _is_signed_by(certificate, certificate)


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except _NOT_SIGNED:
        return False
    return True


def _check_validity(certificate: x509.Certificate, now: float) -> None:
    if not is_valid(certificate, now):
        raise InvalidChain(f"{distinguished_name(certificate.subject)} is not within its validity")


def _check_extensions(certificate: x509.Certificate) -> None:
    for extension in certificate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            raise InvalidChain(f"unknown critical extension {extension.oid.dotted_string}")


def _check_leaf(leaf: x509.Certificate) -> None:
    """Without the extensions it may be used for anything (4.2.1.3, 4.2.1.12). A CA is no device, unless it has signed
    itself: that is what `openssl req -x509` makes, and people enroll it."""
    for extension in leaf.extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True) if leaf.issuer != leaf.subject:
                raise InvalidChain("the leaf is a CA")
            case x509.KeyUsage(digital_signature=False):
                raise InvalidChain("the leaf may not sign")
            case x509.ExtendedKeyUsage() as usages if not _MAY_BE_A_CLIENT & set(usages):
                raise InvalidChain("the leaf is not for clients")


def _check_authority(issuer: x509.Certificate, below: int) -> None:
    """`below`: how many CAs are between this one and the leaf (4.2.1.9)."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound as missing:
        raise InvalidChain(f"{distinguished_name(issuer.subject)} is no CA") from missing
    if not constraints.ca or (constraints.path_length is not None and below > constraints.path_length):
        raise InvalidChain(f"{distinguished_name(issuer.subject)} may not sign this")
    for extension in issuer.extensions:
        if isinstance(extension.value, x509.KeyUsage) and not extension.value.key_cert_sign:
            raise InvalidChain(f"{distinguished_name(issuer.subject)} may not sign certificates")
