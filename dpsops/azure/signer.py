"""A key in Key Vault as a signer: other code signs with it as with a key in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import utils as asymmetric_utils
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)

from dpsops.azure.errors import understood
from dpsops.errors import Refused

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm, SignResult

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384"}
_ONLY_SIGNS = "dpsops uses it only for signatures, in the vault"

_SENT_AGAIN = frozenset({"POST"})
"""The SDK sends no POST again if its answer is lost, because it may have changed something. A signature changes nothing."""


def jwk(key: CertificatePublicKeyTypes) -> dict[str, Any]:
    """A public key as the SDK's JSON Web Key, so that a signer needs no request to read its own key."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _bytes(numbers.n, key.key_size), "e": _bytes(numbers.e, numbers.e.bit_length())}
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        point, bits = key.public_numbers(), key.curve.key_size
        return {"kty": "EC", "crv": _CURVES[key.curve.name], "x": _bytes(point.x, bits), "y": _bytes(point.y, bits)}
    raise Refused(f"a root key of type {type(key).__name__} is not supported", "use RSA or EC on P-256 or P-384")


def _bytes(number: int, bits: int) -> bytes:
    return number.to_bytes((bits + 7) // 8, "big")


def vault_key(
    key_id: str, public_key: CertificatePublicKeyTypes, credential: TokenCredential, **options: Any
) -> CryptographyClient:
    """The SDK's client for the key with this versioned ID. Its public key is known, so it makes no request before it signs.
    `options`: the transport, and what else the SDK's client takes."""
    from azure.keyvault.keys import KeyVaultKey
    from azure.keyvault.keys.crypto import CryptographyClient

    class Client(CryptographyClient):
        """Raises an `Error` like everything in `azure/`, because the code that signs with it is not in `azure/`."""

        def sign(self, algorithm: SignatureAlgorithm, digest: bytes, **kwargs: Any) -> SignResult:
            """Signs; the request is sent again if no answer arrives."""
            with understood("Key Vault"):
                result = super().sign(algorithm, digest, retry_on_methods=_SENT_AGAIN, **kwargs)
                if not isinstance(result.signature, bytes):
                    raise TypeError("no signature")
                return result

    return Client(KeyVaultKey(key_id, jwk=jwk(public_key)), credential, **options)


def signer(client: CryptographyClient, public_key: CertificatePublicKeyTypes) -> CertificateIssuerPrivateKeyTypes:
    """The key of `client`, as a private key for `cryptography`."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return VaultEcKey(client, public_key)
    return client.create_rsa_private_key()


class VaultEcKey(ec.EllipticCurvePrivateKey):
    """An EC key in the vault. The SDK has such a class only for RSA (`KeyVaultRSAPrivateKey`)."""

    def __init__(self, client: CryptographyClient, public_key: ec.EllipticCurvePublicKey) -> None:
        self._client = client
        self._public_key = public_key

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """An ECDSA signature in DER (RFC 3279, 2.2.3). The vault answers r and s concatenated (RFC 7518, 3.4)."""
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, asymmetric_utils.Prehashed):
            digest = bytes(data)
        else:
            context = hashes.Hash(algorithm)
            context.update(data)
            digest = context.finalize()
        raw = self._client.sign(_algorithm(len(digest)), digest).signature
        half = len(raw) // 2
        return asymmetric_utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public key."""
        return self._public_key

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve."""
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        """The size in bits."""
        return self._public_key.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        """Not possible with a root's key."""
        raise Refused("a root's key cannot be used for key agreement", _ONLY_SIGNS)

    def private_numbers(self) -> NoReturn:
        """Not possible: the key never leaves the vault."""
        raise Refused("the root's private key does not leave the vault", _ONLY_SIGNS)

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> NoReturn:
        """Not possible: the key never leaves the vault."""
        raise Refused("the root's private key does not leave the vault", _ONLY_SIGNS)

    def __copy__(self) -> VaultEcKey:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> VaultEcKey:
        return self


def _algorithm(digest_size: int) -> SignatureAlgorithm:
    from azure.keyvault.keys.crypto import SignatureAlgorithm

    return {32: SignatureAlgorithm.es256, 48: SignatureAlgorithm.es384}[digest_size]
