"""Registration over HTTPS: what a device is told, which hub it gets, and what becomes of it when it comes again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Response
from dpsops.emulator.iothub.devices import remove, save_device
from dpsops.emulator.iothub.state import load_hub
from dpsops.emulator.world import Timings
from tests.emulator.dps.conftest import MakeLab
from tests.emulator.dps.dps_lab import DPS, GLOBAL, HOST, Issuer, Lab, group_of, individual, refusal_of, self_signed
from tests.emulator.microsoft_devices.control_plane import ControlPlane

TWO = {"hub1": 1, "hub2": 1}
MIGRATE = {"updateHubAssignment": True, "migrateDeviceData": True}
RESET = {"updateHubAssignment": True, "migrateDeviceData": False}
NEVER = {"updateHubAssignment": False, "migrateDeviceData": False}


def enrolled(lab: Lab, **settings: Any) -> Issuer:
    """A root, verified, and a group of it with these settings."""
    issuer = Issuer.make()
    lab.upload("root", issuer.certificate)
    lab.enroll(group_of("root", **settings))
    return issuer


def static(hub: str, policy: JSON) -> JSON:
    """Settings that send every device to one hub."""
    return {"allocationPolicy": "static", "iotHubs": [f"{hub}.azure-devices.net"], "reprovisionPolicy": policy}


def mark(lab: Lab, hub: str, device: str) -> None:
    """Something happens to a device's twin in a hub."""
    identity = identity_of(lab, hub, device)
    with lab.world() as world:
        found = load_hub(world, hub)
        assert found is not None
        save_device(world, found, identity | {"twin": identity["twin"] | {"tags": {"marked": True}}})


def identity_of(lab: Lab, hub: str, device: str) -> JSON:
    """A device that must be in a hub."""
    found = lab.identity(hub, device)
    assert found is not None
    return found


def failure(lab: Lab, device: str, chain: Any) -> tuple[int, str]:
    """Code and message of a registration that is begun and fails."""
    outcome = lab.provision(device, chain)
    state = outcome["registrationState"]
    assert (outcome["status"], state["status"]) == ("failed", "failed")
    assert not {"assignedHub", "deviceId", "substatus"} & state.keys()
    return state["errorCode"], state["errorMessage"]


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


def test_the_hub_gets_an_identity_with_the_leafs_thumbprint(lab: Lab) -> None:
    twin = {"tags": {"site": {"name": "a"}}, "properties": {"desired": {"interval": {"s": 5}}}}
    chain = enrolled(lab, initialTwin=twin, capabilities={"iotEdge": True}).leaf("Press-7")
    lab.assigned("press-7", chain)
    identity = identity_of(lab, "hub1", "Press-7")
    printed = chain[0].fingerprint(chain[0].signature_hash_algorithm).hex().upper()  # type: ignore[arg-type]
    assert identity["authentication"]["type"] == "selfSigned"
    assert set(identity["authentication"]["x509Thumbprint"].values()) == {printed}
    assert identity["twin"]["tags"] == twin["tags"]
    assert identity["twin"]["desired"]["value"] == {"interval": {"s": 5}}
    assert identity["capabilities"] == {"iotEdge": True}


def test_an_individual_enrollment_shows_its_registration(lab: Lab) -> None:
    leaf = self_signed("d1")
    lab.enroll(individual("d1", leaf, deviceId="Press-7"))
    state = lab.provision("d1", (leaf,))["registrationState"]
    assert state.pop("x509") == {}
    assert state["deviceId"] == "Press-7"
    assert lab.ok("GET", "/enrollments/d1")["registrationState"] == state
    assert "registrationState" not in lab.ok("POST", "/enrollments/query", {"query": "SELECT *"})[0]


def test_only_the_leaf_that_began_it_may_ask(lab: Lab) -> None:
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


@pytest.mark.parametrize("body", [b" ", b"[]", b"{}", b'{"registrationId": "d2"}', b'{"registrationId": 5}', PAYLOAD])
def test_a_request_that_is_not_understood(body: bytes) -> None:
    lab = Lab()
    chain = enrolled(lab).leaf("d1")
    path = f"/{lab.scope}/registrations/d1/register"
    assert lab.refused("PUT", path, body, host=GLOBAL, chain=chain) == (400_000, "Bad Request")
    assert lab.refused("POST", f"/{lab.scope}/registrations/d1", body, host=GLOBAL, chain=chain) == (400_000, "Bad Request")
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


# --- hubs -------------------------------------------------------------------------------------------------------------


def test_devices_are_spread_by_weight(make_lab: MakeLab) -> None:
    lab = make_lab(hubs={"hub1": 3, "hub2": 1})
    issuer = enrolled(lab)
    found = [lab.assigned(f"d{number}", issuer.leaf(f"d{number}")) for number in range(80)]
    assert 45 <= found.count("hub1") <= 72
    assert [lab.assigned(f"d{number}", issuer.leaf(f"d{number}")) for number in range(80)] == found


@pytest.mark.parametrize("policy", ["Hashed", "GeoLatency"])
def test_the_services_policy_is_for_entries_that_have_none(make_lab: MakeLab, policy: str) -> None:
    lab = make_lab(hubs=TWO)
    lab.link(TWO, allocationPolicy=policy)
    assert lab.assigned("d1", enrolled(lab).leaf("d1")) in TWO


def test_an_entry_names_its_hubs(make_lab: MakeLab) -> None:
    lab = make_lab(hubs={"hub1": 1000, "hub2": 1, "hub3": 1})
    issuer = enrolled(lab, allocationPolicy="hashed", iotHubs=["HUB2.azure-devices.net"])
    assert {lab.assigned(name, issuer.leaf(name)) for name in ("a", "b", "c")} == {"hub2"}
    lab.enroll(group_of("root", iotHubHostName="hub3.azure-devices.net"), "*")
    assert lab.assigned("d", issuer.leaf("d")) == "hub3"


def test_a_hub_that_does_not_take_part_is_not_assigned(make_lab: MakeLab) -> None:
    lab = make_lab(hubs=TWO)
    links = [
        {
            "connectionString": lab.arm.connection_string(name),
            "location": "westeurope",
            "applyAllocationPolicy": name != "hub1",
        }
        for name in TWO
    ]
    lab.arm.service(DPS, iotHubs=links)
    issuer = enrolled(lab)
    assert {lab.assigned(f"d{number}", issuer.leaf(f"d{number}")) for number in range(8)} == {"hub2"}
    lab.enroll(group_of("root", **static("hub1", MIGRATE)), "*")
    assert failure(lab, "x", issuer.leaf("x")) == (401_001, "IoTHub not found.")


def test_without_a_hub_the_registration_fails(make_lab: MakeLab) -> None:
    lab = make_lab(hubs={})
    chain = enrolled(lab).leaf("d1")
    assert failure(lab, "d1", chain) == (401_001, "IoTHub not found.")
    shown = lab.ok("GET", "/registrations/d1")
    assert (shown["status"], shown["errorCode"], shown["errorMessage"]) == ("failed", 401_001, "IoTHub not found.")


def test_a_service_whose_policy_is_static_needs_a_hub_in_the_entry(lab: Lab) -> None:
    lab.link(lab.hubs, allocationPolicy="Static")
    issuer = enrolled(lab)
    assert failure(lab, "d1", issuer.leaf("d1"))[0] == 401_001
    lab.enroll(group_of("root", iotHubHostName="hub1.azure-devices.net"), "*")
    assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"


def test_a_custom_policy_fails(lab: Lab) -> None:
    custom = {"webhookUrl": "https://www.test.test", "apiVersion": "2019-03-31"}
    issuer = enrolled(lab, allocationPolicy="custom", customAllocationDefinition=custom)
    assert failure(lab, "d1", issuer.leaf("d1"))[0] == 400_207


def test_a_hub_that_was_unlinked_is_not_assigned(make_lab: MakeLab) -> None:
    lab = make_lab(hubs=TWO)
    issuer = enrolled(lab, **static("hub1", MIGRATE))
    assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"
    lab.link({"hub2": 1})
    assert failure(lab, "d1", issuer.leaf("d1")) == (401_001, "IoTHub not found.")
    lab.enroll(group_of("root"), "*")
    outcome = lab.provision("d1", issuer.leaf("d1"))["registrationState"]
    assert (outcome["assignedHub"], outcome["substatus"]) == ("hub2.azure-devices.net", "deviceDataReset")
    assert lab.identity("hub1", "d1") is not None


def test_a_hub_that_is_gone_is_not_found(lab: Lab) -> None:
    issuer = enrolled(lab)
    assert lab.arm.call("DELETE", "/IotHubs/hub1").status == 202
    assert failure(lab, "d1", issuer.leaf("d1")) == (401_001, "IoTHub not found.")


def test_a_link_whose_key_was_renewed_opens_nothing(lab: Lab) -> None:
    issuer = enrolled(lab)
    policy = {"keyName": "iothubowner", "rights": "RegistryWrite, ServiceConnect, DeviceConnect"}
    lab.arm.hub("hub1", authorizationPolicies=[policy])
    code, message = failure(lab, "d1", issuer.leaf("d1"))
    assert code == 401_002
    assert "IotHubUnauthorizedAccess" in message
    lab.link(lab.hubs)
    assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"
    lab.arm.hub("hub1", authorizationPolicies=[policy | {"rights": "RegistryRead, DeviceConnect"}])
    lab.link(lab.hubs)
    assert failure(lab, "d1", issuer.leaf("d1"))[0] == 401_002


def test_a_link_by_identity_needs_a_role_in_the_hub(lab: Lab) -> None:
    path = f"/provisioningServices/{DPS}"
    link = {"hostName": "hub1.azure-devices.net", "location": "westeurope", "authenticationType": "SystemAssigned"}
    body = {
        "location": "westeurope",
        "sku": {"name": "S1", "capacity": 1},
        "identity": {"type": "SystemAssigned"},
        "properties": {"iotHubs": [link]},
    }
    assert lab.arm.call("PUT", path, body, version="2026-11-01").status == 201
    issuer = enrolled(lab)
    assert failure(lab, "d1", issuer.leaf("d1"))[0] == 401_002
    itself = lab.arm.call("GET", path, version="2026-11-01").body["identity"]["principalId"]
    role = "4ea46cd5-c1b2-4a8e-910b-273211f9ce47"
    with lab.world() as world:
        world.state.put(rbac.ASSIGNMENT, "x", {"principal": itself, "role": role, "scope": "/subscriptions/sub", "created": 0})
    assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"


# --- coming again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "substatus"), [("2019-03-31", "initialAssignment"), ("2021-10-01", "reprovisionedToInitialAssignment")]
)
def test_a_device_that_comes_again_keeps_hub_and_twin_and_gets_its_new_thumbprint(lab: Lab, version: str, substatus: str) -> None:
    issuer = enrolled(lab)
    first = lab.provision("d1", issuer.leaf("d1"), version=version)["registrationState"]
    assert first["substatus"] == "initialAssignment"
    mark(lab, "hub1", "d1")
    lab.arm.clock.advance(60)
    chain = issuer.leaf("d1")
    again = lab.provision("d1", chain, version=version)["registrationState"]
    assert (again["substatus"], again["createdDateTimeUtc"]) == (substatus, first["createdDateTimeUtc"])
    assert again["lastUpdatedDateTimeUtc"] > first["lastUpdatedDateTimeUtc"]
    assert again["etag"] != first["etag"]
    identity = identity_of(lab, "hub1", "d1")
    assert identity["twin"]["tags"] == {"marked": True}
    printed = chain[0].fingerprint(chain[0].signature_hash_algorithm).hex().upper()  # type: ignore[arg-type]
    assert set(identity["authentication"]["x509Thumbprint"].values()) == {printed}


def test_a_device_that_its_hub_has_forgotten_is_new(lab: Lab) -> None:
    issuer = enrolled(lab)
    lab.assigned("d1", issuer.leaf("d1"))
    with lab.world() as world:
        hub = load_hub(world, "hub1")
        assert hub is not None
        remove(world, hub, "d1")
    assert lab.provision("d1", issuer.leaf("d1"))["registrationState"]["substatus"] == "initialAssignment"


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


@pytest.mark.parametrize(
    ("policy", "hub", "substatus", "marked"),
    [
        (MIGRATE, "hub2", "deviceDataMigrated", True),
        (RESET, "hub2", "deviceDataReset", False),
        (NEVER, "hub1", "reprovisionedToInitialAssignment", True),
    ],
)
def test_a_device_moves_as_its_policy_says(make_lab: MakeLab, policy: JSON, hub: str, substatus: str, marked: bool) -> None:
    lab = make_lab(hubs=TWO)
    issuer = enrolled(lab, **static("hub1", policy), initialTwin={"tags": {"new": True}})
    assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"
    mark(lab, "hub1", "d1")
    lab.enroll(group_of("root", **static("hub2", policy), initialTwin={"tags": {"new": True}}), "*")
    state = lab.provision("d1", issuer.leaf("d1"))["registrationState"]
    assert (state["assignedHub"], state["substatus"]) == (f"{hub}.azure-devices.net", substatus)
    assert identity_of(lab, hub, "d1")["twin"]["tags"] == {"marked" if marked else "new": True}
    other = next(name for name in TWO if name != hub)
    assert lab.identity(other, "d1") is None


def test_a_device_is_reset_in_the_same_hub(lab: Lab) -> None:
    issuer = enrolled(lab, **static("hub1", RESET), initialTwin={"tags": {"new": True}})
    lab.assigned("d1", issuer.leaf("d1"))
    mark(lab, "hub1", "d1")
    assert lab.provision("d1", issuer.leaf("d1"))["registrationState"]["substatus"] == "deviceDataReset"
    assert identity_of(lab, "hub1", "d1")["twin"]["tags"] == {"new": True}


def test_a_device_that_may_not_move_fails_with_its_hub(make_lab: MakeLab) -> None:
    lab = make_lab(hubs=TWO)
    issuer = enrolled(lab, **static("hub1", NEVER))
    lab.assigned("d1", issuer.leaf("d1"))
    lab.link({"hub2": 1})
    lab.enroll(group_of("root", **static("hub2", NEVER)), "*")
    assert failure(lab, "d1", issuer.leaf("d1")) == (401_001, "IoTHub not found.")
    lab.link(TWO)
    assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"


def test_a_new_device_id_is_a_new_device(make_lab: MakeLab) -> None:
    lab = make_lab(hubs=TWO)
    leaf = self_signed("d1")
    lab.enroll(individual("d1", leaf, deviceId="old", **static("hub1", MIGRATE)))
    lab.assigned("d1", (leaf,))
    lab.enroll(individual("d1", leaf, deviceId="new", **static("hub2", MIGRATE)), "*")
    assert lab.provision("d1", (leaf,))["registrationState"]["substatus"] == "initialAssignment"
    assert lab.identity("hub1", "old") is not None
    assert lab.identity("hub2", "new") is not None


# --- lists and limits -------------------------------------------------------------------------------------------------


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
    assert lab.refused("POST", "/registrations/stranger/query")[0] == 404_203


def test_a_deleted_group_leaves_its_registrations(lab: Lab) -> None:
    issuer = enrolled(lab)
    lab.assigned("d1", issuer.leaf("d1"))
    lab.ok("DELETE", "/enrollmentGroups/fleet")
    assert lab.ok("GET", "/registrations/d1")["status"] == "assigned"
    assert refusal_of(lab.register("d1", issuer.leaf("d1")))[0] == 401_002


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
