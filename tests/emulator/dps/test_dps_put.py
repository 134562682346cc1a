"""What a PUT of a provisioning service does with what it leaves out: nobody has seen it, so it is a habit."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.habits import Habits
from tests.emulator.microsoft_devices.control_plane import S1, ControlPlane

PATH = "/provisioningServices/dps1"
BODY = {"location": "westeurope", "sku": S1, "properties": {}}
SETTABLE: dict[str, Any] = {
    "publicNetworkAccess": "Disabled",
    "ipFilterRules": [{"filterName": "office", "action": "Accept", "ipMask": "203.0.113.0/24", "target": "all"}],
    "allocationPolicy": "Static",
    "portalOperationsHostName": "portal.example.com",
    "disableLocalAuth": True,
}
"""Every property of `IotDpsPropertiesDescription` that can be set, but for links, policies and data residency."""


def plane(habit: Any, policies: Any = "kept") -> ControlPlane:
    arm = ControlPlane(habits=Habits(dps_put_absent=habit, policies_absent=policies))
    arm.hub()
    return arm


@pytest.mark.parametrize("habit", ["reset", "kept"])
@pytest.mark.parametrize("name", sorted(SETTABLE))
def test_a_property_that_is_left_out(habit: str, name: str) -> None:
    arm = plane(habit)
    default = arm.service()["properties"].get(name)
    shown = arm.service(**{name: SETTABLE[name]})["properties"][name]
    assert shown == SETTABLE[name] != default
    assert arm.service()["properties"].get(name) == (shown if habit == "kept" else default)


@pytest.mark.parametrize(("habit", "left"), [("reset", 0), ("kept", 1)])
def test_links_that_are_left_out(habit: str, left: int) -> None:
    arm = plane(habit)
    arm.service(iotHubs=[{"connectionString": arm.connection_string(), "location": "westeurope"}])
    assert len(arm.service()["properties"]["iotHubs"]) == left
    assert arm.service(iotHubs=[])["properties"]["iotHubs"] == []


@pytest.mark.parametrize("habit", ["reset", "kept"])
def test_tags_and_an_identity_that_are_left_out(habit: str) -> None:
    arm = plane(habit)
    version = "2026-11-01"
    more = {"tags": {"a": "b"}, "identity": {"type": "SystemAssigned"}}
    assert arm.call("PUT", PATH, BODY | more, version=version).status == 201
    before = arm.call("GET", PATH, version=version).body
    assert arm.call("PUT", PATH, BODY, version=version).status == 201
    after = arm.call("GET", PATH, version=version).body
    kept = (before["tags"], before["identity"])
    assert (after["tags"], after["identity"]) == (kept if habit == "kept" else ({}, {"type": "None"}))
    assert arm.call("PUT", PATH, BODY | {"tags": {}, "identity": {"type": "None"}}, version=version).status == 201
    gone = arm.call("GET", PATH, version=version).body
    assert (gone["tags"], gone["identity"]) == ({}, {"type": "None"})


@pytest.mark.parametrize(
    ("habit", "left"), [("reset", ["provisioningserviceowner"]), ("kept", ["provisioningserviceowner", "mine"])]
)
def test_policies_that_are_left_out(habit: str, left: list[str]) -> None:
    arm = plane("reset", habit)
    arm.service()
    listed = arm.call("POST", f"{PATH}/listkeys", version="2022-12-12").body["value"]
    arm.service(authorizationPolicies=[*listed, {"keyName": "mine", "rights": "EnrollmentRead"}])
    arm.service()
    after = arm.call("POST", f"{PATH}/listkeys", version="2022-12-12").body["value"]
    assert [each["keyName"] for each in after] == left
    assert after[0] == listed[0]
    arm.service(authorizationPolicies=[{"keyName": "mine", "rights": "EnrollmentRead"}])
    after = arm.call("POST", f"{PATH}/listkeys", version="2022-12-12").body["value"]
    assert [each["keyName"] for each in after] == ["mine"]
