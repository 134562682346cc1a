"""Key material: made, imported, and shown as JSON Web Keys (RFC 7517, RFC 7518), the public half only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dpsops.emulator.documents import JSON
from dpsops.emulator.keyvault.bodies import base64url_decode, base64url_encode, field, required_text
from dpsops.emulator.keyvault.errors import bad_parameter, forbidden
from dpsops.emulator.keyvault.vaults import Vault

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}
_CURVE_NAMES = {curve.name: name for name, curve in CURVES.items()}
_RSA_SIZES = (2048, 3072, 4096)
_DEFAULT_SIZE = 2048
_DEFAULT_CURVE = "P-256"


@dataclass(frozen=True, slots=True)
class KeyType:
    """What a key is to be: `kty` as in a JSON Web Key, with a size in bits for RSA or the name of a curve for EC."""

    kty: str
    size: int = 0
    curve: str = ""

    @property
    def hsm(self) -> bool:
        """Whether it is to live in a hardware security module."""
        return self.kty.endswith("-HSM")


def key_type(body: JSON) -> KeyType:
    """Reads `kty`, `key_size` and `crv`, with the service's defaults: RSA of 2048 bits, curve P-256."""
    kty = required_text(body, "kty")
    size, curve = field(body, "key_size", int), field(body, "crv", str)
    if kty in ("RSA", "RSA-HSM"):
        if curve is not None or (size or _DEFAULT_SIZE) not in _RSA_SIZES:
            raise bad_parameter(
                f"Property key_size has invalid value {size or _DEFAULT_SIZE}, or property crv was given with an RSA key"
            )
        return KeyType(kty, size or _DEFAULT_SIZE)
    if kty in ("EC", "EC-HSM"):
        curve = (
            curve
            if curve is not None
            else next((name for name, known in CURVES.items() if size == known.key_size), _DEFAULT_CURVE)
        )
        if curve not in CURVES:
            raise bad_parameter(f"Property crv has invalid value {curve}")
        if size not in (None, CURVES[curve].key_size):
            raise bad_parameter(f"Property key_size has invalid value {size} for curve {curve}")
        return KeyType(kty, CURVES[curve].key_size, curve)
    raise bad_parameter(f"Property kty has invalid value {kty}")


def require_hsm_allowed(vault: Vault, kty: str) -> None:
    """HSM-protected keys exist in premium vaults only."""
    if kty.endswith("-HSM") and not vault.premium:
        raise forbidden(
            f"Key type {kty} is not supported in a vault of the standard tier: HSM-protected keys need the premium tier."
        )


def generate(wanted: KeyType) -> PrivateKey:
    """A new key."""
    if wanted.curve:
        return ec.generate_private_key(CURVES[wanted.curve])
    return rsa.generate_private_key(65537, wanted.size)


def type_of(key: PrivateKey | PublicKey) -> KeyType:
    """What a software key is. Refused if Key Vault has no such keys."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return KeyType("RSA", key.key_size)
    curve = _CURVE_NAMES.get(key.curve.name)
    if curve is None:
        raise bad_parameter(f"Curve {key.curve.name} is not supported.")
    return KeyType("EC", key.curve.key_size, curve)


def to_pem(key: PrivateKey) -> str:
    """PKCS #8, unencrypted: how keys rest in the state, whose file only its owner can read."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@lru_cache(maxsize=64)
def from_pem(pem: str) -> PrivateKey:
    """The reverse of `to_pem`. Keys used lately are at hand: an RSA key takes as long to get ready as to sign."""
    # The check of an RSA key takes longer than a signature, and this one was checked when it came in.
    key = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey), "only such keys are stored"
    return key


def public_jwk(key: PublicKey) -> JSON:
    """The public parameters of a JSON Web Key, without `kty`."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"n": _encode(numbers.n), "e": _encode(numbers.e)}
    point, width = key.public_numbers(), (key.curve.key_size + 7) // 8
    return {"crv": type_of(key).curve, "x": _encode(point.x, width), "y": _encode(point.y, width)}


def private_key(jwk: JSON) -> PrivateKey:
    """The key in a JSON Web Key that is to be imported."""
    kty = required_text(jwk, "kty")
    try:
        if kty in ("RSA", "RSA-HSM"):
            n, e, d, p, q, dp, dq, qi = (_decode(jwk, name) for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi"))
            return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key()
        if kty in ("EC", "EC-HSM") and field(jwk, "crv", str) in CURVES:
            x, y, d = (_decode(jwk, name) for name in ("x", "y", "d"))
            return ec.EllipticCurvePrivateNumbers(d, ec.EllipticCurvePublicNumbers(x, y, CURVES[jwk["crv"]])).private_key()
    except ValueError as invalid:
        raise bad_parameter("The JSON Web Key is not a valid private key") from invalid
    raise bad_parameter(f"Property kty has invalid value {kty}")


def _encode(number: int, width: int | None = None) -> str:
    return base64url_encode(number.to_bytes(width or (number.bit_length() + 7) // 8, "big"))


def _decode(jwk: JSON, name: str) -> int:
    value: Any = required_text(jwk, name)
    return int.from_bytes(base64url_decode(value, name), "big")
