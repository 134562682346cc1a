"""What permissions allow."""

from __future__ import annotations

import pytest

from dpsops.model.rights import Permission, allowed

CONTRIBUTOR = Permission(("*",), ("Microsoft.Authorization/*/Write", "Microsoft.Authorization/*/Delete"))
READER = Permission(("*/read",))
OWNER = Permission(("*",))
SECRETS = Permission((), (), ("Microsoft.KeyVault/vaults/secrets/*",), ("Microsoft.KeyVault/vaults/secrets/purge/action",))
ASSIGN, PURGE = "Microsoft.Authorization/roleAssignments/write", "microsoft.keyvault/vaults/secrets/purge/action"


@pytest.mark.parametrize(
    ("held", "action", "data", "expected"),
    [
        ((CONTRIBUTOR,), "Microsoft.Devices/IotHubs/write", False, True),
        ((CONTRIBUTOR,), ASSIGN, False, False),
        ((CONTRIBUTOR, OWNER), ASSIGN, False, True),
        ((READER,), "Microsoft.Devices/IotHubs/Read", False, True),
        ((READER,), "Microsoft.Devices/IotHubs/listKeys/action", False, False),
        ((READER,), "Microsoft.KeyVault/vaults/keys/read", True, False),
        ((SECRETS,), "Microsoft.KeyVault/vaults/secrets/getSecret/action", True, True),
        ((SECRETS,), "Microsoft.KeyVault/vaults/secrets/getSecret/action", False, False),
        ((SECRETS,), PURGE, True, False),
        ((SECRETS, Permission((), (), ("*",))), PURGE, True, True),
        ((Permission(("Microsoft.Devices/IotHubs/read",)),), "MicrosoftXDevices/IotHubs/read", False, False),
        ((), "Microsoft.Devices/IotHubs/Read", False, False),
    ],
)
def test_what_a_permission_takes_away_another_may_give(
    held: tuple[Permission, ...], action: str, data: bool, expected: bool
) -> None:
    assert allowed(held, action, data=data) == expected
