"""The path from a certificate that another CA has issued up to its root (RFC 5280, 6.1): put in order, and checked whether
devices could use it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from dpsops.errors import InvalidInput
from dpsops.pki.profiles import path_length, root_faults

_CHAIN = "the chain must be the issuer's certificate, then that of its issuer, and so on up to a self-signed certificate"
_ALL = _CHAIN + ", in any order and nothing else"
_ONE = (
    "; a file in DER, or in base64 without BEGIN and END lines, holds no more than one: make PEM of each "
    "(openssl x509 -inform der -in FILE) and put all into one file"
)
_WEAK_HASHES = (hashes.SHA1, hashes.MD5)
_FEWEST_RSA_BITS = 2048
"""OpenSSL refuses shorter ones in TLS at its default security level; DPS takes no shorter ones from devices either."""


def certification_path(certificate: x509.Certificate, given: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The issuers above a certificate, the nearest first, up to a self-signed one. They may be given in any order, repeatedly and
    with the certificate itself. Raises `InvalidInput` if one is missing, or if there are others."""
    left = [each for each in dict.fromkeys(given) if each != certificate]
    one = _ONE if len(left) == 1 else ""
    found, last = list[x509.Certificate](), certificate
    while not is_self_signed(last):
        issuers = sorted((each for each in left if is_signed_by(last, each)), key=is_self_signed, reverse=True)
        if not issuers:
            break
        last = issuers[0]
        left.remove(last)
        found.append(last)
    names = ", ".join(each.subject.rfc4514_string() for each in left)
    if not is_self_signed(last):
        missing = f"add the certificate of {last.issuer.rfc4514_string()}"
        if left:
            raise InvalidInput(f"none of these signed {_name(last)}: {names}", f"{missing}: {_ALL}{one}")
        raise InvalidInput(f"the chain ends with {_name(last)}, which is not self-signed", f"{missing}: {_CHAIN}{one}")
    if left:
        raise InvalidInput(f"not in the chain of {_name(certificate)}: {names}", "leave out what is not in its chain")
    return tuple(found)


def require_path(certificate: x509.Certificate, above: Sequence[x509.Certificate], now: datetime, below: int = 0) -> None:
    """Raises `InvalidInput` unless every certificate of the path is allowed at its place, valid today, and of a kind that devices
    and DPS can use; no issuer may expire first.

    `certificate` is a CA certificate, so each one above it has at least one CA below it, and `below` more if so many must be
    possible below `certificate` itself. The signature of the last one proves nothing and may be weak.
    """
    for depth, (signed, issuer) in enumerate(pairwise([certificate, *above]), below + 1):
        if faults := [*root_faults(issuer, now), *length_faults(issuer, depth), *use_faults(issuer)]:
            what = f"{_name(issuer)}, the issuer of {_name(signed)}, {' and '.join(faults)}"
            raise InvalidInput(what, "use a CA that may issue it")
        if isinstance(signed.signature_hash_algorithm, _WEAK_HASHES):
            weak = signed.signature_hash_algorithm.name.upper()
            raise InvalidInput(f"{_name(issuer)} signed {_name(signed)} with {weak}", "have it signed with SHA-256 or better")
        if issuer.not_valid_after_utc < signed.not_valid_after_utc:
            raise InvalidInput(
                f"{_name(signed)} would expire after its issuer, which expires on {issuer.not_valid_after_utc:%Y-%m-%d}",
                "have it signed with a shorter validity",
            )


def presentable(path: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The part of a path, the lowest certificate first, that a device can show to anybody: up to the first issuer whose name is
    written in another type of string than the certificate below names it in.

    RFC 5280, 7.1, has both names equal, and OpenSSL follows it; Go and others compare their bytes, and nobody has seen which DPS
    does. A device needs the path only up to the root that DPS and the hubs have themselves, so what is left out is not missed.
    """
    for depth, (signed, issuer) in enumerate(pairwise(path), 1):
        if signed.issuer.public_bytes() != issuer.subject.public_bytes():
            return tuple(path[:depth])
    return tuple(path)


def use_faults(certificate: x509.Certificate) -> list[str]:
    """Why no device certificate could be used below a CA certificate, whoever issued it: clauses that complete "it ...".

    Sources: RFC 5280, 4.2 (critical extensions), 4.2.1.10 (name constraints), 4.2.1.12; that an extended key usage limits what is
    below it is how OpenSSL, Go and Windows read it.
    """
    return [*_critical(certificate), *_usage(certificate), *_names(certificate), *_key(certificate)]


def length_faults(issuer: x509.Certificate, below: int) -> list[str]:
    """Why a CA certificate cannot have `below` CAs between it and a device certificate (RFC 5280, 4.2.1.9)."""
    length = path_length(issuer)
    return [f"allows {length} CA(s) below it, and must allow {below}"] if length is not None and length < below else []


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate is signed with its own key, with whatever hash."""
    return is_signed_by(certificate, certificate)


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether a certificate names another one as its issuer, and has its signature (RFC 5280, 6.1.3)."""
    if not names_match(certificate.issuer, issuer.subject):
        return False
    key, signature, signed = issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes
    try:
        how, hash_ = certificate.signature_algorithm_parameters, certificate.signature_hash_algorithm
        match key:
            case rsa.RSAPublicKey() if isinstance(how, padding.PKCS1v15 | padding.PSS) and hash_ is not None:
                key.verify(signature, signed, how, hash_)
            case ec.EllipticCurvePublicKey() if isinstance(how, ec.ECDSA):
                key.verify(signature, signed, how)
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def names_match(one: x509.Name, other: x509.Name) -> bool:
    """Whether two names are the same, whatever the types of their strings are (RFC 5280, 7.1). An empty name is no other's."""
    return bool(list(one)) and _comparable(one) == _comparable(other)


def _comparable(name: x509.Name) -> list[frozenset[tuple[str, str]]]:
    return [frozenset((each.oid.dotted_string, _prepared(str(each.value))) for each in part) for part in name.rdns]


def _prepared(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _critical(certificate: x509.Certificate) -> Iterator[str]:
    for extension in certificate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            yield f"has a critical extension that no device knows ({extension.oid.dotted_string})"


def _usage(certificate: x509.Certificate) -> Iterator[str]:
    try:
        allowed = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    if not allowed & {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        yield "is limited to other uses than clientAuth (extendedKeyUsage), which devices need"


def _names(certificate: x509.Certificate) -> Iterator[str]:
    """A device certificate has the subject CN=press-07 and nothing else, so that a constraint on any other name leaves it out."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return
    permitted = [each.value for each in constraints.permitted_subtrees or () if isinstance(each, x509.DirectoryName)]
    if permitted and all(list(each) for each in permitted):
        yield f"permits only names under {permitted[0].rfc4514_string()} (nameConstraints), and devices are CN=ID"
    if any(isinstance(each, x509.DirectoryName) and not list(each.value) for each in constraints.excluded_subtrees or ()):
        yield "excludes every name (nameConstraints)"


def _key(certificate: x509.Certificate) -> Iterator[str]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _FEWEST_RSA_BITS:
        yield f"has an RSA key of {key.key_size} bits, and needs {_FEWEST_RSA_BITS}"
