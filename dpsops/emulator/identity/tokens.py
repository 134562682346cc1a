"""Access tokens: JWTs as Entra ID issues them, signed with a key of the embedded Azure's own."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World

LIFETIME = 3600
"""Seconds. Entra ID issues tokens of 60 to 90 minutes."""

_KEY_KIND = "identityKey"


class InvalidToken(Exception):
    """No token, or one that this service does not accept; the message says why."""


def encode_segment(data: bytes) -> str:
    """Base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_segment(text: str) -> bytes:
    """The reverse of `encode_segment`. Raises `ValueError`."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def signing_key(world: World) -> rsa.RSAPrivateKey:
    """The key that signs tokens, made at first use and kept in the state."""
    document = world.state.get(_KEY_KIND, "key")
    if document is None:
        key = rsa.generate_private_key(65537, 2048)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        world.state.put(_KEY_KIND, "key", {"pem": pem.decode()})
        return key
    # Checking the key again takes longer than all the rest of a request.
    loaded = serialization.load_pem_private_key(document["pem"].encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


def public_jwk(key: rsa.RSAPublicKey) -> JSON:
    """The public key as the discovery document's key set shows it; `kid` is its thumbprint (RFC 7638)."""
    numbers = key.public_numbers()
    jwk = {
        "e": encode_segment(numbers.e.to_bytes(3, "big")),
        "kty": "RSA",
        "n": encode_segment(numbers.n.to_bytes((key.key_size + 7) // 8, "big")),
    }
    thumbprint = hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
    return jwk | {"use": "sig", "alg": "RS256", "kid": encode_segment(thumbprint)}


def issue_token(world: World, principal: Principal, audience: str) -> str:
    """An access token of `LIFETIME` for `audience`, with the claims of a service principal's (v1.0 token reference)."""
    key = signing_key(world)
    now = int(world.now)
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{principal.tenant_id}/",
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "appid": principal.app_id,
        "idtyp": "app",
        "oid": principal.object_id,
        "sub": principal.object_id,
        "tid": principal.tenant_id,
        "uti": uuid.uuid4().hex,
        "ver": "1.0",
    }
    return sign_jwt(key, claims, public_jwk(key.public_key())["kid"])


def sign_jwt(key: rsa.RSAPrivateKey, claims: JSON, kid: str) -> str:
    """A compact JWS (RFC 7515) over the claims, RS256."""
    header = {"alg": "RS256", "typ": "JWT", "kid": kid}
    signed = ".".join(encode_segment(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{encode_segment(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def verify_jwt(token: str, key: rsa.RSAPublicKey) -> JSON:
    """The claims of an RS256 JWT that `key` signed. Raises `InvalidToken`."""
    header, claims = split_jwt(token)
    if header.get("alg") != "RS256":
        raise InvalidToken("the signature algorithm is not RS256")
    signed, _, signature = token.rpartition(".")
    try:
        key.verify(decode_segment(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature) as invalid:
        raise InvalidToken("the token's signature is not valid") from invalid
    return claims


def split_jwt(token: str) -> tuple[JSON, JSON]:
    """The header and the claims of a JWT, which nobody has verified yet. Raises `InvalidToken`."""
    try:
        header, claims, _ = token.split(".")
        read: list[Any] = [json.loads(decode_segment(part)) for part in (header, claims)]
    except ValueError as invalid:
        raise InvalidToken("the token is malformed") from invalid
    if not all(isinstance(part, dict) for part in read):
        raise InvalidToken("the token is malformed")
    return read[0], read[1]


def read_token(world: World, authorization: str, audience: str) -> Principal:
    """Who a request's `Authorization` header speaks for. Raises `InvalidToken` when it is missing, expired,
    signed by someone else or meant for another audience; several of them are separated by spaces."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidToken("missing")
    claims = verify_jwt(token.strip(), signing_key(world).public_key())
    if claims.get("aud", "").rstrip("/") not in [each.rstrip("/") for each in audience.split()]:
        raise InvalidToken(f"the audience is {claims.get('aud')!r}, not {audience!r}")
    if not claims["nbf"] - 300 <= world.now < claims["exp"]:
        raise InvalidToken("expired")
    return Principal(claims["oid"], claims["appid"], claims["tid"])
