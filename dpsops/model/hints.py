"""What to do about a reason that Azure gives: one table, from its code and its words to the next step.

Source: the codes and words as they are recorded or quoted (Microsoft, "Resolve common errors with Azure Resource Manager";
recordings, 2017 to 2026). A code may stand anywhere: at the top, in a detail, or in text that a detail quotes.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime

from dpsops.model.failure import Policy, Reason
from dpsops.model.permissions import is_denied, missing_role
from dpsops.settings import Environment

_AGAIN = "then run the command again"

CONFLICT = (
    "something of this name exists already, or is being changed: wait a minute and run the command again; if it fails again, "
    "choose another name in the settings"
)
"""What to do about any conflict that is not in the table."""

TAKEN = "this name is already in use: choose another name in the settings, or remove the resource that has it"


def hint(reason: Reason) -> str:
    """The next thing to do about a reason, or empty if nothing fits better than a general hint."""
    if is_denied(reason.code, reason.message):
        return missing_role(reason.code, reason.message)
    for code, words, step in _STEPS:
        if re.fullmatch(code, reason.code) and (found := re.search(words, reason.message, re.IGNORECASE)):
            return step(reason) if callable(step) else step.format(**found.groupdict())
    return ""


def is_policy(reason: Reason) -> bool:
    """Whether an Azure Policy denies it, to anybody: no role helps."""
    return reason.code == "RequestDisallowedByPolicy"


def _policy(reason: Reason) -> str:
    names = " and ".join(dict.fromkeys(_named(policy) for policy in reason.policies))
    who = f"the policy {names} does" if len(reason.policies) == 1 else f"the policies {names} do" if names else "a policy does"
    clues = [*(field for each in reason.policies for field in each.fields), *(each.name for each in reason.policies)]
    about = " ".join([*clues, *re.findall(r"Reasons: '(.*)'", reason.message)]).lower()
    if re.search(r"\btags?\b", about):
        return f"{who} not allow this: set the tags that it wants in the settings, under [tags], {_AGAIN}"
    if re.search(r"\b(locations?|regions?)\b", about):
        return f"{who} not allow this: set a location that it allows in the settings, {_AGAIN}"
    return f"{who} not allow this: set what it wants in the settings, or ask its owner for an exemption, {_AGAIN}"


def _named(policy: Policy) -> str:
    scope = re.split(r"/providers/Microsoft\.Authorization/", policy.assignment, flags=re.IGNORECASE)[0]
    fields = f", which looks at {', '.join(policy.fields)}" if policy.fields else ""
    return f"'{policy.name}'" + (f" (assigned on {_place(scope)}{fields})" if scope else "")


def _lock(reason: Reason) -> str:
    scopes = re.findall(r"'([^']+)'", reason.message.partition("are locked:")[2])
    where = " and on ".join(dict.fromkeys(_place(scope) for scope in scopes)) or "this scope, or on one around or in it"
    groups = {found[1] for scope in scopes if (found := re.search(r"/resourceGroups/([^/]+)", scope, re.IGNORECASE))}
    within = f" --resource-group {groups.pop()}" if len(groups) == 1 else ""
    return (
        f"there is a lock on {where}: 'az lock list{within}' shows it and its notes; when its owner has removed it "
        "(az lock delete), run the command again"
    )


def _place(scope: str) -> str:
    """A scope for people: `the resource group rg`, `Microsoft.KeyVault/vaults/kv`."""
    _, resource, name = scope.partition("/providers/")
    if resource:
        return name if not name.lower().startswith("microsoft.management/") else f"the management group {name.split('/')[-1]}"
    found = re.fullmatch(r"/subscriptions/[^/]+(?:/resourceGroups/([^/]+))?/?", scope, re.IGNORECASE)
    if found is None:
        return scope
    return f"the resource group {found[1]}" if found[1] else "the subscription"


def _existing_assignment(reason: Reason) -> str:
    found = re.search(r"assignment is ([0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12})\b", reason.message, re.IGNORECASE)
    which = f" --query \"[?name=='{uuid.UUID(found[1])}']\"" if found else ""
    return (
        "somebody has assigned this role already, under another name: find that assignment "
        f"(az role assignment list --all{which}), delete it (az role assignment delete --ids ID), {_AGAIN}: it assigns the role"
    )


def recover_vault(environment: Environment, name: str, *, group_exists: bool, until: datetime | None) -> str:
    """What to do about a vault that is deleted and keeps its name. `until`: when a vault that nobody can purge is gone."""
    group = "" if group_exists else f"az group create --name {environment.resource_group} --location {environment.location}; "
    purge = (
        f"nobody can purge it before {until:%Y-%m-%d}"
        if until
        else f"'az keyvault purge --name {name}' would destroy both for ever"
    )
    anew = "; or begin anew: dpsops local reset" if environment.is_local else ""
    return (
        f"recover the vault and what is in it: {group}az keyvault recover --name {name}; then run the command again; or choose "
        f"another vault name; {purge}{anew}"
    )


def _deleted_vault(reason: Reason) -> str:
    found = re.search(r"/vaults/([^/]+)$", reason.target) or re.search(r"vault name '([^']+)'", reason.message)
    return (
        f"recover the vault and what is in it: az keyvault recover --name {found[1] if found else 'NAME'} --location LOCATION "
        "('az keyvault list-deleted' shows where it was); or choose another vault name in the settings; "
        "'az keyvault purge' would destroy both for ever"
    )


def _recoverable(reason: Reason) -> str:
    found = re.search(r"\b(secret|certificate|key)\b.*? ([\w-]+) is currently", reason.message, re.IGNORECASE)
    command = f" (az keyvault {found[1].lower()} recover --vault-name VAULT --name {found[2]})" if found else " in the vault"
    return f"recover it{command}, {_AGAIN}; to purge it would destroy it for ever"


def _taken_vault(reason: Reason) -> str:
    found = re.search(r"vault name '([^']+)'", reason.message)
    return (
        "choose another vault name in the settings: these names are unique in all of Azure; if you deleted a vault of this name, "
        f"in any region, 'az keyvault list-deleted' shows it: az keyvault recover --name {found[1] if found else 'NAME'} "
        "--location LOCATION"
    )


def is_overtaken(reason: Reason) -> bool:
    """Whether a vault refuses because an object is in another state than when it was read: another run was faster. No role helps,
    though a vault answers 403. Source: Key Vault's words, as its REST API answers them."""
    return reason.code == "KeyDisabled" or re.search(_OVERTAKEN, reason.message, re.IGNORECASE) is not None


_OVERTAKEN = r"not allowed on a disabled key|Pending status must be in progress"

_LOCATED = "LocationNotAvailableForResourceGroup|LocationNotAvailableForResourceType|NoRegisteredProviderFound"

_STEPS: tuple[tuple[str, str, str | Callable[[Reason], str]], ...] = (
    # the code, in full; words in the message; what to do, with named parts of the words
    ("RequestDisallowedByPolicy", "", _policy),
    (
        "ForbiddenByPolicy", "",
        "a policy on the vault does not allow this key or certificate: set another in the settings, or ask its owner",
    ),
    ("ScopeLocked", "", _lock),
    (
        "ResourceGroupBeingDeleted", r"resource group '(?P<group>[^']+)'",
        "wait until the resource group is deleted (az group wait --deleted --name {group}), " + _AGAIN,
    ),
    ("ResourceGroupBeingDeleted", "", "wait until the resource group is deleted, " + _AGAIN),
    (
        ".*", r"not registered to use namespace '(?P<namespace>[^']+)'",
        "register the namespace once in the subscription (minutes): az provider register --namespace {namespace} --wait",
    ),
    (
        ".*", r"language expression property array index '0' is out of bounds",
        "no access policy of a hub may do what the DPS does there (RegistryWrite, ServiceConnect and DeviceConnect): make one "
        "(az iot hub policy create), or set link = \"identity\" under [dps] in the settings",
    ),
    ("RoleAssignmentExists", "", _existing_assignment),
    (
        "RoleAssignmentUpdateNotPermitted", "",
        "a role assignment of this name belongs to another identity or role: find it (az role assignment list --all), delete it "
        "(az role assignment delete --ids ID), " + _AGAIN,
    ),
    (
        "PrincipalNotFound", "",
        "a new identity is not known everywhere at once: wait a minute and run the command again; if it fails again, check "
        "whether the identity that is signed in still exists",
    ),
    (".*", "already exists in deleted state", _deleted_vault),
    ("VaultAlreadyExists", "", _taken_vault),
    (".*", r"vault name '[^']+' is already in use", _taken_vault),
    ("ObjectIsBeingDeleted", "", "an object of this name is still being deleted: wait a minute and run the command again"),
    ("ObjectIsDeletedButRecoverable", "", _recoverable),
    (".*", "is currently in a deleted but recoverable state", _recoverable),
    (
        ".*", r"^Enrollment(Group)? already exists",
        "another run has just created it: run the command again, it continues from the new state",
    ),
    (".*", "is inProgress", "another run is creating this certificate: wait until it has finished, " + _AGAIN),
    ("DeploymentActive", "", "another deployment of this environment is running: wait until it has finished, " + _AGAIN),
    (
        ".*", r"Max number of Iot ?Hubs exceeded for sku = Free",
        "a subscription has one free hub at most: set another sku for the hub in the settings, such as S1, or remove the other "
        "F1 hub ('az iot hub list' shows it)",
    ),
    (
        "400019|.*QuotaExceeded", "",
        "a limit of the subscription is reached: remove what is no longer needed, or ask Azure's support for a higher one",
    ),
    (
        "InvalidResourceLocation|InvalidResourceGroupLocation", r"already exists in location '(?P<location>[^']+)'",
        "set its location to {location} in the settings, or choose another name",
    ),
    (_LOCATED, "", "set another location in the settings, one that has this service: Azure's message lists them"),
    (
        "SubscriptionNotFound", "",
        "check the subscription in the settings or AZURE_SUBSCRIPTION_ID: 'az account list' shows yours",
    ),
    (".*", "^The embedded Azure cannot keep its state", "check disk space and permissions, " + _AGAIN + ": it continues"),
    ("ReadOnlyDisabledSubscription", "", "the subscription is disabled: its owner must enable it again"),
    (
        ".*", r"name '(?P<name>[^']+)' (?:is )?not available",
        "the name {name} is already in use, perhaps by somebody else: choose another one in the settings, or remove what has it",
    ),
    ("AlreadyExists|409004", "", TAKEN),
    (".*", r"\b(?:already in use|name (?:is )?(?:already )?taken)\b", TAKEN),
    ("400305|VaultNameNotValid|InvalidResourceName|InvalidResourceGroup(Name)?", "", "correct this name in the settings"),
    (".*", r"\bis in state (?:Activating|Transitioning|Deleting)", "wait a minute, " + _AGAIN + ": it is still being changed"),
)  # fmt: skip
"""The first line that fits decides."""
