"""Proof of possession: certificates as clients send them, and what proves that a client holds the private key of one."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.documents import JSON

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@lru_cache(maxsize=256)  # for every device that registers, the same few are read; the text alone says what comes of it
def parse_certificate(text: str) -> x509.Certificate:
    """Reads base64 of PEM; of several certificates the first counts. Raises `ValueError` for anything else.

    Line ends may be of any kind (a recorded upload has `\\r\\r\\n`). Base64 of DER is not read, nor PEM itself: people report
    that Azure refuses it (`Habits.certificate_files`).
    """
    found = _PEM.search(base64.b64decode(text, validate=True))
    if found is None:
        raise ValueError("there is no PEM certificate")
    return x509.load_der_x509_certificate(base64.b64decode(b"".join(found[1].split()), validate=True))


def from_file(text: str) -> str:
    """A certificate file as a hub took it until 2020, base64 of DER or PEM itself, as base64 of PEM; any other text as it is."""
    if _PEM.search(text.encode()):
        return base64.b64encode(text.encode()).decode()
    try:
        found = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except ValueError:
        return text
    return base64.b64encode(found.public_bytes(Encoding.PEM)).decode()


def common_name(certificate: x509.Certificate) -> str:
    """The subject's CN; of several the first, and the empty string where there is none."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def distinguished_name(name: x509.Name) -> str:
    """A subject or an issuer as Azure writes it: RFC 4514, with a space behind each comma."""
    return name.rfc4514_string().replace(",", ", ")


def facts(certificate: x509.Certificate) -> JSON:
    """What Azure shows of a certificate: the CN alone, an RFC 1123 date, the SHA-1 thumbprint in upper case."""
    return {
        "subject": common_name(certificate),
        "expiry": format_datetime(certificate.not_valid_after_utc, usegmt=True),
        "thumbprint": hashlib.sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest().upper(),
    }


def fault(authority: x509.Certificate, proof: x509.Certificate, code: str, now: float) -> str | None:
    """Why `proof` does not prove possession of the authority's key, in Azure's words; None where it does.

    It must be signed by the authority, have the verification code as its CN, and be valid at `now` (epoch
    seconds). Only the words for a wrong issuer are recorded; the rest is a stricter guess.
    """
    try:
        proof.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        issuer = distinguished_name(authority.subject)
        return f"Issuer certificate '{issuer}' cannot be found in the certificate chain."
    if common_name(proof) != code:
        return "The subject of the verification certificate does not match the verification code."
    if not proof.not_valid_before_utc <= datetime.fromtimestamp(now, UTC) <= proof.not_valid_after_utc:
        return "The verification certificate is not within its validity period."
    return None
