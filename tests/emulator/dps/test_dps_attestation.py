"""A device is attested if its chain, as presented, leads to what its enrollment names; any other is refused with 401."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from dpsops.emulator.http import Request
from dpsops.emulator.microsoft_devices.chains import InvalidChain, read_chain
from tests.emulator.dps.issuers import Chain, Issuer, self_signed, usage
from tests.emulator.dps.lab import GLOBAL, VERSION, Lab, group_below, group_of, individual, refusal_of
from tests.emulator.microsoft_devices.control_plane import NOW

INVALID = (401_002, "Invalid certificate")
NO_AUTHORITY = (401_002, "CA certificate not found")
NO_MATCH = (401_002, "Signing certificate info did not match chain elements.")


def refusal(lab: Lab, registration_id: str, chain: Chain) -> tuple[int, str]:
    """What a device is refused with; it leaves nothing behind."""
    found = refusal_of(lab.register(registration_id, chain))
    assert lab.refused("GET", f"/registrations/{registration_id}")[0] == 404_202
    assert lab.identity("hub1", registration_id) is None
    return found


def test_a_device_certificate_with_its_chain_is_attested(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    assert lab.assigned("d1", root.leaf("d1")) == "hub1"


def test_without_a_certificate(lab: Lab) -> None:
    assert refusal(lab, "d1", ()) == (401_000, "Unauthorized")


@pytest.mark.usefixtures("root")
def test_a_chain_that_is_not_trusted(lab: Lab) -> None:
    lab.enroll(group_of("root"))
    other = Issuer.make()  # of the same name
    assert refusal(lab, "d1", other.leaf("d1")) == NO_AUTHORITY
    assert refusal(lab, "d1", (self_signed("d1"),)) == INVALID


def test_a_device_certificate_without_its_chain(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    assert refusal(lab, "d1", root.leaf("d1")[:1]) == NO_AUTHORITY


def test_a_chain_that_leaves_out_its_middle(lab: Lab, root: Issuer) -> None:
    line = root.authority("Line 7")
    lab.enroll(group_below(line.certificate))
    chain = line.leaf("d1")
    assert refusal(lab, "d1", (chain[0], chain[2])) == INVALID
    assert lab.assigned("d1", chain) == "hub1"


def test_a_chain_in_disorder_or_of_two_chains(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    line = root.authority("Line 7")
    leaf, issuer, top = line.leaf("d1")
    assert refusal(lab, "d1", (leaf, top, issuer)) == INVALID
    assert refusal(lab, "d1", (*root.leaf("d1"), Issuer.make("Other").certificate)) == INVALID
    assert refusal(lab, "d1", (leaf, Issuer.make("Line 7").certificate, top)) == INVALID


@pytest.mark.parametrize("days", [(-5, -1), (1, 5)])
def test_a_device_certificate_outside_its_validity(lab: Lab, root: Issuer, days: tuple[int, int]) -> None:
    lab.enroll(group_of("root"))
    assert refusal(lab, "d1", root.leaf("d1", days=days)) == INVALID


def test_a_device_certificate_may_expire_between_two_registrations(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    chain = root.leaf("d1")
    lab.assigned("d1", chain)
    lab.arm.clock.advance(86_401)
    assert refusal_of(lab.register("d1", chain)) == INVALID


def test_a_ca_certificate_outside_its_validity(lab: Lab) -> None:
    expired = Issuer.make("Expired", days=(-10, -1))
    lab.upload("expired", expired.certificate)
    lab.enroll(group_of("expired"))
    assert refusal(lab, "d1", expired.leaf("d1")) == INVALID


@pytest.mark.parametrize(
    "constraints",
    [{"constraints": False}, {"ca": False}, {"key_usage": usage(sign_data=True)}],
    ids=["no constraints", "no CA", "no keyCertSign"],
)
def test_a_ca_certificate_that_may_not_sign(lab: Lab, constraints: dict[str, Any]) -> None:
    issuer = Issuer.make("Odd", **constraints)
    lab.upload("odd", issuer.certificate)
    lab.enroll(group_of("odd"))
    assert refusal(lab, "d1", issuer.leaf("d1")) == INVALID


def test_a_ca_certificate_below_a_path_length_of_0(lab: Lab) -> None:
    top = Issuer.make("Top", path_length=0, key_usage=usage(sign_certificates=True))
    lab.upload("top", top.certificate)
    lab.enroll(group_of("top"))
    assert refusal(lab, "d1", top.authority("Line").leaf("d1")) == INVALID
    assert lab.assigned("d1", top.leaf("d1")) == "hub1"


@pytest.mark.parametrize(
    ("extension", "critical"),
    [
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (usage(sign_certificates=True), True),
        (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),
        (x509.BasicConstraints(ca=True, path_length=None), True),
    ],
    ids=["for servers", "not for signing", "unknown and critical", "for a CA"],
)
def test_a_certificate_that_is_not_for_clients(lab: Lab, root: Issuer, extension: x509.ExtensionType, critical: bool) -> None:
    lab.enroll(group_of("root"))
    assert refusal(lab, "d1", root.leaf("d1", extension, critical=critical)) == INVALID


def test_a_certificate_that_is_for_clients(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert lab.assigned("d1", root.leaf("d1", usages, unknown, usage(sign_data=True))) == "hub1"


def test_another_devices_certificate(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    assert refusal(lab, "d2", root.leaf("d1")) == INVALID
    assert lab.assigned("D1", root.leaf("d1")) == "hub1"


def test_an_unreadable_certificate(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    leaf = root.leaf("d1")[0].public_bytes(Encoding.DER)
    for presented in ((b"",), (b"\x30\x03\x02\x01\x05",), (leaf[:-1],), (leaf, b"junk")):
        path = f"/{lab.scope}/registrations/d1/register"
        sent, body = {"content-type": "application/json"}, b'{"registrationId": "d1"}'
        answer = lab.azure.handle(Request("PUT", GLOBAL, path, {"api-version": VERSION}, sent, body, chain=presented))
        assert refusal_of(answer) == INVALID


def test_a_root_that_is_not_yet_verified(lab: Lab) -> None:
    issuer = Issuer.make()
    lab.upload("root", issuer.certificate, verified=False)
    lab.enroll(group_of("root"))
    chain = issuer.leaf("d1")
    assert refusal(lab, "d1", chain) == NO_AUTHORITY
    lab.upload("root", issuer.certificate)
    assert lab.assigned("d1", chain) == "hub1"


def test_a_root_that_was_deleted(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    lab.delete_certificate("root")
    assert refusal(lab, "d1", root.leaf("d1")) == NO_AUTHORITY


def test_a_root_that_was_replaced(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    other = Issuer.make("Other")
    lab.upload("root", other.certificate)
    assert refusal(lab, "d1", root.leaf("d1")) == NO_AUTHORITY
    assert lab.assigned("d1", other.leaf("d1")) == "hub1"


def test_a_group_of_two_roots_takes_either(lab: Lab, root: Issuer) -> None:
    second = Issuer.make("Second")
    lab.upload("second", second.certificate)
    lab.enroll(group_of("root", "second"))
    assert lab.assigned("d1", root.leaf("d1")) == "hub1"
    assert lab.assigned("d2", second.leaf("d2")) == "hub1"


def test_a_verified_root_that_no_group_names(lab: Lab, root: Issuer) -> None:
    assert refusal(lab, "d1", root.leaf("d1")) == NO_MATCH
    other = Issuer.make("Other")
    lab.upload("other", other.certificate)
    lab.enroll(group_of("other"))
    assert refusal(lab, "d1", root.leaf("d1")) == NO_MATCH


def test_the_root_is_no_device(lab: Lab) -> None:
    issuer = Issuer.make("d1")
    lab.upload("root", issuer.certificate)
    lab.enroll(group_of("root"))
    assert refusal(lab, "d1", (issuer.certificate,)) == NO_MATCH


def test_the_first_group_from_the_leaf_decides(lab: Lab, root: Issuer) -> None:
    line, good = root.authority("Line 7"), root.authority("Line 8")
    lab.enroll(group_of("root"))
    assert lab.assigned("d1", line.leaf("d1")) == "hub1"
    lab.enroll(group_below(line.certificate, identifier="line-7", provisioningStatus="disabled"))
    assert lab.register("d2", line.leaf("d2")).body["status"] == "disabled"
    assert lab.assigned("d3", good.leaf("d3")) == "hub1"
    lab.ok("DELETE", "/enrollmentGroups/line-7")
    assert lab.assigned("d2", line.leaf("d2")) == "hub1"


def test_a_group_may_be_below_a_verified_ca_certificate_that_is_no_root(lab: Lab) -> None:
    top = Issuer.make("Top")
    middle = top.authority("Middle")
    lab.upload("middle", middle.certificate)
    line = middle.authority("Line 7")
    lab.enroll(group_below(line.certificate))
    leaf, issuer, verified, above = line.leaf("d1")
    assert lab.assigned("d1", (leaf, issuer, verified)) == "hub1"
    assert lab.assigned("d1", (leaf, issuer, verified, above)) == "hub1"


def test_a_group_that_has_a_root_itself_needs_it_verified(lab: Lab, root: Issuer) -> None:
    other = Issuer.make("Other")
    lab.enroll(group_below(other.certificate, identifier="other"))
    assert refusal(lab, "d1", other.leaf("d1")) == NO_AUTHORITY
    lab.enroll(group_below(root.certificate))
    assert lab.assigned("d1", root.leaf("d1")) == "hub1"


def test_a_disabled_group_refuses(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root", provisioningStatus="disabled"))
    answer = lab.register("d1", root.leaf("d1"))
    assert (answer.status, answer.body["operationId"], answer.body["status"]) == (200, "", "disabled")
    state = answer.body["registrationState"]
    assert state == {
        "x509": {"enrollmentGroupId": "fleet"},
        "registrationId": "d1",
        "createdDateTimeUtc": "2024-05-07T19:07:40.0000000Z",
        "status": "disabled",
        "lastUpdatedDateTimeUtc": "2024-05-07T19:07:40.0000000Z",
        "etag": state["etag"],
    }
    assert lab.identity("hub1", "d1") is None
    assert lab.ok("GET", "/registrations/d1")["status"] == "disabled"


def test_a_disabled_group_is_no_answer_to_a_device_that_is_not_attested(lab: Lab) -> None:
    issuer = Issuer.make()
    lab.upload("root", issuer.certificate, verified=False)
    lab.enroll(group_of("root", provisioningStatus="disabled"))
    assert refusal(lab, "d1", issuer.leaf("d1")) == NO_AUTHORITY


def test_a_self_signed_certificate_needs_an_individual_enrollment(lab: Lab) -> None:
    leaf = self_signed("d1")
    lab.enroll(individual("d1", leaf))
    assert lab.assigned("d1", (leaf,)) == "hub1"
    assert refusal(lab, "d2", (self_signed("d2"),)) == INVALID
    assert refusal_of(lab.register("d1", (self_signed("d1"),))) == INVALID


def test_an_enrollment_of_two_certificates_takes_either(lab: Lab) -> None:
    one, two = self_signed("d1"), self_signed("d1")
    lab.enroll(individual("d1", one, two))
    assert lab.assigned("d1", (one,)) == "hub1"
    assert lab.assigned("d1", (two,)) == "hub1"


@pytest.mark.parametrize("known", [True, False])
def test_an_enrolled_certificate_that_a_ca_has_signed_needs_no_chain(lab: Lab, root: Issuer, known: bool) -> None:
    chain = (root if known else Issuer.make("Unknown")).leaf("d1")
    lab.enroll(individual("d1", chain[0]))
    assert lab.assigned("d1", chain[:1]) == "hub1"
    assert lab.assigned("d1", chain) == "hub1"
    assert refusal_of(lab.register("d1", root.leaf("d1"))) == INVALID


def test_an_individual_enrollment_comes_before_the_group(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    chain = root.leaf("d1")
    shown = lab.enroll(individual("d1", chain[0], deviceId="press-1"))
    assert lab.provision("d1", chain)["registrationState"]["deviceId"] == "press-1"
    assert refusal_of(lab.register("d1", root.leaf("d1"))) == INVALID
    lab.enroll(individual("d1", chain[0], provisioningStatus="disabled"), shown["etag"])
    assert lab.register("d1", chain).body["status"] == "disabled"
    assert lab.assigned("d2", root.leaf("d2")) == "hub1"
    lab.ok("DELETE", "/enrollments/d1")
    assert lab.assigned("d1", chain) == "hub1"


def test_an_individual_enrollment_may_name_the_root(lab: Lab, root: Issuer) -> None:
    lab.enroll({"registrationId": "d1", "attestation": group_of("root")["attestation"]})
    assert lab.assigned("d1", root.leaf("d1")) == "hub1"
    assert refusal(lab, "d2", root.leaf("d2")) == NO_MATCH
    assert refusal_of(lab.register("d1", Issuer.make().leaf("d1"))) == NO_AUTHORITY


def test_a_device_of_another_mechanism_is_blocked(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    lab.enroll({"registrationId": "d1", "attestation": {"type": "symmetricKey"}, "provisioningStatus": "disabled"})
    assert refusal(lab, "d1", root.leaf("d1")) == INVALID


def test_a_certificate_of_another_individual_enrollment_is_refused(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    chain = root.leaf("d1")
    lab.enroll(individual("blocked", chain[0], provisioningStatus="disabled"))
    assert refusal(lab, "d1", chain) == INVALID


def test_another_services_devices_are_not_trusted(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    lab.arm.service("dps2")
    scope = lab.arm.call("GET", "/provisioningServices/dps2", version="2022-12-12").body["properties"]["idScope"]
    assert refusal_of(lab.register("d1", root.leaf("d1"), scope=scope)) == NO_AUTHORITY
    assert refusal_of(lab.register("d1", root.leaf("d1"), scope="0ne00000000"))[0] // 1000 == 404


def test_a_chain_says_what_is_wrong_with_it() -> None:
    issuer = Issuer.make(days=(-10, -1))
    with pytest.raises(InvalidChain, match="CN=Test Root is not within its validity"):
        read_chain([each.public_bytes(Encoding.DER) for each in issuer.leaf("d1")], NOW)
