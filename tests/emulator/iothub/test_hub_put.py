"""What a PUT of a hub keeps, and what it puts back to its default: everything that can be set is set once, and then left out."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.habits import Habits
from tests.emulator.microsoft_devices.control_plane import S1, ControlPlane

PATH = "/IotHubs/hub1"
CONNECTION = "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey=YWJj;EntityPath=e"
MASKED = CONNECTION.replace("YWJj", "****")
STORAGE = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=YWJj;EndpointSuffix=core.windows.net"
NETWORK = {
    "defaultAction": "Deny",
    "applyToBuiltInEventHubEndpoint": True,
    "ipRules": [{"filterName": "office", "action": "Allow", "ipMask": "203.0.113.7/32"}],
}
ENDPOINT = {"name": "eh", "connectionString": CONNECTION, "subscriptionId": "sub", "resourceGroup": "rg"}
ROUTE = {"name": "r1", "source": "DeviceMessages", "condition": "true", "endpointNames": ["eh"], "isEnabled": True}
QUEUE = {"lockDurationAsIso8601": "PT5S", "ttlAsIso8601": "PT2H", "maxDeliveryCount": 3}
SETTABLE: dict[str, Any] = {
    "disableLocalAuth": True,
    "disableDeviceSAS": True,
    "disableModuleSAS": True,
    "restrictOutboundNetworkAccess": True,
    "allowedFqdnList": ["a.example.com"],
    "publicNetworkAccess": "Disabled",
    "ipFilterRules": [{"filterName": "office", "action": "Accept", "ipMask": "203.0.113.0/24"}],
    "networkRuleSets": NETWORK,
    "minTlsVersion": "1.2",
    "eventHubEndpoints": {"events": {"retentionTimeInDays": 7, "partitionCount": 4}},
    "routing": {"endpoints": {"eventHubs": [ENDPOINT]}, "routes": [ROUTE]},
    "storageEndpoints": {"$default": {"sasTtlAsIso8601": "PT2H", "connectionString": STORAGE, "containerName": "c"}},
    "messagingEndpoints": {"fileNotifications": QUEUE},
    "cloudToDevice": {"maxDeliveryCount": 5, "defaultTtlAsIso8601": "PT3H", "feedback": QUEUE},
    "comments": "theirs",
}
"""Every property of `IotHubProperties` that can be set, but for policies, data residency and the flag that needs storage."""


@pytest.fixture
def arm() -> ControlPlane:
    return ControlPlane()


def includes(shown: Any, wanted: Any) -> bool:
    """Whether what is shown has all that is wanted, keys in connection strings masked."""
    match wanted:
        case dict():
            return isinstance(shown, dict) and all(includes(shown.get(key), each) for key, each in wanted.items())
        case list():
            return len(shown) == len(wanted) and all(map(includes, shown, wanted))
        case str():
            return bool(shown == wanted.replace("YWJj", "****"))
    return bool(shown == wanted)


@pytest.mark.parametrize("name", sorted(SETTABLE))
def test_a_property_that_is_left_out_goes_back_to_its_default(arm: ControlPlane, name: str) -> None:
    default = arm.hub()["properties"].get(name)
    shown = arm.hub(**{name: SETTABLE[name]})["properties"][name]
    assert includes(shown, SETTABLE[name]), shown
    assert shown != default
    if name == "routing":  # the one that is off without it, in a hub that is there (recording `iot_hub_crud`)
        default["fallbackRoute"]["isEnabled"] = False
    assert arm.hub()["properties"].get(name) == default


def test_all_that_is_shown_can_be_put_back(arm: ControlPlane) -> None:
    shown = arm.hub(**SETTABLE, enableFileUploadNotifications=True)
    assert shown["properties"]["routing"]["endpoints"]["eventHubs"][0]["connectionString"] == MASKED
    again = arm.hub(**shown["properties"])
    assert again["properties"] == shown["properties"]


def test_notifications_are_off_again(arm: ControlPlane) -> None:
    storage = {"storageEndpoints": SETTABLE["storageEndpoints"]}
    assert arm.hub(**storage, enableFileUploadNotifications=True)["properties"]["enableFileUploadNotifications"] is True
    assert arm.hub(**storage)["properties"]["enableFileUploadNotifications"] is False


def test_tags_and_identity_that_are_left_out_go(arm: ControlPlane) -> None:
    body = {"location": "westeurope", "sku": S1, "properties": {}}
    more = {"tags": {"costcenter": "4711"}, "identity": {"type": "SystemAssigned"}}
    assert arm.call("PUT", PATH, body | more).status == 201
    shown = arm.call("GET", PATH).body
    assert shown["tags"] == {"costcenter": "4711"}
    assert set(shown["identity"]) == {"type", "principalId", "tenantId"}
    assert arm.call("PUT", PATH, body).status == 201
    shown = arm.call("GET", PATH).body
    assert (shown["tags"], shown["identity"]) == ({}, {"type": "None"})


def policies(arm: ControlPlane) -> dict[str, str]:
    listed = arm.call("POST", f"{PATH}/listkeys").body["value"]
    return {each["keyName"]: each["primaryKey"] for each in listed}


OWN = {"keyName": "mine", "rights": "RegistryWrite, ServiceConnect"}


def test_a_list_that_lacks_a_policy_deletes_it(arm: ControlPlane) -> None:
    arm.hub(authorizationPolicies=[OWN])
    assert list(policies(arm)) == ["mine"]


@pytest.mark.parametrize(("habit", "stays"), [("kept", True), ("reset", False)])
def test_policies_without_a_list_stay_or_are_those_of_a_new_hub(habit: Any, stays: bool) -> None:
    arm = ControlPlane(habits=Habits(policies_absent=habit))
    arm.hub()
    first = policies(arm)
    (owner,) = (each for each in arm.call("POST", f"{PATH}/listkeys").body["value"] if each["keyName"] == "iothubowner")
    arm.hub(authorizationPolicies=[owner, OWN])
    arm.hub()
    after = policies(arm)
    assert list(after) == (["iothubowner", "mine"] if stays else list(first))
    assert after["iothubowner"] == first["iothubowner"]
