"""A device's bundle: its private key, its certificate and the chain up to the root, as one PEM text in a secret or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from dpsops.errors import InvalidInput
from dpsops.pki import chains, encodings
from dpsops.pki.certification_path import is_signed_by


@dataclass(frozen=True, slots=True, repr=False)
class DeviceCredential:
    """A device's private key and its certificate chain (leaf first), both PEM."""

    key: str
    chain: str


def read_bundle(data: bytes, source: str) -> DeviceCredential:
    """Reads key and certificates in whatever encoding and order, and encodes them anew: these readers accept more than TLS does.
    The certificate of the key comes first. Raises `InvalidInput` if a part is missing or incomplete, or if the key belongs
    to none of the certificates: TLS would fail too, without a useful message."""
    key = encodings.private_key(data, source, _HINT)
    given = encodings.certificates(data, source, with_key=True)
    leaf = next((each for each in given if chains.same_key(key.public_key(), each.public_key())), None)
    if leaf is None:
        names = ", ".join(chains.common_name(each.subject) for each in given)
        raise InvalidInput(f"the private key in {source} belongs to none of its certificates: {names}", _HINT)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return DeviceCredential(private.decode(), "".join(map(chains.pem, _in_order(leaf, given))))


_HINT = "a bundle is the device's private key, its certificate and the certificate chain, as PEM"


def _in_order(leaf: x509.Certificate, given: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf, then its issuers as far as they are there, then what else is there."""
    found, left = [leaf], [each for each in dict.fromkeys(given) if each != leaf]
    while issuer := next((each for each in left if is_signed_by(found[-1], each)), None):
        left.remove(issuer)
        found.append(issuer)
    return [*found, *left]
