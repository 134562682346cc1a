"""A certificate that is still being issued: what it can not do yet, and how it is called off."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509

from dpsops.emulator.world import Timings
from tests.emulator.keyvault.lab import NOW, SELF_DETAILS, URL, Lab, policy


def subject_of(bundle: dict[str, Any]) -> str:
    """The subject of the certificate in a bundle."""
    return x509.load_der_x509_certificate(base64.b64decode(bundle["cer"])).subject.rfc4514_string()


def test_create_is_pending_then_completed(lab: Lab) -> None:
    answer = lab.call("POST", "/certificates/root/create", policy(), version="7.2")
    assert answer.status == 202
    request_id = answer.body["request_id"]
    assert answer.headers["Location"] == f"{URL}/certificates/root/pending?api-version=7.2&request_id={request_id}"
    assert answer.headers["Retry-After"] == "10"
    csr = answer.body["csr"]
    assert answer.body == {
        "id": f"{URL}/certificates/root/pending",
        "issuer": {"name": "Self"},
        "csr": csr,
        "cancellation_requested": False,
        "status": "inProgress",
        "status_details": SELF_DETAILS,
        "request_id": request_id,
    }
    assert lab.ok("GET", "/certificates/root/pending") == {
        "id": f"{URL}/certificates/root/pending",
        "issuer": {"name": "Self"},
        "csr": csr,
        "cancellation_requested": False,
        "status": "completed",
        "target": f"{URL}/certificates/root",
        "request_id": request_id,
    }


def test_issuance_takes_its_time() -> None:
    lab = Lab(Timings(certificate=15))
    lab.ok("POST", "/certificates/root/create", policy())
    lab.clock.advance(14)
    waiting = lab.call("GET", "/certificates/root/pending")
    assert (waiting.body["status"], waiting.headers["Retry-After"]) == ("inProgress", "10")
    assert "cer" not in lab.ok("GET", "/certificates/root/")
    lab.clock.advance(100)
    bundle = lab.ok("GET", "/certificates/root/")
    assert bundle["attributes"]["created"] == NOW + 15, "the moment of issuance, not of the first look"
    assert bundle["policy"]["attributes"]["created"] == NOW


def test_no_create_and_no_import_while_one_is_pending() -> None:
    lab = Lab(Timings(certificate=60))
    lab.ok("POST", "/certificates/root/create", policy())
    for verb in ("create", "import"):
        status, code, message = lab.refused("POST", f"/certificates/root/{verb}", policy())
        assert (status, code) == (409, "Conflict")
        assert "status is inProgress" in message


def test_a_pending_version_cannot_be_used() -> None:
    lab = Lab(Timings(certificate=60))
    lab.ok("POST", "/certificates/root/create", policy())
    bundle = lab.ok("GET", "/certificates/root/")
    assert list(bundle) == ["id", "attributes", "policy", "pending"]
    assert bundle["attributes"]["enabled"] is False
    assert bundle["attributes"]["nbf"] == NOW - 600
    status, code, message = lab.refused("POST", "/keys/root//sign", {"alg": "ES256", "value": "A" * 43})
    assert (status, code) == (403, "KeyDisabled")
    assert message == "Operation sign is not allowed on a disabled key."
    assert lab.refused("GET", "/secrets/root/")[1] == "SecretNotFound"
    pending = bundle["id"].removeprefix(URL)
    lab.ok("PATCH", pending, {"attributes": {"enabled": True}})
    assert lab.ok("GET", pending)["attributes"]["enabled"] is False
    lab.clock.advance(60)
    issued = lab.ok("GET", "/certificates/root/")
    assert issued["id"] != bundle["id"]
    assert lab.refused("GET", pending)[1] == "CertificateNotFound"


def test_pending_certificates_are_listed_on_demand_only() -> None:
    lab = Lab(Timings(certificate=60))
    lab.ok("POST", "/certificates/root/create", policy())
    assert lab.ok("GET", "/certificates")["value"] == []
    (item,) = lab.ok("GET", "/certificates?includePending=true")["value"]
    assert item["id"] == f"{URL}/certificates/root"
    assert "x5t" not in item
    assert lab.ok("GET", "/certificates/root/versions")["value"] == []


def test_cancellation_is_asked_for_and_then_seen() -> None:
    lab = Lab(Timings(certificate=30))
    lab.ok("POST", "/certificates/root/create", policy())
    lab.clock.advance(20)
    asked = lab.ok("PATCH", "/certificates/root/pending", {"cancellation_requested": True})
    assert (asked["cancellation_requested"], asked["status"], asked["status_details"]) == (True, "inProgress", SELF_DETAILS)
    lab.clock.advance(29)
    assert lab.ok("GET", "/certificates/root/pending") == asked
    lab.clock.advance(1)
    cancelled = lab.ok("GET", "/certificates/root/pending")
    assert cancelled["status"] == "cancelled"
    assert not {"status_details", "target"} & set(cancelled)
    lab.clock.advance(1000)
    assert "cer" not in lab.ok("GET", "/certificates/root/")


@pytest.mark.parametrize("body", [{"cancellation_requested": None}, {"cancellation_requested": "yes"}, {"other": True}])
def test_a_cancellation_needs_its_member(lab: Lab, body: dict[str, Any]) -> None:
    lab.ok("POST", "/certificates/leaf/create", policy(issuer="Unknown"))
    assert lab.refused("PATCH", "/certificates/leaf/pending", body)[:2] == (400, "BadParameter")


def test_it_is_too_late_to_cancel_what_is_issued(lab: Lab) -> None:
    lab.ok("POST", "/certificates/root/create", policy())
    refused = lab.refused("PATCH", "/certificates/root/pending", {"cancellation_requested": True})
    assert refused == (403, "Forbidden", "Pending status must be in progress to allow update.")


def test_deleting_the_operation_forgets_it() -> None:
    lab = Lab(Timings(certificate=30))
    lab.ok("POST", "/certificates/root/create", policy())
    operation = lab.ok("GET", "/certificates/root/pending")
    assert lab.ok("DELETE", "/certificates/root/pending") == operation
    expected = (404, "PendingCertificateNotFound", "Pending certificate not found: root")
    assert lab.refused("GET", "/certificates/root/pending") == expected
    assert lab.refused("DELETE", "/certificates/root/pending") == expected
    bundle = lab.ok("DELETE", "/certificates/root")
    assert not {"kid", "sid", "cer", "x5t", "pending"} & set(bundle)
    assert bundle["attributes"]["enabled"] is False
    lab.clock.advance(1000)
    assert "cer" not in lab.ok("GET", "/deletedcertificates/root")


def test_after_an_abandoned_first_issuance_the_next_one_counts() -> None:
    lab = Lab(Timings(certificate=30))
    lab.ok("POST", "/certificates/root/create", policy("CN=one"))
    lab.ok("DELETE", "/certificates/root/pending")
    lab.ok("POST", "/certificates/root/create", policy("CN=two"))
    lab.clock.advance(30)
    assert subject_of(lab.ok("GET", "/certificates/root/")) == "CN=two"
    assert len(lab.ok("GET", "/keys/root/versions")["value"]) == 1


def test_a_policy_update_does_not_change_what_is_being_issued() -> None:
    lab = Lab(Timings(certificate=30))
    lab.ok("POST", "/certificates/root/create", policy("CN=one"))
    lab.ok("PATCH", "/certificates/root/policy", {"x509_props": {"subject": "CN=two"}})
    lab.clock.advance(30)
    assert subject_of(lab.ok("GET", "/certificates/root/")) == "CN=one"
