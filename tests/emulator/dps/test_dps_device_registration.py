"""Registration over HTTPS: what a device is told, and what it may ask."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dpsops.emulator.http import Response
from dpsops.emulator.world import Timings
from tests.emulator.dps.fleet import enrolled
from tests.emulator.dps.lab import GLOBAL, HOST, Lab, MakeLab, refusal_of
from tests.emulator.microsoft_devices.control_plane import ControlPlane


def test_a_registration_is_begun_asked_for_and_over(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(timings=Timings(operation=2)))
    chain = enrolled(lab).leaf("d1")
    begun = lab.register("d1", chain)
    operation = begun.body["operationId"]
    assert (begun.status, begun.body) == (202, {"operationId": operation, "status": "assigning"})
    assert begun.headers == {"Retry-After": "2", "Location": f"https://{GLOBAL}/{lab.scope}/registrations/d1/register"}
    assert re.fullmatch(r"5\.[0-9a-f]{16}\.[0-9a-f-]{36}", operation)
    lab.arm.clock.advance(1)
    asked = lab.poll("d1", operation, chain)
    assert (asked.status, asked.body, asked.headers["Retry-After"]) == (202, begun.body, "2")
    assert lab.ok("GET", "/registrations/d1")["status"] == "assigning"
    lab.arm.clock.advance(1)
    over = lab.poll("d1", operation, chain)
    etag = over.body["registrationState"]["etag"]
    state = {
        "registrationId": "d1",
        "createdDateTimeUtc": "2024-05-07T19:07:44.0000000Z",
        "assignedHub": "hub1.azure-devices.net",
        "deviceId": "d1",
        "status": "assigned",
        "substatus": "initialAssignment",
        "lastUpdatedDateTimeUtc": "2024-05-07T19:07:46.0000000Z",
        "etag": etag,
    }
    shown = {"x509": {"enrollmentGroupId": "fleet"}, **state}
    assert (over.status, over.headers) == (200, {})
    assert over.body == {"operationId": operation, "status": "assigned", "registrationState": shown}
    assert lab.ok("GET", "/registrations/d1") == state


def test_it_is_pending_at_first_however_fast_azure_is(lab: Lab) -> None:
    chain = enrolled(lab).leaf("d1")
    begun = lab.register("d1", chain)
    assert (begun.status, begun.headers["Retry-After"]) == (202, "0")
    assert lab.poll("d1", begun.body["operationId"], chain).status == 200


def test_a_slow_azure_does_not_ask_for_more_patience_than_the_real_one(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(timings=Timings(operation=40)))
    assert lab.register("d1", enrolled(lab).leaf("d1")).headers["Retry-After"] == "3"


def test_only_the_certificate_that_began_it_may_ask(lab: Lab) -> None:
    issuer = enrolled(lab)
    chain = issuer.leaf("d1")
    operation = lab.register("d1", chain).body["operationId"]
    assert refusal_of(lab.poll("d1", operation, ())) == (401_000, "Unauthorized")
    assert refusal_of(lab.poll("d1", operation, issuer.leaf("d1"))) == (401_002, "Invalid certificate")
    assert refusal_of(lab.poll("d1", "5.x", chain))[0] == 404_202
    assert refusal_of(lab.poll("d2", operation, issuer.leaf("d2")))[0] == 404_202
    again = lab.register("d1", chain).body["operationId"]
    assert again.rpartition(".")[0] == operation.rpartition(".")[0]
    assert refusal_of(lab.poll("d1", operation, chain))[0] == 404_202
    assert lab.poll("d1", again, chain).status == 200
    lab.arm.clock.advance(86_401)
    assert refusal_of(lab.poll("d1", again, chain)) == (401_002, "Invalid certificate")


def test_a_device_may_ask_what_it_was_assigned_to(lab: Lab) -> None:
    chain = enrolled(lab).leaf("d1")

    def ask(*presented: Any) -> Response:
        path = f"/{lab.scope}/registrations/d1"
        return lab.call("POST", path, {"registrationId": "d1"}, authorization="", host=GLOBAL, chain=presented)

    assert refusal_of(ask(*chain))[0] == 404_202
    state = lab.provision("d1", chain)["registrationState"]
    assert ask(*chain).body == state
    assert refusal_of(ask(*chain[:1])) == (401_002, "CA certificate not found")


PAYLOAD = b'{"registrationId": "d1", "payload": "text"}'
"""One that is no object."""


UNKNOWN = b'{"registrationId": "d1", "modelId": "dtmi:com:example:Thermostat;1"}'
"""With a member that no version of the API has."""


@pytest.mark.parametrize("body", [b" ", b"[]", b"null", b"{", b"\xff", b'{"registrationId": 5}', PAYLOAD, UNKNOWN])
def test_a_request_that_cannot_be_read(body: bytes) -> None:
    lab = Lab()
    chain = enrolled(lab).leaf("d1")
    for method, path in (("PUT", "d1/register"), ("POST", "d1")):
        refused = lab.refused(method, f"/{lab.scope}/registrations/{path}", body, host=GLOBAL, chain=chain)
        assert refused == (400_012, "Deserialization error.")


def test_a_request_that_is_not_understood() -> None:
    lab = Lab()
    chain = enrolled(lab).leaf("d1")
    path = f"/{lab.scope}/registrations/d1/register"
    assert lab.refused("PUT", path, {"registrationId": "d2"}, host=GLOBAL, chain=chain) == (400_000, "Bad Request")
    assert lab.refused("PUT", path, {}, host=GLOBAL, chain=chain, version="2015-01-01")[0] == 400_000
    assert lab.refused("PUT", path.replace("d1", "d 1"), {}, host=GLOBAL, chain=chain)[0] == 400_004


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "text/json"])
def test_a_body_that_does_not_say_it_is_json(kind: str) -> None:
    lab = Lab()
    path, body = f"/{lab.scope}/registrations/d1/register", {"registrationId": "d1"}
    refused = lab.refused("PUT", path, body, host=GLOBAL, chain=enrolled(lab).leaf("d1"), headers={"content-type": kind})
    assert refused == (415_000, "Unsupported Media Type")


def test_a_payload_without_a_webhook_is_dropped(lab: Lab) -> None:
    chain = enrolled(lab).leaf("d1")
    operation = lab.register("d1", chain, payload={"a": {"b": 1}}).body["operationId"]
    assert "payload" not in lab.poll("d1", operation, chain).body["registrationState"]


def test_the_services_own_host_knows_its_own_devices() -> None:
    lab = Lab()  # no file describes the device API at this host
    chain = enrolled(lab).leaf("d1")
    lab.arm.service("dps2")
    path = f"/{lab.scope}/registrations/d1/register"
    other = "dps2.azure-devices-provisioning.net"
    body = {"registrationId": "d1"}
    assert lab.refused("PUT", path, body, host=other, chain=chain)[0] // 1000 == 404
    assert lab.call("PUT", path, body, host=HOST, chain=chain, authorization="").status == 202


def test_a_service_takes_1000_registrations_a_minute(lab: Lab) -> None:
    chain = enrolled(lab).leaf("d1")
    for _ in range(999):
        assert lab.register("d1", ()).status == 401
    operation = lab.register("d1", chain).body["operationId"]
    answer = lab.register("d1", chain)
    assert (answer.status, answer.body["errorCode"], answer.headers["Retry-After"]) == (429, 429_001, "60")
    assert lab.poll("d1", operation, chain).status == 200
    lab.arm.clock.advance(60)
    assert lab.register("d1", chain).status == 202


def test_a_device_may_ask_5_times_in_10_seconds(lab: Lab) -> None:
    issuer = enrolled(lab)
    chain, other = issuer.leaf("d1"), issuer.leaf("d2")
    operation = lab.register("d1", chain).body["operationId"]
    for _ in range(5):
        assert lab.poll("d1", operation, chain).status == 200
    answer = lab.poll("d1", operation, chain)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
    assert lab.provision("d2", other)["status"] == "assigned"
    lab.arm.clock.advance(10)
    assert lab.poll("d1", operation, chain).status == 200
