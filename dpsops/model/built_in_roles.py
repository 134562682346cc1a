"""Azure's built-in roles that suffice for the identities of dpsops, and what they allow of what commands need.

Source: Azure built-in roles.
"""

from __future__ import annotations

from dpsops.model.rights import Permission

_VAULT = "Microsoft.KeyVault/vaults"
_SECRETS_USED = (f"{_VAULT}/secrets/getSecret/action", f"{_VAULT}/secrets/readMetadata/action")
_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
_READS_VAULTS = (f"{_VAULT}/read",)

BUILT_IN: dict[str, Permission] = {
    "Reader": Permission(("*/read",)),
    "Contributor": Permission(("*",), ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write")),
    "User Access Administrator": Permission(("*/read", "Microsoft.Authorization/*")),
    "Managed Identity Contributor": Permission(
        (
            *(f"{_IDENTITY}/{verb}" for verb in ("read", "write", "delete")),
            f"{_IDENTITY}/federatedIdentityCredentials/*",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Resources/deployments/*",
        )
    ),
    "Role Based Access Control Administrator": Permission(
        ("*/read", "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete")
    ),
    "Log Analytics Contributor": Permission(
        ("*/read", "Microsoft.OperationalInsights/*", "Microsoft.Insights/diagnosticSettings/*")
    ),
    "Key Vault Reader": Permission(_READS_VAULTS, (), (f"{_VAULT}/*/read", f"{_VAULT}/secrets/readMetadata/action")),
    "Key Vault Certificate User": Permission(
        (), (), (f"{_VAULT}/certificates/read", *_SECRETS_USED, f"{_VAULT}/keys/read")
    ),
    "Key Vault Certificates Officer": Permission(_READS_VAULTS, (), (f"{_VAULT}/certificates/*",)),
    "Key Vault Crypto User": Permission((), (), (f"{_VAULT}/keys/read", f"{_VAULT}/keys/sign/action")),
    "Key Vault Secrets User": Permission((), (), _SECRETS_USED),
    "Key Vault Secrets Officer": Permission(_READS_VAULTS, (), (f"{_VAULT}/secrets/*",)),
    "Device Provisioning Service Data Reader": Permission((), (), ("Microsoft.Devices/provisioningServices/*/read",)),
    "Device Provisioning Service Data Contributor": Permission((), (), ("Microsoft.Devices/provisioningServices/*",)),
    "IoT Hub Data Reader": Permission((), (), ("Microsoft.Devices/IotHubs/*/read",)),
    "IoT Hub Registry Contributor": Permission((), (), ("Microsoft.Devices/IotHubs/devices/*",)),
}  # fmt: skip
"""By name."""

SUFFICIENT: dict[str, tuple[str, ...]] = {
    "planner": ("Reader", "Key Vault Reader", "Device Provisioning Service Data Reader", "IoT Hub Data Reader"),
    "deployer": (
        "Contributor", "Role Based Access Control Administrator", "Key Vault Certificates Officer", "Key Vault Crypto User",
        "Key Vault Secrets User", "Device Provisioning Service Data Contributor",
    ),
    "issuer": (
        "Reader", "Key Vault Certificate User", "Key Vault Crypto User", "Key Vault Secrets Officer",
        "Device Provisioning Service Data Reader", "IoT Hub Data Reader",
    ),
    "operator": ("Contributor",),
}  # fmt: skip
"""By the identity: those that it needs on the resource group. An operator has those on the resources from `up`, too."""

_MAKES_IDENTITIES = (
    "Managed Identity Contributor", "Reader", "Role Based Access Control Administrator", "User Access Administrator",
)  # fmt: skip
"""The last one can do all that the two before it can: each of them is enough for whoever lacks nothing else."""

_MADE_FOR = {
    "planner": ("plan", "status", "root show", "root export", "device list", "rotate status"),
    "deployer": ("up",),
    "issuer": ("device issue", "device renew", "device show", "device export", "device register"),
}


def identity_of(command: str) -> str | None:
    """The identity that a command is for; None for the one that makes these identities."""
    if command == "pipeline setup":
        return None
    return next((who for who, commands in _MADE_FOR.items() if command.startswith(commands)), "operator")


def sufficient(command: str) -> tuple[str, ...]:
    """The roles that suffice for a command, each for what none before it allows."""
    identity = identity_of(command)
    return _MAKES_IDENTITIES if identity is None else SUFFICIENT[identity]
