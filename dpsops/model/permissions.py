"""Which role would have allowed a request that Azure denied."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RESOURCE = r"/.*?/providers/[^/]+/[^/]+/[^/]+"
_GROUP = r"/subscriptions/[^/]+(/resourceGroups/[^/]+)?"
_CONTRIBUTOR = "Contributor"
_REGISTER = re.compile(r"(microsoft\.\w+)/register/action", re.IGNORECASE)
_ROLES = (
    (r"microsoft\.keyvault/vaults/certificates", "Key Vault Certificates Officer", _RESOURCE),
    (r"microsoft\.keyvault/vaults/keys", "Key Vault Crypto User", _RESOURCE),
    (r"microsoft\.keyvault/vaults/secrets", "Key Vault Secrets Officer", _RESOURCE),
    (r"microsoft\.devices/provisioningservices/(enrollment|registration)",
     "Device Provisioning Service Data Contributor", _RESOURCE),
    (r"microsoft\.devices/iothubs/devices", "IoT Hub Registry Contributor", _RESOURCE),
    (r"microsoft\.devices/iothubs/twins/read", "IoT Hub Data Reader", _RESOURCE),
    (r"microsoft\.operationalinsights/workspaces", "Log Analytics Contributor", _RESOURCE),
    (r"microsoft\.managedidentity/userassignedidentities/(federatedidentitycredentials/)?(read|write|delete)$",
     "Managed Identity Contributor", _GROUP),
    (r".*/read$", "Reader", _GROUP),
    (r"microsoft\.authorization/roleassignments", "Role Based Access Control Administrator", _GROUP),
    (r"microsoft\.authorization/", "User Access Administrator", _GROUP),
    (r".*", _CONTRIBUTOR, _GROUP),
)  # fmt: skip
"""Which built-in role grants an action, and which part of the denied scope to assign it on; the narrowest role first.
Contributor allows much more than one action; it has none that writes what belongs to Microsoft.Authorization."""


_HOSTS = (
    (r"([\w-]+)\.azure-devices-provisioning\.", "the DPS", "Microsoft.Devices/provisioningServices"),
    (r"([\w-]+)\.azure-devices\.", "the IoT Hub", "Microsoft.Devices/IotHubs"),
)
"""A service's hosts, what it is for people, and the namespace of its data actions."""

_OBJECTS = {
    "enrollmentgroups": "enrollmentGroups", "enrollments": "enrollments", "registrations": "registrationStates",
    "devices": "devices", "twins": "twins",
}  # fmt: skip
"""What the actions on an object are called, by the first part of its path."""


DENY_ASSIGNMENT_HINT = (
    "no role helps: a deny assignment stands above them all, and nobody can change it by itself; ask whoever manages the "
    "deployment stack or the managed application that made it to exclude this identity"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was denied: its method, host and path."""

    method: str
    host: str
    path: str

    def data_action(self) -> str:
        """The data action that it needs in a DPS or a hub; empty elsewhere. Source: Azure permissions, Microsoft.Devices."""
        namespace = next((namespace for host, _, namespace in _HOSTS if re.match(host, self.host)), "")
        parts = self.path.lower().strip("/").split("/")
        name = _OBJECTS.get(parts[0])
        if not namespace or name is None:
            return ""
        if parts == ["devices", "query"]:
            name = "twins"  # which is what a hub's query reads
        reads = self.method == "GET" or (self.method == "POST" and parts[-1] == "query")
        return f"{namespace}/{name}/{'read' if reads else 'delete' if self.method == 'DELETE' else 'write'}"

    def place(self) -> str:
        """The DPS or the hub that was asked, for people."""
        return next(f"{what} {found[1]}" for host, what, _ in _HOSTS if (found := re.match(host, self.host)))


def says_so(message: str) -> bool:
    """Whether a DPS or a hub says that a role is missing: it names neither the action nor the role. A hub says so with 401, the
    status of a missing sign-in. Source: Azure IoT Hub, "Understand and resolve Azure IoT Hub errors", 401003."""
    return "due to no assigned permissions" in message


def is_firewall(code: str) -> bool:
    """Whether an error code says that a vault's firewall denies this address, whatever roles the identity has."""
    return code in ("ForbiddenByFirewall", "ForbiddenByConnection")


def is_deny_assignment(code: str) -> bool:
    """Whether an error code says that a deny assignment forbids it: it stands above every role. Source: Azure RBAC,
    "List Azure deny assignments"; users' reports of the denial, 2020 to 2026."""
    return code == "DenyAssignmentAuthorizationFailed"


def is_denied(code: str, message: str) -> bool:
    """Whether Resource Manager says, wherever it does, that this identity may not do something that a role would allow.

    `InvalidTemplateDeployment`: the preflight of a deployment says so in words only (recorded for what-if and PUT).
    """
    return code in ("AuthorizationFailed", "LinkedAuthorizationFailed") or message.startswith("Authorization failed for template")


def missing_role(code: str, message: str, asked: Asked | None = None) -> str:
    """What to do about a denied request: which role to assign on which scope, read from Azure's code and message, or from what
    was asked where these do not name the action."""
    if is_firewall(code):
        return "the vault's firewall denies this address: allow it on the vault, or run from an allowed network"
    if is_deny_assignment(code):
        return DENY_ASSIGNMENT_HINT
    denied = message.rpartition("however")[2]  # LinkedAuthorizationFailed names first what is allowed
    action = re.search(r"[Aa]ction(?:\(s\))?:? '([^',]+)", denied)
    scope = re.search(r"(?:over scope|at scope|linked scope\(s\)|Resource:) '([^',]+)", denied)
    if action is None or scope is None:
        if asked is None or not (needed := asked.data_action()):
            return "ask an owner of the subscription for access"
        return f"assign the role '{_role(needed)[0]}', which allows {needed}, on {asked.place()} and try again in a few minutes"
    role, extent = _role(action[1])
    within = re.match(extent, scope[1], re.IGNORECASE)
    custom = f", or a custom one that allows {action[1]}," if role == _CONTRIBUTOR else ""
    step = f"assign the role '{role}'{custom} on {within[0] if within else scope[1]} and try again in a few minutes"
    if register := _REGISTER.fullmatch(action[1]):
        return f"{step}; or have somebody register it who may: az provider register --namespace {register[1]} --wait"
    return step


def _role(action: str) -> tuple[str, str]:
    return next((role, extent) for pattern, role, extent in _ROLES if re.match(pattern, action.lower()))


def narrowest_role(action: str) -> str:
    """The narrowest built-in role that grants an action."""
    return _role(action)[0]
