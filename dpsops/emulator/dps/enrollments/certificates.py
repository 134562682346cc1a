"""Certificates in enrollment entries: as clients send them, and as DPS shows them."""

from __future__ import annotations

import base64
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.documents import JSON
from dpsops.emulator.microsoft_devices.chains import thumbprint
from dpsops.emulator.microsoft_devices.proof import distinguished_name


def read_certificate(text: str) -> x509.Certificate:
    """A certificate in PEM, in base64 of DER, or in base64 of PEM: clients send all three. Raises `ValueError`."""
    data = text.encode() if text.lstrip().startswith("-----BEGIN") else base64.b64decode("".join(text.split()), validate=True)
    if data.lstrip().startswith(b"-----BEGIN"):
        return x509.load_pem_x509_certificate(data)
    return x509.load_der_x509_certificate(data)


def show_certificate(certificate: x509.Certificate) -> JSON:
    """What DPS shows in the place of a certificate (`X509CertificateInfo`)."""
    sha1 = hashlib.sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest().upper()
    serial = f"{certificate.serial_number:X}"
    return {
        "subjectName": distinguished_name(certificate.subject),
        "sha1Thumbprint": sha1,
        "sha256Thumbprint": thumbprint(certificate),
        "issuerName": distinguished_name(certificate.issuer),
        "notBeforeUtc": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
        "notAfterUtc": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "serialNumber": serial.zfill(len(serial) + len(serial) % 2),
        "version": certificate.version.value + 1,
    }
