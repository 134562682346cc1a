"""Role-based access: Azure's built-in roles, custom ones, and who holds them where.

Source: Azure built-in roles reference. Only roles that matter to the emulated services are here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World

ASSIGNMENT = "roleAssignment"
"""The kind of a role assignment's document: {"principal", "role" (GUID), "scope" (lower case), "created" (epoch s)}."""

DENY_ASSIGNMENT = "denyAssignment"
"""The kind of a deny assignment's document, whose key is its GUID: {"name", "scope" (lower case), "permission" (as the API has
it), "below" (whether it holds below the scope, too), "principals", "excluded" (each {"id", "type"})}. No request makes one."""

EVERYBODY = "00000000-0000-0000-0000-000000000000"

CUSTOM_ROLE = "roleDefinition"
"""The kind of a custom role's document, whose key is the role's GUID: {"roleName", "permission" (as the API has it), "scopes"
(where it can be assigned), "updated" (epoch s) ...}."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role: patterns of control-plane actions and of data actions, `*` as Azure has it. `changed`: when a custom one was last
    changed, epoch s."""

    name: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    changed: float = 0.0


_CREDENTIALS = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
_FEDERATION = tuple(f"{_CREDENTIALS}/{verb}" for verb in ("read", "write", "delete"))
_AROUND = (
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Resources/deployments/*",
)

ROLES = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": Role("Owner", ("*",)),
    "b24988ac-6180-42a0-ab88-20f7382dd24c": Role(
        "Contributor", ("*",), ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write")
    ),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": Role("Reader", ("*/read",)),
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": Role("User Access Administrator", ("*/read", "Microsoft.Authorization/*")),
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": Role(
        "Role Based Access Control Administrator",
        ("Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete", "*/read"),
    ),
    "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59": Role(
        "Managed Identity Contributor",
        (
            *(
                f"Microsoft.ManagedIdentity/userAssignedIdentities/{verb}"
                for verb in ("read", "write", "delete", "revokeTokens/action")
            ),
            *_FEDERATION,
            *_AROUND,
            "Microsoft.Support/*",
        ),
    ),
    "7e559ce2-48d7-4b27-9128-fa1b247f1308": Role(
        "Managed Identity Federated Identity Credential Contributor",
        ("Microsoft.ManagedIdentity/userAssignedIdentities/read", *_FEDERATION, *_AROUND),
    ),
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": Role(
        "Key Vault Administrator", ("Microsoft.KeyVault/vaults/read",), (), ("Microsoft.KeyVault/vaults/*",)
    ),
    "a4417e6f-fecd-4de8-b567-7b0420556985": Role(
        "Key Vault Certificates Officer",
        ("Microsoft.KeyVault/vaults/read",),
        (),
        (
            "Microsoft.KeyVault/vaults/certificatecas/*",
            "Microsoft.KeyVault/vaults/certificates/*",
            "Microsoft.KeyVault/vaults/certificatecontacts/write",
        ),
    ),
    "12338af0-0e69-4776-bea7-57ae8d297424": Role(
        "Key Vault Crypto User",
        (),
        (),
        tuple(
            f"Microsoft.KeyVault/vaults/keys/{verb}"
            for verb in (
                "read",
                "update/action",
                "backup/action",
                "encrypt/action",
                "decrypt/action",
                "wrap/action",
                "unwrap/action",
                "sign/action",
                "verify/action",
            )
        ),
    ),
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": Role(
        "Key Vault Secrets Officer", ("Microsoft.KeyVault/vaults/read",), (), ("Microsoft.KeyVault/vaults/secrets/*",)
    ),
    "21090545-7ca7-4776-b22c-e363652d74d2": Role(
        "Key Vault Reader",
        ("Microsoft.KeyVault/vaults/read",),
        (),
        ("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ),
    "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba": Role(
        "Key Vault Certificate User",
        (),
        (),
        (
            "Microsoft.KeyVault/vaults/certificates/read",
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            "Microsoft.KeyVault/vaults/keys/read",
        ),
    ),
    "10745317-c249-44a1-a5ce-3a4353c0bbd8": Role(
        "Device Provisioning Service Data Reader", (), (), ("Microsoft.Devices/provisioningServices/*/read",)
    ),
    "de139f84-1756-47ae-9be6-808fbbe84772": Role("Website Contributor"),
    "4d97b98b-1d4f-4787-a291-c67834d212e7": Role(
        "Network Contributor", ("Microsoft.Network/*", "Microsoft.Resources/deployments/*")
    ),
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": Role("AcrPull"),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": Role("Storage Blob Data Contributor"),
    "4633458b-17de-408a-b874-0445c86b69e6": Role(
        "Key Vault Secrets User",
        (),
        (),
        (
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ),
    ),
    "dfce44e4-17b7-4bd1-a6d1-04996ec95633": Role(
        "Device Provisioning Service Data Contributor", (), (), ("Microsoft.Devices/provisioningServices/*",)
    ),
    "4ea46cd5-c1b2-4a8e-910b-273211f9ce47": Role(
        "IoT Hub Registry Contributor", (), (), ("Microsoft.Devices/IotHubs/devices/*",)
    ),
    "494bdba2-168f-4f31-a0a1-191d2f7c028c": Role("IoT Hub Twin Contributor", (), (), ("Microsoft.Devices/IotHubs/twins/*",)),
    "4fc6c259-987e-4a07-842e-c321cc9d413f": Role("IoT Hub Data Contributor", (), (), ("Microsoft.Devices/IotHubs/*",)),
    "b447c946-2db7-41ec-983d-d8bf3b1c77e3": Role(
        "IoT Hub Data Reader",
        (),
        (),
        ("Microsoft.Devices/IotHubs/*/read", "Microsoft.Devices/IotHubs/fileUpload/notifications/action"),
    ),
}


def find_role(world: World, identifier: str) -> Role | None:
    """The role of this GUID, in lower case: a built-in or a custom one."""
    if built_in := ROLES.get(identifier):
        return built_in
    document = world.state.get(CUSTOM_ROLE, identifier)
    if document is None:
        return None
    permission = document["permission"]
    return Role(
        document["roleName"],
        tuple(permission["actions"]),
        tuple(permission["notActions"]),
        tuple(permission["dataActions"]),
        tuple(permission["notDataActions"]),
        document["updated"],
    )


def _matches(action: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def allowed(world: World, caller: Principal, action: str, scope: str, *, data: bool = False) -> bool:
    """Whether `caller` may do `action` at the resource ID `scope`, or at any scope above it.

    A data action is granted only once the assignment has reached the data plane: `Timings.role` seconds after it was made,
    and by chance up to `role_spread` more; as long after a change of a custom role (stricter guess). An assignment with a
    condition grants neither that nor the right to assign roles, which are what conditions are about: nothing here evaluates
    them (stricter guess). What a deny assignment denies, no role grants.
    """
    return denial(world, caller, action, scope, data=data) is None and granted(world, caller, action, scope, data=data)


def denial(world: World, caller: Principal, action: str, scope: str, *, data: bool = False) -> tuple[str, JSON] | None:
    """The deny assignment that denies this to `caller`: its GUID and document."""
    here = scope.lower().rstrip("/") + "/"
    for key, found in world.state.list(DENY_ASSIGNMENT):
        own, permission = found["scope"].rstrip("/") + "/", found["permission"]
        concerned = {each["id"] for each in found["principals"]} & {caller.object_id, EVERYBODY}
        if caller.object_id in {each["id"] for each in found["excluded"]} or not concerned:
            continue
        given, taken = ("dataActions", "notDataActions") if data else ("actions", "notActions")
        denied = _matches(action, tuple(permission[given])) and not _matches(action, tuple(permission[taken]))
        if denied and (here == own or (found["below"] and here.startswith(own))):
            return key, found
    return None


def granted(world: World, caller: Principal, action: str, scope: str, *, data: bool = False) -> bool:
    """Whether a role grants it, as `allowed` says."""
    for key, assignment, role in _assigned(world, caller, scope):
        if assignment.get("condition") and (data or action.lower().startswith("microsoft.authorization/")):
            continue
        if data:
            given = _matches(action, role.data_actions) and not _matches(action, role.not_data_actions)
            if given and world.now >= max(assignment["created"], role.changed) + _delay(world, key):
                return True
        elif _matches(action, role.actions) and not _matches(action, role.not_actions):
            return True
    return False


def held(world: World, caller: Principal, scope: str) -> list[Role]:
    """The roles that `caller` has been assigned at the resource ID `scope` and above it, one for each assignment."""
    return [role for _, _, role in _assigned(world, caller, scope)]


def _assigned(world: World, caller: Principal, scope: str) -> Iterator[tuple[str, JSON, Role]]:
    """The assignments that hold for a caller at a scope: key, document and role."""
    here = scope.lower().rstrip("/") + "/"
    for key, assignment in world.state.list(ASSIGNMENT):
        if assignment["principal"] == caller.object_id and here.startswith(assignment["scope"].rstrip("/") + "/"):
            role = find_role(world, assignment["role"])
            if role is not None:
                yield key, assignment, role


def _delay(world: World, key: str) -> float:
    if not world.timings.role_spread:
        return world.timings.role
    return world.timings.role + world.timings.role_spread * world.chances.draw("role", key)
