"""Event subscriptions of a hub, as `az eventgrid event-subscription create` makes them, and the route that they hold."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.world import Timings
from tests.emulator.subscription.lab import DEPLOYMENTS, GROUP, HUB, S1, THERE, VAULT, Subscription, deployment

ALL = f"{HUB}/providers/Microsoft.EventGrid/eventSubscriptions"
ONE = f"{ALL}/telemetry"
TELEMETRY = "Microsoft.Devices.DeviceTelemetry"
CREATED = "Microsoft.Devices.DeviceCreated"
QUEUE = {"endpointType": "StorageQueue", "properties": {"resourceId": f"{GROUP}/providers/x/y/z", "queueName": "q"}}
ROUTE = {
    "name": "RouteToEventGrid",
    "source": "DeviceMessages",
    "condition": "true",
    "endpointNames": ["eventgrid"],
    "isEnabled": True,
}
IN_WORDS = "Cannot add or remove default routes, default route names are :RouteToEventGrid. "
PLAIN = {"location": "westeurope", "sku": S1, "properties": {}}


def body(*events: str, **more: Any) -> JSON:
    chosen = {"filter": {"includedEventTypes": list(events)}} if events else {}
    return {"properties": {"destination": QUEUE} | chosen | more}


def routes(azure: Subscription) -> list[JSON]:
    found: list[JSON] = azure.ok("GET", HUB)["properties"]["routing"]["routes"]
    return found


@pytest.fixture(autouse=True)
def hub(azure: Subscription) -> None:
    azure.hub()


def test_a_subscription_is_made_shown_listed_and_removed(azure: Subscription) -> None:
    azure.azure.timings = Timings(operation=10)
    begun = azure.call("PUT", ONE, body(TELEMETRY))
    assert begun.status == 201
    assert begun.body["properties"]["provisioningState"] == "Creating"
    assert azure.ok("GET", begun.headers["Azure-AsyncOperation"])["status"] == "Running"
    azure.azure.clock.advance(10)
    assert azure.ok("GET", begun.headers["Azure-AsyncOperation"])["status"] == "Succeeded"
    shown = azure.ok("GET", ONE)
    assert (shown["id"], shown["name"], shown["type"]) == (ONE, "telemetry", "Microsoft.EventGrid/eventSubscriptions")
    assert shown["properties"]["topic"] == HUB
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert shown["properties"]["destination"] == QUEUE
    assert shown["properties"]["filter"]["includedEventTypes"] == [TELEMETRY]
    region = "providers/Microsoft.EventGrid/locations/westeurope"
    lists = [
        ALL,
        f"{THERE}/{region}/eventSubscriptions",
        f"{GROUP}/{region}/topicTypes/Microsoft.Devices.IoTHubs/eventSubscriptions",
    ]
    for path in lists:
        assert azure.ok("GET", path)["value"] == [shown]
    assert azure.ok("GET", f"{THERE}/{region.replace('west', 'north')}/eventSubscriptions")["value"] == []
    gone = azure.call("DELETE", ONE)
    assert gone.status == 202
    assert azure.call("GET", gone.headers["Location"]).status == 202
    azure.azure.clock.advance(10)
    assert azure.call("GET", gone.headers["Location"]).status == 200
    assert azure.call("DELETE", ONE).status == 204
    assert azure.refused("GET", ONE) == (404, "ResourceNotFound")


def test_telemetry_gives_the_hub_a_route_while_somebody_wants_it(azure: Subscription) -> None:
    azure.ok("PUT", f"{ALL}/lifecycle", body(CREATED))
    assert routes(azure) == []
    azure.ok("PUT", ONE, body(TELEMETRY, CREATED))
    azure.ok("PUT", f"{ALL}/everything", body())
    assert routes(azure) == [ROUTE]
    azure.ok("DELETE", ONE)
    assert routes(azure) == [ROUTE]
    azure.ok("DELETE", f"{ALL}/everything")
    assert routes(azure) == []


def test_a_put_of_the_hub_without_the_route_fails(azure: Subscription) -> None:
    azure.ok("PUT", ONE, body(TELEMETRY))
    before = azure.ok("GET", HUB)
    without: list[JSON] = [{}, {"routing": {"routes": []}}, {"minTlsVersion": "1.2"}]
    for properties in without:
        answer = azure.call("PUT", HUB, PLAIN | {"properties": properties})
        assert answer.status == 201
        result = azure.ok("GET", answer.headers["Azure-AsyncOperation"])
        assert (result["status"], result["error"]["code"]) == ("Failed", 400_126)
        assert result["error"]["message"].startswith(IN_WORDS)
        assert result["error"]["message"].endswith("errorcode: IH400126.")
        assert azure.ok("GET", HUB) == before


def test_a_put_of_the_hub_with_the_route_changes_it(azure: Subscription) -> None:
    azure.ok("PUT", ONE, body(TELEMETRY))
    query = ROUTE | {"condition": "false"}
    azure.ok("PUT", HUB, PLAIN | {"properties": {"routing": {"routes": [query]}, "minTlsVersion": "1.2"}})
    assert azure.ok("GET", HUB)["properties"]["minTlsVersion"] == "1.2"
    assert routes(azure) == [query]
    azure.ok("PUT", f"{ALL}/everything", body())
    assert routes(azure) == [query]
    azure.ok("PATCH", HUB, {"tags": {"a": "b"}})
    assert routes(azure) == [query]


def test_nobody_but_event_grid_adds_the_route(azure: Subscription) -> None:
    routing = PLAIN | {"properties": {"routing": {"routes": [ROUTE]}}}
    answer = azure.call("PUT", HUB, routing)
    assert azure.ok("GET", answer.headers["Azure-AsyncOperation"])["status"] == "Failed"
    assert azure.refused("PUT", HUB.replace("hub1", "hub2"), routing) == (400, 400_126)
    assert azure.refused("GET", HUB.replace("hub1", "hub2"))[0] == 404
    other = ROUTE | {"name": "mine"}
    assert azure.refused("PUT", HUB, PLAIN | {"properties": {"routing": {"routes": [other]}}}) == (400, 400_000)


def test_a_deployment_of_the_hub_fails_while_it_runs(azure: Subscription) -> None:
    azure.ok("PUT", ONE, body(TELEMETRY))
    hub = {"type": "Microsoft.Devices/IotHubs", "apiVersion": "2023-06-30", "name": "hub1"} | PLAIN
    azure.ok("POST", f"{GROUP}/{DEPLOYMENTS}/main/validate", deployment(hub))
    found = azure.deploy(hub)
    assert found["provisioningState"] == "Failed"
    (detail,) = found["error"]["details"]
    assert detail["code"] == "400126"
    assert detail["message"].startswith(IN_WORDS)
    assert azure.deploy(hub | {"properties": {"routing": {"routes": [ROUTE]}}})["provisioningState"] == "Succeeded"


def test_a_deployment_makes_a_subscription(azure: Subscription) -> None:
    made = {
        "type": "Microsoft.EventGrid/eventSubscriptions",
        "apiVersion": "2025-02-15",
        "name": "telemetry",
        "scope": "Microsoft.Devices/IotHubs/hub1",
    } | body(TELEMETRY)
    assert azure.deploy(made)["provisioningState"] == "Succeeded"
    assert routes(azure) == [ROUTE]
    azure.vault()
    elsewhere = azure.deploy(made | {"scope": "Microsoft.KeyVault/vaults/kv-test"})
    assert [each["code"] for each in elsewhere["error"]["details"]] == ["InvalidRequest"]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("telemetry", {}),
        ("telemetry", {"properties": {}}),
        ("telemetry", {"properties": {"destination": {"endpointType": "Pigeon"}}}),
        ("telemetry", body("Microsoft.Devices.DeviceExploded")),
        ("telemetry", body(filter={"includedEventTypes": "all"})),
        ("a", body(TELEMETRY)),
        ("a_b_c", body(TELEMETRY)),
    ],
)
def test_a_wrong_subscription_is_refused(azure: Subscription, name: str, given: JSON) -> None:
    assert azure.refused("PUT", f"{ALL}/{name}", given) == (400, "InvalidRequest")
    assert routes(azure) == []


def test_there_is_none_of_a_hub_that_is_not_there_or_goes(azure: Subscription) -> None:
    missing = ONE.replace("hub1", "hub2")
    assert azure.refused("PUT", missing, body(TELEMETRY)) == (404, "ResourceNotFound")
    assert azure.call("PUT", f"{VAULT}/providers/Microsoft.EventGrid/eventSubscriptions/x", body(TELEMETRY)).status == 405
    azure.ok("PUT", ONE, body(TELEMETRY))
    azure.ok("DELETE", HUB)
    azure.hub()
    assert azure.ok("GET", ALL)["value"] == routes(azure) == []
