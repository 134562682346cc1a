"""Signatures of the root's key under device certificates, many at a time.

Source: Key Vault REST API 2025-07-01, "Sign"; the signature of an EC key is r and s concatenated (RFC 7518, 3.4).
"""

from __future__ import annotations

import base64
from functools import cache
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import utils as asymmetric_utils

from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.device_plane import DevicePlane
from dpsops.azure.errors import understood
from dpsops.model import rates
from dpsops.model.root import RootVersion
from dpsops.pki.chains import key_type
from dpsops.pki.unsigned import Unsigned


class _Signature(Shape):
    value: str


class LeafSigner:
    """The keys of the roots in the vault."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._keys = cache(self._keys_of_type)

    def _keys_of_type(self, kind: str, size: int) -> DevicePlane:
        return self._clients.root_keys(rates.signatures(self._clients.environment, kind, size))

    @understood("Key Vault")
    async def sign(self, root: RootVersion, unsigned: Unsigned) -> x509.Certificate:
        """The certificate with the signature of this root's key, which is not verified. One request; it may be sent again,
        because a signature changes nothing."""
        kind, size = key_type(root.certificate.public_key())
        is_ec = kind == "EC"
        algorithm = ("ES" if is_ec else "RS") + unsigned.hash_name.removeprefix("sha")
        document = {"alg": algorithm, "value": _text(unsigned.digest)}
        path = f"{urlsplit(root.key_id).path}/sign"
        answer = _Signature.model_validate(await self._keys(kind, size).post(path, document))
        signature = base64.urlsafe_b64decode(answer.value + "=" * (-len(answer.value) % 4))
        return unsigned.signed(_der(signature) if is_ec else signature)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _der(signature: bytes) -> bytes:
    half = len(signature) // 2
    return asymmetric_utils.encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
