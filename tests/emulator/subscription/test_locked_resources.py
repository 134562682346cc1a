"""Locks on a hub, a provisioning service and a vault, as `az lock create` makes them: what still works below them."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.identity.state import OPERATOR
from tests.emulator.microsoft_devices.control_plane import Authority, encoded
from tests.emulator.subscription.lab import DPS, GROUP, HUB, S1, THERE, VAULT, Subscription, vault_properties

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
NAME = "a0000000-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def resources(azure: Subscription) -> None:
    azure.hub()
    azure.service()
    azure.vault()
    pem = encoded(Authority.make().certificate)
    for owner in (HUB, DPS):
        azure.ok("PUT", f"{owner}/certificates/root", {"properties": {"certificate": pem}})


def lock(azure: Subscription, scope: str, level: str) -> str:
    path = f"{scope}/providers/Microsoft.Authorization/locks/keep"
    azure.ok("PUT", path, {"properties": {"level": level}})
    return path


def body_of(resource: str) -> Any:
    if resource == VAULT:
        return {"location": "westeurope", "properties": vault_properties()}
    return {"location": "westeurope", "sku": S1, "properties": {}}


SCOPES = [THERE, GROUP, "itself"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("resource", [HUB, DPS, VAULT])
def test_what_must_not_be_deleted_can_be_changed(azure: Subscription, resource: str, scope: str) -> None:
    path = lock(azure, resource if scope == "itself" else scope, "CanNotDelete")
    assert azure.refused("DELETE", resource) == (409, "ScopeLocked")
    assert azure.refused("DELETE", GROUP) == (409, "ScopeLocked")
    azure.ok("PUT", resource, body_of(resource))
    azure.ok("PATCH", resource, {"tags": {"a": "b"}})
    azure.ok("DELETE", path)
    azure.ok("DELETE", resource)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("resource", [HUB, DPS, VAULT])
def test_what_can_only_be_read_is_not_written(azure: Subscription, resource: str, scope: str) -> None:
    locked = resource if scope == "itself" else scope
    path = lock(azure, locked, "ReadOnly")
    for method in ("PUT", "PATCH", "DELETE"):
        answer = azure.call(method, resource, None if method == "DELETE" else body_of(resource))
        assert (answer.status, answer.body["error"]["code"]) == (409, "ScopeLocked")
        operation = "delete" if method == "DELETE" else "write"
        assert answer.body["error"]["message"] == (
            f"The scope '{resource}' cannot perform {operation} operation because following scope(s) are locked: '{locked}'. "
            "Please remove the lock and try again."
        )
    azure.ok("GET", resource)
    azure.ok("DELETE", path)
    azure.ok("PUT", resource, body_of(resource))


@pytest.mark.parametrize("resource", [HUB, DPS])
def test_keys_and_certificates_below_a_lock(azure: Subscription, resource: str) -> None:
    certificate = f"{resource}/certificates/root"
    etag = {"if-match": azure.ok("GET", certificate)["etag"]}
    lock(azure, resource, "CanNotDelete")
    azure.ok("POST", f"{resource}/listkeys")
    azure.ok("POST", f"{certificate}/generateVerificationCode", headers=etag)
    assert azure.refused("DELETE", certificate, headers={"if-match": "*"}) == (409, "ScopeLocked")
    lock(azure, resource, "ReadOnly")
    assert azure.refused("POST", f"{resource}/listkeys") == (409, "ScopeLocked")
    assert azure.refused("POST", f"{certificate}/generateVerificationCode", headers=etag) == (409, "ScopeLocked")
    assert azure.refused("PUT", certificate, {"properties": {}}) == (409, "ScopeLocked")
    azure.ok("GET", certificate)


def test_role_assignments_below_a_lock(azure: Subscription) -> None:
    path = f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/{NAME}"
    role = f"{THERE}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    body = {"properties": {"roleDefinitionId": role, "principalId": OPERATOR.object_id}}
    lock(azure, GROUP, "CanNotDelete")
    azure.ok("PUT", path, body)
    assert azure.refused("DELETE", path) == (409, "ScopeLocked")
    lock(azure, GROUP, "ReadOnly")
    assert azure.refused("PUT", path, body) == (409, "ScopeLocked")


def test_a_deployment_fails_where_it_meets_a_lock_and_makes_the_rest(azure: Subscription) -> None:
    lock(azure, DPS, "ReadOnly")
    hub = {"type": "Microsoft.Devices/IotHubs", "apiVersion": "2023-06-30", "name": "hub2", "location": "westeurope", "sku": S1}
    service = {"type": "Microsoft.Devices/provisioningServices", "apiVersion": "2022-12-12", "name": "dps1"}
    found = azure.deploy(hub | {"properties": {}}, service | {"location": "westeurope", "sku": S1, "properties": {}})
    assert found["provisioningState"] == "Failed"
    assert [each["code"] for each in found["error"]["details"]] == ["ScopeLocked"]
    azure.ok("GET", HUB.replace("hub1", "hub2"))


def test_a_lock_is_for_resource_manager_alone(azure: Subscription) -> None:
    """Data planes know nothing of locks ("Lock your resources", Considerations)."""
    role = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
    definition = f"{THERE}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    body = {"properties": {"roleDefinitionId": definition, "principalId": OPERATOR.object_id}}
    azure.ok("PUT", f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/{NAME}", body)
    lock(azure, THERE, "ReadOnly")
    host, audience = "kv-test.vault.azure.net", "https://vault.azure.net"
    assert azure.data("PUT", host, "/secrets/x", {"value": "v"}, audience=audience, version="7.4").status == 200
    assert azure.data("DELETE", host, "/secrets/x", audience=audience, version="7.4").status == 200
