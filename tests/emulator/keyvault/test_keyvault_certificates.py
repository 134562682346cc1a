"""A certificate that the vault issues to itself: policy, request, issuance, versions."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID

from tests.emulator.keyvault.lab import NOW, URL, Lab, base64url, policy


def certificate_of(bundle: dict[str, Any]) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(bundle["cer"]))


def test_defaults_of_a_policy(lab: Lab) -> None:
    given = {"policy": {"x509_props": {"subject": "CN=DefaultPolicy", "sans": {}}, "issuer": {"name": "Self"}}}
    lab.ok("POST", "/certificates/root/create", given)
    assert lab.ok("GET", "/certificates/root/policy") == {
        "id": f"{URL}/certificates/root/policy",
        "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
        "secret_props": {"contentType": "application/x-pkcs12"},
        "x509_props": {
            "subject": "CN=DefaultPolicy",
            "sans": {},
            "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
            "key_usage": ["digitalSignature", "keyEncipherment"],
            "validity_months": 12,
            "basic_constraints": {"ca": False},
        },
        "lifetime_actions": [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}],
        "issuer": {"name": "Self"},
        "attributes": {"enabled": True, "created": NOW, "updated": NOW},
    }
    key = lab.ok("GET", "/keys/root/")["key"]
    assert (key["kty"], key["key_ops"]) == ("RSA", ["sign", "verify", "wrapKey", "unwrapKey"])


def test_key_usage_is_shown_in_alphabetical_order(lab: Lab) -> None:
    given = policy()
    given["policy"]["x509_props"]["key_usage"] = ["nonRepudiation", "keyCertSign", "digitalSignature", "keyCertSign"]
    lab.ok("POST", "/certificates/root/create", given)
    shown = lab.ok("GET", "/certificates/root/policy")["x509_props"]["key_usage"]
    assert shown == ["digitalSignature", "keyCertSign", "nonRepudiation"]


def test_no_policy_can_ask_for_a_ca_certificate(lab: Lab) -> None:
    given = policy()
    given["policy"]["x509_props"] |= {"basic_constraints": {"ca": True}, "key_usage": ["keyCertSign"]}
    lab.ok("POST", "/certificates/root/create", given)
    bundle = lab.ok("GET", "/certificates/root/")
    assert bundle["policy"]["x509_props"]["basic_constraints"] == {"ca": False}
    assert not certificate_of(bundle).extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_bundle(lab: Lab) -> None:
    lab.ok("POST", "/certificates/Root/create", policy() | {"tags": {"a": "b"}})
    bundle = lab.ok("GET", "/certificates/root/")
    version = bundle["id"].rpartition("/")[2]
    assert list(bundle) == ["id", "kid", "sid", "x5t", "cer", "attributes", "tags", "policy", "pending"]
    assert [bundle[name] for name in ("id", "kid", "sid")] == [
        f"{URL}/{kind}/Root/{version}" for kind in ("certificates", "keys", "secrets")
    ]
    assert bundle["x5t"] == base64url(hashlib.sha1(base64.b64decode(bundle["cer"])).digest())  # noqa: S324
    assert bundle["attributes"] == {
        "enabled": True,
        "nbf": NOW - 600,
        "exp": datetime(2027, 2, 20, 12, tzinfo=UTC).timestamp(),
        "created": NOW,
        "updated": NOW,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
    }
    assert bundle["tags"] == {"a": "b"}
    assert bundle["pending"] == {"id": f"{URL}/certificates/Root/pending"}


def test_a_version_is_shown_without_policy_and_operation(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy())
    bundle = lab.ok("GET", "/certificates/root/")
    version = lab.ok("GET", bundle["id"].removeprefix(URL))
    assert version == {name: value for name, value in bundle.items() if name not in ("policy", "pending")}


def test_the_self_signed_certificate(lab: Lab) -> None:
    given = policy("C=US, O=Test Noodle, CN=www.mytestdomain.com")
    given["policy"]["x509_props"] |= {
        "sans": {"dns_names": ["1", "2"]},
        "key_usage": ["nonRepudiation", "digitalSignature", "keyCertSign"],
        "validity_months": 60,
    }
    lab.ok("POST", "/certificates/root/create", given)
    certificate = certificate_of(lab.ok("GET", "/certificates/root/"))
    assert [attribute.value for attribute in certificate.subject] == ["www.mytestdomain.com", "Test Noodle", "US"]
    assert certificate.issuer == certificate.subject
    made = datetime.fromtimestamp(NOW, UTC)
    assert certificate.not_valid_before_utc == made - timedelta(minutes=10)
    assert certificate.not_valid_after_utc == made.replace(year=2031)
    assert [(extension.oid, extension.critical) for extension in certificate.extensions] == [
        (ExtensionOID.KEY_USAGE, True),
        (ExtensionOID.BASIC_CONSTRAINTS, False),
        (ExtensionOID.EXTENDED_KEY_USAGE, False),
        (ExtensionOID.SUBJECT_ALTERNATIVE_NAME, False),
        (ExtensionOID.AUTHORITY_KEY_IDENTIFIER, False),
        (ExtensionOID.SUBJECT_KEY_IDENTIFIER, False),
    ]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_cert_sign) == (True, True, True)
    assert not usage.key_encipherment
    certificate.verify_directly_issued_by(certificate)


def test_the_request(lab: Lab) -> None:
    given = policy("CN=leaf, O=Org")
    given["policy"]["x509_props"]["sans"] = {"dns_names": ["a.example"]}
    body = lab.ok("POST", "/certificates/root/create", given)
    request = x509.load_der_x509_csr(base64.b64decode(body["csr"]))
    assert request.is_signature_valid
    assert [attribute.value for attribute in request.subject] == ["Org", "leaf"]
    assert [(extension.oid, extension.critical) for extension in request.extensions] == [
        (ExtensionOID.KEY_USAGE, True),
        (ExtensionOID.EXTENDED_KEY_USAGE, False),
        (ExtensionOID.SUBJECT_ALTERNATIVE_NAME, False),
        (ExtensionOID.BASIC_CONSTRAINTS, False),
    ]
    certificate = certificate_of(lab.ok("GET", "/certificates/root/"))
    assert certificate.public_key() == request.public_key()


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ({"kty": "RSA", "key_size": 3072, "crv": None}, {"kty": "RSA", "key_size": 3072}),
        ({"crv": "P-384"}, {"kty": "EC", "key_size": 384, "crv": "P-384"}),
        ({"crv": None, "key_size": 521}, {"kty": "EC", "key_size": 521, "crv": "P-521"}),
        ({"crv": "P-256K"}, {"kty": "EC", "key_size": 256, "crv": "P-256K"}),
    ],
)
def test_key_types(lab: Lab, key: dict[str, Any], shown: dict[str, Any]) -> None:
    lab.ok("POST", "/certificates/root/create", policy(**key))
    bundle = lab.ok("GET", "/certificates/root/")
    props = bundle["policy"]["key_props"]
    assert {name: value for name, value in props.items() if name not in ("exportable", "reuse_key")} == shown
    public = certificate_of(bundle).public_key()
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert public.key_size == shown["key_size"]


@pytest.mark.parametrize(
    "change",
    [
        {"key_props": {"kty": "RSA", "key_size": 1024}},
        {"key_props": {"kty": "EC", "crv": "P-192"}},
        {"key_props": {"kty": "oct"}},
        {"key_props": {"kty": "EC", "crv": "P-256", "key_size": 384}},
        {"key_props": {"kty": "EC-HSM", "exportable": True}},
        {"secret_props": {"contentType": "text/plain"}},
        {"x509_props": {"subject": "nonsense"}},
        {"x509_props": {"subject": ""}},
        {"x509_props": {"subject": "CN=x", "key_usage": ["sign"]}},
        {"x509_props": {"subject": "CN=x", "ekus": ["serverAuth"]}},
        {"x509_props": {"subject": "CN=x", "ekus": ["1.99.1"]}},
        {"x509_props": {"subject": "CN=x", "sans": {"ipAddresses": ["nowhere"]}}},
        {"x509_props": {"subject": "CN=x", "validity_months": 0}},
        {"attributes": {"nbf": -1}},
        {"lifetime_actions": [{"trigger": {"lifetime_percentage": 100}, "action": {"action_type": "AutoRenew"}}]},
        {"lifetime_actions": [{"trigger": {"days_before_expiry": 325}, "action": {"action_type": "EmailContacts"}}]},
        {"lifetime_actions": ""},
        {"lifetime_actions": {}},
        {"lifetime_actions": [{"trigger": {}, "action": {"action_type": "EmailContacts"}}]},
        {"issuer": {}},
    ],
)
def test_impossible_policies(lab: Lab, change: dict[str, Any]) -> None:
    given = policy()
    given["policy"] |= change
    assert lab.refused("POST", "/certificates/root/create", given)[:2] == (400, "BadParameter")
    assert lab.refused("GET", "/certificates/root/")[1] == "CertificateNotFound"


def test_an_hsm_key_needs_the_premium_tier(lab: Lab) -> None:
    body = policy(kty="EC-HSM", exportable=False)
    assert lab.refused("POST", "/certificates/root/create", body)[0] == 403
    lab.create_vault("kv-premium", sku={"family": "A", "name": "premium"})
    lab.ok("POST", "/certificates/root/create", body, vault="kv-premium")
    assert lab.ok("GET", "/keys/root/", vault="kv-premium")["key"]["kty"] == "EC-HSM"


def test_an_unknown_partner_cannot_issue(lab: Lab) -> None:
    assert lab.refused("POST", "/certificates/root/create", policy(issuer="DigiCert"))[0] == 404


def test_a_second_create_makes_a_second_version(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy("CN=one"))
    first = lab.ok("GET", "/certificates/root/")
    lab.clock.advance(60)
    lab.ok("POST", "/certificates/root/create", policy("CN=two"))
    second = lab.ok("GET", "/certificates/root/")
    assert certificate_of(second).subject != certificate_of(first).subject
    assert certificate_of(second).public_key() != certificate_of(first).public_key()
    listed = lab.ok("GET", "/certificates/root/versions")["value"]
    assert [item["id"] for item in listed] == sorted([first["id"], second["id"]])
    assert second["policy"]["attributes"] == {"enabled": True, "created": NOW, "updated": NOW + 60}


def test_a_second_create_without_a_policy_uses_the_present_one(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy("CN=one"))
    lab.ok("GET", "/certificates/root/pending")
    lab.ok("POST", "/certificates/root/create", {})
    assert lab.ok("GET", "/certificates/root/policy")["x509_props"]["subject"] == "CN=one"
    assert lab.refused("POST", "/certificates/other/create", {})[:2] == (400, "BadParameter")


@pytest.mark.parametrize(("version", "subject"), [("7.2", {}), ("7.4", {"subject": ""})])
def test_an_item_of_a_list(lab: Lab, version: str, subject: dict[str, str]) -> None:
    lab.ok("POST", "/certificates/root/create", policy())
    bundle = lab.ok("GET", "/certificates/root/")
    attributes = {name: bundle["attributes"][name] for name in ("enabled", "nbf", "exp", "created", "updated")}
    expected = {"id": f"{URL}/certificates/root", "x5t": bundle["x5t"], "attributes": attributes} | subject
    assert lab.ok("GET", "/certificates", version=version) == {"value": [expected], "nextLink": None}
    versions = lab.ok("GET", "/certificates/root/versions", version=version)["value"]
    assert versions == [expected | {"id": bundle["id"]}]


def test_disabling_a_version_disables_its_key_and_secret(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy())
    lab.clock.advance(5)
    bundle = lab.ok("PATCH", "/certificates/root/", {"attributes": {"enabled": False}})
    assert (bundle["attributes"]["enabled"], bundle["attributes"]["updated"]) == (False, NOW + 5)
    version = bundle["id"].rpartition("/")[2]
    assert lab.ok("GET", f"/keys/root/{version}")["attributes"]["enabled"] is False
    refused = lab.refused("POST", f"/keys/root/{version}/sign", {"alg": "ES256", "value": "A" * 43})
    assert refused == (403, "KeyDisabled", "Operation sign is not allowed on a disabled key.")
    assert lab.refused("GET", f"/secrets/root/{version}")[:2] == (403, "SecretDisabled")
    lab.ok("PATCH", f"/certificates/root/{version}", {"attributes": {"enabled": True}})
    lab.ok("POST", f"/keys/root/{version}/sign", {"alg": "ES256", "value": "A" * 43})


def test_disabling_one_version_leaves_the_others(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy())
    first = lab.ok("GET", "/certificates/root/")["id"].removeprefix(URL)
    lab.ok("POST", "/certificates/root/create", policy())
    lab.ok("GET", "/certificates/root/pending")
    answer = lab.ok("PATCH", first, {"attributes": {"enabled": False}})
    assert "policy" not in answer
    assert lab.ok("GET", "/certificates/root/")["attributes"]["enabled"] is True
    lab.ok("POST", "/keys/root//sign", {"alg": "ES256", "value": "A" * 43})


def test_tags_are_replaced_as_a_whole(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy() | {"tags": {"a": "1"}})
    lab.ok("GET", "/certificates/root/pending")
    assert lab.ok("PATCH", "/certificates/root/", {"tags": {"b": "2"}})["tags"] == {"b": "2"}
    assert lab.ok("PATCH", "/certificates/root/", {"attributes": {"enabled": True}})["tags"] == {"b": "2"}


def test_created_disabled(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy() | {"attributes": {"enabled": False}})
    assert lab.ok("GET", "/certificates/root/")["attributes"]["enabled"] is False


def test_policy_update_replaces_what_is_given(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy("CN=one"))
    lab.clock.advance(9)
    actions = [{"trigger": {"lifetime_percentage": 98}, "action": {"action_type": "EmailContacts"}}]
    updated = lab.ok("PATCH", "/certificates/root/policy", {"lifetime_actions": actions, "key_props": {"reuse_key": True}})
    assert updated["lifetime_actions"] == actions
    assert updated["key_props"] == {"exportable": True, "kty": "EC", "key_size": 256, "reuse_key": True, "crv": "P-256"}
    assert updated["x509_props"]["subject"] == "CN=one"
    assert updated["attributes"] == {"enabled": True, "created": NOW, "updated": NOW + 9}
    assert lab.ok("GET", "/certificates/root/policy") == updated


@pytest.mark.parametrize(
    ("path", "identifier"),
    [("/certificates/nobody/", "nobody"), ("/certificates/nobody/0123", "nobody/versions/0123")],
)
def test_not_found(lab: Lab, path: str, identifier: str) -> None:
    assert lab.refused("GET", path) == (
        404,
        "CertificateNotFound",
        f"A certificate with (name/id) {identifier} was not found in this key vault. If you recently deleted this certificate "
        "you may be able to recover it using the correct recovery command. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125182",
    )


@pytest.mark.parametrize("name", ["under_score", "a" * 128, "dot.dot"])
def test_names(lab: Lab, name: str) -> None:
    assert lab.refused("POST", f"/certificates/{name}/create", policy())[:2] == (400, "BadParameter")


def test_retention_is_in_the_recovery_level(lab: Lab) -> None:
    lab.create_vault("kv-seven", softDeleteRetentionInDays=7)
    lab.create_vault("kv-protected", softDeleteRetentionInDays=7, enablePurgeProtection=True)
    lab.create_vault("kv-forever", enablePurgeProtection=True)
    for vault, level, days in (
        ("kv-seven", "CustomizedRecoverable+Purgeable", 7),
        ("kv-protected", "CustomizedRecoverable", 7),
        ("kv-forever", "Recoverable", 90),
    ):
        lab.ok("POST", "/certificates/root/create", policy(), vault=vault)
        attributes = lab.ok("GET", "/certificates/root/", vault=vault)["attributes"]
        assert (attributes["recoveryLevel"], attributes["recoverableDays"]) == (level, days)
    assert "recoverableDays" not in lab.ok("GET", "/certificates/root/", vault="kv-seven", version="7.0")["attributes"]
