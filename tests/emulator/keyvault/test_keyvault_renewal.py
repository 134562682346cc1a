"""Certificates that renew themselves, whether or not anybody wanted that."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dpsops.emulator.world import Timings
from tests.emulator.keyvault.lab import NOW, Lab, policy

DAY = 86_400
LIFE = 365 * DAY


def renewing(trigger: dict[str, int] | None = None, action: str = "AutoRenew") -> dict[str, Any]:
    given = policy()
    if trigger is not None:
        given["policy"]["lifetime_actions"] = [{"trigger": trigger, "action": {"action_type": action}}]
    return given


def create(lab: Lab, given: dict[str, Any]) -> dict[str, Any]:
    lab.ok("POST", "/certificates/c/create", given)
    lab.clock.advance(lab.timings.certificate)
    bundle: dict[str, Any] = lab.ok("GET", "/certificates/c/")
    return bundle


@pytest.mark.parametrize(
    ("given", "after"),
    [
        (renewing(), (LIFE + 600) * 0.8 - 600),
        (renewing({"lifetime_percentage": 50}), (LIFE + 600) * 0.5 - 600),
        (renewing({"days_before_expiry": 30}), LIFE - 30 * DAY),
    ],
)
def test_a_self_signed_certificate_renews_itself(lab: Lab, given: dict[str, Any], after: float) -> None:
    first = create(lab, given)
    lab.clock.advance(after - 1)
    assert lab.ok("GET", "/certificates/c/") == first
    lab.clock.advance(1)
    second = lab.ok("GET", "/certificates/c/")
    assert second["id"] != first["id"]
    assert second["attributes"]["created"] == NOW + after
    assert second["policy"]["x509_props"] == first["policy"]["x509_props"]
    assert len(lab.ok("GET", "/certificates/c/versions")["value"]) == 2


def test_renewal_takes_as_long_as_issuance() -> None:
    lab = Lab(Timings(certificate=60))
    first = create(lab, renewing({"days_before_expiry": 30}))
    due = first["attributes"]["exp"] - 30 * DAY
    lab.clock.advance(due - lab.clock.now())
    assert lab.ok("GET", "/certificates/c/pending")["status"] == "inProgress"
    assert lab.ok("GET", "/certificates/c/")["id"] == first["id"]
    lab.clock.advance(60)
    assert lab.ok("GET", "/certificates/c/")["attributes"]["created"] == due + 60


def test_several_renewals_are_made_up_for(lab: Lab) -> None:
    create(lab, renewing({"days_before_expiry": 5}))
    lab.clock.advance(3 * LIFE)
    lab.ok("GET", "/certificates")
    created = [item["attributes"]["created"] for item in lab.ok("GET", "/certificates/c/versions")["value"]]
    assert sorted(created) == [NOW, NOW + 360 * DAY, NOW + 720 * DAY, NOW + (720 + 361) * DAY], "2028 is a leap year"


@pytest.mark.parametrize("ends", ["mail", "policy", "deleted"])
def test_a_certificate_that_is_not_renewed(lab: Lab, ends: str) -> None:
    create(lab, renewing({"lifetime_percentage": 80}, "EmailContacts" if ends == "mail" else "AutoRenew"))
    if ends == "policy":
        lab.ok(
            "PATCH",
            "/certificates/c/policy",
            {"lifetime_actions": renewing({"lifetime_percentage": 80}, "EmailContacts")["policy"]["lifetime_actions"]},
        )
    if ends == "deleted":
        lab.ok("DELETE", "/certificates/c")
    lab.clock.advance(0.9 * LIFE)
    if ends == "deleted":
        assert lab.refused("GET", "/certificates/c/")[0] == 404
    else:
        assert len(lab.ok("GET", "/certificates/c/versions")["value"]) == 1


def test_a_certificate_that_the_vault_cannot_make_is_not_renewed(lab: Lab) -> None:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - Key Vault makes none so short, which is the point
    name = x509.Name.from_rfc4514_string("CN=old")
    begin = datetime.fromtimestamp(NOW, UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    certificate = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=100)).sign(key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    given = {"secret_props": {"contentType": "application/x-pem-file"}, "issuer": {"name": "Self"}}
    lab.ok("POST", "/certificates/c/import", {"value": base64.b64encode(pem).decode(), "policy": given})
    lab.clock.advance(90 * DAY)
    for _ in range(2):
        assert len(lab.ok("GET", "/certificates/c/versions")["value"]) == 1


def test_reuse_key_outlives_renewal(lab: Lab) -> None:
    given = renewing()
    given["policy"]["key_props"] |= {"reuse_key": True, "exportable": False}
    create(lab, given)
    first = lab.ok("GET", "/keys/c/")["key"]
    lab.clock.advance(0.9 * LIFE)
    second = lab.ok("GET", "/keys/c/")["key"]
    assert second["kid"] != first["kid"]
    assert (second["x"], second["y"]) == (first["x"], first["y"])
