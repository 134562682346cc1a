"""Hubs linked to a provisioning service."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.dps.state import load_service
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Response
from tests.emulator.dps.fleet import enrolled
from tests.emulator.dps.lab import MakeLab
from tests.emulator.microsoft_devices.control_plane import S1, ControlPlane, code_of

PATH = "/provisioningServices/dps1"


@pytest.fixture
def arm() -> ControlPlane:
    plane = ControlPlane()
    plane.hub()
    return plane


def link(arm: ControlPlane, *hubs: dict[str, Any], version: str = "2022-12-12", identity: Any = None) -> Response:
    body = {"location": "westeurope", "sku": S1, "properties": {"iotHubs": list(hubs)}, "identity": identity}
    return arm.call("PUT", PATH, body, version=version)


def linked(arm: ControlPlane, version: str = "2022-12-12") -> Any:
    return arm.call("GET", PATH, version=version).body["properties"]["iotHubs"]


def test_a_link_reads_back_without_its_key(arm: ControlPlane) -> None:
    text = arm.connection_string()
    answer = link(arm, {"connectionString": text + ";", "location": "westeurope", "allocationWeight": 10})
    assert answer.body["properties"]["iotHubs"] == [
        {"connectionString": text + ";", "location": "westeurope", "allocationWeight": 10, "name": "hub1.azure-devices.net"}
    ]
    masked = "HostName=hub1.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****"
    assert linked(arm) == [
        {"allocationWeight": 10, "name": "hub1.azure-devices.net", "connectionString": masked, "location": "westeurope"}
    ]


def test_the_masked_form_keeps_the_key_that_is_there(arm: ControlPlane) -> None:
    link(arm, {"connectionString": arm.connection_string(), "location": "westeurope"})
    [shown] = linked(arm)
    answer = link(arm, shown | {"applyAllocationPolicy": False})
    assert answer.status == 201
    assert linked(arm) == [shown | {"applyAllocationPolicy": False}]
    with arm.world() as world:
        service = load_service(world, "dps1")
    assert service is not None
    assert arm.connection_string().endswith(service["hubs"][0]["key"])


def test_a_put_that_speaks_of_no_hubs_unlinks_them(arm: ControlPlane) -> None:
    link(arm, {"connectionString": arm.connection_string(), "location": "westeurope"})
    arm.service()
    assert linked(arm) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HostName=hub1.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****",
        "HostName=hub1.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=d3Jvbmc=",
        "HostName=hub2.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=d3Jvbmc=",
        "HostName=hub1.example.com;SharedAccessKeyName=iothubowner;SharedAccessKey=d3Jvbmc=",
    ],
)
def test_a_connection_string_that_opens_no_hub_is_refused(arm: ControlPlane, text: str) -> None:
    answer = link(arm, {"connectionString": text, "location": "westeurope"})
    assert (answer.status, code_of(answer)) == (400, 400_000)
    assert "d3Jvbmc=" not in str(answer.body)


def test_a_key_of_another_policy_is_refused(arm: ControlPlane) -> None:
    text = arm.connection_string().replace("iothubowner", "service")
    assert code_of(link(arm, {"connectionString": text, "location": "westeurope"})) == 400_000


def test_a_hub_is_linked_once_and_under_a_name_that_devices_know(arm: ControlPlane) -> None:
    classic = arm.connection_string()
    for_devices, for_services = (
        {"connectionString": classic.replace("hub1.", f"hub1.{kind}."), "location": "westeurope"}
        for kind in ("device", "service")
    )
    assert code_of(link(arm, for_services)) == 400_000
    assert link(arm, for_devices).status == 201
    assert [each["name"] for each in linked(arm)] == ["hub1.device.azure-devices.net"]
    assert code_of(link(arm, for_devices, {"connectionString": classic, "location": "westeurope"})) == 400_000


def test_the_masked_form_of_another_policy_is_refused(arm: ControlPlane) -> None:
    link(arm, {"connectionString": arm.connection_string(), "location": "westeurope"})
    text = "HostName=hub1.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=****"
    assert code_of(link(arm, {"connectionString": text, "location": "westeurope"})) == 400_000


def test_a_link_needs_a_location_and_no_twin(arm: ControlPlane) -> None:
    text = arm.connection_string()
    assert code_of(link(arm, {"connectionString": text})) == 400_000
    both = {"connectionString": text, "location": "westeurope"}
    assert code_of(link(arm, both, both)) == 400_000


def test_a_link_names_the_place_of_its_hub_and_a_weight_that_can_be(arm: ControlPlane) -> None:
    text = arm.connection_string()
    assert code_of(link(arm, {"connectionString": text, "location": "northeurope"})) == 400_000
    assert code_of(link(arm, {"connectionString": text, "location": "West Europe", "allocationWeight": -1})) == 400_000
    assert link(arm, {"connectionString": text, "location": "West Europe", "allocationWeight": 0}).status == 201


@pytest.mark.parametrize("version", ["2026-08-31", "2026-11-01"])
def test_a_link_by_identity_needs_the_version_the_identity_and_the_hub(arm: ControlPlane, version: str) -> None:
    given = {"hostName": "hub1.azure-devices.net", "authenticationType": "SystemAssigned", "location": "westeurope"}
    system = {"type": "SystemAssigned"}
    assert code_of(link(arm, given, version="2022-12-12", identity=system)) == 400_000
    assert code_of(link(arm, given, version=version)) == 400_000
    assert code_of(link(arm, given | {"hostName": "hub2.azure-devices.net"}, version=version, identity=system)) == 400_000
    assert link(arm, given, version=version, identity=system).status == 201
    assert linked(arm, version) == [given | {"name": "hub1.azure-devices.net"}]


@pytest.mark.parametrize(("kept", "outcome"), [(True, "assigned"), (False, "failed")])
def test_whether_a_masked_link_goes_on_working(make_lab: MakeLab, kept: bool, outcome: str) -> None:
    lab = make_lab(arm=ControlPlane(habits=Habits(masked_links_kept=kept)))
    issuer = enrolled(lab)
    assert lab.provision("d1", issuer.leaf("d1"))["status"] == "assigned"
    assert link(lab.arm, *linked(lab.arm)).status == 201
    assert lab.provision("d1", issuer.leaf("d1"))["status"] == outcome


@pytest.mark.parametrize("masks", [False, True])
def test_the_answer_to_a_put_with_keys(masks: bool) -> None:
    arm = ControlPlane(habits=Habits(puts_mask_keys=masks))
    arm.hub()
    text = arm.connection_string()
    key = "****" if masks else text.partition(";SharedAccessKey=")[2]
    properties: Any = {"iotHubs": [{"connectionString": text, "location": "westeurope"}]}
    properties["authorizationPolicies"] = [
        {"keyName": "mine", "primaryKey": "YQ==", "secondaryKey": "Yg==", "rights": "EnrollmentRead"}
    ]
    shown = arm.call("PUT", PATH, {"location": "westeurope", "sku": S1, "properties": properties}, version="2022-12-12").body
    assert shown["properties"]["iotHubs"][0]["connectionString"].endswith(f";SharedAccessKey={key}")
    assert shown["properties"]["authorizationPolicies"][0]["primaryKey"] == ("****" if masks else "YQ==")
    given = properties["authorizationPolicies"][0] | {"rights": "RegistryRead"}
    hub = {"location": "westeurope", "sku": S1, "properties": {"authorizationPolicies": [given]}}
    shown = arm.call("PUT", "/IotHubs/hub1", hub).body
    assert shown["properties"]["authorizationPolicies"][0]["secondaryKey"] == ("****" if masks else "Yg==")
