"""Who may do what in a vault: network, then roles or access policies. Refusals are 403, with the code inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpsops.emulator import rbac
from dpsops.emulator.http import Route
from dpsops.emulator.keyvault.errors import forbidden
from dpsops.emulator.keyvault.throttling import OTHER, Limit
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import networks
from dpsops.emulator.world import World

_NAMESPACE = "Microsoft.KeyVault/vaults/"
_PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Operation(Route):
    """A route of the data plane.

    `action` is the data action below `Microsoft.KeyVault/vaults/` that a role must grant, `permission` the
    same in the terms of access policies (`certificates/get`), as each operation's description names it; where that names
    several (`certificates/manageissuers/getissuers`), one is enough.
    `limit` is what the request counts towards; None where that depends on the key and the handler counts.
    """

    permission: str = ""
    limit: Limit | None = OTHER


def require_access(world: World, vault: Vault, caller: Principal, operation: Operation, named: Mapping[str, str]) -> None:
    """Refuses a caller that the vault's network rules exclude, or that lacks the role or permission for the operation."""
    _require_network(world, vault, caller)
    collection = operation.permission.partition("/")[0]
    target = f"/{collection}/{named['name']}" if "name" in named else ""
    if not vault.roles:
        _require_permission(vault, caller, operation.permission)
    elif not rbac.allowed(world, caller, _NAMESPACE + operation.action, f"{vault.id}{target}", data=True):
        raise forbidden(
            "Caller is not authorized to perform action on resource.\r\n"
            "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time."
            "\r\n"
            f"Caller: {_describe(caller)}\r\n"
            f"Action: '{_NAMESPACE}{operation.action}'\r\n"
            f"Resource: '{vault.id.key}{target.lower()}'\r\n"
            "Assignment: (not found)\r\n"
            "DenyAssignmentId: null\r\n"
            "DecisionReason: null \r\n"
            f"Vault: {vault.name};location={vault.location}\r\n",
            "ForbiddenByRbac",
        )


def _require_network(world: World, vault: Vault, caller: Principal) -> None:
    """Refuses a client from outside: the embedded Azure has no private link, no virtual network, and no trusted service."""
    place = f"Caller: {_describe(caller)}\r\nVault: {vault.name};location={vault.location}"
    if not vault.public:
        reason = "Public network access is disabled and request is not from a trusted service nor via an approved private link."
        raise forbidden(f"{reason}\r\n{place}", "ForbiddenByConnection")
    if vault.firewall and not any(networks.is_within(world.client_address, each) for each in vault.addresses):
        reason = "Client address is not authorized and caller is not a trusted service."
        raise forbidden(f"{reason}\r\nClient address: {world.client_address}\r\n{place}", "ForbiddenByFirewall")


def _require_permission(vault: Vault, caller: Principal, permission: str) -> None:
    collection, *verbs = permission.split("/")
    for policy in vault.policies:
        if policy["objectId"].lower() != caller.object_id.lower() or policy.get("applicationId"):
            continue  # one for an application on behalf of a user is not for the application itself
        granted = {name.lower() for name in policy["permissions"].get(collection, ())}
        everything = "all" in granted and _PURGE not in verbs  # "all" has never included purge
        if everything or not granted.isdisjoint(verb.lower() for verb in verbs):
            return
    raise forbidden(
        f"The user, group or application '{_describe(caller)}' does not have {collection} {verbs[-1]} permission on key vault "
        f"'{vault.name};location={vault.location}'. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125287",
        "ForbiddenByPolicy",
    )


def _describe(caller: Principal) -> str:
    return f"appid={caller.app_id};oid={caller.object_id};iss=https://sts.windows.net/{caller.tenant_id}/"
