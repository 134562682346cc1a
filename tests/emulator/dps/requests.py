"""What devices send that ask for a certificate: PKCS #10 requests, right and wrong."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

POLICY = {"namespaceName": "plant-1", "certificateAuthorityName": "Plant-CA", "certificatePolicyName": "monthly"}
"""Who signs, as an enrollment says it."""
VERSION = "2026-11-01"
"""The API version that has it."""


def request_of(name: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None) -> bytes:
    """A request for this common name, in DER."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = key or ec.generate_private_key(ec.SECP256R1())
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


def forged(name: str) -> bytes:
    """A request whose signature is not that of its key."""
    found = bytearray(request_of(name))
    found[-1] ^= 1
    return bytes(found)


def text_of(der: bytes) -> str:
    """DER as devices send it."""
    return base64.b64encode(der).decode()


def read_issued(chain: list[str]) -> list[x509.Certificate]:
    """A chain as Azure answers it."""
    return [x509.load_der_x509_certificate(base64.b64decode(each, validate=True)) for each in chain]
