"""Registrations in the service API: shown, listed and deleted."""

from __future__ import annotations

from dpsops.emulator.habits import Habits
from tests.emulator.dps.fleet import enrolled, identity_of, mark
from tests.emulator.dps.issuers import self_signed
from tests.emulator.dps.lab import Lab, individual, refusal_of
from tests.emulator.microsoft_devices.control_plane import ControlPlane


def test_an_individual_enrollment_shows_its_registration(lab: Lab) -> None:
    leaf = self_signed("d1")
    lab.enroll(individual("d1", leaf, deviceId="Press-7"))
    state = lab.provision("d1", (leaf,))["registrationState"]
    assert state.pop("x509") == {}
    assert state["deviceId"] == "Press-7"
    assert lab.ok("GET", "/enrollments/d1")["registrationState"] == state
    assert "registrationState" not in lab.ok("POST", "/enrollments/query", {"query": "SELECT *"})[0]


def test_a_registration_that_was_deleted_leaves_the_identity(lab: Lab) -> None:
    issuer = enrolled(lab)
    state = lab.provision("d1", issuer.leaf("d1"))["registrationState"]
    mark(lab, "hub1", "d1")
    path = "/registrations/D1"
    assert lab.refused("DELETE", path, headers={"if-match": "other"})[0] // 1000 == 412
    assert lab.call("DELETE", path, headers={"if-match": state["etag"]}).status == 204
    assert lab.refused("GET", path)[0] == 404_202
    assert lab.refused("DELETE", path)[0] == 404_202
    assert identity_of(lab, "hub1", "d1")["twin"]["tags"] == {"marked": True}
    again = lab.provision("d1", issuer.leaf("d1"))["registrationState"]
    assert again["substatus"] == "reprovisionedToInitialAssignment"
    assert identity_of(lab, "hub1", "d1")["twin"]["tags"] == {"marked": True}


def test_the_registrations_of_a_group_page_by_page(lab: Lab) -> None:
    issuer = enrolled(lab)
    for number in range(3):
        lab.assigned(f"d{number}", issuer.leaf(f"d{number}"))
    leaf = self_signed("d9")
    lab.enroll(individual("d9", leaf))
    lab.assigned("d9", (leaf,))
    first = lab.call("POST", "/registrations/FLEET/query", headers={"x-ms-max-item-count": "2"})
    assert first.headers["x-ms-item-type"] == "DeviceRegistration"
    headers = {"x-ms-max-item-count": "2", "x-ms-continuation": first.headers["x-ms-continuation"]}
    second = lab.call("POST", "/registrations/fleet/query", headers=headers)
    assert [each["registrationId"] for each in [*first.body, *second.body]] == ["d0", "d1", "d2"]
    assert "x-ms-continuation" not in second.headers
    assert lab.refused("POST", "/registrations/stranger/query")[0] == 404_204


def test_a_page_has_no_more_than_the_service_gives() -> None:
    lab = Lab(arm=ControlPlane(habits=Habits(dps_page=2)))
    issuer = enrolled(lab)
    for number in range(3):
        lab.assigned(f"d{number}", issuer.leaf(f"d{number}"))
        lab.enroll(individual(f"e{number}", self_signed(f"e{number}")))
    for path in ("/registrations/fleet/query", "/enrollments/query"):
        for headers in ({}, {"x-ms-max-item-count": "1000"}):
            answer = lab.call("POST", path, {"query": "*"}, headers=headers)
            assert (len(answer.body), "x-ms-continuation" in answer.headers) == (2, True)
    assert Habits().dps_page == 100


def test_a_deleted_group_leaves_its_registrations(lab: Lab) -> None:
    issuer = enrolled(lab)
    lab.assigned("d1", issuer.leaf("d1"))
    lab.ok("DELETE", "/enrollmentGroups/fleet")
    assert lab.ok("GET", "/registrations/d1")["status"] == "assigned"
    assert refusal_of(lab.register("d1", issuer.leaf("d1")))[0] == 401_002
