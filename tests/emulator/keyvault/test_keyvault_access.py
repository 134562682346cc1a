"""Who gets into a vault: the challenge, roles, access policies, network rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.emulator import rbac
from dpsops.emulator.chances import Chances
from dpsops.emulator.identity.state import TENANT
from dpsops.emulator.keyvault.service import SERVICE
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import Timings
from tests.emulator.keyvault.lab import (
    CERTIFICATES_OFFICER,
    CRYPTO_USER,
    KEEPER,
    SECRETS_OFFICER,
    SECRETS_USER,
    STRANGER,
    VAULT,
    VAULT_ID,
    Lab,
    policy,
)

SIGN = {"alg": "ES256", "value": "A" * 43}
OPERATIONS: dict[str, tuple[str, str, object]] = {
    "certificates/read": ("GET", "/certificates/c", None),
    "certificates/create/action": ("POST", "/certificates/new/create", policy()),
    "certificates/update/action": ("PATCH", "/certificates/c", {"tags": {}}),
    "certificates/delete": ("DELETE", "/certificates/c", None),
    "keys/read": ("GET", "/keys/k", None),
    "keys/create/action": ("POST", "/keys/new/create", {"kty": "EC"}),
    "keys/sign/action": ("POST", "/keys/k//sign", SIGN),
    "keys/delete": ("DELETE", "/keys/k", None),
    "secrets/getSecret/action": ("GET", "/secrets/s", None),
    "secrets/setSecret/action": ("PUT", "/secrets/s", {"value": "new"}),
    "secrets/readMetadata/action": ("GET", "/secrets", None),
    "secrets/delete": ("DELETE", "/secrets/s", None),
}
GRANTED = {
    CERTIFICATES_OFFICER: {action for action in OPERATIONS if action.startswith("certificates/")},
    CRYPTO_USER: {"keys/read", "keys/sign/action"},
    SECRETS_OFFICER: {action for action in OPERATIONS if action.startswith("secrets/")},
    SECRETS_USER: {"secrets/getSecret/action", "secrets/readMetadata/action"},
}


def fill(lab: Lab, **options: str) -> None:
    """A certificate c, a key k and a secret s."""
    lab.ok("POST", "/certificates/c/create", policy(), **options)
    lab.ok("POST", "/keys/k/create", {"kty": "EC"}, **options)
    lab.ok("PUT", "/secrets/s", {"value": "x"}, **options)


def test_challenge(lab: Lab) -> None:
    answer = lab.call("GET", "/certificates", caller=None)
    assert answer.status == 401
    expected = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="https://vault.azure.net"'
    assert answer.headers["WWW-Authenticate"] == expected
    message = "AKV10000: Request is missing a Bearer or PoP token."
    assert answer.body == {"error": {"code": "Unauthorized", "message": message}}


def test_challenge_comes_before_anything_else_is_judged(lab: Lab) -> None:
    assert lab.call("GET", "/nonsense", caller=None, version="1.0").status == 401


def test_another_tenants_token_is_challenged(lab: Lab) -> None:
    foreigner = Principal(KEEPER.object_id, KEEPER.app_id, "11111111-1111-4111-8111-111111111111")
    answer = lab.call("GET", "/certificates", caller=foreigner)
    assert answer.status == 401
    assert TENANT in answer.headers["WWW-Authenticate"]
    assert answer.body["error"]["message"].startswith("AKV10032: Invalid issuer.")


@pytest.mark.parametrize("action", OPERATIONS)
@pytest.mark.parametrize("role", GRANTED)
def test_roles_grant_their_actions_and_no_others(lab: Lab, role: str, action: str) -> None:
    fill(lab)
    lab.assign(STRANGER, role)
    method, path, body = OPERATIONS[action]
    answer = lab.call(method, path, body, caller=STRANGER)
    assert (answer.status < 300) == (action in GRANTED[role]), answer


def test_refusal_by_role_names_action_and_object(lab: Lab) -> None:
    fill(lab)
    status, code, message = lab.refused("GET", "/secrets/S", caller=STRANGER)
    assert (status, code) == (403, "ForbiddenByRbac")
    lines = message.split("\r\n")
    assert lines[0] == "Caller is not authorized to perform action on resource."
    assert f"Caller: appid={STRANGER.app_id};oid={STRANGER.object_id};iss=https://sts.windows.net/{TENANT}/" in lines
    assert "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'" in lines
    assert f"Resource: '{VAULT_ID.lower()}/secrets/s'" in lines
    assert "Assignment: (not found)" in lines
    assert "DecisionReason: null " in lines
    assert f"Vault: {VAULT};location=westeurope" in lines


def test_a_role_on_one_secret_opens_that_one_only(lab: Lab) -> None:
    fill(lab)
    lab.ok("PUT", "/secrets/other", {"value": "y"})
    lab.assign(STRANGER, SECRETS_USER, f"{VAULT_ID}/secrets/s")
    assert lab.ok("GET", "/secrets/s", caller=STRANGER)["value"] == "x"
    assert lab.refused("GET", "/secrets/other", caller=STRANGER)[1] == "ForbiddenByRbac"


def test_the_owner_of_the_subscription_holds_no_data_action(lab: Lab) -> None:
    lab.assign(STRANGER, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635")
    assert lab.refused("GET", "/certificates", caller=STRANGER)[1] == "ForbiddenByRbac"


def test_a_new_role_takes_time_to_reach_the_vault() -> None:
    lab = Lab(Timings(role=120))
    document = {"principal": STRANGER.object_id, "role": SECRETS_USER, "scope": VAULT_ID.lower(), "created": lab.clock.now()}
    with lab.world() as world:
        world.state.put(rbac.ASSIGNMENT, "late", document)
    lab.clock.advance(119)
    assert lab.refused("GET", "/secrets", caller=STRANGER)[1] == "ForbiddenByRbac"
    lab.clock.advance(1)
    assert lab.ok("GET", "/secrets", caller=STRANGER)["value"] == []


def test_roles_arrive_one_at_a_time_and_at_the_same_times_again() -> None:
    def arrivals(seed: int) -> list[int]:
        lab = Lab(Timings(role=2, role_spread=20))
        lab.azure.chances = Chances(seed)
        keepers = [replace(STRANGER, object_id=f"cccccccc-0000-4000-8000-00000000000{number}") for number in range(4)]
        with lab.world() as world:
            for each in keepers:
                document = {"principal": each.object_id, "role": SECRETS_USER, "scope": VAULT_ID.lower(), "created": world.now}
                world.state.put(rbac.ASSIGNMENT, f"late/{each.object_id}", document)
        found = [-1] * len(keepers)
        for second in range(24):
            for index, each in enumerate(keepers):
                if found[index] < 0 and lab.call("GET", "/secrets", caller=each).status == 200:
                    found[index] = second
            lab.clock.advance(1)
        return found

    first = arrivals(1)
    assert all(2 <= second <= 22 for second in first)
    assert len(set(first)) > 1
    assert arrivals(1) == first != arrivals(2)


def policies_for(principal: Principal, **permissions: list[str]) -> list[dict[str, object]]:
    return [{"tenantId": TENANT, "objectId": principal.object_id, "permissions": permissions}]


@pytest.mark.parametrize(
    ("permissions", "method", "path", "allowed"),
    [
        ({"secrets": ["Get"]}, "GET", "/secrets/s", True),
        ({"secrets": ["get"]}, "GET", "/secrets", False),
        ({"secrets": ["list"]}, "GET", "/secrets", True),
        ({"secrets": ["list"]}, "GET", "/secrets/s", False),
        ({"secrets": ["all"]}, "DELETE", "/secrets/s", True),
        ({"keys": ["all"], "certificates": ["all"]}, "GET", "/secrets/s", False),
    ],
)
def test_access_policies(permissions: dict[str, list[str]], method: str, path: str, allowed: bool) -> None:
    lab = Lab()
    everything = policies_for(KEEPER, keys=["all"], secrets=["all"], certificates=["all"])
    policies = everything + policies_for(STRANGER, **permissions)
    lab.create_vault("kv-policies", accessPolicies=policies, enableRbacAuthorization=False)
    fill(lab, vault="kv-policies")
    answer = lab.call(method, path, caller=STRANGER, vault="kv-policies")
    assert (answer.status < 300) == allowed, answer


def test_all_permissions_do_not_include_purge(lab: Lab) -> None:
    lab.create_vault("kv-policies", accessPolicies=policies_for(STRANGER, secrets=["all"]), enableRbacAuthorization=False)
    options = {"vault": "kv-policies", "caller": STRANGER}
    lab.call("PUT", "/secrets/s", {"value": "x"}, caller=STRANGER, vault="kv-policies")
    lab.call("DELETE", "/secrets/s", caller=STRANGER, vault="kv-policies")
    status, code, message = lab.refused("DELETE", "/deletedsecrets/s", **options)
    assert (status, code) == (403, "ForbiddenByPolicy")
    assert "does not have secrets purge permission on key vault 'kv-policies;location=westeurope'" in message
    assert f"oid={STRANGER.object_id};" in message


def test_a_policy_for_an_application_on_behalf_of_a_user_is_not_the_applications_own(lab: Lab) -> None:
    (given,) = policies_for(STRANGER, secrets=["list"])
    lab.create_vault("kv-policies", accessPolicies=[given | {"applicationId": STRANGER.app_id}], enableRbacAuthorization=False)
    assert lab.refused("GET", "/secrets", caller=STRANGER, vault="kv-policies")[1] == "ForbiddenByPolicy"


def test_access_policies_are_ignored_where_roles_decide(lab: Lab) -> None:
    lab.create_vault("kv-roles", accessPolicies=policies_for(STRANGER, secrets=["all"]))
    assert lab.refused("GET", "/secrets", caller=STRANGER, vault="kv-roles")[1] == "ForbiddenByRbac"


def test_roles_are_ignored_where_access_policies_decide(lab: Lab) -> None:
    lab.create_vault("kv-policies", enableRbacAuthorization=False)
    assert lab.refused("GET", "/secrets", vault="kv-policies")[1] == "ForbiddenByPolicy"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"publicNetworkAccess": "Disabled"}, "ForbiddenByConnection"),
        ({"networkAcls": {"defaultAction": "Deny"}}, "ForbiddenByFirewall"),
    ],
)
def test_a_closed_vault_refuses_everyone(lab: Lab, change: dict[str, object], code: str) -> None:
    lab.create_vault("kv-closed", **change)
    assert lab.refused("GET", "/secrets", vault="kv-closed")[:2] == (403, code)


@pytest.mark.parametrize(
    ("rules", "open_"),
    [
        (["198.51.100.7"], True),
        (["203.0.113.7", "198.51.100.0/24"], True),
        (["198.51.100.8", "203.0.113.0/24"], False),
    ],
)
def test_a_firewall_opens_to_the_addresses_of_its_rules(lab: Lab, rules: list[str], open_: bool) -> None:
    acls = {"defaultAction": "Deny", "ipRules": [{"value": each} for each in rules]}
    lab.create_vault("kv-rules", networkAcls=acls)
    answer = lab.call("GET", "/secrets", vault="kv-rules")
    assert answer.status == (200 if open_ else 403)
    lab.create_vault("kv-rules", networkAcls=acls, publicNetworkAccess="Disabled")
    assert lab.refused("GET", "/secrets", vault="kv-rules")[:2] == (403, "ForbiddenByConnection")


def test_a_firewall_names_the_address_that_it_refuses(lab: Lab) -> None:
    lab.azure.client_address = "192.0.2.1"
    lab.create_vault("kv-rules", networkAcls={"defaultAction": "Deny", "ipRules": [{"value": "198.51.100.7"}]})
    status, code, message = lab.refused("GET", "/secrets", vault="kv-rules")
    assert (status, code) == (403, "ForbiddenByFirewall")
    assert message == (
        "Client address is not authorized and caller is not a trusted service.\r\nClient address: 192.0.2.1\r\n"
        f"Caller: appid={KEEPER.app_id};oid={KEEPER.object_id};iss=https://sts.windows.net/{KEEPER.tenant_id}/\r\n"
        "Vault: kv-rules;location=westeurope"
    )


@pytest.mark.parametrize("version", ["", "7.9", "2024-01-01"])
def test_api_version_has_to_exist(lab: Lab, version: str) -> None:
    assert lab.refused("GET", "/secrets", version=version)[:2] == (400, "BadParameter")


@pytest.mark.parametrize("version", ["7.0", "7.3-preview", "7.6", "2025-07-01", "2026-04-01"])
def test_api_versions_of_old_and_new_clients(lab: Lab, version: str) -> None:
    assert lab.ok("GET", "/secrets", version=version) == {"value": [], "nextLink": None}


def test_unknown_operation(lab: Lab) -> None:
    assert lab.refused("GET", "/widgets/w")[:2] == (400, "BadParameter")


def test_a_path_may_begin_with_two_slashes(lab: Lab) -> None:
    fill(lab)
    assert lab.ok("GET", "//certificates/c/")["id"] == lab.ok("GET", "/certificates/c/")["id"]


def test_a_vault_is_in_the_dns_from_registration_to_deletion() -> None:
    lab = Lab(Timings(operation=30))
    path = VAULT_ID.replace(VAULT, "kv-dns")

    def resolves() -> bool:
        with lab.world() as world:
            return SERVICE.resolves(world, {"vault": "kv-dns"})

    assert not resolves()
    body = lab.arm("GET", VAULT_ID).body
    lab.arm("PUT", path, {"location": "westeurope", "properties": body["properties"]})
    assert not resolves()
    lab.clock.advance(30)
    assert resolves()
    lab.arm("DELETE", path)
    assert not resolves()
