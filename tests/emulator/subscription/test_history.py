"""What was in a subscription before: deleted vaults, a free hub, providers and roles that others left behind."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.world import Timings
from tests.emulator.subscription.lab import (
    DEPLOYMENTS,
    DPS,
    GROUP,
    HUB,
    S1,
    THERE,
    VAULT,
    Subscription,
    deployment,
    vault_properties,
)

OTHER_GROUP = f"{THERE}/resourceGroups/rg2"
OTHER_VAULT = VAULT.replace("/rg/", "/rg2/")
DELETED = f"{THERE}/providers/Microsoft.KeyVault"
F1 = {"name": "F1", "capacity": 1}
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
FIRST, SECOND = "a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000001"


def vault_resource(location: str = "westeurope", **changes: Any) -> JSON:
    return {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2026-02-01",
        "name": "kv-test",
        "location": location,
        "properties": vault_properties(**changes),
    }


@pytest.mark.parametrize(("place", "location"), [(VAULT, "northeurope"), (OTHER_VAULT, "westeurope")])
def test_a_deleted_vault_blocks_its_name_in_other_groups_and_regions(azure: Subscription, place: str, location: str) -> None:
    azure.ok("PUT", OTHER_GROUP, {"location": "westeurope"})
    azure.vault(place, location=location)
    azure.ok("DELETE", place)
    body = {"location": "westeurope", "properties": vault_properties()}
    refused = azure.call("PUT", VAULT, body)
    assert (refused.status, refused.body["error"]["code"]) == (409, "ConflictError")
    assert "already exists in deleted state" in refused.body["error"]["message"]
    answer = azure.call("PUT", f"{GROUP}/{DEPLOYMENTS}/main", deployment(vault_resource()))
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidTemplateDeployment")
    assert [each["code"] for each in answer.body["error"]["details"]] == ["ConflictError"]
    (listed,) = azure.ok("GET", f"{DELETED}/deletedVaults")["value"]
    assert (listed["properties"]["vaultId"], listed["properties"]["location"]) == (place, location)
    azure.ok("PUT", place, {"location": location, "properties": vault_properties(createMode="recover")})
    assert azure.ok("GET", place)["location"] == location
    again = azure.call("PUT", VAULT, body)
    assert again.status == 409
    assert again.body["error"]["code"] == ("InvalidResourceLocation" if place == VAULT else "VaultAlreadyExists")


def test_a_deleted_vault_is_recovered_only_where_it_was(azure: Subscription) -> None:
    azure.ok("PUT", OTHER_GROUP, {"location": "westeurope"})
    azure.vault(OTHER_VAULT)
    azure.ok("DELETE", OTHER_VAULT)
    recover = {"location": "westeurope", "properties": vault_properties(createMode="recover")}
    assert azure.refused("PUT", VAULT, recover) == (409, "ConflictError")
    assert azure.deploy(vault_resource(createMode="recover"), scope=OTHER_GROUP)["provisioningState"] == "Succeeded"
    azure.ok("GET", OTHER_VAULT)


def test_a_purged_vault_blocks_nothing(azure: Subscription) -> None:
    azure.vault(location="northeurope")
    azure.ok("DELETE", VAULT)
    assert azure.call("POST", f"{DELETED}/locations/northeurope/deletedVaults/kv-test/purge").status == 202
    assert azure.deploy(vault_resource())["provisioningState"] == "Succeeded"


def test_a_subscription_has_one_free_hub(azure: Subscription) -> None:
    azure.ok("PUT", OTHER_GROUP, {"location": "westeurope"})
    first = HUB.replace("/rg/", "/rg2/").replace("hub1", "hub0")
    body = {"location": "westeurope", "sku": F1, "properties": {}}
    azure.ok("PUT", first, body)
    azure.ok("PUT", first, body)
    answer = azure.call("PUT", HUB, body)
    assert (answer.status, answer.body["code"]) == (400, 400_019)
    subscription = THERE.rpartition("/")[2]
    assert answer.body["message"].startswith(
        f"Max number of Iot Hubs exceeded for sku = Free, Max Allowed = 1, Current = 2 in the subscription Id: {subscription}. "
    )
    assert answer.body["message"].endswith("errorcode: IH400019.")
    hub = {"type": "Microsoft.Devices/IotHubs", "apiVersion": "2023-06-30", "name": "hub1"} | body
    refused = azure.call("POST", f"{GROUP}/{DEPLOYMENTS}/main/validate", deployment(hub))
    assert (refused.status, refused.body["error"]["code"]) == (400, "InvalidTemplateDeployment")
    assert "IH400019" in refused.body["error"]["details"][0]["message"]
    azure.ok("DELETE", first)
    assert azure.deploy(hub)["provisioningState"] == "Succeeded"


def test_two_free_hubs_in_one_template_are_one_too_many(azure: Subscription) -> None:
    hub = {"type": "Microsoft.Devices/IotHubs", "apiVersion": "2023-06-30", "location": "westeurope", "sku": F1, "properties": {}}
    body = deployment(hub | {"name": "hub1"}, hub | {"name": "hub2"})
    answer = azure.call("PUT", f"{GROUP}/{DEPLOYMENTS}/main", body)
    assert answer.status == 400
    assert len(answer.body["error"]["details"]) == 1
    assert azure.refused("GET", HUB)[0] == 404


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [("F1", "S1", 400), ("S1", "F1", 400), ("S1", "B1", 400), ("B1", "S1", 201), ("S1", "S2", 201), ("B2", "B1", 201)],
)
def test_tiers_that_a_hub_can_change_to(azure: Subscription, before: str, after: str, status: int) -> None:
    events = {"eventHubEndpoints": {"events": {"partitionCount": 2}}}
    azure.ok("PUT", HUB, {"location": "westeurope", "sku": {"name": before, "capacity": 1}, "properties": events})
    changed = azure.call("PUT", HUB, {"location": "westeurope", "sku": {"name": after, "capacity": 1}, "properties": events})
    assert changed.status == status


@pytest.mark.parametrize("path", [HUB, DPS])
def test_a_provider_is_unregistered_and_registered_again(azure: Subscription, path: str) -> None:
    azure.azure.timings = Timings(registration=60)
    provider = f"{THERE}/providers/Microsoft.Devices"
    body = {"location": "westeurope", "sku": S1, "properties": {}}
    assert azure.ok("POST", f"{provider}/unregister")["registrationState"] == "Unregistering"
    assert azure.refused("PUT", path, body) == (409, "MissingSubscriptionRegistration")
    azure.azure.clock.advance(60)
    assert azure.ok("GET", provider)["registrationState"] == "Unregistered"
    resource = {"type": path.partition("/providers/")[2].rpartition("/")[0], "name": path.rpartition("/")[2]} | body
    resource["apiVersion"] = "2023-06-30" if path == HUB else "2022-12-12"
    refused = azure.refused("PUT", f"{GROUP}/{DEPLOYMENTS}/main", deployment(resource))
    assert refused == (409, "MissingSubscriptionRegistration")
    assert azure.ok("POST", f"{provider}/register")["registrationState"] == "Registering"
    assert azure.refused("PUT", path, body) == (409, "MissingSubscriptionRegistration")
    azure.azure.clock.advance(60)
    assert azure.ok("GET", provider)["registrationState"] == "Registered"
    assert azure.deploy(resource)["provisioningState"] == "Succeeded"


def test_a_subscription_may_begin_without_a_provider(azure: Subscription) -> None:
    azure.azure.habits = Habits(unregistered=frozenset({"Microsoft.KeyVault"}))
    body = {"location": "westeurope", "properties": vault_properties()}
    assert azure.refused("PUT", VAULT, body) == (409, "MissingSubscriptionRegistration")
    azure.ok("POST", f"{THERE}/providers/Microsoft.KeyVault/register", version="2022-09-01")
    azure.ok("PUT", VAULT, body)


def role(name: str, principal: str = OPERATOR.object_id, kind: str = "ServicePrincipal") -> JSON:
    definition = f"{THERE}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    return {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": name,
        "scope": "Microsoft.KeyVault/vaults/kv-test",
        "properties": {"roleDefinitionId": definition, "principalId": principal, "principalType": kind},
    }


@pytest.mark.parametrize(
    ("made", "wanted", "code"),
    [
        (role(FIRST), role(SECOND), "RoleAssignmentExists"),
        (role(FIRST), role(FIRST, SECOND, "User"), "RoleAssignmentUpdateNotPermitted"),
        (role(FIRST), role(FIRST), None),
    ],
)
def test_a_role_that_somebody_has_assigned(azure: Subscription, made: JSON, wanted: JSON, code: str | None) -> None:
    """The template's first name may be taken by another assignment, or its assignment have another name."""
    azure.vault()
    azure.ok(
        "PUT", f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/{made['name']}", {"properties": made["properties"]}
    )
    what_if = azure.call("POST", f"{GROUP}/{DEPLOYMENTS}/main/whatIf", deployment(wanted))
    assert azure.ok("GET", what_if.headers["Location"])["status"] == "Succeeded"
    found = azure.deploy(wanted)
    assert found["provisioningState"] == ("Succeeded" if code is None else "Failed")
    if code is not None:
        assert [each["code"] for each in found["error"]["details"]] == [code]
