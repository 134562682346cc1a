"""What is inside a hub: message routing, consumer groups, certificates."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.http import NOTHING
from tests.emulator.microsoft_devices.control_plane import GROUP, Authority, ControlPlane, code_of, encoded

PATH = "/IotHubs/hub1"
GROUPS = f"{PATH}/eventHubEndpoints/events/ConsumerGroups"
ENDPOINT = {"name": "Event1", "connectionString": "Endpoint=sb://e.servicebus.windows.net/;SharedAccessKey=c2VjcmV0;EntityPath=x"}
CA = Authority.make()


@pytest.fixture
def arm() -> ControlPlane:
    plane = ControlPlane()
    plane.hub()
    return plane


def route(**more: Any) -> dict[str, Any]:
    return {
        "name": "route1",
        "source": "devicemessages",
        "condition": "true",
        "endpointNames": ["events"],
        "isEnabled": True,
    } | more


def test_endpoints_get_an_id_that_stays_and_their_keys_are_masked(arm: ControlPlane) -> None:
    [made] = arm.hub(routing={"endpoints": {"eventHubs": [ENDPOINT]}})["properties"]["routing"]["endpoints"]["eventHubs"]
    assert made["connectionString"] == "Endpoint=sb://e.servicebus.windows.net/;SharedAccessKey=****;EntityPath=x"
    again = arm.hub(
        routing={"endpoints": {"eventHubs": [made], "storageContainers": [{"name": "Storage1", "containerName": "c"}]}}
    )
    endpoints = again["properties"]["routing"]["endpoints"]
    assert endpoints["eventHubs"] == [made]
    assert endpoints["storageContainers"][0]["id"] != made["id"]


FALLBACK = {"source": "DeviceMessages", "endpointNames": ["events"], "isEnabled": True}
CONTAINER = {"name": "archive", "containerName": "c"}
DATABASE = {"name": "d", "endpointUri": "u", "databaseName": "b", "containerName": "c"}


@pytest.mark.parametrize(
    "routing",
    [
        *({"fallbackRoute": {name: each for name, each in FALLBACK.items() if name != missing}} for missing in FALLBACK),
        {"fallbackRoute": FALLBACK | {"endpointNames": ["nowhere"]}},
        {"fallbackRoute": FALLBACK | {"source": "TwinChangeEvents"}},
        {"endpoints": {"storageContainers": [{"name": "archive"}]}},
        *({"endpoints": {"storageContainers": [CONTAINER | {"batchFrequencyInSeconds": each}]}} for each in (59, 721)),
        *(
            {"endpoints": {"storageContainers": [CONTAINER | {"maxChunkSizeInBytes": each}]}}
            for each in (10_485_759, 524_288_001)
        ),
        {"endpoints": {"storageContainers": [CONTAINER | {"encoding": "XML"}]}},
        {"endpoints": {"eventHubs": [ENDPOINT | {"authenticationType": "none"}]}},
        *({"endpoints": {"cosmosDBSqlContainers": [DATABASE | {each: None}]}} for each in DATABASE),
    ],
)
def test_routing_is_what_the_description_requires(routing: dict[str, Any]) -> None:
    plane = ControlPlane()
    body = {"location": "westeurope", "sku": {"name": "S1"}, "properties": {"routing": routing}}
    assert code_of(plane.call("PUT", PATH, body)) == 400_000
    assert plane.call("GET", PATH).status == 404


def test_endpoints_within_their_ranges(arm: ControlPlane) -> None:
    fullest = CONTAINER | {"batchFrequencyInSeconds": 720, "maxChunkSizeInBytes": 524_288_000, "encoding": "avro"}
    least = CONTAINER | {"name": "other", "batchFrequencyInSeconds": 60, "maxChunkSizeInBytes": 10_485_760}
    endpoints = {"storageContainers": [fullest, least], "cosmosDBSqlContainers": [DATABASE | {"authenticationType": "KeyBased"}]}
    routing = arm.hub(routing={"endpoints": endpoints, "fallbackRoute": FALLBACK})["properties"]["routing"]
    assert [each | {"id": ""} for each in routing["endpoints"]["storageContainers"]] == [fullest | {"id": ""}, least | {"id": ""}]
    assert routing["fallbackRoute"] == {"name": "$fallback", "condition": "true"} | FALLBACK


def test_sources_are_spelled_as_azure_spells_them(arm: ControlPlane) -> None:
    body = {"location": "westeurope", "sku": {"name": "S1"}, "properties": {"routing": {"routes": [route()]}}}
    answer = arm.call("PUT", PATH, body)
    assert answer.body["properties"]["routing"]["routes"][0]["source"] == "DeviceMessages"
    shown = arm.call("GET", PATH).body["properties"]["routing"]
    assert shown["routes"] == [route(source="DeviceMessages")]
    assert shown["fallbackRoute"]["isEnabled"] is False


def test_routes_are_tried(arm: ControlPlane) -> None:
    routes = [route(), route(name="route2", source="TwinChangeEvents"), route(name="route3", isEnabled=False)]
    arm.hub(routing={"routes": [*routes, route(name="route4", condition="false")]})
    tried = arm.call("POST", f"{PATH}/routing/routes/$testall", {"routingSource": "devicemessages", "message": {}})
    assert tried.body == {"routes": [{"properties": route(source="DeviceMessages")}]}
    for condition, result in (("true", "true"), ("FALSE", "false")):
        answer = arm.call("POST", f"{PATH}/routing/routes/$testnew", {"route": route(condition=condition)})
        assert answer.body == {"result": result}
    assert arm.call("POST", f"{PATH}/routing/routes/$testnew", {"route": route(condition="level > 1")}).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        *({"route": {name: each for name, each in route().items() if name != missing}} for missing in ("name", "source")),
        *(
            {"route": {name: each for name, each in route().items() if name != missing}}
            for missing in ("endpointNames", "isEnabled")
        ),
        {"route": route(source="Rumours")},
        {"route": route(endpointNames=["nowhere"])},
    ],
)
def test_what_is_no_route_is_not_tried(arm: ControlPlane, body: dict[str, Any]) -> None:
    assert code_of(arm.call("POST", f"{PATH}/routing/routes/$testnew", body)) == 400_000


def test_routes_from_a_source_that_is_none_are_not_tried(arm: ControlPlane) -> None:
    assert code_of(arm.call("POST", f"{PATH}/routing/routes/$testall", {"routingSource": "Rumours"})) == 400_000
    assert arm.call("POST", f"{PATH}/routing/routes/$testall", {}).body == {"routes": []}


@pytest.mark.parametrize("body", [{}, {"properties": {}}, {"properties": {"name": None}}])
def test_a_consumer_group_is_named_in_the_body_too(arm: ControlPlane, body: dict[str, Any]) -> None:
    assert code_of(arm.call("PUT", f"{GROUPS}/cg1", body)) == 400_000
    assert arm.call("GET", f"{GROUPS}/cg1").status == 404
    assert arm.call("PUT", f"{GROUPS}/cg1", version="2020-03-01").status == 200


def test_consumer_groups_come_and_go(arm: ControlPlane) -> None:
    kind = "Microsoft.Devices/IotHubs/EventHubEndpoints/ConsumerGroups"
    created = {"created": "Tue, 07 May 2024 19:07:40 GMT"}
    default = {"properties": created, "id": f"{GROUP}{GROUPS}/%24Default", "name": "$Default", "type": kind, "etag": None}
    mine = {"properties": created, "id": f"{GROUP}{GROUPS}/cg1", "name": "cg1", "type": kind, "etag": None}
    made = arm.call("PUT", f"{GROUPS}/cg1", {"properties": {"name": "cg1"}})
    assert (made.status, made.body) == (200, mine | {"properties": created | {"properties": {"name": "cg1"}}})
    assert arm.call("GET", f"{GROUPS}/CG1").body == mine
    assert arm.call("GET", GROUPS).body == {"value": [default, mine]}
    deleted = arm.call("DELETE", f"{GROUPS}/cg1")
    assert (deleted.status, deleted.body) == (200, NOTHING)
    assert arm.call("GET", GROUPS).body == {"value": [default]}
    assert arm.call("GET", f"{GROUPS}/cg1").status == 404
    assert arm.call("DELETE", f"{GROUPS}/cg1").status == 404
    assert arm.call("GET", f"{GROUPS}/$Default").body == default
    assert arm.call("DELETE", f"{GROUPS}/$Default").status == 400


def test_consumer_groups_are_of_the_built_in_endpoint_of_a_hub(arm: ControlPlane) -> None:
    assert code_of(arm.call("GET", GROUPS.replace("/events/", "/other/"))) == 404_000
    assert code_of(arm.call("GET", GROUPS.replace("hub1", "hub2"))) == "ResourceNotFound"


def test_consumer_groups_and_certificates_go_with_their_hub(arm: ControlPlane) -> None:
    assert arm.call("PUT", f"{GROUPS}/cg1", {"properties": {"name": "cg1"}}).status == 200
    arm.call("PUT", f"{PATH}/certificates/root", {"properties": {"certificate": encoded(CA.certificate)}})
    arm.call("DELETE", PATH)
    arm.hub()
    assert len(arm.call("GET", GROUPS).body["value"]) == 1
    assert arm.call("GET", f"{PATH}/certificates").body == {"value": []}


def test_possession_is_proven_to_a_hub_too(arm: ControlPlane) -> None:
    path = f"{PATH}/certificates/root"
    made = arm.call("PUT", path, {"properties": {"certificate": encoded(CA.certificate)}})
    assert (made.status, made.body["type"]) == (200, "Microsoft.Devices/IotHubs/Certificates")
    generated = arm.call("POST", f"{path}/generateVerificationCode", headers={"if-match": made.body["etag"]}).body
    proof = {"certificate": encoded(CA.issue(generated["properties"]["verificationCode"]))}
    verified = arm.call("POST", f"{path}/verify", proof, headers={"if-match": generated["etag"]})
    assert (verified.status, verified.body["properties"]["isVerified"]) == (200, True)
    assert arm.call("GET", f"{PATH}/certificates").body == {"value": [verified.body]}


@pytest.mark.parametrize(
    ("version", "body", "code"),
    [
        ("2019-03-22", {"properties": {"certificate": encoded(CA.certificate)}}, 400_099),
        ("2021-03-31", {"certificate": encoded(CA.certificate)}, 400_099),
        ("2023-06-30", {"properties": {"certificate": "bm9uZQ=="}}, 500_019),
    ],
)
def test_a_hub_refuses_bad_certificates_in_its_own_way(arm: ControlPlane, version: str, body: Any, code: int) -> None:
    answer = arm.call("PUT", f"{PATH}/certificates/root", body, version=version)
    assert (answer.status, answer.body["code"]) == (code // 1000, code)
    assert code != 500_019 or answer.body["message"].startswith("Internal Error. If you contact")
