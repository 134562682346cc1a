"""A certificate that someone else signs: the pending key, the merge, and a root CA whose key never leaves the vault."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.habits import Habits
from dpsops.emulator.world import Timings
from tests.emulator.keyvault.lab import NOW, URL, Lab, base64url, policy

MADE = datetime.fromtimestamp(NOW, UTC)
RSA = {"kty": "RSA", "key_size": 2048, "crv": None}


def issue(
    subject: str,
    public_key: CertificatePublicKeyTypes,
    issuer: str,
    key: CertificateIssuerPrivateKeyTypes,
    *,
    ca: bool = False,
    days: int = 365,
) -> x509.Certificate:
    """A certificate, signed outside of the vault."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(x509.Name.from_rfc4514_string(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(MADE)
        .not_valid_after(MADE + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .sign(key, hashes.SHA256())
    )


def der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def start(lab: Lab, name: str = "leaf", **key: Any) -> x509.CertificateSigningRequest:
    body = lab.ok("POST", f"/certificates/{name}/create", policy(issuer="Unknown", **key))
    return x509.load_der_x509_csr(base64.b64decode(body["csr"]))


@pytest.fixture
def authority() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_unknown_waits_for_a_merge(lab: Lab) -> None:
    body = lab.ok("POST", "/certificates/leaf/create", policy(issuer="Unknown"))
    assert body["issuer"] == {"name": "Unknown"}
    assert body["status_details"] == "Pending certificate created. Please Perform Merge to complete the request."
    lab.clock.advance(10_000)
    assert lab.ok("GET", "/certificates/leaf/pending") == body
    actions = [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "EmailContacts"}}]
    assert lab.ok("GET", "/certificates/leaf/policy")["lifetime_actions"] == actions


def test_unknown_cannot_renew_itself(lab: Lab) -> None:
    given = policy(issuer="Unknown")
    given["policy"]["lifetime_actions"] = [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}]
    assert lab.refused("POST", "/certificates/leaf/create", given)[:2] == (400, "BadParameter")


def test_merge(lab: Lab, authority: ec.EllipticCurvePrivateKey) -> None:
    request = start(lab)
    placeholder = lab.ok("GET", "/certificates/leaf/")["id"]
    lab.clock.advance(7)
    leaf = issue("CN=merged", request.public_key(), "CN=ca", authority)
    answer = lab.call("POST", "/certificates/leaf/pending/merge", {"x5c": [der(leaf)]}, version="7.2")
    assert answer.status == 201
    assert answer.headers["Location"] == f"{URL}/certificates/leaf?api-version=7.2"
    bundle = answer.body
    assert bundle["cer"] == der(leaf)
    assert bundle["id"] != placeholder
    attributes = bundle["attributes"]
    assert (attributes["enabled"], attributes["nbf"], attributes["created"]) == (True, NOW, NOW + 7)
    assert attributes["exp"] == leaf.not_valid_after_utc.timestamp()
    assert bundle["policy"]["x509_props"]["subject"] == "CN=leaf", "the policy is what it was"
    operation = lab.ok("GET", "/certificates/leaf/pending")
    assert (operation["status"], operation["target"]) == ("completed", f"{URL}/certificates/leaf")
    assert lab.refused("GET", placeholder.removeprefix(URL))[1] == "CertificateNotFound"
    assert lab.ok("GET", "/certificates/leaf/") == lab.ok("GET", "/certificates/leaf/", version="7.2")


@pytest.mark.parametrize("form", ["der", "pem", "base64 of der", "pem with chain"])
def test_forms_of_a_merged_certificate(lab: Lab, authority: ec.EllipticCurvePrivateKey, form: str) -> None:
    request = start(lab)
    leaf = issue("CN=leaf", request.public_key(), "CN=ca", authority)
    root = issue("CN=ca", authority.public_key(), "CN=ca", authority, ca=True)
    pem = leaf.public_bytes(Encoding.PEM)
    x5c = {
        "der": der(leaf),
        "pem": base64.b64encode(pem).decode(),
        "base64 of der": base64.b64encode(der(leaf).encode()).decode(),
        "pem with chain": base64.b64encode(root.public_bytes(Encoding.PEM) + pem).decode(),
    }[form]
    assert lab.ok("POST", "/certificates/leaf/pending/merge", {"x5c": [x5c]})["cer"] == der(leaf)


def test_the_leaf_is_found_among_its_chain(lab: Lab, authority: ec.EllipticCurvePrivateKey) -> None:
    request = start(lab, exportable=False)
    leaf = issue("CN=leaf", request.public_key(), "CN=ca", authority)
    root = issue("CN=ca", authority.public_key(), "CN=ca", authority, ca=True)
    assert lab.ok("POST", "/certificates/leaf/pending/merge", {"x5c": [der(root), der(leaf)]})["cer"] == der(leaf)


def test_merge_of_another_key(lab: Lab, authority: ec.EllipticCurvePrivateKey) -> None:
    start(lab)
    foreign = issue("CN=leaf", authority.public_key(), "CN=ca", authority)
    assert lab.refused("POST", "/certificates/leaf/pending/merge", {"x5c": [der(foreign)]}) == (
        400,
        "BadParameter",
        "The public key of the end-entity certificate in the specified X.509 certificate content does not match the public "
        "part of the specified private key. Please check if certificate is valid.",
    )
    assert lab.ok("GET", "/certificates/leaf/pending")["status"] == "inProgress"


def test_merge_of_an_expired_certificate(lab: Lab, authority: ec.EllipticCurvePrivateKey) -> None:
    leaf = issue("CN=leaf", start(lab).public_key(), "CN=ca", authority)
    lab.clock.advance(leaf.not_valid_after_utc.timestamp() - lab.clock.now())
    refused = lab.refused("POST", "/certificates/leaf/pending/merge", {"x5c": [der(leaf)]})
    assert refused == (400, "BadParameter", "X509 Certificate is already expired")
    assert lab.ok("GET", "/certificates/leaf/pending")["status"] == "inProgress"


@pytest.mark.parametrize("body", [{}, {"x5c": []}, {"x5c": ["%%%"]}, {"x5c": [base64.b64encode(b"0 nonsense").decode()]}])
def test_merge_of_nonsense(lab: Lab, body: dict[str, Any]) -> None:
    start(lab)
    assert lab.refused("POST", "/certificates/leaf/pending/merge", body)[:2] == (400, "BadParameter")


def test_merge_without_anything_pending(lab: Lab, authority: ec.EllipticCurvePrivateKey) -> None:
    x5c = {"x5c": [der(issue("CN=leaf", authority.public_key(), "CN=ca", authority))]}
    assert lab.refused("POST", "/certificates/leaf/pending/merge", x5c)[1] == "PendingCertificateNotFound"
    request = start(lab)
    merged = {"x5c": [der(issue("CN=leaf", request.public_key(), "CN=ca", authority))]}
    lab.ok("POST", "/certificates/leaf/pending/merge", merged)
    assert lab.refused("POST", "/certificates/leaf/pending/merge", merged)[:2] == (403, "Forbidden")


def test_while_a_new_version_is_pending_the_old_one_is_current(lab: Lab) -> None:
    lab.ok("POST", "/certificates/leaf/create", policy())
    current = lab.ok("GET", "/certificates/leaf/")["id"]
    start(lab)
    bundle = lab.ok("GET", "/certificates/leaf/")
    assert (bundle["id"], bundle["attributes"]["enabled"]) == (current, True)
    assert bundle["policy"]["issuer"] == {"name": "Unknown"}
    assert [item["id"] for item in lab.ok("GET", "/certificates/leaf/versions")["value"]] == [current]
    lab.ok("POST", "/keys/leaf//sign", {"alg": "ES256", "value": "A" * 43})
    lab.ok("DELETE", "/certificates/leaf/pending")
    assert lab.ok("GET", "/certificates/leaf/")["id"] == current
    assert len(lab.ok("GET", "/keys/leaf/versions")["value"]) == 1


@pytest.mark.parametrize("key", [{"crv": "P-256"}, RSA], ids=["EC", "RSA"])
def test_reuse_key(lab: Lab, key: dict[str, Any]) -> None:
    lab.ok("POST", "/certificates/leaf/create", policy(**key))
    first = lab.ok("GET", "/certificates/leaf/")
    request = start(lab, **key, reuse_key=True)
    certificate = x509.load_der_x509_certificate(base64.b64decode(first["cer"]))
    assert request.public_key() == certificate.public_key()


@pytest.mark.parametrize(("key", "kept"), [({"crv": "P-256"}, False), (RSA, True)], ids=["EC", "RSA"])
def test_an_ec_key_may_not_be_reused(lab: Lab, key: dict[str, Any], kept: bool) -> None:
    lab.azure.habits = Habits(ec_reuse_key=False)
    lab.ok("POST", "/certificates/leaf/create", policy(**key))
    first = x509.load_der_x509_certificate(base64.b64decode(lab.ok("GET", "/certificates/leaf/")["cer"]))
    assert (start(lab, **key, reuse_key=True).public_key() == first.public_key()) is kept


@pytest.mark.parametrize("second", [{"reuse_key": False}, {"reuse_key": True, "crv": "P-384"}])
def test_a_key_is_not_reused_otherwise(lab: Lab, second: dict[str, Any]) -> None:
    lab.ok("POST", "/certificates/leaf/create", policy())
    first = lab.ok("GET", "/certificates/leaf/")
    certificate = x509.load_der_x509_certificate(base64.b64decode(first["cer"]))
    assert start(lab, **second).public_key() != certificate.public_key()


def test_reuse_cannot_make_a_key_exportable(lab: Lab) -> None:
    lab.ok("POST", "/certificates/leaf/create", policy(exportable=False))
    first = x509.load_der_x509_certificate(base64.b64decode(lab.ok("GET", "/certificates/leaf/")["cer"]))
    lab.ok("POST", "/certificates/leaf/create", policy(exportable=True, reuse_key=True))
    second = x509.load_der_x509_certificate(base64.b64decode(lab.ok("GET", "/certificates/leaf/")["cer"]))
    assert second.public_key() != first.public_key()


class VaultKey(ec.EllipticCurvePrivateKey):
    """A key in the vault, as far as signing a certificate needs it."""

    def __init__(self, lab: Lab, kid: str, public: ec.EllipticCurvePublicKey) -> None:
        self._lab, self._kid, self._public = lab, kid, public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        body = {"alg": "ES256", "value": base64url(digest.finalize())}
        raw = self._lab.ok("POST", f"{self._kid.removeprefix(URL)}/sign", body)["value"]
        signature = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
        return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return ec.SECP256R1()

    @property
    def key_size(self) -> int:
        return 256

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        raise NotImplementedError

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        raise NotImplementedError

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> bytes:
        raise NotImplementedError

    def __copy__(self) -> VaultKey:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> VaultKey:
        return self


def test_a_root_ca_whose_key_never_leaves_the_vault() -> None:
    lab = Lab(Timings(certificate=15))
    given = policy("CN=root", exportable=False)
    given["policy"]["x509_props"]["key_usage"] = ["digitalSignature", "keyCertSign", "cRLSign"]
    given["policy"]["lifetime_actions"] = [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "EmailContacts"}}]
    lab.ok("POST", "/certificates/root/create", given)
    lab.clock.advance(15)
    first = lab.ok("GET", "/certificates/root/")
    assert lab.ok("GET", first["kid"].removeprefix(URL))["key"]["key_ops"] == ["sign", "verify"]

    given["policy"]["issuer"] = {"name": "Unknown"}
    given["policy"]["key_props"]["reuse_key"] = True
    request = x509.load_der_x509_csr(base64.b64decode(lab.ok("POST", "/certificates/root/create", given)["csr"]))
    public = request.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    root = issue("CN=root", public, "CN=root", VaultKey(lab, first["kid"], public), ca=True, days=3650)
    root.verify_directly_issued_by(root)

    merged = lab.ok("POST", "/certificates/root/pending/merge", {"x5c": [der(root)]})
    assert merged["cer"] == der(root)
    assert merged["policy"]["key_props"]["exportable"] is False
    lab.ok("PATCH", first["id"].removeprefix(URL), {"attributes": {"enabled": False}})
    leaf = issue("CN=leaf", ec.generate_private_key(ec.SECP256R1()).public_key(), "CN=root", VaultKey(lab, merged["kid"], public))
    leaf.verify_directly_issued_by(root)
    secret = lab.ok("GET", merged["sid"].removeprefix(URL))
    assert secret["managed"] is True
    assert secret["kid"] == merged["kid"]
