"""What a key does: signatures and single blocks of RSA encryption. Source: Key Vault, "Key types, algorithms, and operations"."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature

from dpsops.emulator.keyvault.errors import bad_parameter
from dpsops.emulator.keyvault.material import PrivateKey, PublicKey, type_of

RSA_OPERATIONS = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
EC_OPERATIONS = ("sign", "verify")


@dataclass(frozen=True, slots=True)
class _Signature:
    hash: hashes.HashAlgorithm
    curve: str = ""


_SIGNATURES = {
    "RS256": _Signature(hashes.SHA256()),
    "RS384": _Signature(hashes.SHA384()),
    "RS512": _Signature(hashes.SHA512()),
    "PS256": _Signature(hashes.SHA256()),
    "PS384": _Signature(hashes.SHA384()),
    "PS512": _Signature(hashes.SHA512()),
    "ES256": _Signature(hashes.SHA256(), "P-256"),
    "ES256K": _Signature(hashes.SHA256(), "P-256K"),
    "ES384": _Signature(hashes.SHA384(), "P-384"),
    "ES512": _Signature(hashes.SHA512(), "P-521"),
}
_ENCRYPTIONS: dict[str, padding.AsymmetricPadding] = {
    "RSA1_5": padding.PKCS1v15(),
    "RSA-OAEP": padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),  # noqa: S303 - RFC 7518, 4.3
    "RSA-OAEP-256": padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
}


def default_operations(kty: str) -> list[str]:
    """What a key may do if its maker does not say."""
    return list(EC_OPERATIONS if kty.startswith("EC") else RSA_OPERATIONS)


def sign(key: PrivateKey, kid: str, algorithm: str, digest: bytes) -> bytes:
    """The signature over a digest; for EC the raw r||s of RFC 7518, section 3.4."""
    scheme = _scheme(key, kid, algorithm, digest, "value")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, _padding(algorithm, scheme.hash), Prehashed(scheme.hash))
    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(scheme.hash))))
    width = (key.curve.key_size + 7) // 8
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def verify(key: PublicKey, kid: str, algorithm: str, digest: bytes, signature: bytes) -> bool:
    """Whether the signature over the digest is the key's."""
    scheme = _scheme(key, kid, algorithm, digest, "digest")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, _padding(algorithm, scheme.hash), Prehashed(scheme.hash))
            return True
        width = (key.curve.key_size + 7) // 8
        if len(signature) != 2 * width:
            return False
        der = encode_dss_signature(int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big"))
        key.verify(der, digest, ec.ECDSA(Prehashed(scheme.hash)))
    except InvalidSignature:
        return False
    return True


def encrypt(key: PublicKey, kid: str, algorithm: str, plaintext: bytes) -> bytes:
    """One block, encrypted; wrapping a key is the same."""
    scheme = _encryption(key, kid, algorithm)
    assert isinstance(key, rsa.RSAPublicKey), "other keys have no encryption"
    try:
        return key.encrypt(plaintext, scheme)
    except ValueError as invalid:
        raise bad_parameter(f"Invalid length of 'value': {len(plaintext)} bytes.") from invalid


def decrypt(key: PrivateKey, kid: str, algorithm: str, ciphertext: bytes) -> bytes:
    """One block, decrypted; unwrapping a key is the same."""
    scheme = _encryption(key, kid, algorithm)
    assert isinstance(key, rsa.RSAPrivateKey), "other keys have no encryption"
    try:
        return key.decrypt(ciphertext, scheme)
    except ValueError as invalid:
        raise bad_parameter("The parameter is incorrect.") from invalid


def _scheme(key: PrivateKey | PublicKey, kid: str, algorithm: str, digest: bytes, name: str) -> _Signature:
    scheme, actual = _SIGNATURES.get(algorithm), type_of(key)
    if scheme is None:
        raise bad_parameter(f"Property alg has invalid value {algorithm}")
    if bool(scheme.curve) != bool(actual.curve):
        kind = "EC" if scheme.curve else "RSA"
        raise bad_parameter(
            f"Key and signing algorithm are incompatible. Key {kid} is of type '{actual.kty}', and algorithm '{algorithm}' "
            f"can only be used with a key of type '{kind}' or '{kind}-HSM'."
        )
    if scheme.curve != actual.curve:
        raise bad_parameter(
            f"Key and signing algorithm are incompatible. Key {kid} uses curve '{actual.curve}', and algorithm '{algorithm}' "
            f"can only be used with curve '{scheme.curve}'."
        )
    size = scheme.hash.digest_size
    if len(digest) != size:
        raise bad_parameter(
            f"Invalid length of '{name}': {len(digest)} bytes. {algorithm} requires {size} bytes, encoded with base64url."
        )
    return scheme


def _encryption(key: PrivateKey | PublicKey, kid: str, algorithm: str) -> padding.AsymmetricPadding:
    scheme = _ENCRYPTIONS.get(algorithm)
    if scheme is None:
        raise bad_parameter(f"Property alg has invalid value {algorithm}")
    actual = type_of(key)
    if actual.curve:
        raise bad_parameter(
            f"Key and encryption algorithm are incompatible. Key {kid} is of type '{actual.kty}', and algorithm '{algorithm}' "
            "can only be used with a key of type 'RSA' or 'RSA-HSM'."
        )
    return scheme


def _padding(algorithm: str, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if algorithm.startswith("PS"):
        return padding.PSS(padding.MGF1(digest), digest.digest_size)
    return padding.PKCS1v15()
