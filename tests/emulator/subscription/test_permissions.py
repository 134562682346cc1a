"""What a caller may do, by Microsoft's own client, unmodified."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient

from dpsops.emulator.habits import Habits
from dpsops.emulator.identity.state import SUBSCRIPTION, TENANT, register_application
from dpsops.emulator.principal import Principal
from dpsops.emulator.rbac import ASSIGNMENT
from tests.conformance.transports import DirectTransport
from tests.emulator.subscription.lab import GROUP, THERE, VAULT, Subscription

WHO = Principal("a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002", TENANT)
READER, CRYPTO_USER = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "12338af0-0e69-4776-bea7-57ae8d297424"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
_PROPERTIES = {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}
OF_VAULT = ("rg", "Microsoft.KeyVault", "", "vaults", "kv-test")


@pytest.fixture
def client(azure: Subscription) -> Any:
    """The client of somebody with no role, in a group with a vault."""
    azure.call("PUT", VAULT, {"location": "westeurope", "properties": _PROPERTIES})
    with azure.world() as world:
        register_application(world, WHO, "a secret")
    transport = DirectTransport(azure.azure)
    credential = ClientSecretCredential(TENANT, WHO.app_id, "a secret", transport=transport)
    return AuthorizationManagementClient(credential, SUBSCRIPTION, transport=transport)


def assign(azure: Subscription, role: str, scope: str, **more: Any) -> None:
    """Gives `WHO` a role."""
    with azure.world() as world:
        name = uuid.uuid5(uuid.UUID(role), scope)
        key = f"{scope}/providers/microsoft.authorization/roleassignments/{name}".lower()
        document = {"principal": WHO.object_id, "role": role, "scope": scope.lower(), "created": world.now}
        world.state.put(ASSIGNMENT, key, document | more)


def listed(found: Any) -> list[tuple[list[str], list[str], list[str], list[str]]]:
    return sorted((each.actions, each.not_actions, each.data_actions, each.not_data_actions) for each in found)


def test_each_role_there_and_above_is_one_permission(azure: Subscription, client: Any) -> None:
    assign(azure, READER, THERE)
    assign(azure, CRYPTO_USER, GROUP)
    assign(azure, SECRETS_OFFICER, VAULT)
    of_group = listed(client.permissions.list_for_resource_group("rg"))
    assert [each[0] for each in of_group] == [[], ["*/read"]]
    assert "Microsoft.KeyVault/vaults/keys/sign/action" in of_group[0][2]
    of_vault = listed(client.permissions.list_for_resource(*OF_VAULT))
    assert [each for each in of_vault if each not in of_group] == [
        (["Microsoft.KeyVault/vaults/read"], [], ["Microsoft.KeyVault/vaults/secrets/*"], [])
    ]


def test_an_older_version_has_no_data_actions(azure: Subscription) -> None:
    assign(azure, READER, THERE)
    answer = azure.call("GET", f"{THERE}/providers/microsoft.authorization/permissions", version="2015-07-01", caller=WHO)
    assert answer.body == {"value": [{"actions": ["*/read"], "notActions": []}]}


def test_a_condition_and_a_role_on_its_way_are_not_told(azure: Subscription, client: Any) -> None:
    assign(azure, READER, GROUP)
    assign(azure, SECRETS_OFFICER, GROUP, condition="@Resource[a] StringEquals 'b'")
    assert len(listed(client.permissions.list_for_resource_group("rg"))) == 2


@pytest.mark.parametrize("needed", [True, False])
def test_the_list_may_need_a_role_of_its_own(azure: Subscription, client: Any, needed: bool) -> None:
    azure.azure.habits = Habits(permissions_need_a_role=needed)
    assign(azure, CRYPTO_USER, GROUP)
    if not needed:
        assert len(listed(client.permissions.list_for_resource_group("rg"))) == 1
        return
    with pytest.raises(HttpResponseError, match=r"Microsoft\.Authorization/permissions/read") as denied:
        listed(client.permissions.list_for_resource_group("rg"))
    assert denied.value.status_code == 403


def test_what_is_not_there_has_none(azure: Subscription, client: Any) -> None:
    assign(azure, READER, THERE)
    with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
        listed(client.permissions.list_for_resource_group("nothing"))
    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        listed(client.permissions.list_for_resource(*OF_VAULT[:-1], "kv-nothing"))
