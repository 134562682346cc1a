"""The hint for each reason that Azure gives, and how several reasons are told."""

from __future__ import annotations

import pytest

from dpsops.model.failure import Policy, Reason, advised, told
from dpsops.model.hints import hint, is_policy

SUBSCRIPTION = "/subscriptions/5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-dpsops-dev"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-dpsops-dev"
ASSIGNED = "providers/Microsoft.Authorization/policyAssignments/76ee"
DENIED = "Resource 'kv-dpsops-dev' was disallowed by policy."
IN_USE = "this name is already in use: choose another name in the settings, or remove the resource that has it"
RBAC = "Microsoft.Authorization/roleAssignments/write"


def locked(*scopes: str) -> str:
    """The words of a lock."""
    named = ",".join(f"'{scope}'" for scope in scopes)
    return f"The scope '{VAULT}' cannot perform write operation because following scope(s) are locked: {named}. Please remove it."


HINTS: dict[str, tuple[Reason, str]] = {
    # what: the reason -> words of its hint, all of them
    "a hub's name": (
        Reason("409004", "IotHub name 'iot-x' not available. (IH409004)"),
        "the name iot-x is already in use, * choose another one",
    ),
    "a DPS's name": (
        Reason("409000", "Provisioning Service name 'dps-x' is not available."),
        "the name dps-x is already in use,",
    ),
    "a checked name": (Reason("AlreadyExists", "No."), IN_USE),
    "a hub's name without words": (Reason("409004", "Conflict"), IN_USE),
    "a vault's name": (
        Reason("VaultAlreadyExists", "The vault name 'kv-x' is already in use. It may have been deleted."),
        "choose another vault name in the settings* in any region, 'az keyvault list-deleted' shows it: az keyvault recover "
        "--name kv-x --location LOCATION",
    ),
    "a checked vault's name": (Reason("AlreadyExists", "The vault name 'kv-x' is already in use."), "choose another vault name"),
    "a deleted vault": (
        Reason("ConflictError", "A vault with the same name already exists in deleted state. You need to recover it.", VAULT),
        "recover the vault and what is in it: az keyvault recover --name kv-dpsops-dev --location LOCATION*list-deleted*destroy",
    ),
    "a deleted vault without a target": (
        Reason("Conflict", "A vault with the same name already exists in deleted state."),
        "az keyvault recover --name NAME --location",
    ),
    "a deleted secret": (
        Reason("ObjectIsDeletedButRecoverable", "Secret device-press-07 is currently in a deleted but recoverable state."),
        "az keyvault secret recover --vault-name VAULT --name device-press-07",
    ),
    "something deleted": (Reason("ObjectIsDeletedButRecoverable", "No."), "recover it in the vault,"),
    "a policy for tags": (
        Reason("RequestDisallowedByPolicy", DENIED, policies=(Policy("Company", f"{SUBSCRIPTION}/{ASSIGNED}", ("tags[team]",)),)),
        "the policy 'Company' (assigned on the subscription, which looks at tags[team]) does not allow this: set the tags that "
        "it wants in the settings, under [tags],",
    ),
    "a policy that says so": (
        Reason("RequestDisallowedByPolicy", f"{DENIED} Reasons: 'Please add the tag 'team''.", policies=(Policy("X"),)),
        "the policy 'X' does not allow this: set the tags",
    ),
    "a policy for locations": (
        Reason("RequestDisallowedByPolicy", DENIED, policies=(Policy("Allowed locations", f"{GROUP}/{ASSIGNED}"),)),
        "the policy 'Allowed locations' (assigned on the resource group rg-dpsops-dev) does not allow this: set a location",
    ),
    "two policies": (
        Reason(
            "RequestDisallowedByPolicy",
            DENIED,
            policies=(
                Policy("A", f"/providers/Microsoft.Management/managementGroups/all/{ASSIGNED}"),
                Policy("B"),
                Policy("B"),
            ),
        ),
        "the policies 'A' (assigned on the management group all) and 'B' do not allow this: set what it wants*exemption",
    ),
    "a policy that is not named": (Reason("RequestDisallowedByPolicy", DENIED), "a policy does not allow this:"),
    "a vault's own policy": (Reason("ForbiddenByPolicy", "No."), "a policy on the vault does not allow"),
    "a lock on a vault": (
        Reason("ScopeLocked", locked(VAULT)),
        "a lock on Microsoft.KeyVault/vaults/kv-dpsops-dev: 'az lock list --resource-group rg-dpsops-dev'*az lock delete",
    ),
    "two locks": (
        Reason("ScopeLocked", locked(SUBSCRIPTION, GROUP.replace("resourceGroups", "resourcegroups"))),
        "a lock on the subscription and on the resource group rg-dpsops-dev: 'az lock list --resource-group rg-dpsops-dev'",
    ),
    "locks in two groups": (Reason("ScopeLocked", locked(GROUP, f"{GROUP}-2")), "rg-dpsops-dev-2: 'az lock list' shows"),
    "a lock on anything else": (Reason("ScopeLocked", locked("/x")), "a lock on /x: 'az lock list' shows"),
    "a lock that is not named": (
        Reason("ScopeLocked", "It is locked."),
        "a lock on this scope, or on one around or in it: 'az lock list'",
    ),
    "a group that is being deleted": (
        Reason("ResourceGroupBeingDeleted", "The resource group 'rg-x' is in deprovisioning state."),
        "wait until the resource group is deleted (az group wait --deleted --name rg-x), then run the command again",
    ),
    "a group that is not named": (
        Reason("ResourceGroupBeingDeleted", "No."),
        "wait until the resource group is deleted, then run",
    ),
    "a provider": (
        Reason("MissingSubscriptionRegistration", "The subscription is not registered to use namespace 'Microsoft.Devices'."),
        "(minutes): az provider register --namespace Microsoft.Devices --wait",
    ),
    "a role that is assigned already": (
        Reason(
            "RoleAssignmentExists",
            ("The role assignment already exists. The ID of the existing role assignment is 2f9290b01a8244fea959b441c49c84cb."),
        ),
        "list --all --query \"[?name=='2f9290b0-1a82-44fe-a959-b441c49c84cb']\"*az role assignment delete --ids ID",
    ),
    "the same, to 2025": (
        Reason("RoleAssignmentExists", "The role assignment already exists."),
        "(az role assignment list --all), delete",
    ),
    "an assignment of another": (Reason("RoleAssignmentUpdateNotPermitted", "No."), "belongs to another identity or role"),
    "a new identity": (
        Reason("PrincipalNotFound", "Principal 1eca does not exist in the directory 5482."),
        "wait a minute and run",
    ),
    "two free hubs": (
        Reason("400019", "Max number of Iot Hubs exceeded for sku = Free, Max Allowed = 1, Current = 2. (IH400019)"),
        "one free hub at most: set another sku for the hub in the settings, such as S1,*'az iot hub list'",
    ),
    "too many hubs": (
        Reason("400019", "Max number of Iot Hubs exceeded for sku = S1."),
        "a limit of the subscription is reached",
    ),
    "no such location for a group": (
        Reason("LocationNotAvailableForResourceGroup", "No."),
        "set another location in the settings",
    ),
    "no such location for a resource": (
        Reason("LocationNotAvailableForResourceType", "No."),
        "set another location in the settings",
    ),
    "no such location (2016)": (Reason("NoRegisteredProviderFound", "No."), "set another location in the settings"),
    "a resource elsewhere": (
        Reason("InvalidResourceLocation", "The resource 'x' already exists in location 'westus2' in resource group 'y'."),
        "set its location to westus2 in the settings, or choose another name",
    ),
    "a group elsewhere": (
        Reason("InvalidResourceGroupLocation", "The Resource group already exists in location 'westus2'."),
        "set its location to westus2",
    ),
    "an invalid name": (Reason("400305", "Should be 3 to 50 chars long. (IH400305)"), "correct this name in the settings"),
    "a hub that is being changed": (Reason("409000", "The resource 'iot' is in state Transitioning."), "wait a minute, then run"),
    "a disabled subscription": (Reason("ReadOnlyDisabledSubscription", "No."), "the subscription is disabled"),
    "no role": (
        Reason("AuthorizationFailed", f"No authorization to perform action '{RBAC}' over scope '{VAULT}' or it is invalid."),
        f"assign the role 'Role Based Access Control Administrator' on {GROUP} and",
    ),
    "no role, in the preflight": (
        Reason(
            "InvalidTemplateDeployment",
            (f"Authorization failed for template resource 'x' of type 'y': no action '{RBAC}' at scope '{VAULT}'."),
        ),
        f"assign the role 'Role Based Access Control Administrator' on {GROUP} and",
    ),
    "no role on what is linked": (
        Reason(
            "LinkedAuthorizationFailed",
            (
                f"It has permission to perform action 'x/y/read' on scope '{VAULT}'; however, it does not have permission to "
                f"perform action(s) 'x/join/action' on the linked scope(s) '{GROUP}-2/providers/x/y/z' (respectively) or"
            ),
        ),
        f"assign the role 'Contributor', or a custom one that allows x/join/action, on {GROUP}-2 and",
    ),
    "a tenant that is not linked": (
        Reason(
            "LinkedAuthorizationFailed", "It has permission to perform action 'x/y' on scope '/z', however the tenant has not."
        ),
        "ask an owner of the subscription for access",
    ),
    "anything else": (Reason("BadRequest", "No."), ""),
    "an enrollment that exists": (Reason("409201", "Enrollment already exists."), "another run has just created it: run"),
    "a group that exists": (Reason("409204", "EnrollmentGroup already exists."), "another run has just created it: run"),
    "a full disk": (
        Reason("InternalServerError", "The embedded Azure cannot keep its state: database or disk is full."),
        "check disk space and permissions, then run the command again: it continues",
    ),
}


@pytest.mark.parametrize(("reason", "words"), HINTS.values(), ids=HINTS)
def test_the_hint_follows_code_and_words(reason: Reason, words: str) -> None:
    found = hint(reason)
    assert bool(found) == bool(words)
    assert "\n" not in found
    for part in words.split("*"):
        _, present, found = found.partition(part) if part else ("", True, found)
        assert present, part


def test_a_policy_is_not_a_missing_role() -> None:
    assert is_policy(Reason("RequestDisallowedByPolicy", DENIED))
    assert not is_policy(Reason("AuthorizationFailed", "No."))


A, B, C = Reason("ScopeLocked", "A."), Reason("ObjectIsBeingDeleted", "B."), Reason("BadRequest", "C.")


def test_one_reason_is_told_in_one_line() -> None:
    assert told([A]) == "A."
    assert told([A], "it would fail") == "it would fail: A."


def test_several_reasons_are_numbered() -> None:
    assert told([A, B]) == "Azure gives 2 reasons:\n1. A.\n2. B."
    assert told([A, B], "it would fail") == "it would fail for 2 reasons:\n1. A.\n2. B."


def test_hints_have_the_numbers_of_their_reasons_unless_one_fits_all() -> None:
    hints = {A.message: "x", B.message: "y", C.message: ""}

    def of(*reasons: Reason) -> str:
        return advised(reasons, lambda reason: hints[reason.message], "otherwise")

    assert of(C) == of(C, C) == "otherwise"
    assert of(A) == of(A, A) == "x"
    assert of(C, A) == "2. x"
    assert of(A, B, A, C) == "1, 3. x\n2. y"
