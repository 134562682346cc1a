"""Problems with a root, and the errors."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.emulator.azure import Azure
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Error, InvalidCertificate, Refused
from dpsops.model.device import Issued
from dpsops.model.proof import MAX_CERTIFICATES
from dpsops.model.root import root_tags
from dpsops.pki.names import device_id
from dpsops.steps.describe_root import describe_root
from dpsops.steps.use_root import current_name, finished_root
from tests.workflows.by_hand import asks_for, azure, create, deploy_only, self_signed, upload
from tests.workflows.commands import issue_to, status, up
from tests.workflows.standing import stand
from tests.worlds import World, environment, waited

YEAR = 365.25 * 86_400


def test_a_soft_deleted_root_is_reported(embedded: World) -> None:
    stand(embedded)
    embedded.connect().clients.certificates.begin_delete_certificate("root-g1").wait()
    with pytest.raises(Refused, match="the certificate root-g1 in the vault is deleted"):
        up(embedded.connect())


def test_an_exportable_root_is_refused(embedded: World) -> None:
    create(deploy_only(embedded), "root-g1", root_tags("root-g1"), exportable=True)
    with pytest.raises(Refused, match="the private key of root-g1 is exportable"):
        up(embedded.connect())


def test_an_exportable_key_is_refused_even_if_the_policy_says_otherwise(embedded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy can be edited later, so the key's own attribute is checked too."""
    stand(embedded)
    handle = Azure.handle

    def exportable(azure: Azure, request: Request) -> Response:
        answer = handle(azure, request)
        if request.method == "GET" and request.path.startswith("/keys/root-g1/") and answer.status == 200:
            body = answer.body | {"attributes": answer.body["attributes"] | {"exportable": True}}
            return replace(answer, body=body)
        return answer

    monkeypatch.setattr(Azure, "handle", exportable)
    with pytest.raises(Refused, match="the private key of root-g1 is exportable"):
        up(embedded.connect())


def test_a_foreign_certificate_is_refused(embedded: World) -> None:
    create(deploy_only(embedded), "root-g1", {}, exportable=False)
    with pytest.raises(Refused, match=r"that dpsops did not create \(it is not a CA certificate"):
        up(embedded.connect())


def test_an_expired_root_is_refused_and_issues_nothing(embedded: World) -> None:
    stand(embedded)
    embedded.clock.advance(10 * YEAR)
    with pytest.raises(Refused, match="the root root-g1 expired on 2036-02-29"):
        issue_to(embedded.connect(), device_id("press-07"))
    found = status(embedded.connect())
    assert found.root is None
    assert found.trouble is not None
    assert found.next == (
        "it cannot issue certificates: replace it with a new root at once: dpsops rotate --compromised --replace root-g1",
    )


def test_status_warns_before_the_root_expires(embedded: World) -> None:
    stand(embedded)
    embedded.clock.advance(10 * YEAR - 60 * 86_400)
    assert status(embedded.connect()).next[0].startswith("the root expires in 5")


def test_a_device_certificate_is_not_valid_after_its_root(embedded: World) -> None:
    stand(embedded)
    embedded.clock.advance(10 * YEAR - 30 * 86_400)
    issued = issue_to(embedded.connect(), device_id("press-07"))
    connection = embedded.connect()
    authority = finished_root(connection.run, connection.roots, "root-g1").certificate
    assert [one.not_after for one in issued if isinstance(one, Issued)] == [authority.not_valid_after_utc]


def test_another_certificate_of_the_same_name_in_the_dps_is_refused(embedded: World) -> None:
    connection = deploy_only(embedded)
    upload(connection, "root-g1", self_signed("somebody else's", connection.run.now()))
    with pytest.raises(Refused, match="the DPS dps-dpsops-test already has another CA certificate named root-g1"):
        up(embedded.connect())


def test_a_full_dps_is_refused_before_anything_is_uploaded(embedded: World) -> None:
    connection = deploy_only(embedded)
    certificate = self_signed("filler", connection.run.now())
    for number in range(MAX_CERTIFICATES):
        upload(connection, f"filler-{number}", certificate)
    with pytest.raises(Refused, match="already has 25 CA certificates"):
        up(embedded.connect())


def test_nothing_is_issued_without_a_root(embedded: World) -> None:
    deploy_only(embedded)
    with pytest.raises(Error, match="has no finished root yet"):
        issue_to(embedded.connect(), device_id("press-07"))


def test_the_vault_returns_the_roots_key_in_no_form(embedded: World) -> None:
    stand(embedded)
    connection = embedded.connect()
    secret = connection.clients.secrets.get_secret("root-g1").value or ""
    assert "BEGIN CERTIFICATE" in secret
    assert "PRIVATE" not in secret
    key = connection.clients.keys.get_key("root-g1").key
    assert {part: getattr(key, part) for part in ("d", "dp", "dq", "qi", "p", "q", "k")} == dict.fromkeys(
        ("d", "dp", "dq", "qi", "p", "q", "k")
    )
    for backup in (connection.clients.certificates.backup_certificate("root-g1"),):
        assert b"PRIVATE" not in backup
        assert b"PRIVATE" not in base64.b64decode(backup + b"==", altchars=b"-_")


def answered(body: dict[str, Any]) -> Refuse:
    """An answer of a vault."""
    return Refuse(Response(200, body))


def forge(world: World, number: int) -> None:
    """Makes the vault sign with another key, once: the first signature of an `up` is that of the root, the second the check
    before the root is sealed, the third that of the verification certificate."""
    forged = base64.urlsafe_b64encode(bytes(256)).decode().rstrip("=")
    kid = "https://kv-dpsops-test.vault.azure.net/keys/root-g1/0123456789abcdef0123456789abcdef"

    def signs(request: Request) -> bool:
        return asks_for("sign", request) and "authorization" in request.headers

    azure(world).faults.add(Fault(answered({"kid": kid, "value": forged}), signs, skip=number - 1))


@pytest.mark.parametrize(("number", "step"), [(1, "merge"), (3, "verify")])
def test_a_certificate_with_an_invalid_signature_is_not_uploaded(embedded: World, number: int, step: str) -> None:
    forge(embedded, number)
    with pytest.raises(InvalidCertificate, match="does not have a valid signature"):
        up(embedded.connect())
    assert not any(exchange.path.endswith(f"/{step}") for exchange in embedded.exchanges)
    up(embedded.connect())
    assert any(exchange.path.endswith(f"/{step}") for exchange in embedded.exchanges), "the next run continues from there"


def test_a_device_certificate_with_an_invalid_signature_is_not_stored(embedded: World) -> None:
    stand(embedded)
    forge(embedded, 1)
    with pytest.raises(InvalidCertificate, match="does not have a valid signature"):
        issue_to(embedded.connect(), device_id("press-07"))
    assert waited(embedded.connect().leaves.all()) == []


def test_a_root_with_another_key_than_its_certificates_is_not_sealed(embedded: World) -> None:
    forge(embedded, 2)
    with pytest.raises(Refused, match="the vault's signature for root-g1 does not match"):
        up(embedded.connect())
    connection = embedded.connect()
    with pytest.raises(Error, match="has no finished root yet"):
        finished_root(connection.run, connection.roots, "root-g1")


def test_a_root_whose_key_is_in_the_secret_is_not_sealed(embedded: World) -> None:
    def asks_for_the_secret(request: Request) -> bool:
        return request.method == "GET" and request.path.startswith("/secrets/root-g1/") and "authorization" in request.headers

    value = "-----BEGIN PRIVATE KEY-----"  # only the header
    secret = {"value": value, "id": "https://kv-dpsops-test.vault.azure.net/secrets/root-g1/1", "attributes": {"enabled": True}}
    azure(embedded).faults.add(Fault(answered(secret), asks_for_the_secret))
    with pytest.raises(Refused, match="the vault's secret of root-g1 contains the private key"):
        up(embedded.connect())
    connection = embedded.connect()
    with pytest.raises(Error, match="has no finished root yet"):
        finished_root(connection.run, connection.roots, "root-g1")


def test_a_request_for_another_key_is_not_signed(embedded: World) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dpsops test root G1")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(other, hashes.SHA256())
    pending = {
        "id": "https://kv-dpsops-test.vault.azure.net/certificates/root-g1/pending",
        "issuer": {"name": "Unknown"},
        "csr": base64.b64encode(csr.public_bytes(serialization.Encoding.DER)).decode(),
        "cancellation_requested": False,
        "status": "inProgress",
        "request_id": "0123456789abcdef0123456789abcdef",
    }

    def asks_for_the_request(request: Request) -> bool:
        return request.method == "GET" and request.path.endswith("/root-g1/pending")

    def replace_the_request(request: Request, _: Response) -> None:
        if request.path.endswith("/create") and b"Unknown" in request.body:
            azure(embedded).faults.add(Fault(answered(pending), asks_for_the_request))

    azure(embedded).observers.append(replace_the_request)
    with pytest.raises(Refused, match="is not for the key that was created first"):
        up(embedded.connect())


@pytest.mark.parametrize("kind", ["RSA-2048", "RSA-3072", "RSA-4096", "EC-P256", "EC-P384", "RSA-2048-HSM", "EC-P256-HSM"])
def test_every_type_of_root_key(embedded: World, kind: str) -> None:
    sku = "premium" if kind.endswith("HSM") else "standard"
    settings = environment(root={"key": kind}, vault={"name": "kv-dpsops-test", "sku": sku, "purge_protection": False})
    up(embedded.connect(settings))
    connection = embedded.connect(settings)
    name = current_name(connection.run, connection.roots, None)
    facts = describe_root(connection.run, connection.roots, connection.stores, name)
    assert facts is not None
    assert kind.startswith(f"{facts.key_type}-{'P' if facts.key_type == 'EC' else ''}{facts.key_size}")
    assert facts.verified
    assert up(embedded.connect(settings)) == []


@pytest.mark.proof
def test_the_root_is_proven_to_the_hubs_too_if_the_settings_say_so(embedded: World) -> None:
    hubs = [{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-two"}]
    settings = environment(hub=hubs, root={"key": "EC-P256", "prove_to_hubs": True})
    verified = [action.target for action in up(embedded.connect(settings)) if action.outcome == "verified"]
    assert verified == [
        "root-g1 in DPS dps-dpsops-test",
        "root-g1 in IoT Hub iot-dpsops-test",
        "root-g1 in IoT Hub iot-dpsops-two",
    ]
    assert up(embedded.connect(settings)) == []
