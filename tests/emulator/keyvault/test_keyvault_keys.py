"""Keys: what is made, what is shown of them, and what they do."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.emulator.keyvault.lab import NOW, URL, Lab, base64url, policy

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "P-256K": ec.SECP256K1()}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
MESSAGE = b"the bytes to be signed"


def number(text: str) -> int:
    return int.from_bytes(decode(text), "big")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest(algorithm: str) -> str:
    return base64url(hashlib.new(f"sha{algorithm[2:5]}", MESSAGE).digest())


def public_ec(jwk: dict[str, Any]) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), CURVES[jwk["crv"]]).public_key()


def public_rsa(jwk: dict[str, Any]) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()


def test_an_ec_key(lab: Lab) -> None:
    bundle = lab.ok("POST", "/keys/k/create", {"kty": "EC", "tags": {"a": "b"}}, version="7.2")
    version = bundle["key"]["kid"].rpartition("/")[2]
    assert bundle == {
        "key": {
            "kid": f"{URL}/keys/k/{version}",
            "kty": "EC",
            "key_ops": ["sign", "verify"],
            "crv": "P-256",
            "x": bundle["key"]["x"],
            "y": bundle["key"]["y"],
        },
        "attributes": {
            "enabled": True,
            "created": NOW,
            "updated": NOW,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        },
        "tags": {"a": "b"},
    }
    public_ec(bundle["key"])
    assert lab.ok("GET", "/keys/k/", version="7.2") == bundle
    assert lab.ok("GET", f"/keys/k/{version}", version="7.2") == bundle


def test_an_rsa_key_shows_its_public_half_only(lab: Lab) -> None:
    bundle = lab.ok("POST", "/keys/k/create", {"kty": "RSA"})
    assert set(bundle["key"]) == {"kid", "kty", "key_ops", "n", "e"}
    assert bundle["key"]["key_ops"] == ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
    assert (public_rsa(bundle["key"]).key_size, bundle["key"]["e"]) == (2048, "AQAB")


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("7.3-preview", {}),
        ("7.4", {"exportable": False}),
        ("7.5-preview.1", {"exportable": False, "hsmPlatform": "0"}),
        ("7.6-preview.2", {"exportable": False, "hsmPlatform": "0"}),
    ],
)
def test_attributes_that_came_with_api_versions(lab: Lab, version: str, more: dict[str, Any]) -> None:
    attributes = lab.ok("POST", "/keys/k/create", {"kty": "EC"}, version=version)["attributes"]
    known = {"enabled", "created", "updated", "recoveryLevel", "recoverableDays"}
    assert {name: value for name, value in attributes.items() if name not in known} == more


def test_a_certificates_key_is_managed(lab: Lab) -> None:
    lab.ok("POST", "/certificates/c/create", policy())
    bundle = lab.ok("GET", "/keys/c/", version="7.5-preview.1")
    assert bundle["managed"] is True
    assert bundle["attributes"]["nbf"] == NOW - 600
    assert bundle["attributes"]["hsmPlatform"] == "0"
    assert "exportable" not in bundle["attributes"]
    (item,) = lab.ok("GET", "/keys")["value"]
    assert (item["kid"], item["managed"]) == (f"{URL}/keys/c", True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kty": "RSA", "key_size": 1024},
        {"kty": "RSA", "key_size": "2048"},
        {"kty": "EC", "crv": "P-192"},
        {"kty": "EC", "crv": ""},
        {"kty": "EC", "attributes": {"exp": 253_402_300_800}},
        {"kty": "EC", "attributes": {"nbf": -1}},
        {"kty": "oct"},
        {"kty": "EC", "key_ops": ["encrypt"]},
        {"kty": "RSA", "attributes": {"enabled": "yes"}},
        {"kty": "EC", "tags": {str(number): "x" for number in range(16)}},
        {"kty": "EC", "tags": {"x" * 257: "x"}},
    ],
)
def test_invalid_keys(lab: Lab, body: dict[str, Any]) -> None:
    assert lab.refused("POST", "/keys/k/create", body)[:2] == (400, "BadParameter")


def test_hsm_keys_need_the_premium_tier(lab: Lab) -> None:
    body = {"kty": "RSA-HSM", "key_size": 2048, "key_ops": ["import"]}
    assert lab.refused("POST", "/keys/k/create", body)[0] == 403
    lab.create_vault("kv-premium", sku={"family": "A", "name": "premium"})
    bundle = lab.ok("POST", "/keys/k/create", body, vault="kv-premium", version="7.5-preview.1")
    assert (bundle["key"]["kty"], bundle["key"]["key_ops"]) == ("RSA-HSM", ["import"])
    assert (bundle["attributes"]["exp"], bundle["attributes"]["hsmPlatform"]) == (NOW + 172_800, "1")


@pytest.mark.parametrize(
    ("curve", "algorithm"), [("P-256", "ES256"), ("P-256K", "ES256K"), ("P-384", "ES384"), ("P-521", "ES512")]
)
def test_ec_signatures_are_raw(lab: Lab, curve: str, algorithm: str) -> None:
    jwk = lab.ok("POST", "/keys/k/create", {"kty": "EC", "crv": curve})["key"]
    answer = lab.ok("POST", "/keys/k//sign", {"alg": algorithm, "value": digest(algorithm)})
    assert answer["kid"] == jwk["kid"]
    raw = decode(answer["value"])
    width = (CURVES[curve].key_size + 7) // 8
    assert len(raw) == 2 * width
    der = encode_dss_signature(int.from_bytes(raw[:width], "big"), int.from_bytes(raw[width:], "big"))
    public_ec(jwk).verify(der, MESSAGE, ec.ECDSA(HASHES[algorithm[2:5]]))


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_rsa_signatures(lab: Lab, algorithm: str) -> None:
    jwk = lab.ok("POST", "/keys/k/create", {"kty": "RSA"})["key"]
    signature = decode(lab.ok("POST", "/keys/k//sign", {"alg": algorithm, "value": digest(algorithm)})["value"])
    hash_ = HASHES[algorithm[2:5]]
    scheme = padding.PSS(padding.MGF1(hash_), hash_.digest_size) if algorithm.startswith("PS") else padding.PKCS1v15()
    public_rsa(jwk).verify(signature, MESSAGE, scheme, hash_)


@pytest.mark.parametrize(("kty", "algorithm"), [("EC", "ES256"), ("RSA", "RS256"), ("RSA", "PS512")])
def test_verify(lab: Lab, kty: str, algorithm: str) -> None:
    kid = lab.ok("POST", "/keys/k/create", {"kty": kty})["key"]["kid"].removeprefix(URL)
    signature = lab.ok("POST", f"{kid}/sign", {"alg": algorithm, "value": digest(algorithm)})["value"]
    body = {"alg": algorithm, "digest": digest(algorithm), "value": signature}
    assert lab.ok("POST", f"{kid}/verify", body) == {"value": True}
    assert lab.ok("POST", f"{kid}/verify", body | {"value": "AA" + signature[2:]}) == {"value": False}
    assert lab.ok("POST", f"{kid}/verify", body | {"value": signature[:-4]}) == {"value": False}


@pytest.mark.parametrize(
    ("kty", "body", "words"),
    [
        ("EC", {"alg": "ES256", "value": "A" * 42}, "Invalid length of 'value': 31 bytes. ES256 requires 32 bytes"),
        ("EC", {"alg": "ES384", "value": "A" * 64}, "curve 'P-256', and algorithm 'ES384' can only be used with curve 'P-384'"),
        ("EC", {"alg": "RS256", "value": "A" * 43}, "'EC', and algorithm 'RS256' can only be used with a key of type 'RSA'"),
        ("RSA", {"alg": "ES256", "value": "A" * 43}, "'RSA', and algorithm 'ES256' can only be used with a key of type 'EC'"),
        ("EC", {"alg": "none", "value": "A" * 43}, "alg"),
        ("EC", {"alg": "ES256", "value": "?" * 43}, "value"),
        ("EC", {"alg": "ES256", "value": "+" + "A" * 42}, "value"),
        ("EC", {"alg": "ES256", "value": "A" * 43 + "="}, "value"),
        ("EC", {"alg": "ES256"}, "value"),
    ],
)  # fmt: skip
def test_invalid_digests(lab: Lab, kty: str, body: dict[str, Any], words: str) -> None:
    lab.ok("POST", "/keys/k/create", {"kty": kty})
    status, code, message = lab.refused("POST", "/keys/k//sign", body)
    assert (status, code) == (400, "BadParameter")
    assert words in message


def test_a_key_that_may_not_sign(lab: Lab) -> None:
    lab.ok("POST", "/keys/k/create", {"kty": "EC", "key_ops": ["verify"]})
    refused = lab.refused("POST", "/keys/k//sign", {"alg": "ES256", "value": "A" * 43})
    assert refused == (403, "KeyOperationForbidden", "Operation sign is not permitted on this key.")


def test_a_disabled_key(lab: Lab) -> None:
    lab.ok("POST", "/keys/k/create", {"kty": "EC", "attributes": {"enabled": False}})
    refused = lab.refused("POST", "/keys/k//sign", {"alg": "ES256", "value": "A" * 43})
    assert refused == (403, "KeyDisabled", "Operation sign is not allowed on a disabled key.")
    assert lab.ok("GET", "/keys/k/")["attributes"]["enabled"] is False
    lab.ok("PATCH", "/keys/k/", {"attributes": {"enabled": True}})
    lab.ok("POST", "/keys/k//sign", {"alg": "ES256", "value": "A" * 43})


def test_outside_of_its_time_a_key_only_reverses(lab: Lab) -> None:
    times = {"nbf": int(NOW) + 100, "exp": int(NOW) + 200}
    lab.ok("POST", "/keys/k/create", {"kty": "EC", "attributes": times})
    sign = {"alg": "ES256", "value": "A" * 43}
    verify = {"alg": "ES256", "digest": "A" * 43, "value": "A" * 86}
    assert lab.refused("POST", "/keys/k//sign", sign)[:2] == (403, "KeyNotYetValid")
    lab.clock.advance(100)
    lab.ok("POST", "/keys/k//sign", sign)
    lab.clock.advance(100)
    assert lab.refused("POST", "/keys/k//sign", sign) == (403, "KeyExpired", "Operation sign is not allowed on an expired key.")
    assert lab.ok("POST", "/keys/k//verify", verify) == {"value": False}


def test_an_expired_certificate_takes_its_key_along(lab: Lab) -> None:
    given = policy()
    given["policy"]["lifetime_actions"] = [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "EmailContacts"}}]
    lab.ok("POST", "/certificates/c/create", given)
    expiry = lab.ok("GET", "/certificates/c/")["attributes"]["exp"]
    lab.clock.advance(expiry - NOW - 1)
    lab.ok("POST", "/keys/c//sign", {"alg": "ES256", "value": "A" * 43})
    lab.clock.advance(1)
    for verb, body in (
        ("sign", {"alg": "ES256", "value": "A" * 43}),
        ("verify", {"alg": "ES256", "digest": "A" * 43, "value": "A" * 86}),
    ):
        assert lab.refused("POST", f"/keys/c//{verb}", body)[:2] == (403, "KeyExpired")
    assert lab.refused("GET", "/secrets/c/")[:2] == (403, "SecretExpired")


@pytest.mark.parametrize("algorithm", ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"])
@pytest.mark.parametrize(("there", "back"), [("encrypt", "decrypt"), ("wrapkey", "unwrapkey")])
def test_encryption(lab: Lab, algorithm: str, there: str, back: str) -> None:
    kid = lab.ok("POST", "/keys/k/create", {"kty": "RSA"})["key"]["kid"].removeprefix(URL)
    ciphertext = lab.ok("POST", f"{kid}/{there}", {"alg": algorithm, "value": base64url(MESSAGE)})["value"]
    assert lab.ok("POST", f"{kid}/{back}", {"alg": algorithm, "value": ciphertext})["value"] == base64url(MESSAGE)


def test_an_ec_key_does_not_encrypt(lab: Lab) -> None:
    lab.ok("POST", "/keys/k/create", {"kty": "EC"})
    assert lab.refused("POST", "/keys/k//encrypt", {"alg": "RSA-OAEP", "value": "AA"})[:2] == (403, "KeyOperationForbidden")


def test_update(lab: Lab) -> None:
    lab.ok("POST", "/keys/k/create", {"kty": "RSA", "tags": {"a": "b"}})
    lab.clock.advance(4)
    change = {"key_ops": ["decrypt", "encrypt"], "attributes": {"exp": 2_524_723_200}, "tags": {"foo": "updated"}}
    bundle = lab.ok("PATCH", "/keys/k/", change)
    assert bundle["key"]["key_ops"] == ["decrypt", "encrypt"]
    assert list(bundle["attributes"])[:4] == ["enabled", "exp", "created", "updated"]
    assert bundle["attributes"]["updated"] == NOW + 4
    assert bundle["tags"] == {"foo": "updated"}
    assert lab.ok("GET", "/keys/k/") == bundle


def test_versions(lab: Lab) -> None:
    first = lab.ok("POST", "/keys/k/create", {"kty": "EC"})["key"]["kid"]
    second = lab.ok("POST", "/keys/k/create", {"kty": "EC", "attributes": {"enabled": False}, "tags": {"t": "u"}})["key"]["kid"]
    items = lab.ok("GET", "/keys/k/versions")["value"]
    assert [item["kid"] for item in items] == sorted([first, second])
    newer = next(item for item in items if item["kid"] == second)
    assert (newer["attributes"]["enabled"], newer["tags"]) == (False, {"t": "u"})
    assert lab.ok("GET", "/keys/k/")["key"]["kid"] == second
    assert lab.ok("GET", "/keys")["value"][0]["kid"] == f"{URL}/keys/k"


def test_import(lab: Lab) -> None:
    private = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    x, y = (base64url(value.to_bytes(32, "big")) for value in (private.public_numbers.x, private.public_numbers.y))
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": base64url(private.private_value.to_bytes(32, "big"))}
    shown = lab.ok("PUT", "/keys/k", {"Hsm": False, "key": jwk})["key"]
    assert (shown["x"], shown["y"], "d" in shown) == (x, y, False)
    raw = decode(lab.ok("POST", "/keys/k//sign", {"alg": "ES256", "value": digest("ES256")})["value"])
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    private.private_key().public_key().verify(signature, MESSAGE, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"},
        {"kty": "EC", "crv": ["P-256"], "x": "AA", "y": "AA", "d": "AA"},
    ],
)
def test_import_of_nonsense(lab: Lab, jwk: dict[str, Any]) -> None:
    assert lab.refused("PUT", "/keys/k", {"key": jwk})[:2] == (400, "BadParameter")


def test_rotation_policy_by_default(lab: Lab) -> None:
    lab.ok("POST", "/keys/k/create", {"kty": "EC"})
    action = {"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}}
    assert lab.ok("GET", "/keys/k/rotationpolicy") == {"lifetimeActions": [action], "attributes": None}


def test_not_found(lab: Lab) -> None:
    status, code, message = lab.refused("GET", "/keys/nobody/")
    assert (status, code) == (404, "KeyNotFound")
    assert message.startswith("A key with (name/id) nobody was not found in this key vault.")


def test_a_certificates_key_is_changed_through_the_certificate_only(lab: Lab) -> None:
    lab.ok("POST", "/certificates/c/create", policy())
    lab.ok("GET", "/certificates/c/pending")
    for method, path, body in (
        ("PATCH", "/keys/c/", {"attributes": {"enabled": False}}),
        ("DELETE", "/keys/c", None),
        ("POST", "/keys/c/create", {"kty": "EC"}),
        ("POST", "/keys/c/backup", None),
    ):
        status, code, message = lab.refused(method, path, body)
        assert (status, code) == (403, "Forbidden")
        assert "associated with a certificate" in message
