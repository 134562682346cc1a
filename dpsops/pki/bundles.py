"""A device's bundle: its key, its leaf, and what signed that up to the root, as one PEM text in its secret or in a file."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from dpsops.errors import InvalidInput
from dpsops.pki import chains


@dataclass(frozen=True, slots=True, repr=False)
class DeviceCredential:
    """A device's key and chain (leaf first), both PEM."""

    key: str
    chain: str


def read_bundle(text: str, source: str) -> DeviceCredential:
    """Key and chain out of a PEM text, each written anew: the reader here forgives blanks that TLS stumbles over. Raises
    `InvalidInput` where either is missing or cut off, or the key is not the first certificate's: TLS would fail over it, and
    say nothing that helps."""
    hint = "a bundle is the device's key, its leaf and the chain"
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    if begin not in text or end not in text:
        raise InvalidInput(f"{source} holds no private key (PKCS #8, PEM)", hint)
    if text.count("-----BEGIN CERTIFICATE-----") != text.count("-----END CERTIFICATE-----"):
        raise InvalidInput(f"{source} is cut off in the middle of a certificate", hint)
    try:
        key = serialization.load_pem_private_key(text[text.index(begin) : text.index(end) + len(end)].encode(), password=None)
        public_key = key.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput(f"the private key in {source} cannot be read", hint) from None
    try:
        certificates = x509.load_pem_x509_certificates(text.encode())
        certified = certificates[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise InvalidInput(f"{source} holds no certificate", hint) from cause
    if not chains.same_key(public_key, certified):
        name = chains.common_name(certificates[0].subject)
        raise InvalidInput(
            f"the private key in {source} is not that of its first certificate, {name}",
            "the device's own leaf comes first, then what signed it, up to the root",
        )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return DeviceCredential(private.decode(), "".join(map(chains.pem, certificates)))
