"""The role that an error names has the right that is missing."""

from __future__ import annotations

import pytest

from dpsops.model import needs
from dpsops.model.built_in_roles import BUILT_IN
from dpsops.model.permissions import missing_role, narrowest_role

SUBSCRIPTION = "/subscriptions/5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-dpsops-test"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"

WANTED = sorted({(need.action, need.data) for each in needs.NEEDS.values() for need in each})


@pytest.mark.parametrize(("action", "data"), WANTED, ids=str)
def test_the_role_that_is_named_has_what_is_missing(action: str, data: bool) -> None:
    assert BUILT_IN[narrowest_role(action)].allows(action, data=data)


def hint(action: str, scope: str) -> str:
    """What to do about a denial of Resource Manager's."""
    message = f"The client 'a' with object id 'b' does not have authorization to perform action '{action}' over scope '{scope}'."
    return missing_role("AuthorizationFailed", message)


@pytest.mark.parametrize(
    ("action", "scope", "role"),
    [
        ("Microsoft.Authorization/roleDefinitions/write", f"{GROUP}/providers/Microsoft.Authorization/roleDefinitions/c",
         "User Access Administrator"),
        ("Microsoft.Authorization/locks/delete", f"{GROUP}/providers/Microsoft.Authorization/locks/c",
         "User Access Administrator"),
        ("Microsoft.Authorization/roleAssignments/write", GROUP, "Role Based Access Control Administrator"),
        ("Microsoft.Authorization/roleDefinitions/read", GROUP, "Reader"),
        (f"{IDENTITY}/write", f"{GROUP}/providers/{IDENTITY}/id", "Managed Identity Contributor"),
        (f"{IDENTITY}/federatedIdentityCredentials/write", f"{GROUP}/providers/{IDENTITY}/id", "Managed Identity Contributor"),
    ],
)  # fmt: skip
def test_a_role_for_each_part_of_what_pipelines_sign_in_with(action: str, scope: str, role: str) -> None:
    assert hint(action, scope) == f"assign the role '{role}' on {GROUP} and try again in a few minutes"


def test_a_provider_can_be_registered_by_somebody_else() -> None:
    assert hint("Microsoft.Devices/register/action", SUBSCRIPTION) == (
        "assign the role 'Contributor', or a custom one that allows Microsoft.Devices/register/action, on "
        f"{SUBSCRIPTION} and try again in a few minutes; or have somebody register it who may: "
        "az provider register --namespace Microsoft.Devices --wait"
    )
