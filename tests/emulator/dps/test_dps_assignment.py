"""Which hub a device is assigned to, what it gets there, and what becomes of it when it registers again."""

from __future__ import annotations

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.iothub.devices import remove
from dpsops.emulator.iothub.state import load_hub
from tests.emulator.dps.fleet import MIGRATE, NEVER, RESET, TWO, enrolled, failure, identity_of, mark, static
from tests.emulator.dps.issuers import self_signed
from tests.emulator.dps.lab import DPS, Lab, MakeLab, group_of, individual
from tests.emulator.microsoft_devices.control_plane import ControlPlane


def test_the_hub_gets_an_identity_with_the_certificates_thumbprint(lab: Lab) -> None:
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


@pytest.mark.parametrize(
    ("rights", "opens"),
    [
        ("RegistryRead, DeviceConnect", False),
        ("RegistryWrite", False),
        ("ServiceConnect, DeviceConnect", False),
        ("RegistryWrite, ServiceConnect", True),
    ],
)
def test_a_link_needs_a_policy_that_may_write_the_registry_and_connect(lab: Lab, rights: str, opens: bool) -> None:
    issuer = enrolled(lab)
    lab.arm.hub("hub1", authorizationPolicies=[{"keyName": "mine", "rights": rights}])
    lab.link(lab.hubs)
    outcome = lab.provision("d1", issuer.leaf("d1"))
    assert outcome["status"] == ("assigned" if opens else "failed")


def test_a_link_by_key_opens_no_hub_without_local_authentication(lab: Lab) -> None:
    issuer = enrolled(lab)
    lab.arm.hub("hub1", disableLocalAuth=True)
    assert failure(lab, "d1", issuer.leaf("d1"))[0] == 401_002


@pytest.mark.parametrize(
    ("version", "substatus"), [("2019-03-31", "initialAssignment"), ("2021-10-01", "reprovisionedToInitialAssignment")]
)
def test_a_device_that_registers_again_keeps_hub_and_twin_and_gets_its_new_thumbprint(
    lab: Lab, version: str, substatus: str
) -> None:
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


def test_a_device_is_sent_to_the_host_that_its_service_is_linked_with(lab: Lab) -> None:
    text = lab.arm.connection_string("hub1").replace("hub1.", "hub1.device.")
    lab.arm.service(DPS, iotHubs=[{"connectionString": text, "location": "westeurope"}])
    issuer = enrolled(lab)
    assert lab.provision("d1", issuer.leaf("d1"))["registrationState"]["assignedHub"] == "hub1.device.azure-devices.net"
    assert identity_of(lab, "hub1", "d1")["status"] == "enabled"


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize(("policy", "renews"), [(MIGRATE, True), (RESET, True), (NEVER, None)])
def test_the_thumbprint_of_another_certificate(make_lab: MakeLab, takes: bool, policy: JSON, renews: bool | None) -> None:
    lab = make_lab(arm=ControlPlane(habits=Habits(never_takes_new_leaf=takes)))
    issuer = enrolled(lab, **static("hub1", policy))
    lab.assigned("d1", issuer.leaf("d1"))
    before = identity_of(lab, "hub1", "d1")["authentication"]["x509Thumbprint"]
    lab.assigned("d1", issuer.leaf("d1"))
    changed = identity_of(lab, "hub1", "d1")["authentication"]["x509Thumbprint"] != before
    assert changed is (takes if renews is None else renews)
