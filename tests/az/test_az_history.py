"""Microsoft's Azure CLI makes what makes a subscription hard: locks, policies, firewalls, routes, new keys, a past."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.az.conftest import Az

if "DPSOPS_TEST_AZ" not in os.environ:
    pytest.skip("needs the Azure CLI: make az", allow_module_level=True)

GROUP, VAULT, HUB, DPS = "rg-dpsops-local", "kv-dpsops-local", "iot-dpsops-local", "dps-dpsops-local"
IN_GROUP = ("--resource-group", GROUP)
HUB_TYPE = "Microsoft.Devices/IotHubs"


@pytest.fixture
def hub_id(az: Az) -> str:
    return str(az("iot", "hub", "show", "--name", HUB, *IN_GROUP)["id"])


def test_a_lock_stops_a_deletion_until_it_goes(az: Az) -> None:
    for scope in ((*IN_GROUP,), (*IN_GROUP, "--resource", HUB, "--resource-type", HUB_TYPE)):
        made = az("lock", "create", "--name", "keep", "--lock-type", "CanNotDelete", *scope)
        assert made["level"] == "CanNotDelete"
        assert "ScopeLocked" in az.refused("iot", "hub", "delete", "--name", HUB, *IN_GROUP)
        assert [each["name"] for each in az("lock", "list", *scope)] == ["keep"]
        az("lock", "delete", "--name", "keep", *scope)
        assert az("lock", "list", *scope) == []


def test_a_policy_denies_a_region(az: Az) -> None:
    locations = json.dumps({"listOfAllowedLocations": {"value": ["westeurope"]}})
    definition = "e56962a6-4747-49cd-b67b-bf8b01975c4c"
    assert az("policy", "definition", "show", "--name", definition)["displayName"] == "Allowed locations"
    made = az("policy", "assignment", "create", "--name", "here", "--policy", definition, "--params", locations, *IN_GROUP)
    assert made["policyDefinitionId"].endswith(definition)
    said = az.refused("keyvault", "create", "--name", "kv-elsewhere", "--location", "northeurope", *IN_GROUP)
    assert "RequestDisallowedByPolicy" in said
    assert [each["name"] for each in az("policy", "assignment", "list", *IN_GROUP)] == ["here"]
    az("policy", "assignment", "delete", "--name", "here", *IN_GROUP)


@pytest.fixture
def firewall(az: Az) -> Iterator[None]:
    az("keyvault", "update", "--name", VAULT, "--default-action", "Deny")
    yield
    az("keyvault", "update", "--name", VAULT, "--default-action", "Allow")


@pytest.mark.usefixtures("firewall")
def test_a_firewall_opens_to_an_address(az: Az) -> None:
    secret = ("keyvault", "secret", "list", "--vault-name", VAULT)
    assert "ForbiddenByFirewall" in az.refused(*secret)
    az("keyvault", "network-rule", "add", "--name", VAULT, "--ip-address", "203.0.113.7")
    assert "Client address: 198.51.100.7" in az.refused(*secret)
    az("keyvault", "network-rule", "add", "--name", VAULT, "--ip-address", "198.51.100.0/24")
    assert az(*secret)
    assert len(az("keyvault", "network-rule", "list", "--name", VAULT)["ipRules"]) == 2


def test_an_event_subscription_gives_the_hub_a_route(az: Az, hub_id: str) -> None:
    endpoint = f"{hub_id.partition('/providers/')[0]}/providers/Microsoft.EventHub/namespaces/n/eventhubs/e"
    of_the_hub = ("--name", "telemetry", "--source-resource-id", hub_id)
    az("eventgrid", "event-subscription", "create", *of_the_hub, "--endpoint-type", "eventhub", "--endpoint", endpoint)
    (route,) = az("iot", "hub", "show", "--name", HUB, *IN_GROUP)["properties"]["routing"]["routes"]
    assert route["name"] == "RouteToEventGrid"
    az("eventgrid", "event-subscription", "delete", *of_the_hub)
    assert az("eventgrid", "event-subscription", "list", "--source-resource-id", hub_id) == []


def test_a_key_is_renewed_and_no_other_policy_lost(az: Az) -> None:
    of_the_hub = ("--hub-name", HUB)
    before = {each["keyName"]: each["primaryKey"] for each in az("iot", "hub", "policy", "list", *of_the_hub)}
    az("iot", "hub", "policy", "renew-key", *of_the_hub, "--name", "iothubowner", "--renew-key", "primary")
    after = {each["keyName"]: each["primaryKey"] for each in az("iot", "hub", "policy", "list", *of_the_hub)}
    assert after.keys() == before.keys()
    assert {name for name in before if before[name] != after[name]} == {"iothubowner"}


def test_a_vault_deleted_elsewhere_blocks_its_name(az: Az) -> None:
    az("group", "create", "--name", "rg-before", "--location", "northeurope")
    az("keyvault", "create", "--name", "kv-before", "--resource-group", "rg-before", "--location", "northeurope")
    az("keyvault", "delete", "--name", "kv-before")
    assert "kv-before" in {each["name"] for each in az("keyvault", "list-deleted", "--resource-type", "vault")}
    assert az.refused("keyvault", "create", "--name", "kv-before", "--location", "westeurope", *IN_GROUP)
    az("keyvault", "recover", "--name", "kv-before")
    assert az("keyvault", "show", "--name", "kv-before")["resourceGroup"] == "rg-before"


def test_a_provider_is_unregistered_and_registered(az: Az) -> None:
    az("provider", "unregister", "--namespace", "Microsoft.EventGrid")
    assert az("provider", "show", "--namespace", "Microsoft.EventGrid")["registrationState"] == "Unregistered"
    az("provider", "register", "--namespace", "Microsoft.EventGrid", "--wait")
    assert az("provider", "show", "--namespace", "Microsoft.EventGrid")["registrationState"] == "Registered"
