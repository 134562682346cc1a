"""The custom roles of the identities that dpsops is made for: each has no more than its own commands need. What each of them can
run is in `docs/identities.md`, which shows these roles for people.

Source of the actions: Azure permissions of Microsoft.Authorization, Devices, Insights, KeyVault and Resources.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A custom role. `holder`: whom it is for."""

    holder: str
    description: str
    actions: tuple[str, ...]
    data_actions: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name, without the resource group that it is for."""
        return f"dpsops {self.holder}"

    def without(self, other: CustomRole) -> CustomRole:
        """The same role without what another one allows."""
        return replace(
            self,
            actions=tuple(each for each in self.actions if each not in other.actions),
            data_actions=tuple(each for each in self.data_actions if each not in other.data_actions),
        )

    def document(self, scope: str) -> dict[str, object]:
        """The role for `az role definition create`. `scope`: where it can be assigned."""
        return {
            "Name": self.name,
            "Description": self.description,
            "Actions": list(self.actions),
            "DataActions": list(self.data_actions),
            "AssignableScopes": [scope],
        }


PLANNER = CustomRole(
    "planner",
    "Reads an environment of dpsops, and asks what a deployment would change.",
    actions=(
        "Microsoft.Authorization/permissions/read",
        "Microsoft.Authorization/roleAssignments/read",
        "Microsoft.Devices/IotHubs/certificates/Read",
        "Microsoft.Devices/IotHubs/Read",
        "Microsoft.Devices/provisioningServices/certificates/Read",
        "Microsoft.Devices/provisioningServices/Read",
        "Microsoft.Insights/diagnosticSettings/read",
        "Microsoft.KeyVault/vaults/read",
        "Microsoft.Resources/deployments/read",
        "Microsoft.Resources/deployments/whatIf/action",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    ),
    data_actions=(
        "Microsoft.Devices/IotHubs/devices/read",
        "Microsoft.Devices/IotHubs/twins/read",
        "Microsoft.Devices/provisioningServices/enrollmentGroups/read",
        "Microsoft.Devices/provisioningServices/enrollments/read",
        "Microsoft.Devices/provisioningServices/registrationStates/read",
        "Microsoft.KeyVault/vaults/certificates/read",
        "Microsoft.KeyVault/vaults/keys/read",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ),
)

DEPLOYER = CustomRole(
    "deployer",
    "Deploys an environment of dpsops, makes its root and enrolls the group.",
    actions=(
        "Microsoft.Authorization/permissions/read",
        "Microsoft.Authorization/roleAssignments/read",
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Devices/IotHubs/certificates/generateVerificationCode/Action",
        "Microsoft.Devices/IotHubs/certificates/Read",
        "Microsoft.Devices/IotHubs/certificates/verify/Action",
        "Microsoft.Devices/IotHubs/certificates/Write",
        "Microsoft.Devices/IotHubs/listKeys/action",
        "Microsoft.Devices/IotHubs/Read",
        "Microsoft.Devices/IotHubs/write",
        "Microsoft.Devices/provisioningServices/certificates/generateVerificationCode/Action",
        "Microsoft.Devices/provisioningServices/certificates/Read",
        "Microsoft.Devices/provisioningServices/certificates/verify/Action",
        "Microsoft.Devices/provisioningServices/certificates/Write",
        "Microsoft.Devices/provisioningServices/listKeys/action",
        "Microsoft.Devices/provisioningServices/Read",
        "Microsoft.Devices/provisioningServices/write",
        "Microsoft.Insights/diagnosticSettings/read",
        "Microsoft.Insights/diagnosticSettings/write",
        "Microsoft.KeyVault/vaults/read",
        "Microsoft.KeyVault/vaults/write",
        "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
        "Microsoft.Resources/deployments/operationstatuses/read",
        "Microsoft.Resources/deployments/read",
        "Microsoft.Resources/deployments/whatIf/action",
        "Microsoft.Resources/deployments/write",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    ),
    data_actions=(
        "Microsoft.Devices/provisioningServices/enrollmentGroups/read",
        "Microsoft.Devices/provisioningServices/enrollmentGroups/write",
        "Microsoft.Devices/provisioningServices/registrationStates/read",
        "Microsoft.KeyVault/vaults/certificates/create/action",
        "Microsoft.KeyVault/vaults/certificates/read",
        "Microsoft.KeyVault/vaults/certificates/update/action",
        "Microsoft.KeyVault/vaults/keys/read",
        "Microsoft.KeyVault/vaults/keys/sign/action",
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ),
)

ISSUER = CustomRole(
    "issuer",
    "Issues and renews device certificates under the root of an environment of dpsops.",
    actions=("Microsoft.Authorization/permissions/read", "Microsoft.Devices/provisioningServices/Read"),
    data_actions=(
        "Microsoft.Devices/IotHubs/devices/read",
        "Microsoft.Devices/IotHubs/twins/read",
        "Microsoft.Devices/provisioningServices/enrollmentGroups/read",
        "Microsoft.Devices/provisioningServices/enrollments/read",
        "Microsoft.Devices/provisioningServices/registrationStates/read",
        "Microsoft.KeyVault/vaults/certificates/read",
        "Microsoft.KeyVault/vaults/keys/sign/action",
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        "Microsoft.KeyVault/vaults/secrets/setSecret/action",
    ),
)

OPERATOR = CustomRole(
    "operator",
    "What an operator of dpsops needs beside the roles that 'dpsops up' assigns.",
    actions=(
        "Microsoft.Authorization/permissions/read",
        "Microsoft.Authorization/roleAssignments/read",
        "Microsoft.Devices/IotHubs/certificates/Delete",
        "Microsoft.Devices/IotHubs/certificates/generateVerificationCode/Action",
        "Microsoft.Devices/IotHubs/certificates/Read",
        "Microsoft.Devices/IotHubs/certificates/verify/Action",
        "Microsoft.Devices/IotHubs/certificates/Write",
        "Microsoft.Devices/IotHubs/Read",
        "Microsoft.Devices/provisioningServices/certificates/Delete",
        "Microsoft.Devices/provisioningServices/certificates/generateVerificationCode/Action",
        "Microsoft.Devices/provisioningServices/certificates/Read",
        "Microsoft.Devices/provisioningServices/certificates/verify/Action",
        "Microsoft.Devices/provisioningServices/certificates/Write",
        "Microsoft.Devices/provisioningServices/Read",
        "Microsoft.Insights/diagnosticSettings/read",
        "Microsoft.KeyVault/vaults/read",
        "Microsoft.Resources/deployments/read",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    ),
    data_actions=(),
)

DEVICE_SECRETS = CustomRole(
    "device secrets",
    "Reads and writes the secrets of devices.",
    actions=(),
    data_actions=(
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        "Microsoft.KeyVault/vaults/secrets/setSecret/action",
    ),
)
