"""Vaults in Resource Manager: made and changed."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Refusal
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, TENANT
from dpsops.emulator.keyvault.routes import RESOURCE_TYPES
from dpsops.emulator.keyvault.state import TYPE
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import Timings
from tests.emulator.keyvault.lab import CONTRIBUTOR, GROUP, KEEPER, NOW, STRANGER, VAULT, VAULT_ID, Lab, properties

PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault"
NEW = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-New"
POLICY = {"tenantId": TENANT, "objectId": KEEPER.object_id, "permissions": {"keys": ["get"], "secrets": ["get", "list"]}}


def put(lab: Lab, path: str = NEW, *, version: str = "2026-02-01", location: str = "West Europe", **changes: Any) -> Any:
    return lab.arm("PUT", path, {"location": location, "properties": properties(**changes)}, version=version)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


def test_a_new_vault_is_registered_first() -> None:
    lab = Lab(Timings(operation=30))
    answer = put(lab, tags=None, softDeleteRetentionInDays=7)
    assert answer.status == 200
    assert answer.body["properties"]["provisioningState"] == "RegisteringDns"
    assert answer.body["properties"]["vaultUri"] == "https://kv-new.vault.azure.net"
    waiting = lab.arm("GET", NEW).body
    assert waiting["properties"]["provisioningState"] == "RegisteringDns"
    lab.clock.advance(30)
    made = {"createdBy": OPERATOR.app_id, "createdByType": "Application", "createdAt": "2026-02-20T12:00:30.000Z"}
    changed = {
        "lastModifiedBy": OPERATOR.app_id,
        "lastModifiedByType": "Application",
        "lastModifiedAt": "2026-02-20T12:00:30.000Z",
    }
    assert lab.arm("GET", NEW).body == {
        "id": NEW,
        "name": "kv-New",
        "type": "Microsoft.KeyVault/vaults",
        "location": "westeurope",
        "tags": {},
        "systemData": made | changed,
        "properties": {
            "sku": {"family": "A", "name": "standard"},
            "tenantId": TENANT,
            "accessPolicies": [],
            "enabledForDeployment": False,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 7,
            "enableRbacAuthorization": True,
            "vaultUri": "https://kv-new.vault.azure.net/",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
        },
    }


def test_without_delay_a_new_vault_still_has_to_be_asked_for_again(lab: Lab) -> None:
    assert put(lab).body["properties"]["provisioningState"] == "RegisteringDns"
    assert put(lab).body["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("version", "expected"), [("2016-10-01", None), ("2023-02-01", None), ("2025-05-01", None), ("2026-02-01", True)]
)
def test_the_default_permission_model_depends_on_the_api_version(lab: Lab, version: str, expected: bool | None) -> None:
    shown = put(lab, version=version, enableRbacAuthorization=None).body["properties"]
    assert shown.get("enableRbacAuthorization") == expected
    code = lab.refused("GET", "/secrets", vault="kv-new", caller=OPERATOR)[1]
    assert code == ("ForbiddenByRbac" if expected else "ForbiddenByPolicy")


def test_an_update_with_a_newer_api_version_keeps_the_permission_model(lab: Lab) -> None:
    put(lab, version="2023-02-01", enableRbacAuthorization=None)
    assert "enableRbacAuthorization" not in put(lab, enableRbacAuthorization=None).body["properties"]
    put(lab, enableRbacAuthorization=True)
    assert put(lab, enableRbacAuthorization=None).body["properties"]["enableRbacAuthorization"] is True


def test_old_api_versions_do_not_show_what_came_later(lab: Lab) -> None:
    shown = lab.arm("GET", VAULT_ID, version="2016-10-01").body
    assert "systemData" not in shown
    assert not {"enableSoftDelete", "publicNetworkAccess"} & set(shown["properties"])
    shown = lab.arm("GET", VAULT_ID, version="2019-09-01").body
    assert shown["properties"]["enableSoftDelete"] is True
    assert "publicNetworkAccess" not in shown["properties"]


def test_network_rules_that_allow_everything_are_not_shown(lab: Lab) -> None:
    rules = {"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []}
    assert "networkAcls" not in put(lab, networkAcls=rules).body["properties"]
    shown = put(lab, networkAcls={"defaultAction": "Deny"}).body["properties"]["networkAcls"]
    assert shown == rules | {"defaultAction": "Deny"}


@pytest.mark.parametrize(
    "change",
    [
        {"tenantId": None},
        {"tenantId": "mine"},
        {"sku": None},
        {"sku": {"family": "A", "name": "basic"}},
        {"sku": {"family": "B", "name": "standard"}},
        {"accessPolicies": None, "enableRbacAuthorization": False},
        {"accessPolicies": [{"objectId": "x"}]},
        {"accessPolicies": [{"tenantId": STRANGER.object_id, "objectId": "x", "permissions": {}}]},
        {"accessPolicies": [{"tenantId": TENANT, "objectId": str(number), "permissions": {}} for number in range(1025)]},
        {"softDeleteRetentionInDays": 6},
        {"softDeleteRetentionInDays": 91},
        {"enablePurgeProtection": False},
        {"enableRbacAuthorization": "yes"},
        {"publicNetworkAccess": "maybe"},
        {"accessPolicies": [POLICY | {"permissions": {"keys": ["get", "steal"]}}]},
        {"accessPolicies": [POLICY | {"permissions": {"secrets": ["sign"]}}]},
        {"accessPolicies": [POLICY | {"permissions": {"tables": ["get"]}}]},
        {"createMode": "perhaps"},
        {"networkAcls": {"bypass": "Everybody"}},
        {"networkAcls": {"ipRules": "none"}},
        {"networkAcls": {"ipRules": [{}]}},
        {"networkAcls": {"ipRules": [{"value": "office"}]}},
        {"networkAcls": {"ipRules": [{"value": "2001:db8::1"}]}},
        {"networkAcls": {"virtualNetworkRules": [{"id": 1}]}},
        {"networkAcls": []},
        {"networkAcls": {"defaultAction": "Perhaps"}},
    ],
)
def test_impossible_properties(lab: Lab, change: dict[str, Any]) -> None:
    assert refusal(put(lab, **change)) == (400, "BadRequest")
    assert lab.arm("GET", NEW).status == 404


@pytest.mark.parametrize("shown", [True, False])
def test_a_vault_that_knows_roles_needs_no_policies(lab: Lab, shown: bool) -> None:
    lab.azure.habits = Habits(vault_defaults_shown=shown)
    made = put(lab, version="2023-07-01", accessPolicies=None, softDeleteRetentionInDays=None)
    assert made.status == 200, made.body
    assert made.body["properties"]["accessPolicies"] == []
    defaults = {name: made.body["properties"].get(name) for name in ("softDeleteRetentionInDays", "publicNetworkAccess")}
    wanted = {"softDeleteRetentionInDays": 90, "publicNetworkAccess": "Enabled"} if shown else dict.fromkeys(defaults)
    assert defaults == wanted
    assert refusal(put(lab, f"{NEW}-2", version="2023-07-01", accessPolicies=None, enableRbacAuthorization=None)) == (
        400,
        "BadRequest",
    )


@pytest.mark.parametrize("body", [{}, {"name": "kv-free"}, {"name": "kv-free", "type": "vaults"}, {"name": 1, "type": TYPE}])
def test_a_question_for_a_name_is_complete(lab: Lab, body: dict[str, Any]) -> None:
    assert refusal(lab.arm("POST", f"{PROVIDER}/checkNameAvailability", body)) == (400, "BadRequest")


def test_properties_are_an_object(lab: Lab) -> None:
    assert refusal(lab.arm("PATCH", VAULT_ID, {"properties": ""})) == (400, "InvalidRequestContent")


def test_tags_are_text(lab: Lab) -> None:
    body = {"location": "westeurope", "tags": {"a": 1}, "properties": properties()}
    assert refusal(lab.arm("PUT", NEW, body)) == (400, "InvalidRequestContent")


@pytest.mark.parametrize("name", ["ab", "a" * 25, "1st-vault", "two--hyphens", "ends-", "under_score", "-begins"])
def test_impossible_names(lab: Lab, name: str) -> None:
    answer = put(lab, NEW.replace("kv-New", name))
    assert refusal(answer) == (400, "VaultNameNotValid")
    assert answer.body["error"]["message"].startswith(f"The vault name '{name}' is invalid. A vault's name must be between 3-24")
    check = lab.arm("POST", f"{PROVIDER}/checkNameAvailability", {"name": name, "type": "Microsoft.KeyVault/vaults"}).body
    assert (check["nameAvailable"], check["reason"]) == (False, "AccountNameInvalid")


@pytest.mark.parametrize("name", ["abc", "a" * 24, "Kv-1-2-3"])
def test_possible_names(lab: Lab, name: str) -> None:
    check = lab.arm("POST", f"{PROVIDER}/checkNameAvailability", {"name": name, "type": "Microsoft.KeyVault/vaults"})
    assert check.body == {"nameAvailable": True}
    assert put(lab, NEW.replace("kv-New", name)).status == 200


def test_locations(lab: Lab) -> None:
    assert refusal(put(lab, location="")) == (400, "LocationRequired")
    assert refusal(put(lab, location="atlantis")) == (400, "LocationNotAvailableForResourceType")
    put(lab)
    assert refusal(put(lab, location="northeurope")) == (409, "InvalidResourceLocation")


def test_unknown_api_version(lab: Lab) -> None:
    assert refusal(lab.arm("GET", VAULT_ID, version="2030-01-01")) == (400, "NoRegisteredProviderFound")
    assert refusal(put(lab, version="2030-01-01")) == (400, "NoRegisteredProviderFound")


def test_names_are_global(lab: Lab) -> None:
    other = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/other"
    lab.arm("PUT", other, {"location": "westeurope"}, version="2025-04-01")
    answer = put(lab, VAULT_ID.replace("/rg/", "/other/"))
    assert refusal(answer) == (409, "VaultAlreadyExists")
    check = lab.arm("POST", f"{PROVIDER}/checkNameAvailability", {"name": VAULT.upper(), "type": "Microsoft.KeyVault/vaults"})
    assert check.body["message"] == answer.body["error"]["message"].replace(VAULT, VAULT.upper())
    assert check.body["reason"] == "AlreadyExists"
    assert "globaly unique" in check.body["message"], "as Azure spells it"


def test_irreversible_properties(lab: Lab) -> None:
    put(lab, softDeleteRetentionInDays=7)
    answer = put(lab, softDeleteRetentionInDays=8)
    assert refusal(answer) == (400, "BadRequest")
    assert "softDeleteRetentionInDays" in answer.body["error"]["message"]
    assert refusal(put(lab, enableSoftDelete=False)) == (400, "BadRequest")
    assert put(lab).body["properties"]["softDeleteRetentionInDays"] == 7
    put(lab, enablePurgeProtection=True)
    assert put(lab).body["properties"]["enablePurgeProtection"] is True
    assert refusal(put(lab, enablePurgeProtection=False)) == (400, "BadRequest")


def test_patch(lab: Lab) -> None:
    lab.arm("PUT", NEW, {"location": "westeurope", "tags": {"a": "b"}, "properties": properties(enableRbacAuthorization=False)})
    before = lab.arm("GET", NEW).body
    assert lab.arm("PATCH", NEW, {}).body["properties"] == before["properties"]
    changed = lab.arm("PATCH", NEW, {"tags": {"c": "d"}, "properties": {"enableRbacAuthorization": True}}).body
    assert changed["tags"] == {"c": "d"}
    assert changed["properties"] == before["properties"] | {"enableRbacAuthorization": True}
    assert lab.arm("PATCH", NEW.replace("kv-New", "nobody"), {}).status == 404


def test_access_policies_are_added_replaced_and_removed(lab: Lab) -> None:
    put(lab, enableRbacAuthorization=False)

    def ask(kind: str, **permissions: list[str]) -> Any:
        return lab.arm(
            "PUT", f"{NEW}/accessPolicies/{kind}", {"properties": {"accessPolicies": [POLICY | {"permissions": permissions}]}}
        )

    answer = ask("add", keys=["get"], secrets=["get", "list"])
    assert answer.body == {
        "id": f"{NEW}/accessPolicies/",
        "type": "Microsoft.KeyVault/vaults/accessPolicies",
        "properties": {"accessPolicies": [POLICY]},
    }
    more = ask("add", keys=["get", "sign"], certificates=["get"]).body["properties"]["accessPolicies"]
    assert more == [POLICY | {"permissions": {"keys": ["get", "sign"], "secrets": ["get", "list"], "certificates": ["get"]}}]
    less = ask("remove", keys=["get", "sign"], secrets=["list"]).body["properties"]["accessPolicies"]
    assert less == [POLICY | {"permissions": {"keys": [], "secrets": ["get"], "certificates": ["get"]}}]
    other = ask("replace", secrets=["set"]).body["properties"]["accessPolicies"]
    assert other == [POLICY | {"permissions": {"secrets": ["set"]}}]
    assert ask("remove", secrets=["set"]).body["properties"]["accessPolicies"] == []
    assert lab.arm("GET", NEW).body["properties"]["accessPolicies"] == []
    assert refusal(ask("forget", secrets=["set"])) == (400, "BadRequest")


def test_lists_end_with_an_empty_page(lab: Lab) -> None:
    put(lab)
    for scope in (f"{GROUP}/providers/Microsoft.KeyVault", PROVIDER):
        page = lab.arm("GET", f"{scope}/vaults").body
        assert [vault["name"] for vault in page["value"]] == ["kv-New", VAULT]
        assert page["nextLink"].startswith(f"https://management.azure.com{scope}/vaults?api-version=2026-02-01&$skiptoken=")
        assert lab.arm("GET", page["nextLink"]).body == {"value": []}


def test_lists_have_as_many_as_are_wanted(lab: Lab) -> None:
    put(lab)
    page = lab.arm("GET", f"{PROVIDER}/vaults?$top=1").body
    assert [vault["name"] for vault in page["value"]] == ["kv-New"]
    assert [vault["name"] for vault in lab.arm("GET", page["nextLink"]).body["value"]] == [VAULT]


@pytest.mark.parametrize("query", ["$top=x", "$top=0", "$skiptoken=x", "$skiptoken=_w=="])
def test_impossible_lists(lab: Lab, query: str) -> None:
    assert refusal(lab.arm("GET", f"{PROVIDER}/vaults?{query}")) == (400, "BadRequest")


def test_not_found(lab: Lab) -> None:
    answer = lab.arm("GET", NEW)
    assert refusal(answer) == (404, "ResourceNotFound")
    assert "'Microsoft.KeyVault/vaults/kv-New' under resource group 'rg' was not found" in answer.body["error"]["message"]


def test_deployments_put_and_get_as_http_does(lab: Lab) -> None:
    (kind,) = RESOURCE_TYPES
    identifier = ResourceId.parse(NEW)
    with lab.world() as world:
        shown = kind.put(world, identifier, {"location": "westeurope", "properties": properties()}, "2026-02-01", OPERATOR)
        assert kind.get(world, identifier, "2026-02-01") == shown
        assert shown["properties"]["vaultUri"] == "https://kv-new.vault.azure.net/"
        with pytest.raises(Refusal) as refused:
            kind.put(world, ResourceId.parse(NEW + "--x"), {"location": "westeurope"}, "2026-02-01", OPERATOR)
    assert refused.value.response.status == 400
    assert lab.arm("GET", NEW).body == shown
    assert shown["systemData"]["createdAt"].startswith("2026-02-20T12:00")
    assert lab.clock.now() == NOW


def test_the_permission_model_changes_only_for_a_caller_that_may_assign_roles(lab: Lab) -> None:
    lab.assign(STRANGER, CONTRIBUTOR)
    policies = {"location": "westeurope", "properties": properties(enableRbacAuthorization=False)}
    for method in ("PUT", "PATCH"):
        answer = lab.arm(method, VAULT_ID, policies, caller=STRANGER)
        assert refusal(answer) == (403, "InsufficientPermissions")
        assert answer.body["error"]["message"].startswith("Caller is not allowed to change permission model.")
    assert lab.arm("GET", VAULT_ID).body["properties"]["enableRbacAuthorization"] is True
    assert lab.arm("PUT", VAULT_ID, {"location": "westeurope", "properties": properties()}, caller=STRANGER).status == 200
    assert lab.arm("PATCH", VAULT_ID, policies).body["properties"]["enableRbacAuthorization"] is False


def test_there_are_no_managed_hsms(lab: Lab) -> None:
    """Microsoft's CLI asks for them wherever it lists vaults."""
    for path in (
        f"{PROVIDER}/managedHSMs",
        f"{PROVIDER}/deletedManagedHSMs",
        f"{GROUP}/providers/Microsoft.KeyVault/managedHSMs",
    ):
        assert lab.arm("GET", path).body == {"value": []}
        assert refusal(lab.arm("GET", path, version="2030-01-01")) == (400, "NoRegisteredProviderFound")
    check = f"{PROVIDER}/checkMhsmNameAvailability"
    assert lab.arm("POST", check, {"name": "hsm-1"}).body == {"nameAvailable": True}
    assert lab.arm("POST", check, {"name": "hsm--1"}).body["reason"] == "AccountNameInvalid"
    assert refusal(lab.arm("POST", check, {})) == (400, "BadRequest")
