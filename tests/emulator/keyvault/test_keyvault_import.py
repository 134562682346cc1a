"""Certificates that are brought in, and what their secrets hold."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from tests.emulator.keyvault.lab import NOW, URL, Lab, policy

PEM = "application/x-pem-file"
PKCS12 = "application/x-pkcs12"
BEGIN = datetime(2023, 11, 6, 12, 39, 44, tzinfo=UTC)
END = datetime(2028, 11, 6, 12, 39, 44, tzinfo=UTC)


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def make(key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType, end: datetime = END) -> x509.Certificate:
    name = x509.Name.from_rfc4514_string("O=Internet Widgits Pty Ltd,ST=Some-State,C=AU")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(BEGIN).not_valid_after(end)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


def pem_of(
    key: ec.EllipticCurvePrivateKey, *certificates: x509.Certificate, encryption: KeySerializationEncryption | None = None
) -> bytes:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return private + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def body(data: bytes, content_type: str, **more: Any) -> dict[str, Any]:
    value = base64.b64encode(data).decode()
    return {"value": value, "policy": {"secret_props": {"contentType": content_type}, "issuer": {"name": "Self"}}} | more


@pytest.mark.parametrize("password", ["", "1234"])
@pytest.mark.parametrize("content_type", [PEM, PKCS12])
def test_import(lab: Lab, key: ec.EllipticCurvePrivateKey, content_type: str, password: str) -> None:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    certificate = make(key, x509.BasicConstraints(ca=True, path_length=None))
    if content_type == PEM:
        data = pem_of(key, certificate, encryption=encryption)
    else:
        data = pkcs12.serialize_key_and_certificates(None, key, certificate, None, encryption)
    bundle = lab.ok("POST", "/certificates/c/import", body(data, content_type, pwd=password))
    assert base64.b64decode(bundle["cer"]) == certificate.public_bytes(Encoding.DER)
    assert "pending" not in bundle
    assert bundle["attributes"]["nbf"] == BEGIN.timestamp()
    assert bundle["attributes"]["created"] == NOW
    assert bundle["policy"] == {
        "id": f"{URL}/certificates/c/policy",
        "key_props": {"exportable": True, "kty": "EC", "key_size": 256, "reuse_key": False, "crv": "P-256"},
        "secret_props": {"contentType": content_type},
        "x509_props": {
            "subject": "O=Internet Widgits Pty Ltd, S=Some-State, C=AU",
            "ekus": [],
            "key_usage": [],
            "validity_months": 60,
            "basic_constraints": {"ca": True},
        },
        "lifetime_actions": [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}],
        "issuer": {"name": "Self"},
        "attributes": {"enabled": True, "created": NOW, "updated": NOW},
    }
    lab.ok("POST", "/keys/c//sign", {"alg": "ES256", "value": "A" * 43})


def test_import_without_a_policy(lab: Lab, key: ec.EllipticCurvePrivateKey) -> None:
    data = pkcs12.serialize_key_and_certificates(None, key, make(key), None, NoEncryption())
    policy = lab.ok("POST", "/certificates/c/import", {"value": base64.b64encode(data).decode()})["policy"]
    assert policy["issuer"] == {"name": "Unknown"}
    assert policy["lifetime_actions"][0]["action"] == {"action_type": "EmailContacts"}
    assert policy["x509_props"]["basic_constraints"] == {"ca": False}


def test_import_rewrites_what_the_policy_claims(lab: Lab, key: ec.EllipticCurvePrivateKey) -> None:
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ) | {"key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
    names = x509.SubjectAlternativeName([x509.DNSName("1"), x509.DNSName("2")])
    eku = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = make(key, names, eku, x509.KeyUsage(**usage), end=END + timedelta(minutes=10))
    given = body(pem_of(key, certificate), PEM)
    given["policy"]["x509_props"] = {"subject": "CN=another", "validity_months": 3}
    given["policy"]["key_props"] = {"kty": "RSA", "key_size": 2048, "exportable": False}
    shown = lab.ok("POST", "/certificates/c/import", given)["policy"]
    assert shown["x509_props"] == {
        "subject": "O=Internet Widgits Pty Ltd, S=Some-State, C=AU",
        "sans": {"emails": [], "dns_names": ["1", "2"], "upns": []},
        "ekus": ["1.3.6.1.5.5.7.3.2"],
        "key_usage": ["cRLSign", "keyCertSign"],
        "validity_months": 61,
        "basic_constraints": {"ca": False},
    }
    assert shown["key_props"]["kty"] == "EC"
    assert shown["key_props"]["exportable"] is False


def test_import_over_a_certificate_makes_a_version_and_ends_its_operation(lab: Lab, key: ec.EllipticCurvePrivateKey) -> None:
    lab.ok("POST", "/certificates/c/create", policy())
    first = lab.ok("GET", "/certificates/c/")
    lab.clock.advance(10)
    second = lab.ok("POST", "/certificates/c/import", body(pem_of(key, make(key)), PEM))
    assert second["id"] != first["id"]
    assert "pending" not in second
    assert second["policy"]["attributes"] == {"enabled": True, "created": NOW, "updated": NOW + 10}
    assert lab.refused("GET", "/certificates/c/pending")[1] == "PendingCertificateNotFound"


@pytest.mark.parametrize("content_type", [PEM, PKCS12])
@pytest.mark.parametrize("fault", ["garbage", "wrong password", "other format", "no key", "another key", "no base64"])
def test_invalid_imports(lab: Lab, key: ec.EllipticCurvePrivateKey, content_type: str, fault: str) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    certificate = make(other if fault == "another key" else key)
    pem = certificate.public_bytes(Encoding.PEM) if fault == "no key" else pem_of(key, certificate)
    pfx_key = None if fault == "no key" else key
    if fault == "another key":
        pfx = b"pkcs12 libraries refuse to make this"
    else:
        pfx = pkcs12.serialize_key_and_certificates(None, pfx_key, certificate, None, BestAvailableEncryption(b"1234"))
    if fault == "wrong password":
        pem = pem_of(key, certificate, encryption=BestAvailableEncryption(b"1234"))
    data = {PEM: pem, PKCS12: pfx}[content_type] if fault != "other format" else {PEM: pfx, PKCS12: pem}[content_type]
    given = body(b"garbage" if fault == "garbage" else data, content_type, pwd="4321" if fault == "wrong password" else "1234")
    if fault == "no base64":
        given["value"] = "%%%"
    assert lab.refused("POST", "/certificates/c/import", given)[:2] == (400, "BadParameter")
    assert lab.refused("GET", "/certificates/c/")[1] == "CertificateNotFound"


def test_a_key_that_the_vault_does_not_have(lab: Lab, key: ec.EllipticCurvePrivateKey) -> None:
    foreign = ed25519.Ed25519PrivateKey.generate()
    data = foreign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + make(key).public_bytes(Encoding.PEM)
    assert lab.refused("POST", "/certificates/c/import", body(data, PEM))[:2] == (400, "BadParameter")


def secret_of(lab: Lab, content_type: str, *, exportable: bool) -> str:
    given = policy(exportable=exportable)
    given["policy"]["secret_props"] = {"contentType": content_type}
    lab.ok("POST", "/certificates/c/create", given)
    secret = lab.ok("GET", "/secrets/c/")
    assert secret["contentType"] == content_type
    return str(secret["value"])


@pytest.mark.parametrize("exportable", [True, False])
def test_the_secret_as_pem(lab: Lab, exportable: bool) -> None:
    value = secret_of(lab, PEM, exportable=exportable).encode()
    certificate = x509.load_pem_x509_certificate(value)
    assert certificate.public_bytes(Encoding.DER) == base64.b64decode(lab.ok("GET", "/certificates/c/")["cer"])
    assert (b"PRIVATE KEY" in value) == exportable
    if exportable:
        assert load_pem_private_key(value, None).public_key() == certificate.public_key()


@pytest.mark.parametrize("exportable", [True, False])
def test_the_secret_as_pkcs12(lab: Lab, exportable: bool) -> None:
    data = base64.b64decode(secret_of(lab, PKCS12, exportable=exportable))
    store = pkcs12.load_pkcs12(data, None)
    certificate = store.cert.certificate if store.cert is not None else store.additional_certs[0].certificate
    assert certificate.public_bytes(Encoding.DER) == base64.b64decode(lab.ok("GET", "/certificates/c/")["cer"])
    assert (store.key is not None) == exportable


@pytest.mark.parametrize("content_type", [PEM, PKCS12])
def test_an_expired_certificate(lab: Lab, key: ec.EllipticCurvePrivateKey, content_type: str) -> None:
    expired = make(key, end=datetime.fromtimestamp(NOW, UTC))
    pfx = pkcs12.serialize_key_and_certificates(None, key, expired, None, NoEncryption())
    given = body(pem_of(key, expired) if content_type == PEM else pfx, content_type)
    words = "X509 Certificate is already expired"
    assert lab.refused("POST", "/certificates/c/import", given) == (400, "BadParameter", words)
