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
    again = arm.hub(routing={"endpoints": {"eventHubs": [made], "storageContainers": [{"name": "Storage1"}]}})
    endpoints = again["properties"]["routing"]["endpoints"]
    assert endpoints["eventHubs"] == [made]
    assert endpoints["storageContainers"][0]["id"] != made["id"]


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
    arm.call("PUT", f"{GROUPS}/cg1", {})
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
