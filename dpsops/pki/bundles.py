"""A device's bundle: its private key, its certificate and the chain up to the root, as one PEM text in a secret or a file."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from dpsops.errors import InvalidInput
from dpsops.pki import chains


@dataclass(frozen=True, slots=True, repr=False)
class DeviceCredential:
    """A device's private key and its certificate chain (leaf first), both PEM."""

    key: str
    chain: str


def read_bundle(text: str, source: str) -> DeviceCredential:
    """Reads key and chain from a PEM text and encodes both again, because this reader accepts blanks that TLS refuses. Raises
    `InvalidInput` if either is missing or incomplete, or if the key does not belong to the first certificate: TLS would fail
    too, without a useful message."""
    hint = "a bundle is the device's private key, its certificate and the certificate chain, as PEM"
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    if begin not in text or end not in text:
        raise InvalidInput(f"{source} contains no private key (PKCS #8, PEM)", hint)
    if text.count("-----BEGIN CERTIFICATE-----") != text.count("-----END CERTIFICATE-----"):
        raise InvalidInput(f"{source} contains an incomplete certificate", hint)
    try:
        key = serialization.load_pem_private_key(text[text.index(begin) : text.index(end) + len(end)].encode(), password=None)
        public_key = key.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput(f"the private key in {source} cannot be read", hint) from None
    try:
        certificates = x509.load_pem_x509_certificates(text.encode())
        certified = certificates[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise InvalidInput(f"{source} contains no certificate", hint) from cause
    if not chains.same_key(public_key, certified):
        name = chains.common_name(certificates[0].subject)
        raise InvalidInput(
            f"the private key in {source} does not belong to the first certificate, {name}",
            "the device certificate must be first; its issuer's certificate follows, and so on up to the root",
        )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return DeviceCredential(private.decode(), "".join(map(chains.pem, certificates)))
