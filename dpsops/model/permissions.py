"""Which role would have allowed a request that Azure denied."""

from __future__ import annotations

import re

_RESOURCE = r"/.*?/providers/[^/]+/[^/]+/[^/]+"
_GROUP = r"/subscriptions/[^/]+(/resourceGroups/[^/]+)?"
_ROLES = (
    (r"microsoft\.keyvault/vaults/certificates", "Key Vault Certificates Officer", _RESOURCE),
    (r"microsoft\.keyvault/vaults/keys", "Key Vault Crypto User", _RESOURCE),
    (r"microsoft\.keyvault/vaults/secrets", "Key Vault Secrets Officer", _RESOURCE),
    (r"microsoft\.devices/provisioningservices/(enrollment|registration)",
     "Device Provisioning Service Data Contributor", _RESOURCE),
    (r".*/read$", "Reader", _GROUP),
    (r"microsoft\.authorization/roleassignments", "Role Based Access Control Administrator", _GROUP),
    (r".*", "Contributor", _GROUP),
)  # fmt: skip
"""Which built-in role grants an action, and which part of the denied scope to assign it on; the narrowest role first."""


def is_firewall(code: str) -> bool:
    """Whether an error code says that a vault's firewall denies this address, whatever roles the identity has."""
    return code in ("ForbiddenByFirewall", "ForbiddenByConnection")


def is_denied(code: str, message: str) -> bool:
    """Whether Resource Manager says, wherever it does, that this identity may not do something that a role would allow.

    `InvalidTemplateDeployment`: the preflight of a deployment says so in words only (recorded for what-if and PUT).
    """
    return code in ("AuthorizationFailed", "LinkedAuthorizationFailed") or message.startswith("Authorization failed for template")


def missing_role(code: str, message: str) -> str:
    """What to do about a denied request: which role to assign on which scope, read from Azure's code and message."""
    if is_firewall(code):
        return "the vault's firewall denies this address: allow it on the vault, or run from an allowed network"
    denied = message.rpartition("however")[2]  # LinkedAuthorizationFailed names first what is allowed
    action = re.search(r"[Aa]ction(?:\(s\))?:? '([^',]+)", denied)
    scope = re.search(r"(?:over scope|at scope|linked scope\(s\)|Resource:) '([^',]+)", denied)
    if action is None or scope is None:
        return "ask an owner of the subscription for access"
    role, extent = next((role, extent) for pattern, role, extent in _ROLES if re.match(pattern, action[1].lower()))
    within = re.match(extent, scope[1], re.IGNORECASE)
    return f"assign the role '{role}' on {within[0] if within else scope[1]} and try again in a few minutes"
