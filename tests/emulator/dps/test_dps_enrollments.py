"""Enrollment groups and individual enrollments over the service API: what is written is what is shown, and what is refused."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING
from dpsops.emulator.world import Timings
from tests.emulator.dps.issuers import Issuer, pem, self_signed
from tests.emulator.dps.lab import DPS, Lab, MakeLab, group_below, group_of, individual
from tests.emulator.microsoft_devices.control_plane import ControlPlane, encoded

GROUP = "/enrollmentGroups/fleet"
HUB = "hub1.azure-devices.net"


def test_a_group_shows_the_facts_of_its_certificate_twice(lab: Lab) -> None:
    signer = Issuer.make("Line 7").certificate
    shown = lab.enroll(group_below(signer, provisioningStatus="enabled", allocationPolicy="hashed"))
    facts = {
        "subjectName": "CN=Line 7",
        "sha1Thumbprint": shown["attestation"]["x509"]["signingCertificates"]["primary"]["info"]["sha1Thumbprint"],
        "sha256Thumbprint": signer.fingerprint(signer.signature_hash_algorithm).hex().upper(),  # type: ignore[arg-type]
        "issuerName": "CN=Line 7",
        "notBeforeUtc": "2024-04-27T19:07:40Z",
        "notAfterUtc": "2024-05-17T19:07:40Z",
        "serialNumber": signer.serial_number.to_bytes((signer.serial_number.bit_length() + 7) // 8).hex().upper(),
        "version": 3,
    }
    assert re.fullmatch("[0-9A-F]{40}", facts["sha1Thumbprint"])
    etag = shown.pop("etag")
    assert base64.b64decode(etag).decode() == f'"{base64.b64decode(etag)[1:9].decode()}-0000-0700-0000-663a7bfc0000"'
    assert shown == {
        "enrollmentGroupId": "fleet",
        "attestation": {
            "type": "x509",
            "x509": {"signingCertificates": {"primary": {"info": facts}, "secondary": {"info": facts}}},
        },
        "provisioningStatus": "enabled",
        "createdDateTimeUtc": "2024-05-07T19:07:40.0000000Z",
        "lastUpdatedDateTimeUtc": "2024-05-07T19:07:40.0000000Z",
        "allocationPolicy": "hashed",
    }
    assert lab.ok("GET", GROUP) == shown | {"etag": etag}


@pytest.mark.usefixtures("root")
def test_a_group_of_references_shows_them_as_they_are_and_leaves_out_what_is_not_set(lab: Lab) -> None:
    shown = lab.enroll(group_of("root"))
    assert shown["attestation"] == {"type": "x509", "x509": {"caReferences": {"primary": "root"}}}
    assert not {"allocationPolicy", "reprovisionPolicy", "iotHubs", "initialTwin", "capabilities"} & shown.keys()


@pytest.mark.usefixtures("root")
def test_all_settings_come_back(lab: Lab) -> None:
    settings: JSON = {
        "allocationPolicy": "geoLatency",
        "iotHubs": [HUB],
        "reprovisionPolicy": {"updateHubAssignment": True, "migrateDeviceData": False},
        "initialTwin": {"tags": {"site": "a"}, "properties": {"desired": {"interval": {"s": 5}}}},
        "capabilities": {"iotEdge": False},
        "provisioningStatus": "disabled",
    }
    shown = lab.enroll(group_of("root", **settings))
    assert {name: shown[name] for name in settings} == settings
    custom = {"webhookUrl": "https://www.test.test", "apiVersion": "2019-03-31"}
    shown = lab.enroll(group_of("root", allocationPolicy="CUSTOM", customAllocationDefinition=custom), shown["etag"])
    assert (shown["allocationPolicy"], shown["customAllocationDefinition"]) == ("custom", custom)
    assert "iotHubs" not in shown


def test_an_individual_enrollment_has_settings_of_its_own(lab: Lab) -> None:
    body = individual("d1", self_signed("d1"), deviceId="press-1", optionalDeviceInformation={"line": {"n": 7}})
    shown = lab.enroll(body | {"etag": "ignored", "registrationState": {}})
    assert (shown["deviceId"], shown["optionalDeviceInformation"]) == ("press-1", {"line": {"n": 7}})
    assert "registrationState" not in shown
    found = lab.ok("GET", "/enrollments/D1")
    assert found.pop("registrationState") == {"registrationId": "d1", "status": "unassigned"}
    assert found == shown


@pytest.mark.usefixtures("root")
def test_a_change_needs_the_etag_and_gives_another(lab: Lab) -> None:
    first = lab.enroll(group_of("root"))
    assert lab.refused("PUT", GROUP, group_of("root"))[0] // 1000 == 409
    lab.arm.clock.advance(60)
    second = lab.enroll(group_of("root", provisioningStatus="disabled"), first["etag"])
    assert second["etag"] != first["etag"]
    assert second["createdDateTimeUtc"] == first["createdDateTimeUtc"]
    assert second["lastUpdatedDateTimeUtc"] == "2024-05-07T19:08:40.0000000Z"
    assert lab.refused("PUT", GROUP, group_of("root"), headers={"if-match": first["etag"]})[0] // 1000 == 412
    assert lab.ok("GET", GROUP) == second
    third = lab.enroll(group_of("root"), f'"{second["etag"]}"')
    lab.enroll(group_of("root"), "*")
    assert lab.refused("DELETE", GROUP, headers={"if-match": third["etag"]})[0] // 1000 == 412
    assert lab.call("DELETE", GROUP, headers={"if-match": lab.ok("GET", GROUP)["etag"]}).body is NOTHING
    assert lab.refused("PUT", GROUP, group_of("root"), headers={"if-match": "*"})[0] // 1000 == 412


@pytest.mark.parametrize(("path", "code"), [("/enrollments/d1", 404_201), ("/enrollmentGroups/fleet", 404_204)])
def test_an_entry_that_does_not_exist_is_not_found(lab: Lab, path: str, code: int) -> None:
    for method, suffix in (("GET", ""), ("DELETE", ""), ("POST", "/attestationmechanism")):
        assert lab.refused(method, path + suffix)[0] == code


def test_deleting_needs_no_etag(lab: Lab) -> None:
    lab.enroll(individual("d1", self_signed("d1")))
    assert lab.call("DELETE", "/enrollments/d1").status == 204
    assert lab.refused("GET", "/enrollments/d1")[0] == 404_201


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({"iotHubs": [HUB]}, 400_004, "Enrollment allocationPolicy must be specified when iotHubs are specified."),
        ({"iotHubs": ["hub2.azure-devices.net"], "allocationPolicy": "hashed"}, 400_004, "not linked"),
        ({"iotHubHostName": "hub2.azure-devices.net"}, 400_004, "not linked"),
        ({"allocationPolicy": "static", "iotHubs": [HUB, HUB]}, 400_004, "static"),
        ({"allocationPolicy": "custom"}, 400_004, "customAllocationDefinition"),
        ({"allocationPolicy": "custom", "customAllocationDefinition": {"webhookUrl": "https://a"}}, 400_004, "apiVersion"),
        (
            {"allocationPolicy": "hashed", "customAllocationDefinition": {"webhookUrl": "https://a", "apiVersion": "b"}},
            400_004,
            "no other has one",
        ),
        ({"allocationPolicy": "random"}, 400_000, "Bad Request"),
        ({"iotHubs": [7], "allocationPolicy": "hashed"}, 400_000, "Bad Request"),
        ({"provisioningStatus": "off"}, 400_000, "Bad Request"),
        ({"reprovisionPolicy": {"updateHubAssignment": "yes", "migrateDeviceData": True}}, 400_000, "Bad Request"),
        ({"reprovisionPolicy": {"updateHubAssignment": True}}, 400_000, "Bad Request"),
        ({"capabilities": {}}, 400_000, "Bad Request"),
        ({"initialTwin": {"properties": {"desired": 5}}}, 400_000, "Bad Request"),
        ({"initialTwin": {"properties": {"desired": {"a.b": 1}}}}, 400_004, "'a.b' is not a valid name in a twin"),
        ({"initialTwin": {"tags": {"a": "x" * 5000}}}, 400_004, "must not exceed 4096 bytes"),
        ({"enrollmentGroupId": "other"}, 400_004, "URL"),
    ],
)
@pytest.mark.usefixtures("root")
def test_settings_that_cannot_be_are_refused(lab: Lab, settings: JSON, code: int, message: str) -> None:
    found = lab.refused("PUT", GROUP, group_of("root") | settings)
    assert found[0] == code
    assert message in found[1]
    assert lab.refused("GET", GROUP)[0] == 404_204


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"'])
def test_a_body_that_is_no_object_is_a_bad_request(lab: Lab, body: bytes) -> None:
    assert lab.refused("PUT", GROUP, body) == (400_000, "Bad Request")


@pytest.mark.parametrize(
    "attestation",
    [
        {},
        {"type": "none"},
        {"type": "tpm", "tpm": {"endorsementKey": "AAAA"}},
        {"type": "x509"},
        {"type": "x509", "x509": {"signingCertificates": {"primary": {"certificate": ""}}}},
        {"type": "x509", "x509": {"signingCertificates": {"primary": {"certificate": "AAAA"}}}},
        {"type": "x509", "x509": {"signingCertificates": {"primary": {"info": {"sha256Thumbprint": "AA"}}}}},
        {"type": "x509", "x509": {"clientCertificates": {"primary": {"certificate": "AAAA"}}}},
        {"type": "x509", "x509": {"caReferences": {"primary": "stranger"}}},
        {"type": "x509", "x509": {"caReferences": {"primary": "root", "secondary": "stranger"}}},
        {"type": "symmetricKey", "symmetricKey": {"primaryKey": "AAAA"}},
        {"type": "symmetricKey", "symmetricKey": {"primaryKey": "not base64"}},
    ],
)
@pytest.mark.usefixtures("root")
def test_mechanisms_that_cannot_be_are_refused(lab: Lab, attestation: JSON) -> None:
    assert lab.refused("PUT", GROUP, {"enrollmentGroupId": "fleet", "attestation": attestation})[0] == 400_004


def test_a_certificate_is_read_in_every_form_that_clients_send(lab: Lab) -> None:
    signer = Issuer.make().certificate
    der = base64.b64encode(signer.public_bytes(Encoding.DER)).decode()
    for text in (pem(signer), encoded(signer), der):
        body = group_below(signer)
        body["attestation"]["x509"]["signingCertificates"]["primary"]["certificate"] = text
        info = lab.enroll(body, lab.call("GET", GROUP).body.get("etag"))["attestation"]["x509"]["signingCertificates"]
        assert info["primary"]["info"]["subjectName"] == "CN=Test Root"


def test_an_answer_can_be_sent_back_changed(lab: Lab) -> None:
    primary, secondary = Issuer.make("One").certificate, Issuer.make("Two").certificate
    shown = lab.enroll(group_below(primary, secondary))
    again = lab.enroll(shown | {"provisioningStatus": "disabled"}, shown["etag"])
    assert again["attestation"] == shown["attestation"]
    only = shown["attestation"]["x509"]["signingCertificates"]["secondary"]
    shown["attestation"]["x509"]["signingCertificates"] = {"secondary": only}
    left = lab.enroll(shown, again["etag"])["attestation"]["x509"]["signingCertificates"]
    assert left == {"secondary": only}


@pytest.mark.parametrize("identifier", ["Fleet-1.a_b:c-", "a", "7", "-a", "x" * 128])
@pytest.mark.usefixtures("root")
def test_ids_that_are_good(lab: Lab, identifier: str) -> None:
    assert lab.enroll(group_of("root", identifier=identifier))["enrollmentGroupId"] == identifier


@pytest.mark.parametrize("identifier", ["a.", "a_", "a:", "a b", "ä", "x" * 129])
@pytest.mark.usefixtures("root")
def test_ids_that_are_not(lab: Lab, identifier: str) -> None:
    found = lab.call("PUT", f"/enrollmentGroups/{identifier}", group_of("root", identifier=identifier))
    assert (found.status, found.body["errorCode"]) == (400, 400_004)


def test_a_registration_id_is_a_common_name_with_x509_only(lab: Lab) -> None:
    name = "d" * 65
    assert lab.refused("PUT", f"/enrollments/{name}", individual(name, self_signed("d")))[0] == 400_004
    lab.enroll({"registrationId": name, "attestation": {"type": "symmetricKey"}})


@pytest.mark.usefixtures("root")
def test_a_device_id_must_be_one(lab: Lab) -> None:
    assert lab.refused("PUT", "/enrollments/d1", individual("d1", self_signed("d1"), deviceId="a b"))[0] == 400_004


def test_ids_are_the_same_in_any_case(lab: Lab) -> None:
    first = lab.enroll(individual("Press-1", self_signed("d1")))
    assert lab.refused("PUT", "/enrollments/press-1", individual("press-1", self_signed("d2")))[0] // 1000 == 409
    body = individual("PRESS-1", self_signed("d3"))
    assert lab.enroll(body, first["etag"])["registrationId"] == "Press-1"


def test_one_certificate_is_in_one_entry_only(lab: Lab, root: Issuer) -> None:
    other = Issuer.make("Other")
    lab.upload("other", other.certificate)
    lab.enroll(group_of("root"))
    for body in (
        group_of("root", identifier="second"),
        group_of("other", "ROOT", identifier="second"),
        group_below(root.certificate, identifier="second"),
        group_below(other.certificate, root.certificate, identifier="second"),
    ):
        found = lab.refused("PUT", "/enrollmentGroups/second", body)
        assert (found[0], "'fleet'" in found[1]) == (400_004, True)
    lab.enroll(group_below(other.certificate, identifier="second"))
    assert lab.refused("PUT", "/enrollmentGroups/third", group_of("other", identifier="third"))[0] == 400_004
    leaf = self_signed("d1")
    lab.enroll(individual("d1", leaf, leaf))
    assert lab.refused("PUT", "/enrollments/d2", individual("d2", self_signed("d2"), leaf))[0] == 400_004


def test_a_certificate_that_is_given_up_is_free_again(lab: Lab, root: Issuer) -> None:
    other = Issuer.make("Other")
    lab.upload("other", other.certificate)
    first = lab.enroll(group_of("root"))
    lab.enroll(group_of("other"), first["etag"])
    lab.enroll(group_of("root", identifier="second"))
    lab.ok("DELETE", "/enrollmentGroups/second")
    lab.enroll(group_below(root.certificate, identifier="third"))


@pytest.mark.usefixtures("root")
def test_many_individual_enrollments_may_name_one_ca_certificate(lab: Lab) -> None:
    lab.enroll(group_of("root"))
    attestation = group_of("root")["attestation"]
    for name in ("d1", "d2"):
        assert lab.enroll({"registrationId": name, "attestation": attestation})["attestation"] == attestation


def test_there_are_100_groups_of_a_kind_at_most(lab: Lab) -> None:
    keys = {"type": "symmetricKey", "symmetricKey": {"primaryKey": "A" * 24, "secondaryKey": "A" * 24}}
    for number in range(100):
        lab.enroll({"enrollmentGroupId": f"g{number}", "attestation": keys})
    assert lab.refused("PUT", "/enrollmentGroups/more", {"enrollmentGroupId": "more", "attestation": keys})[0] // 1000 == 403
    lab.enroll({"enrollmentGroupId": "g7", "attestation": keys}, "*")
    lab.enroll(group_below(Issuer.make().certificate))


def test_a_tpm_is_for_individual_enrollments(lab: Lab) -> None:
    tpm = {"type": "tpm", "tpm": {"endorsementKey": "AAAA", "storageRootKey": "BBBB"}}
    assert lab.enroll({"registrationId": "d1", "attestation": tpm})["attestation"] == tpm
    assert lab.refused("PUT", "/enrollments/d2", {"registrationId": "d2", "attestation": {"type": "tpm"}})[0] == 400_004


def test_a_query_selects_everything_page_by_page(lab: Lab) -> None:
    for number in range(5):
        lab.enroll(individual(f"d{number}", self_signed(f"d{number}")))
    headers = {"x-ms-max-item-count": "2"}
    pages = []
    while True:
        answer = lab.call("POST", "/enrollments/query", {"query": "SELECT * FROM enrollments"}, headers=headers)
        assert answer.headers["x-ms-item-type"] == "Enrollment"
        pages.append([each["registrationId"] for each in answer.body])
        if "x-ms-continuation" not in answer.headers:
            break
        headers["x-ms-continuation"] = answer.headers["x-ms-continuation"]
    assert pages == [["d0", "d1"], ["d2", "d3"], ["d4"]]
    assert lab.call("POST", "/enrollmentGroups/query", {"query": "select *"}).headers == {"x-ms-item-type": "EnrollmentGroup"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, {}),
        ({"query": "SELECT * WHERE a = 1"}, {}),
        ({"query": "SELECT *"}, {"x-ms-max-item-count": "0"}),
        ({"query": "SELECT *"}, {"x-ms-max-item-count": "many"}),
        ({"query": "SELECT *"}, {"x-ms-max-item-count": "\N{SUPERSCRIPT TWO}"}),
        ({"query": "SELECT *"}, {"x-ms-max-item-count": "1" * 30}),
        ({"query": "SELECT *"}, {"x-ms-max-item-count": "1" * 5000}),
        ({"query": "SELECT *"}, {"x-ms-continuation": "*"}),
        ({"query": "SELECT *"}, {"x-ms-continuation": "\N{SUPERSCRIPT TWO}"}),
    ],
)
def test_other_queries_are_bad_requests(lab: Lab, body: JSON, headers: dict[str, str]) -> None:
    assert lab.refused("POST", "/enrollments/query", body, headers=headers) == (400_000, "Bad Request")


def test_of_many_each_is_written_or_refused_by_itself(lab: Lab) -> None:
    def run(mode: str, *entries: JSON) -> Any:
        return lab.ok("POST", "/enrollments", {"mode": mode, "enrollments": list(entries)})

    leaf = self_signed("d1")
    assert run("create", individual("d1", leaf)) == {"errors": [], "isSuccessful": True}
    outcome = run("create", individual("d1", self_signed("d1")), individual("d2", leaf), individual("d3", self_signed("d3")))
    assert [(each["registrationId"], each["errorCode"] // 1000) for each in outcome["errors"]] == [("d1", 409), ("d2", 400)]
    assert not outcome["isSuccessful"]
    assert {each["registrationId"] for each in lab.ok("POST", "/enrollments/query", {"query": ""})} == {"d1", "d3"}
    found = lab.ok("GET", "/enrollments/d1")
    assert run("update", individual("d1", leaf, deviceId="x") | {"etag": found["etag"]})["isSuccessful"]
    assert run("update", individual("d4", self_signed("d4")))["errors"][0]["errorCode"] == 404_201
    assert run("updateIfMatchETag", individual("d1", leaf) | {"etag": found["etag"]})["errors"][0]["errorCode"] // 1000 == 412
    current = lab.ok("GET", "/enrollments/d1")["etag"]
    assert run("updateIfMatchETag", individual("d1", leaf) | {"etag": current})["isSuccessful"]
    assert run("delete", individual("d1", leaf), individual("d4", leaf))["errors"][0]["registrationId"] == "d4"
    assert lab.refused("GET", "/enrollments/d1")[0] == 404_201


def test_groups_have_bulk_operations_too(lab: Lab) -> None:
    groups = [group_below(Issuer.make(name).certificate, identifier=name) for name in ("a", "b")]
    assert lab.ok("POST", "/enrollmentGroups", {"mode": "create", "enrollmentGroups": groups})["isSuccessful"]
    assert [each["enrollmentGroupId"] for each in lab.ok("POST", "/enrollmentGroups/query", {"query": "SELECT *"})] == ["a", "b"]


def test_a_bulk_operation_is_on_1_to_10(lab: Lab) -> None:
    entries = [{"registrationId": f"d{number}", "attestation": {"type": "symmetricKey"}} for number in range(11)]
    for body in ({"mode": "create", "enrollments": entries}, {"mode": "create", "enrollments": []}, {"mode": "create"}):
        assert lab.refused("POST", "/enrollments", body)[0] == 400_004
    assert lab.refused("POST", "/enrollments", {"mode": "upsert", "enrollments": entries[:1]})[0] == 400_000


def test_a_deleted_service_leaves_nothing_behind(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(timings=Timings(operation=40)))
    lab.enroll(individual("d1", self_signed("d1")))
    service = f"/provisioningServices/{DPS}"
    assert lab.arm.call("DELETE", service, version="2022-12-12").status == 202
    assert not lab.azure.resolves("dps1.azure-devices-provisioning.net")
    assert lab.refused("GET", "/enrollments/d1")[0] == 404_000
    lab.arm.clock.advance(40)
    lab.arm.service(DPS)
    lab.read_keys()
    assert lab.refused("GET", "/enrollments/d1")[0] == 404_201
