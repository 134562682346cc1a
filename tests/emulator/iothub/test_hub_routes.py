"""IoT hubs as resources: what the service adds to a PUT, what it refuses, and what each API version shows."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.http import NOTHING, Response
from dpsops.emulator.iothub.routes import RESOURCE_TYPES
from dpsops.emulator.iothub.state import hub_at
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import Timings
from tests.emulator.iothub.lab import NO_RULES
from tests.emulator.microsoft_devices.control_plane import CALLER, GROUP, S1, ControlPlane, code_of

PATH = "/IotHubs/hub1"
BODY = {"location": "westeurope", "sku": S1, "properties": {}}
PREVIEW = "2023-06-30-preview"
QUEUE = {"lockDurationAsIso8601": "PT1M", "ttlAsIso8601": "PT1H", "maxDeliveryCount": 10}


@pytest.fixture
def arm() -> ControlPlane:
    return ControlPlane()


def put(arm: ControlPlane, properties: Any = None, *, version: str = "2023-06-30", **more: Any) -> Response:
    return arm.call("PUT", PATH, BODY | {"properties": properties} | more, version=version)


def test_a_new_hub_is_accepted_with_little_but_what_was_given(arm: ControlPlane) -> None:
    answer = put(arm, {"minTlsVersion": "1.2"})
    assert answer.status == 201
    assert set(answer.headers) == {"Azure-AsyncOperation"}
    assert "/locations/westeurope/operationResults/" in answer.headers["Azure-AsyncOperation"]
    assert "&operationSource=os_ih&asyncinfo&" in answer.headers["Azure-AsyncOperation"]
    assert answer.body == {
        "id": f"{GROUP}{PATH}",
        "name": "hub1",
        "type": "Microsoft.Devices/IotHubs",
        "location": "westeurope",
        "tags": {},
        "subscriptionid": "sub",
        "resourcegroup": "rg",
        "properties": {
            "provisioningState": "Accepted",
            "minTlsVersion": "1.2",
            "enableFileUploadNotifications": False,
            "features": "None",
            "allowedFqdnList": [],
        },
        "sku": {"name": "S1", "tier": "Standard", "capacity": 1},
    }


def test_an_active_hub_is_complete(arm: ControlPlane) -> None:
    shown = arm.hub()
    events = shown["properties"]["eventHubEndpoints"]["events"]
    assert events.pop("endpoint").startswith("sb://iothub-ns-hub1-")
    assert shown.pop("etag").startswith("AAAAA")
    assert shown["properties"] == {
        "locations": [{"location": "West Europe", "role": "primary"}, {"location": "North Europe", "role": "secondary"}],
        "state": "Active",
        "provisioningState": "Succeeded",
        "ipFilterRules": [],
        "hostName": "hub1.azure-devices.net",
        "eventHubEndpoints": {
            "events": {"retentionTimeInDays": 1, "partitionCount": 4, "partitionIds": ["0", "1", "2", "3"], "path": "hub1"}
        },
        "routing": {
            "endpoints": {
                "serviceBusQueues": [],
                "serviceBusTopics": [],
                "eventHubs": [],
                "storageContainers": [],
                "cosmosDBSqlContainers": [],
            },
            "routes": [],
            "fallbackRoute": {
                "name": "$fallback",
                "source": "DeviceMessages",
                "condition": "true",
                "endpointNames": ["events"],
                "isEnabled": True,
            },
        },
        "storageEndpoints": {"$default": {"sasTtlAsIso8601": "PT1H", "connectionString": "", "containerName": ""}},
        "messagingEndpoints": {"fileNotifications": QUEUE},
        "enableFileUploadNotifications": False,
        "cloudToDevice": {"maxDeliveryCount": 10, "defaultTtlAsIso8601": "PT1H", "feedback": QUEUE},
        "features": "RootCertificateV2",
        "allowedFqdnList": [],
    }
    assert shown["identity"] == {"type": "None"}
    assert shown["systemData"] == {"createdAt": "2024-05-07T19:07:40.0000000Z"}


def test_older_versions_do_not_show_what_is_newer(arm: ControlPlane) -> None:
    put(arm, {"minTlsVersion": "1.2", "disableLocalAuth": True})
    old = arm.call("GET", PATH, version="2019-07-01-preview").body
    newest = arm.call("GET", PATH, version=PREVIEW).body
    assert newest.keys() - old.keys() == {"identity", "systemData"}
    missing = newest["properties"].keys() - old["properties"].keys()
    assert missing == {"minTlsVersion", "disableLocalAuth", "allowedFqdnList", "rootCertificate"}
    gone = newest["properties"]["routing"]["endpoints"].keys() - old["properties"]["routing"]["endpoints"].keys()
    assert gone == {"cosmosDBSqlContainers"}
    assert "rootCertificate" not in arm.call("GET", PATH, version="2023-06-30").body["properties"]


def test_first_answers_had_a_state_until_2022() -> None:
    arm = ControlPlane(habits=Habits(hub_defaults_answered=True))
    properties = put(arm, {"eventHubEndpoints": {"events": {"partitionCount": 4}}}, version="2021-07-02").body["properties"]
    assert properties["state"] == "Activating"
    assert properties["cloudToDevice"] == {"maxDeliveryCount": 10, "defaultTtlAsIso8601": "PT1H", "feedback": QUEUE}
    assert properties["eventHubEndpoints"] == {
        "events": {"partitionCount": 4},
        "operationsMonitoringEvents": {"retentionTimeInDays": 1, "partitionCount": 4},
    }


@pytest.mark.parametrize("version", ["2021-07-02", PREVIEW])
def test_the_answer_to_a_change_shows_what_is_left_of_operations_monitoring(arm: ControlPlane, version: str) -> None:
    made = put(arm, {}, version=version).body["properties"]
    assert made.keys() == {"enableFileUploadNotifications", "features", "allowedFqdnList", "provisioningState"}
    properties = put(arm, {}, version=version).body["properties"]
    assert set(properties["operationsMonitoringProperties"]["events"].values()) == {"None"}
    events = properties["eventHubEndpoints"]["operationsMonitoringEvents"]
    assert [each["KeyName"] for each in events["authorizationPolicies"]] == ["iothubowner", "service"]
    assert [each["Rights"] for each in events["internalAuthorizationPolicies"]] == [["Send"], ["Listen", "Manage", "Send"]]
    own = properties["eventHubEndpoints"]["events"]  # of which the PUT said nothing
    assert (own["path"], own["partitionIds"]) == ("hub1", ["0", "1", "2", "3"])
    assert own["internalAuthorizationPolicies"] == events["internalAuthorizationPolicies"]
    said = put(arm, {"eventHubEndpoints": {"events": {"partitionCount": 4}}}, version=version).body["properties"]
    assert said["eventHubEndpoints"]["events"] == {"partitionCount": 4}


def test_a_change_without_routing_turns_the_fallback_route_off(arm: ControlPlane) -> None:
    assert arm.hub()["properties"]["routing"]["fallbackRoute"]["isEnabled"] is True
    assert arm.hub()["properties"]["routing"]["fallbackRoute"]["isEnabled"] is False


def test_a_put_replaces_all_that_can_be_set_and_keeps_the_keys(arm: ControlPlane) -> None:
    arm.hub(minTlsVersion="1.2", cloudToDevice={"maxDeliveryCount": 89, "feedback": {"maxDeliveryCount": 40}})
    shown = arm.call("GET", PATH).body
    assert shown["properties"]["cloudToDevice"]["feedback"] == QUEUE | {"maxDeliveryCount": 40}
    keys = arm.call("POST", f"{PATH}/listkeys").body
    after = arm.hub()
    assert "minTlsVersion" not in after["properties"]
    assert after["properties"]["cloudToDevice"]["maxDeliveryCount"] == 10
    assert after["etag"] != shown["etag"]
    assert arm.call("POST", f"{PATH}/listkeys").body == keys


def test_an_omitted_partition_count_stays(arm: ControlPlane) -> None:
    arm.hub(eventHubEndpoints={"events": {"partitionCount": 8}})
    assert arm.hub()["properties"]["eventHubEndpoints"]["events"]["partitionIds"][-1] == "7"


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"sku": {"name": "X9"}}, 400_000, "Invalid sku 'X9'"),
        ({"sku": {"name": "S3", "capacity": 11}}, 400_000, "Invalid sku 'S3' or capacity 11."),
        (
            {"sku": {"name": "F1"}, "properties": {"eventHubEndpoints": {"events": {"partitionCount": 4}}}},
            400_016,
            "Invalid PartitionCount 4 - value must be between 2 and 2.",
        ),
        ({"properties": {"eventHubEndpoints": {"events": {"partitionCount": 0}}}}, 400_016, "between 2 and 32."),
        ({"properties": {"eventHubEndpoints": {"events": {"retentionTimeInDays": 8}}}}, 400_000, "between 1 and 7."),
        ({"properties": {"minTlsVersion": "2.5"}}, 400_089, "2.5 is not a valid MinTlsVersion value."),
        (
            {"properties": {"enableDataResidency": True}},
            400_059,
            "Requested IoT Hub features '\"DataResidency, RootCertificateV2\"' not available in 'westeurope' region.",
        ),
        ({"properties": {"enableFileUploadNotifications": True}}, 400_000, "storage endpoint"),
        (
            {"properties": {"routing": {"enrichments": [{"key": "k", "value": "v", "endpointNames": ["events", "fake"]}]}}},
            400_131,
            "Enrichment has an undefined endpoint, Enrichment Key:k, EndpointName:fake.",
        ),
        (
            {"properties": {"routing": {"routes": [{"name": "r", "source": "DeviceMessages", "endpointNames": ["fake"]}]}}},
            400_000,
            "Invalid route 'r'.",
        ),
        ({"properties": {"routing": {"endpoints": {"eventHubs": [{"name": "events"}]}}}}, 400_000, "Invalid endpoint name"),
        ({"properties": {"authorizationPolicies": [{"keyName": "a", "rights": "ServiceConfig"}]}}, 400_000, "Invalid rights"),
    ],
)
def test_a_bad_hub_is_refused(arm: ControlPlane, change: dict[str, Any], code: int, words: str) -> None:
    answer = arm.call("PUT", PATH, BODY | change)
    assert (answer.status, answer.body["code"]) == (400, code)
    assert words in answer.body["message"]
    assert arm.call("GET", PATH).status == 404


QUEUES = ({"maxDeliveryCount": 0}, {"maxDeliveryCount": 101}, {"ttlAsIso8601": "1h"}, {"lockDurationAsIso8601": "PT"})
RULES = ({"filterName": "f", "ipMask": "10.0.0.0/8"}, {"filterName": "f", "action": "Accept", "ipMask": "10.0.0.0/33"})


@pytest.mark.parametrize(
    "properties",
    [
        *({"cloudToDevice": each} for each in QUEUES),
        *({"cloudToDevice": {"feedback": each}} for each in QUEUES),
        *({"messagingEndpoints": {"fileNotifications": each}} for each in QUEUES),
        {"storageEndpoints": {"$default": {"connectionString": ""}}},
        {"storageEndpoints": {"$default": {"connectionString": "", "containerName": "", "sasTtlAsIso8601": "soon"}}},
        *({"ipFilterRules": [each]} for each in RULES),
        {"networkRuleSets": {"defaultAction": "Allow"}},
        {"networkRuleSets": NO_RULES | {"defaultAction": "Perhaps"}},
        {"networkRuleSets": NO_RULES | {"ipRules": [{"filterName": "f"}]}},
        {"routing": {"routes": [{"name": "r", "source": "DeviceMessages", "endpointNames": ["events"]}]}},
        {"routing": {"fallbackRoute": {"endpointNames": []}}},
        {"routing": {"enrichments": [{"key": "k", "value": "v", "endpointNames": []}]}},
        {"routing": {"enrichments": [{"key": "k", "endpointNames": ["events"]}]}},
    ],
)
def test_properties_are_what_the_description_requires(arm: ControlPlane, properties: dict[str, Any]) -> None:
    assert code_of(put(arm, properties)) == 400_000
    assert arm.call("GET", PATH).status == 404


def test_the_hubs_own_errors_give_the_status_as_a_number(arm: ControlPlane) -> None:
    assert put(arm, {"minTlsVersion": "2.5"}).body["httpStatusCode"] == 400


def test_a_free_hub_has_two_partitions(arm: ControlPlane) -> None:
    put(arm, {}, sku={"name": "F1"})
    assert arm.call("GET", PATH).body["properties"]["eventHubEndpoints"]["events"]["partitionIds"] == ["0", "1"]


def test_partitions_cannot_change(arm: ControlPlane) -> None:
    arm.hub()
    assert code_of(put(arm, {"eventHubEndpoints": {"events": {"partitionCount": 8}}})) == 400_000


@pytest.mark.parametrize("name", ["ab", "a" * 51, "-abc", "abc-", "123", "a_bc"])
def test_a_bad_name_is_refused(arm: ControlPlane, name: str) -> None:
    assert arm.call("PUT", f"/IotHubs/{name}", BODY).status == 400
    path = "/subscriptions/sub/providers/Microsoft.Devices/checkNameAvailability"
    assert arm.call("POST", path, {"name": name}).body["reason"] == "Invalid"


def test_a_name_is_taken_everywhere(arm: ControlPlane) -> None:
    path = "/subscriptions/sub/providers/Microsoft.Devices/checkNameAvailability"
    assert arm.call("POST", path, {}).status == 400
    assert arm.call("POST", path, {"Name": "hub1"}).body == {"nameAvailable": True, "reason": "Invalid", "message": None}
    arm.hub()
    taken = {"nameAvailable": False, "reason": "AlreadyExists", "message": "IotHub name 'Hub1' is not available"}
    assert arm.call("POST", path, {"name": "Hub1"}).body == taken
    elsewhere = "/subscriptions/other/resourceGroups/rg/providers/Microsoft.Devices/IotHubs/hub1"
    answer = arm.call("PUT", elsewhere, BODY)
    assert (answer.status, answer.body["message"].split(". If")[0]) == (409, "IotHub name 'hub1' is not available")


def test_if_match_must_name_the_current_hub(arm: ControlPlane) -> None:
    etag = arm.hub()["etag"]
    assert arm.call("PUT", PATH, BODY, headers={"if-match": etag}).status == 201
    assert code_of(arm.call("PUT", PATH, BODY, headers={"if-match": etag})) == 412_001
    assert code_of(arm.call("DELETE", PATH, headers={"if-match": etag})) == 412_001


def test_keys_are_listed_and_added(arm: ControlPlane) -> None:
    arm.hub()
    keys = arm.call("POST", f"{PATH}/listkeys").body["value"]
    assert [(each["keyName"], each["rights"]) for each in keys] == [
        ("iothubowner", "RegistryWrite, ServiceConnect, DeviceConnect"),
        ("service", "ServiceConnect"),
        ("device", "DeviceConnect"),
        ("registryRead", "RegistryRead"),
        ("registryReadWrite", "RegistryWrite"),
    ]
    answer = put(arm, {"authorizationPolicies": [*keys, {"keyName": "mine", "rights": "RegistryRead, ServiceConnect"}]})
    mine = answer.body["properties"]["authorizationPolicies"][-1]
    assert mine == {"keyName": "mine", "rights": "RegistryRead, ServiceConnect", "primaryKey": None, "secondaryKey": None}
    listed = arm.call("POST", f"{PATH}/listkeys").body["value"]
    assert listed[:-1] == keys
    assert arm.call("POST", f"{PATH}/IotHubKeys/mine/listkeys").body == listed[-1]
    assert listed[-1]["primaryKey"] != listed[-1]["secondaryKey"]
    assert code_of(arm.call("POST", f"{PATH}/IotHubKeys/other/listkeys")) == 404_001


def test_tags_are_patched(arm: ControlPlane) -> None:
    etag = arm.hub()["etag"]
    answer = arm.call("PATCH", PATH, {"tags": {"a": "b"}})
    assert (answer.status, answer.body["tags"]) == (200, {"a": "b"})
    assert answer.body["etag"] != etag
    assert arm.call("GET", PATH).body == answer.body


@pytest.mark.parametrize(("version", "body"), [("2021-07-02", None), ("2023-06-30", NOTHING)])
def test_a_deleted_hub_is_gone_when_its_operation_is(version: str, body: object) -> None:
    arm = ControlPlane(Timings(operation=30))
    arm.hub()
    answer = arm.call("DELETE", PATH, version=version)
    assert (answer.status, answer.body) == (202, body)
    assert set(answer.headers) == {"Azure-AsyncOperation", "Location", "Retry-After"}
    assert arm.call("GET", PATH).body["properties"]["state"] == "Deleting"
    assert code_of(arm.call("PUT", PATH, BODY)) == 409_000
    arm.clock.advance(30)
    assert arm.call("GET", answer.headers["Azure-AsyncOperation"]).body == {"status": "Succeeded"}
    gone = arm.call("GET", PATH)
    assert (code_of(gone), gone.body["httpStatusCode"]) == (404_002, "NotFound")
    assert gone.body["message"].startswith("IotHub 'hub1' not found under ResourceGroup 'rg' and Subscription 'sub'. If you")
    assert code_of(arm.call("GET", "/IotHubs/hub2")) == "ResourceNotFound"
    with arm.world() as world:
        assert hub_at(world, "hub1.azure-devices.net") is None


def test_failover_swaps_the_regions(arm: ControlPlane) -> None:
    before = arm.hub()["properties"]
    assert arm.call("POST", f"{PATH}/failover", {"failoverRegion": "East US"}).status == 400
    answer = arm.call("POST", f"{PATH}/failover", {"failoverRegion": "North Europe"})
    assert (answer.status, answer.body, set(answer.headers)) == (202, NOTHING, {"Azure-AsyncOperation", "Location"})
    after = arm.call("GET", PATH).body["properties"]
    assert [each["location"] for each in after["locations"]] == ["North Europe", "West Europe"]
    assert after["eventHubEndpoints"]["events"]["endpoint"] != before["eventHubEndpoints"]["events"]["endpoint"]


def test_a_hub_with_data_residency_has_one_region(arm: ControlPlane) -> None:
    arm.call("PUT", PATH, {"location": "southeastasia", "sku": S1, "properties": {"enableDataResidency": True}})
    properties = arm.call("GET", PATH).body["properties"]
    assert properties["locations"] == [{"location": "Southeast Asia", "role": "primary"}]
    assert properties["enableDataResidency"] is True
    assert arm.call("POST", f"{PATH}/failover", {"failoverRegion": "East Asia"}).status == 400


def test_figures_of_a_hub(arm: ControlPlane) -> None:
    put(arm, {}, sku={"name": "S1", "capacity": 2})
    assert arm.call("GET", f"{PATH}/IotHubStats").body == {
        "totalDeviceCount": 0,
        "enabledDeviceCount": 0,
        "disabledDeviceCount": 0,
    }
    assert arm.call("GET", f"{PATH}/quotaMetrics").body == {
        "value": [
            {"name": "TotalMessages", "currentValue": 0, "maxValue": 800_000},
            {"name": "TotalDeviceCount", "currentValue": 0, "maxValue": 1_000_000},
        ]
    }
    skus = arm.call("GET", f"{PATH}/skus").body["value"]
    assert [(each["sku"]["name"], each["capacity"]["maximum"]) for each in skus] == [("S1", 200), ("S2", 200), ("S3", 10)]
    assert arm.call("GET", f"{PATH}/jobs").body == {"value": []}


def test_lists_and_groups(arm: ControlPlane) -> None:
    arm.hub("hub1")
    elsewhere = "/subscriptions/sub/resourceGroups/rg2/providers/Microsoft.Devices/IotHubs"
    arm.call("PUT", f"{elsewhere}/hub2", BODY)

    def names(path: str) -> list[str]:
        return [each["name"] for each in arm.call("GET", path).body["value"]]

    assert (names("/IotHubs"), names(elsewhere)) == (["hub1"], ["hub2"])
    assert names("/subscriptions/sub/providers/Microsoft.Devices/IotHubs") == ["hub1", "hub2"]
    arm.delete_group("sub", "RG")
    assert names("/subscriptions/sub/providers/Microsoft.Devices/IotHubs") == ["hub2"]


@pytest.mark.parametrize(
    ("host", "found"), [("HUB1.azure-devices.net", True), ("hub1.azure-devices.net.evil", False), ("hub1", False)]
)
def test_a_hub_is_found_by_its_host(arm: ControlPlane, host: str, found: bool) -> None:
    arm.hub()
    with arm.world() as world:
        assert (hub_at(world, host) is not None) is found


def test_deployments_put_read_and_list_keys(arm: ControlPlane) -> None:
    kind = RESOURCE_TYPES[0]
    identifier = ResourceId("sub", "rg", kind.name, ("hub1",))
    with arm.world() as world:
        assert kind.get(world, identifier, "2023-06-30") is None
        made = kind.put(world, identifier, BODY, "2023-06-30", CALLER)
        assert made["properties"]["hostName"] == "hub1.azure-devices.net"
        assert made == kind.get(world, identifier, "2023-06-30")
        keys = kind.listings["listKeys"](world, identifier)
    assert keys == arm.call("POST", f"{PATH}/listkeys").body


def test_nothing_is_found_below_a_hub_that_is_not_there(arm: ControlPlane) -> None:
    for method, path in (("GET", "/skus"), ("GET", "/IotHubStats"), ("POST", "/listkeys"), ("POST", "/failover"), ("DELETE", "")):
        assert code_of(arm.call(method, PATH + path)) == "ResourceNotFound"
