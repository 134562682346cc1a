"""The vault's key as a signer. The vault is the SDK's own client with a key in memory, or with recorded answers."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any, cast

import pytest
import requests
from azure.keyvault.keys import JsonWebKey, KeyVaultKey
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm, SignResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsops.azure.signer import VaultEcKey, jwk, signer
from dpsops.errors import Refused
from dpsops.pki import profiles
from tests.azure.answers import Answer, Token, transport
from tests.pki.authorities import KINDS, NOW, YEAR, PrivateKey, entropy, key, leaf
from tests.pki.judges import OK, verdict

CURVES = ["EC-P256", "EC-P384"]


def vault(private: PrivateKey) -> CryptographyClient:
    """The SDK's client, which signs here with a key in memory and answers like the vault: r and s concatenated."""
    numbers = private.private_numbers()
    if isinstance(numbers, rsa.RSAPrivateNumbers):
        parts = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    else:
        parts = {"d": numbers.private_value}
    secret = {name: part.to_bytes((part.bit_length() + 7) // 8, "big") for name, part in parts.items()}
    return CryptographyClient.from_jwk(JsonWebKey(**jwk(private.public_key()), **secret, key_ops=["sign", "verify"]))


def ec_key(kind: str) -> ec.EllipticCurvePrivateKey:
    """A key on a curve, in memory."""
    found = key(kind)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found


def vault_key(kind: str) -> VaultEcKey:
    """The same key in the vault."""
    found = signer(vault(key(kind)), key(kind).public_key())
    assert isinstance(found, VaultEcKey)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_accepts_root_and_device_certificate_that_the_vault_signed(kind: str) -> None:
    public_key = key(kind).public_key()
    in_vault = signer(vault(key(kind)), public_key)
    assert isinstance(in_vault, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    wanted = profiles.Root(profiles.root_subject("test", 1), public_key, YEAR)
    root = profiles.issue_root(wanted, in_vault, serial=entropy.serial(), now=NOW)
    assert verdict(leaf(root, in_vault), root, at=NOW) == OK


@pytest.mark.parametrize("kind", CURVES)
@given(data=st.binary(max_size=200))
@settings(max_examples=50)
def test_every_signature_is_valid_for_the_public_key(kind: str, data: bytes) -> None:
    private = vault_key(kind)
    chosen = hashes.SHA256() if kind == "EC-P256" else hashes.SHA384()
    private.public_key().verify(private.sign(data, ec.ECDSA(chosen)), data, ec.ECDSA(chosen))
    digest = hashes.Hash(chosen)
    digest.update(data)
    prehashed = private.sign(digest.finalize(), ec.ECDSA(Prehashed(chosen)))
    private.public_key().verify(prehashed, data, ec.ECDSA(chosen))


class Patient:
    """A vault that signs again until r, or s, begins with a zero byte: one signature in 256."""

    def __init__(self, client: CryptographyClient, half: int) -> None:
        self._client = client
        self._half = half

    def sign(self, algorithm: SignatureAlgorithm, digest: bytes) -> SignResult:
        """The first signature with such a number."""
        while True:
            result = self._client.sign(algorithm, digest)
            if result.signature[self._half * len(result.signature) // 2] == 0:
                return result


@pytest.mark.parametrize("half", [0, 1], ids=["r", "s"])
@pytest.mark.parametrize("kind", CURVES)
def test_leading_zero_bytes_of_r_and_s_are_removed_in_der(kind: str, half: int) -> None:
    public_key = ec_key(kind).public_key()
    private = signer(cast(CryptographyClient, Patient(vault(key(kind)), half)), public_key)
    wanted = profiles.Root(profiles.root_subject("test", 1), public_key, YEAR)
    assert isinstance(private, VaultEcKey)
    root = profiles.issue_root(wanted, private, serial=entropy.serial(), now=NOW)
    number = decode_dss_signature(root.signature)[half]
    assert number.bit_length() <= public_key.key_size - 8
    assert verdict(leaf(root, key(kind)), root, at=NOW) == OK


def document(request: requests.PreparedRequest) -> Any:
    """The body of a request."""
    assert isinstance(request.body, str | bytes)
    return json.loads(request.body)


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA-2048", "RS256"), ("EC-P256", "ES256"), ("EC-P384", "ES384")])
def test_a_signature_is_one_request_and_the_public_key_needs_none(kind: str, algorithm: str) -> None:
    asked: list[requests.PreparedRequest] = []
    challenge = 'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"'
    unauthorized: Answer = (401, {"error": {"code": "Unauthorized", "message": "AKV10000"}}, {"WWW-Authenticate": challenge})

    def sign(request: requests.PreparedRequest) -> Answer:
        asked.append(request)
        body = document(request)
        digest = base64.urlsafe_b64decode(body["value"] + "==")
        raw = vault(key(kind)).sign(SignatureAlgorithm(body["alg"]), digest).signature
        return 200, {"kid": key_id, "value": base64.urlsafe_b64encode(raw).decode().rstrip("=")}, {}

    key_id = "https://kv-dpsops-dev.vault.azure.net/keys/root-g1/0123456789abcdef0123456789abcdef"
    public_key = key(kind).public_key()
    network = transport(unauthorized, sign)
    client = CryptographyClient(KeyVaultKey(key_id, jwk=jwk(public_key)), Token(), transport=network)
    private = signer(client, public_key)
    wanted = profiles.Root(profiles.root_subject("test", 1), public_key, YEAR)
    assert isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    assert private.key_size == key(kind).key_size
    assert asked == []

    root = profiles.issue_root(wanted, private, serial=entropy.serial(), now=NOW)
    root.verify_directly_issued_by(root)
    assert [(str(each.url).partition("?")[0], document(each)["alg"]) for each in asked] == [(f"{key_id}/sign", algorithm)]


@pytest.mark.parametrize("kind", CURVES)
def test_the_public_key_is_that_of_the_private_key(kind: str) -> None:
    private = vault_key(kind)
    assert private.public_key() == ec_key(kind).public_key()
    assert private.curve.name == ec_key(kind).curve.name
    assert private.key_size == ec_key(kind).key_size
    assert copy.copy(private) is private
    assert copy.deepcopy(private) is private


def test_the_private_key_cannot_be_read() -> None:
    private = vault_key("EC-P256")
    with pytest.raises(Refused, match="does not leave the vault") as refused:
        private.private_numbers()
    assert refused.value.hint
    for encoding, form in (
        (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8),
        (serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL),
    ):
        with pytest.raises(Refused, match="does not leave the vault"):
            private.private_bytes(encoding, form, serialization.NoEncryption())
    with pytest.raises(Refused, match="cannot be used for key agreement"):
        private.exchange(ec.ECDH(), ec_key("EC-P256").public_key())


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_web_key_is_that_key(kind: str) -> None:
    """The SDK verifies a signature of the key with the JSON Web Key."""
    message, private = b"message", key(kind)
    chosen = hashes.SHA384() if kind == "EC-P384" else hashes.SHA256()
    digest = hashes.Hash(chosen)
    digest.update(message)
    known = CryptographyClient.from_jwk(JsonWebKey(**jwk(private.public_key()), key_ops=["verify"]))
    if isinstance(private, rsa.RSAPrivateKey):
        assert known.create_rsa_public_key().public_numbers() == private.public_key().public_numbers()
        signature, algorithm = private.sign(message, padding.PKCS1v15(), chosen), SignatureAlgorithm.rs256
    else:
        size = private.key_size // 8
        r, s = decode_dss_signature(private.sign(message, ec.ECDSA(chosen)))
        signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
        algorithm = {32: SignatureAlgorithm.es256, 48: SignatureAlgorithm.es384}[size]
    value = digest.finalize()
    assert known.verify(algorithm, value, signature).is_valid
    assert not known.verify(algorithm, bytes(len(value)), signature).is_valid


def test_numbers_in_json_web_keys_have_the_lengths_of_rfc_7518() -> None:
    """Coordinates are as long as the field, with leading zeros (6.2.1.2); n and e have no leading zeros (6.3.1)."""
    short = next(
        candidate
        for candidate in (ec.derive_private_key(number, ec.SECP256R1()).public_key() for number in range(1, 100_000))
        if candidate.public_numbers().x.bit_length() <= 248
    )
    found = jwk(short)
    assert (found["kty"], found["crv"], len(found["x"]), len(found["y"])) == ("EC", "P-256", 32, 32)
    assert len(jwk(key("EC-P384").public_key())["x"]) == 48
    assert len(jwk(key("RSA-3072").public_key())["n"]) == 384
    assert jwk(key("RSA-2048").public_key())["e"] == b"\x01\x00\x01"
    for exponent, encoded in ((3, b"\x03"), (2**32 + 15, b"\x01\x00\x00\x00\x0f")):
        numbers = rsa.RSAPublicNumbers(exponent, rsa.generate_private_key(65537, 2048).public_key().public_numbers().n)
        assert jwk(numbers.public_key())["e"] == encoded


@pytest.mark.parametrize(
    "private",
    [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1()), ec.generate_private_key(ec.SECP521R1())],
)
def test_other_types_of_keys_are_refused(private: Any) -> None:
    with pytest.raises(Refused, match="is not supported") as refused:
        jwk(private.public_key())
    assert refused.value.hint == "use RSA or EC on P-256 or P-384"


def test_a_certificate_builder_accepts_any_signature() -> None:
    """So `chains.require_issued_by` must check every certificate that a vault signed."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    elsewhere = VaultEcKey(vault(key("EC-P256", 2)), ec_key("EC-P256").public_key())  # the vault has another key
    wanted = profiles.Root(name, elsewhere.public_key(), YEAR)
    root = profiles.issue_root(wanted, elsewhere, serial=entropy.serial(), now=NOW)
    assert "signature failure" in verdict(root, root, at=NOW)
