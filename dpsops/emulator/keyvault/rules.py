"""What a vault may be: names, properties, and which of them can never be taken back. Pure.

Source: Microsoft.KeyVault/vaults, `VaultProperties`; "Azure Key Vault soft-delete overview".
"""

from __future__ import annotations

import re
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.locations import require_same
from dpsops.emulator.resource_provider.networks import is_network
from dpsops.emulator.resource_provider.resources import ResourceId

API_VERSIONS = frozenset(
    {
        "2015-06-01", "2016-10-01", "2018-02-14-preview", "2018-02-14", "2019-09-01", "2020-04-01-preview",
        "2021-04-01-preview", "2021-06-01-preview", "2021-10-01", "2021-11-01-preview", "2022-02-01-preview",
        "2022-07-01", "2022-11-01", "2023-02-01", "2023-07-01", "2024-04-01-preview", "2024-11-01",
        "2024-12-01-preview", "2025-05-01", "2026-02-01", "2026-05-15",
    }
)  # fmt: skip

_NAME = re.compile(r"(?!.*--)[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_RBAC_BY_DEFAULT = "2026-02-01"

_KEPT = (
    "sku", "tenantId", "networkAcls", "accessPolicies", "enabledForDeployment", "enabledForDiskEncryption",
    "enabledForTemplateDeployment", "enableSoftDelete", "softDeleteRetentionInDays", "enableRbacAuthorization",
    "enablePurgeProtection", "publicNetworkAccess",
)  # fmt: skip
"""The properties of a request that a vault keeps, in the order in which they are shown."""

_RULES: JSON = {"value": {}, "id": {}, "ignoreMissingVnetServiceEndpoint": {}}
_SHAPES: dict[str, JSON] = {
    "sku": {"family": {}, "name": {}},
    "networkAcls": {"bypass": {}, "defaultAction": {}, "ipRules": _RULES, "virtualNetworkRules": _RULES},
    "accessPolicies": {
        "tenantId": {}, "objectId": {}, "applicationId": {},
        "permissions": {"keys": {}, "secrets": {}, "certificates": {}, "storage": {}},
    },
}  # fmt: skip
"""The members of what a request has in these properties, by the model of the API. Others are not kept."""

_MOST_POLICIES = 1024
_LONGEST_RETENTION = 90
_COMMON = frozenset({"all", "get", "list", "delete", "recover", "purge", "backup", "restore"})
_PERMISSIONS = {
    "keys": _COMMON | {
        "encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify", "create", "update", "import", "release", "rotate",
        "getrotationpolicy", "setrotationpolicy",
    },
    "secrets": _COMMON | {"set"},
    "certificates": _COMMON | {
        "create", "import", "update", "managecontacts", "getissuers", "listissuers", "setissuers", "deleteissuers",
        "manageissuers",
    },
    "storage": _COMMON | {"set", "update", "regeneratekey", "setsas", "listsas", "getsas", "deletesas"},
}  # fmt: skip
"""What an access policy may grant, in lower case (`Permissions`): clients write it in any case."""

_DEFAULT_ACLS: JSON = {"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []}
"""Network rules that rule nothing, which are not shown."""

_FLAGS = (
    "enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment", "enableSoftDelete",
    "enableRbacAuthorization", "enablePurgeProtection",
)  # fmt: skip


def require_api_version(api_version: str) -> None:
    """Refuses an API version that the provider does not have."""
    if api_version in API_VERSIONS:
        return
    raise refusal(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location '' and API version '{api_version}' for type 'vaults'. "
        f"The supported api-versions are '{', '.join(sorted(API_VERSIONS))}'. "
        f"The supported locations are '{', '.join(regions.REGIONS)}'.",
    )


def body_of(request: Request) -> JSON:
    """The body of a request that has `properties`, or none at all."""
    body = request.json()
    if not isinstance(body, dict) or not isinstance(body.get("properties"), dict | None):
        raise refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return body


def name_fault(name: str) -> str:
    """What is wrong with a vault's name, or nothing."""
    if _NAME.fullmatch(name):
        return ""
    return (
        f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin "
        "with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link for more information: "
        "https://go.microsoft.com/fwlink/?linkid=2147742"
    )


def require_name(name: str) -> None:
    """Refuses a name that no vault can have."""
    fault = name_fault(name)
    if fault:
        raise refusal(400, "VaultNameNotValid", fault)


def name_in_use(name: str) -> str:
    """Why a name cannot be had."""
    return (
        f"The vault name '{name}' is already in use. Vault names are globaly unique so it is possible that the name is already "
        "taken. If you are sure that the vault name was not taken then it is possible that a vault with the same name was "
        "recently deleted but not purged after being placed in a recoverable state. If the vault is in a recoverable state then "
        "the vault will need to be purged before reusing the name. For more information on soft delete and purging a vault "
        "follow this link https://go.microsoft.com/fwlink/?linkid=2147740."
    )


def require_own(document: JSON, identifier: ResourceId) -> None:
    """Refuses (409) the name of another vault; of one that the same subscription has deleted, wherever it was, in other words."""
    there = ResourceId.parse(document["id"])
    if there.key == identifier.key:
        return
    if document["deleted"] is not None and there.subscription.lower() == identifier.subscription.lower():
        raise _still_deleted()
    raise refusal(409, "VaultAlreadyExists", name_in_use(identifier.name))


def _still_deleted() -> Refusal:
    return refusal(
        409,
        "ConflictError",
        "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. "
        "Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
    )


def require_replaceable(document: JSON, location: str, group: str) -> None:
    """Refuses (409) a PUT over a vault that is deleted but not purged, or that is somewhere else."""
    if document["deleted"] is not None:
        raise _still_deleted()
    require_same(document, location, group)


def properties(given: JSON, present: JSON | None, api_version: str, *, defaults: bool = True, kept: bool = False) -> JSON:
    """A vault's properties after a PUT: what is given over the defaults, where the present ones do not bind.

    `defaults`: a new vault says how long it keeps what is deleted and that it is open, though nobody asked. `kept`: all that
    is not given stays. A vault that knows roles needs no access policies (recorded 2025).
    """
    result = {name: given[name] for name in _KEPT if given.get(name) is not None}
    if kept and present is not None:
        result = present | result
    result.setdefault("enabledForDeployment", False)
    if defaults:
        result.setdefault("publicNetworkAccess", "Enabled")
    if present is not None:
        for name in ("enableSoftDelete", "softDeleteRetentionInDays", "enablePurgeProtection", "enableRbacAuthorization"):
            if name in present:
                result.setdefault(name, present[name])
    result.setdefault("enableSoftDelete", True)
    if present is None and api_version >= _RBAC_BY_DEFAULT:
        result.setdefault("enableRbacAuthorization", True)
    if present is None and defaults and result["enableSoftDelete"]:
        result.setdefault("softDeleteRetentionInDays", _LONGEST_RETENTION)
    if result.get("enableRbacAuthorization") is True:
        result.setdefault("accessPolicies", [])
    _check(result, present)
    result |= {name: _known(result[name], shape) for name, shape in _SHAPES.items() if name in result}
    acls = _DEFAULT_ACLS | result.pop("networkAcls", {})
    result |= {} if acls == _DEFAULT_ACLS else {"networkAcls": acls}
    return {name: result[name] for name in _KEPT if name in result}


def _known(value: Any, shape: JSON) -> Any:
    """A value without the members that its model does not have, and without those that are null."""
    if isinstance(value, list):
        return [_known(each, shape) for each in value]
    if isinstance(value, dict):
        return {name: _known(each, shape[name]) for name, each in value.items() if name in shape and each is not None}
    return value


def policies_after(operation: str, present: list[JSON], given: list[JSON]) -> list[JSON]:
    """Access policies after `add`, `replace` or `remove` of others (Vaults_UpdateAccessPolicy)."""
    result = {_holder(policy): policy for policy in present}
    for policy in given:
        holder = _holder(policy)
        before = result.get(holder, {"permissions": {}})["permissions"]
        match operation:
            case "add":
                result[holder] = policy | {"permissions": _joined(before, policy["permissions"])}
            case "replace":
                result[holder] = policy
            case "remove":
                left = _without(before, policy["permissions"])
                result.pop(holder, None)
                if any(left.values()):
                    result[holder] = policy | {"permissions": left}
            case _:
                raise bad_request(f"An invalid value was provided for 'operationKind': {operation}.")
    return list(result.values())


def checked_policies(given: Any, tenant: str) -> list[JSON]:
    """The access policies of a request: at most 1024, all of the vault's own tenant. Refused if they are not so."""
    if not isinstance(given, list) or len(given) > _MOST_POLICIES or not all(map(_is_policy, given)):
        raise bad_request("An invalid value was provided for 'accessPolicies'.")
    if any(policy["tenantId"].lower() != tenant.lower() for policy in given):
        raise bad_request("An invalid value was provided for 'accessPolicies': all must use the tenant ID of the key vault.")
    return list(_known(given, _SHAPES["accessPolicies"]))


def bad_request(message: str) -> Refusal:
    """400, as the provider words it."""
    return refusal(400, "BadRequest", message)


def _check(result: JSON, present: JSON | None) -> None:
    if not isinstance(result.get("tenantId"), str) or not _GUID.fullmatch(result["tenantId"]):
        raise bad_request("An invalid value was provided for 'tenantId'.")
    sku = result.get("sku")
    if not isinstance(sku, dict) or sku.get("family") != "A" or str(sku.get("name")).lower() not in ("standard", "premium"):
        raise bad_request("An invalid value was provided for 'sku'.")
    if "accessPolicies" not in result:
        raise bad_request("The parameter accessPolicies is not specified.")
    checked_policies(result["accessPolicies"], result["tenantId"])
    for name in _FLAGS:
        if not isinstance(result.get(name, False), bool):
            raise bad_request(f"An invalid value was provided for '{name}'.")
    if not _are_acls(result.get("networkAcls", {})):
        raise bad_request("An invalid value was provided for 'networkAcls'.")
    if str(result.get("publicNetworkAccess", "Enabled")).lower() not in ("enabled", "disabled"):
        raise bad_request("An invalid value was provided for 'publicNetworkAccess'.")
    days = result.get("softDeleteRetentionInDays", 90)
    if not isinstance(days, int) or isinstance(days, bool) or not 7 <= days <= 90:
        raise bad_request("An invalid value was provided for 'softDeleteRetentionInDays'. It accepts >=7 and <=90.")
    if result.get("enablePurgeProtection") is False:
        raise _irreversible("enablePurgeProtection", "purge protection for a vault")
    if present is None:
        return
    if present["enableSoftDelete"] and not result["enableSoftDelete"]:
        raise _irreversible("enableSoftDelete", "'soft delete' functionality")
    if days != present.get("softDeleteRetentionInDays", 90):
        raise bad_request('The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.')


def _are_acls(acls: Any) -> bool:
    """Whether these are network rules (`NetworkRuleSet`): of IPv4 addresses and ranges, if of any."""
    if not isinstance(acls, dict):
        return False
    rules = {"ipRules": "value", "virtualNetworkRules": "id"}
    return (
        (acls.get("defaultAction") or "Allow") in ("Allow", "Deny")
        and (acls["bypass"] if acls.get("bypass") is not None else "None") in ("AzureServices", "None")
        and all(_are_rules([] if acls.get(name) is None else acls[name], target) for name, target in rules.items())
        and all(is_network(rule["value"]) for rule in acls.get("ipRules") or [])
    )


def _are_rules(rules: Any, target: str) -> bool:
    return isinstance(rules, list) and all(isinstance(rule, dict) and isinstance(rule.get(target), str) for rule in rules)


def _irreversible(name: str, what: str) -> Refusal:
    return bad_request(f'The property "{name}" cannot be set to false. Enabling the {what} is an irreversible action.')


def _is_policy(policy: Any) -> bool:
    return (
        isinstance(policy, dict)
        and all(isinstance(policy.get(name), str) and policy[name] for name in ("tenantId", "objectId"))
        and isinstance(policy.get("permissions"), dict)
        and all(_are_permissions(kind, verbs) for kind, verbs in policy["permissions"].items() if verbs is not None)
    )


def _are_permissions(kind: str, verbs: Any) -> bool:
    known = _PERMISSIONS.get(kind, frozenset())
    return isinstance(verbs, list) and all(isinstance(verb, str) and verb.lower() in known for verb in verbs)


def _holder(policy: JSON) -> tuple[str, str]:
    return policy["objectId"].lower(), str(policy.get("applicationId", "")).lower()


def _joined(before: dict[str, list[str]], more: dict[str, list[str]]) -> dict[str, list[str]]:
    new = {kind: [verb for verb in verbs if verb not in before.get(kind, [])] for kind, verbs in more.items()}
    return {kind: [*before.get(kind, []), *new.get(kind, [])] for kind in {**before, **more}}


def _without(before: dict[str, list[str]], less: dict[str, list[str]]) -> dict[str, list[str]]:
    return {kind: [verb for verb in verbs if verb not in less.get(kind, [])] for kind, verbs in before.items()}
