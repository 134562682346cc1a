"""What the request for a root says to the CA that is to sign it: what it asks for, and what that CA must issue instead.

A vault's request never asks for a CA certificate, and a policy has no place for a path length. So a CA that signs the request as
it is, as with openssl's `-copy_extensions copyall`, issues a certificate that is no root.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

_USAGES = {
    "digital_signature": "digitalSignature", "content_commitment": "nonRepudiation", "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment", "key_agreement": "keyAgreement", "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}  # fmt: skip
_PURPOSES = {ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth", ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth"}


@dataclass(frozen=True, slots=True)
class Terms:
    """Extensions in openssl's words: those that the request asks for, and those that the certificate must have."""

    asked: tuple[str, ...]
    needed: tuple[str, ...]


def terms(request: x509.CertificateSigningRequest, path_length: int, days: int) -> Terms:
    """What the request asks for, and what a root needs: device certificates of `days` days below it, and `path_length` CAs.
    Raises `ValueError` if the request's extensions cannot be read."""
    needed = (
        f"basicConstraints critical CA:TRUE, pathlen:{path_length}",
        "keyUsage critical keyCertSign, cRLSign",
        "extendedKeyUsage none, or with clientAuth",
        "the common name of the request",
        f"valid for {days + 1} days or more",
    )
    return Terms(tuple(_asked(request)), needed)


def _asked(request: x509.CertificateSigningRequest) -> Iterator[str]:
    for extension in request.extensions:
        critical = " critical" if extension.critical else ""
        match extension.value:
            case x509.BasicConstraints(ca=ca):
                yield f"basicConstraints{critical} CA:{str(ca).upper()}"
            case x509.KeyUsage() as usage:
                yield f"keyUsage{critical} {', '.join(text for name, text in _USAGES.items() if getattr(usage, name))}"
            case x509.ExtendedKeyUsage() as purposes:
                yield f"extendedKeyUsage{critical} {', '.join(_PURPOSES.get(each, each.dotted_string) for each in purposes)}"
