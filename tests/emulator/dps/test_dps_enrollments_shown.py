"""What an enrollment entry shows where, as recorded, and how it meets the entry that is there already."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.dps.issuers import Issuer, self_signed
from tests.emulator.dps.lab import Lab, group_of, individual, signature_key

GROUP = "/enrollmentGroups/fleet"
KEYS = {"primaryKey": base64.b64encode(b"p" * 32).decode(), "secondaryKey": base64.b64encode(b"s" * 32).decode()}


def bulk(lab: Lab, mode: str, *entries: JSON, collection: str = "enrollments") -> Any:
    """The outcome of one change for each entry."""
    return lab.ok("POST", f"/{collection}", {"mode": mode, collection: list(entries)})


@pytest.mark.parametrize("given", [KEYS, {}])
def test_symmetric_keys_come_back_from_a_put_and_on_request(lab: Lab, given: JSON) -> None:
    shown = lab.enroll({"registrationId": "d1", "attestation": {"type": "symmetricKey", "symmetricKey": given}})
    keys = shown["attestation"]["symmetricKey"]
    if given is KEYS:
        assert keys == KEYS
    else:
        assert [len(signature_key(each)) for each in keys.values()] == [64, 64]
    assert lab.ok("GET", "/enrollments/d1")["attestation"] == {"type": "symmetricKey"}
    assert lab.ok("POST", "/enrollments/query", {"query": "*"})[0]["attestation"] == {"type": "symmetricKey"}
    mechanism = {"type": "symmetricKey", "symmetricKey": keys}
    assert lab.ok("POST", "/enrollments/d1/attestationmechanism") == mechanism
    found = lab.ok("GET", "/enrollments/d1")
    assert lab.enroll(found, found["etag"])["attestation"] == mechanism


def test_an_individual_enrollment_that_nobody_has_used_says_so_where_it_is_asked_for(lab: Lab) -> None:
    leaf = self_signed("d1")
    assert "registrationState" not in lab.enroll(individual("d1", leaf))
    assert "registrationState" not in lab.ok("POST", "/enrollments/query", {"query": "SELECT *"})[0]
    assert lab.ok("GET", "/enrollments/d1")["registrationState"] == {"registrationId": "d1", "status": "unassigned"}
    lab.assigned("d1", (leaf,))
    assert lab.ok("GET", "/enrollments/d1")["registrationState"] == lab.ok("GET", "/registrations/d1")


def test_a_group_has_no_registration_state(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    lab.assigned("d1", root.leaf("d1"))
    assert "registrationState" not in lab.ok("GET", GROUP)


@pytest.mark.usefixtures("root")
def test_a_status_that_is_not_given_is_enabled_and_null_stays_null(lab: Lab) -> None:
    shown = lab.enroll(group_of("root"))
    assert shown["provisioningStatus"] == "enabled"
    shown = lab.enroll(group_of("root", provisioningStatus=None), shown["etag"])
    assert shown["provisioningStatus"] is None
    assert lab.ok("GET", GROUP)["provisioningStatus"] is None
    shown = lab.enroll(group_of("root", provisioningStatus="disabled"), shown["etag"])
    assert lab.enroll(group_of("root"), shown["etag"])["provisioningStatus"] == "enabled"


def test_a_status_of_null_lets_devices_in(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root", provisioningStatus=None))
    assert lab.assigned("d1", root.leaf("d1")) == "hub1"


def test_a_static_policy_may_name_no_hub(lab: Lab) -> None:
    shown = lab.enroll(individual("d1", self_signed("d1"), allocationPolicy="static"))
    assert (shown["allocationPolicy"], "iotHubs" in shown) == ("static", False)


def test_null_is_nothing_as_microsofts_client_sends_it() -> None:
    lab = Lab()  # no judge: the description of the API has no null
    unset = dict.fromkeys(
        ["capabilities", "reprovisionPolicy", "optionalDeviceInformation", "iotHubs", "iotHubHostName", "initialTwin"]
    )
    keys = {"type": "symmetricKey", "symmetricKey": {"primaryKey": None, "secondaryKey": None}}
    shown = lab.enroll({"registrationId": "d1", "attestation": keys, "allocationPolicy": "static", "deviceId": None, **unset})
    assert not unset.keys() & shown.keys()
    assert all(shown["attestation"]["symmetricKey"].values())


def test_an_entry_that_is_there_is_said_to_be(lab: Lab) -> None:
    entry = individual("d1", self_signed("d1"))
    group = {"enrollmentGroupId": "g1", "attestation": {"type": "symmetricKey"}}
    lab.enroll(entry)
    lab.enroll(group)
    assert lab.refused("PUT", "/enrollments/d1", entry) == (409_201, "Enrollment already exists.")
    assert lab.refused("PUT", "/enrollmentGroups/g1", group) == (409_202, "EnrollmentGroup already exists.")
    for mode in ("create", "update"):
        assert bulk(lab, mode, entry) == {
            "errors": [{"registrationId": "d1", "errorCode": 409_201, "errorStatus": "Enrollment already exists."}],
            "isSuccessful": False,
        }
        assert bulk(lab, mode, group, collection="enrollmentGroups") == {
            "errors": [{"enrollmentGroupId": "g1", "errorCode": 409_202, "errorStatus": "EnrollmentGroup already exists."}],
            "isSuccessful": False,
        }
    assert bulk(lab, "delete", entry) == {"errors": [], "isSuccessful": True}


def test_a_bulk_update_is_under_the_etag_that_the_entry_has(lab: Lab) -> None:
    leaf = self_signed("d1")
    etag = lab.enroll(individual("d1", leaf))["etag"]
    assert bulk(lab, "update", individual("d1", leaf, deviceId="x") | {"etag": etag})["isSuccessful"]
    assert lab.ok("GET", "/enrollments/d1")["deviceId"] == "x"
    assert bulk(lab, "update", individual("d1", leaf) | {"etag": etag})["errors"][0]["errorCode"] // 1000 == 412


def test_a_certificate_that_cannot_be_read_is_refused_in_azures_words(lab: Lab) -> None:
    entry = individual("d1", self_signed("d1"))
    entry["attestation"]["x509"]["clientCertificates"]["primary"]["certificate"] = "~"
    found = lab.refused("PUT", "/enrollments/d1", entry)
    assert found == (400_004, "The certificate is not a valid base64 string value.")


def test_a_query_may_be_a_star(lab: Lab) -> None:
    lab.enroll(individual("d1", self_signed("d1")))
    assert [each["registrationId"] for each in lab.ok("POST", "/enrollments/query", {"query": "*"})] == ["d1"]
