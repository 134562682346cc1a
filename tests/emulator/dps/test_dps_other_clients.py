"""What Microsoft's .NET client on Linux sends to DPS, over MQTT and HTTPS, without that client.

Over MQTT its registration has no body, and it never sends the root.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Response
from dpsops.emulator.world import Timings
from tests.emulator.dps.fleet import enrolled
from tests.emulator.dps.issuers import Chain, Issuer, usage
from tests.emulator.dps.lab import GLOBAL, Lab, MakeLab, group_below, group_of, refusal_of
from tests.emulator.microsoft_devices.control_plane import ControlPlane

NO_AUTHORITY = (401_002, "CA certificate not found")
NO_MATCH = (401_002, "Signing certificate info did not match chain elements.")
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
BODIES = [b"", b"{}", b'{"payload": {"site": "a"}}', b'{"payload": null}']
NET = "api-version=2019-03-31&ClientVersion=Microsoft.Azure.Devices.Provisioning.Client%2F1.19.4"


def over_mqtt(lab: Lab, device: str, chain: Chain, payload: bytes = b"") -> JSON:
    """The outcome of a registration in .NET's topics, whose request IDs are numbers and whose questions have no payload."""
    session = lab.connect(device, chain, username=f"{lab.scope}/registrations/{device}/{NET}")
    assert lab.subscribe(session, "$dps/registrations/res/#")
    (begun,) = lab.publish(session, "$dps/registrations/PUT/iotdps-register/?$rid=1", payload)
    assert begun.topic.startswith("$dps/registrations/res/202/?$rid=1&retry-after=")
    operation = json.loads(begun.payload)["operationId"]
    question = f"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}"
    (over,) = lab.publish(session, question, b"")
    assert over.topic == "$dps/registrations/res/200/?$rid=2"
    outcome = json.loads(over.payload)
    assert isinstance(outcome, dict)
    return outcome


def over_https(lab: Lab, device: str, chain: Chain, body: bytes) -> Response:
    """What a device is told that registers with this body."""
    path = f"/{lab.scope}/registrations/{device}/register"
    return lab.call("PUT", path, body, authorization="", host=GLOBAL, chain=chain)


@pytest.mark.parametrize("payload", BODIES)
def test_a_device_registers_over_mqtt_without_naming_itself(lab: Lab, payload: bytes) -> None:
    chain = enrolled(lab).leaf("d1")
    assert over_mqtt(lab, "d1", chain, payload)["registrationState"]["deviceId"] == "d1"


@pytest.mark.parametrize("body", BODIES)
def test_a_device_registers_over_https_without_naming_itself(body: bytes) -> None:
    lab = Lab()  # the description of the API requires a body
    assert over_https(lab, "d1", enrolled(lab).leaf("d1"), body).status == 202


def test_a_chain_without_its_root_is_found_among_the_verified_certificates(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    line = root.authority("Line 7")
    leaf, issuer, _ = line.leaf("d1")
    assert over_mqtt(lab, "d1", (leaf, issuer))["status"] == "assigned"
    leaf, issuer, above, _ = line.authority("Cell 3").leaf("d2")
    assert lab.assigned("d2", (leaf, issuer, above)) == "hub1"
    assert refusal_of(lab.register("d2", (leaf, issuer))) == NO_AUTHORITY


def test_the_intermediates_in_between_may_be_the_services_too(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    line = root.authority("Line 7")
    leaf, issuer, *_ = line.authority("Cell 3").leaf("d1")
    lab.upload("line", line.certificate, verified=False)
    assert refusal_of(lab.register("d1", (leaf, issuer))) == NO_AUTHORITY
    lab.upload("line", line.certificate)
    assert lab.assigned("d1", (leaf, issuer)) == "hub1"


def test_a_group_of_an_intermediate_needs_the_root_in_the_service_alone(lab: Lab, root: Issuer) -> None:
    line = root.authority("Line 7")
    lab.enroll(group_below(line.certificate))
    assert lab.assigned("d1", line.leaf("d1")[:2]) == "hub1"
    lab.delete_certificate("root")
    assert refusal_of(lab.register("d2", line.leaf("d2")[:2])) == NO_AUTHORITY


def test_a_root_that_is_not_verified_completes_no_chain(lab: Lab) -> None:
    issuer = Issuer.make()
    lab.upload("root", issuer.certificate, verified=False)
    lab.enroll(group_of("root"))
    chain = issuer.authority("Line 7").leaf("d1")[:2]
    assert refusal_of(lab.register("d1", chain)) == NO_AUTHORITY
    lab.upload("root", issuer.certificate)
    assert lab.assigned("d1", chain) == "hub1"


@pytest.mark.parametrize("limits", [{"days": (-10, -1)}, {"path_length": 0}, {"key_usage": usage()}, {"critical": UNKNOWN}])
def test_a_root_that_may_not_sign_it_completes_no_chain(lab: Lab, limits: dict[str, Any]) -> None:
    issuer = Issuer.make("Bounded", **limits)
    lab.upload("root", issuer.certificate)
    lab.enroll(group_of("root"))
    assert refusal_of(lab.register("d1", issuer.authority("Line 7").leaf("d1")[:2])) == NO_AUTHORITY


def test_a_root_completes_chains_as_long_as_its_path_length(lab: Lab) -> None:
    issuer = Issuer.make("Bounded", path_length=1)
    lab.upload("root", issuer.certificate)
    lab.enroll(group_of("root"))
    line = issuer.authority("Line 7")
    assert lab.assigned("d1", line.leaf("d1")[:2]) == "hub1"
    assert refusal_of(lab.register("d2", line.authority("Cell 3").leaf("d2")[:3])) == NO_AUTHORITY


def test_nothing_is_above_a_root(lab: Lab, root: Issuer) -> None:
    lab.upload("renewed", root.renewed().certificate)
    lab.enroll(group_of("renewed"))
    line = root.authority("Line 7")
    assert refusal_of(lab.register("d1", line.leaf("d1"))) == NO_MATCH
    assert lab.assigned("d1", line.leaf("d1")[:2]) == "hub1"


def test_a_chain_of_another_root_of_the_same_name_is_not_completed(lab: Lab, root: Issuer) -> None:
    lab.enroll(group_of("root"))
    assert refusal_of(lab.register("d1", Issuer.make().authority("Line 7").leaf("d1")[:2])) == NO_AUTHORITY
    assert lab.assigned("d1", root.authority("Line 7").leaf("d1")[:2]) == "hub1"


@pytest.mark.parametrize("leaf_alone", [False, True])
def test_a_leaf_that_the_root_has_signed_may_or_may_not_arrive_alone(make_lab: MakeLab, leaf_alone: bool) -> None:
    lab = make_lab(arm=ControlPlane(habits=Habits(leaf_alone=leaf_alone)))
    issuer = enrolled(lab)
    if leaf_alone:
        assert over_mqtt(lab, "d1", issuer.leaf("d1")[:1])["status"] == "assigned"
    else:
        assert refusal_of(lab.register("d1", issuer.leaf("d1")[:1])) == NO_AUTHORITY
    assert refusal_of(lab.register("d2", Issuer.make().leaf("d2")[:1])) == NO_AUTHORITY


def test_a_leaf_alone_needs_its_root_in_a_group_in_either_world(make_lab: MakeLab) -> None:
    lab, issuer = make_lab(arm=ControlPlane(habits=Habits(leaf_alone=True))), Issuer.make()
    lab.upload("root", issuer.certificate)
    assert refusal_of(lab.register("d1", issuer.leaf("d1")[:1])) == NO_MATCH


def test_a_device_may_register_twice_at_once(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(timings=Timings(operation=2)))
    chain = enrolled(lab).leaf("d1")
    assert [lab.register("d1", chain).status for _ in range(2)] == [202, 202]


def test_a_device_that_registers_twice_at_once_may_be_refused(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(timings=Timings(operation=2), habits=Habits(parallel_registrations=False)))
    issuer = enrolled(lab)
    chain = issuer.leaf("d1")
    first = lab.register("d1", chain)
    assert refusal_of(lab.register("d1", chain))[0] // 1000 == 409
    assert lab.register("d2", issuer.leaf("d2")).status == 202
    lab.arm.clock.advance(2)
    assert lab.poll("d1", first.body["operationId"], chain).body["status"] == "assigned"
    assert lab.register("d1", chain).status == 202
