"""Which actions each command needs, and where. This is the one place that says it; tests hold it against what each command does.

Source of the actions: Azure permissions of Microsoft.Authorization, Devices, Insights, KeyVault, ManagedIdentity,
OperationalInsights, Resources.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from dpsops.model.pipeline import PROVIDERS
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.settings import Environment


class Place(enum.StrEnum):
    """Where an action is needed: on the subscription before there is a resource group, or about the whole of it."""

    SUBSCRIPTION = "subscription"
    GROUP = "resource group"
    VAULT = "vault"
    LEAF_VAULTS = "vaults for devices"
    DPS = "DPS"
    HUBS = "IoT Hubs"
    WORKSPACE = "workspace"


class Only(enum.Enum):
    """When an action is needed at all, if not always."""

    ALWAYS = enum.auto()
    WITHOUT_GROUP = enum.auto()
    INCOMPLETE = enum.auto()
    WITH_LOGS = enum.auto()
    PROVEN_TO_HUBS = enum.auto()
    LINKED_BY_KEY = enum.auto()
    WITH_LEAF_VAULTS = enum.auto()
    UNREGISTERED = enum.auto()


@dataclass(frozen=True, slots=True)
class Need:
    """An action that a command needs. `helps`: what the command leaves out without it; empty if it then fails."""

    place: Place
    action: str
    data: bool = False
    only: Only = Only.ALWAYS
    helps: str = ""

    def applies(self, environment: Environment, *, group_exists: bool, complete: bool, unregistered: Collection[str]) -> bool:
        """Whether it is needed in an environment. complete: whether all of its resources exist; unregistered: the resource
        providers that the subscription has yet to register."""
        match self.only:
            case Only.ALWAYS:
                return True
            case Only.WITHOUT_GROUP:
                return not group_exists
            case Only.INCOMPLETE:
                return not complete
            case Only.WITH_LOGS:
                return environment.vault.logs is not None
            case Only.PROVEN_TO_HUBS:
                return environment.root.prove_to_hubs
            case Only.LINKED_BY_KEY:
                return environment.dps.link == "key"
            case Only.WITH_LEAF_VAULTS:
                return bool(environment.device.vaults)
            case Only.UNREGISTERED:
                return self.action.partition("/")[0] in unregistered


Needs = tuple[Need, ...]
_TYPES = {Place.VAULT: VAULT, Place.LEAF_VAULTS: VAULT, Place.DPS: SERVICE, Place.HUBS: HUB}


def _control(place: Place, *verbs: str, only: Only = Only.ALWAYS, helps: str = "") -> Needs:
    """Actions of Resource Manager on a resource of a place; those of another provider are written in full."""
    prefix = f"{_TYPES[place]}/" if place in _TYPES else ""
    return tuple(Need(place, each if each.startswith("Microsoft.") else prefix + each, only=only, helps=helps) for each in verbs)


def _data(place: Place, *verbs: str, helps: str = "") -> Needs:
    return tuple(Need(place, f"{_TYPES[place]}/{each}", data=True, helps=helps) for each in verbs)


def _without(needs: Needs, helps: str) -> Needs:
    """The same, for a command that can do without."""
    return tuple(replace(each, helps=helps) for each in needs)


_GROUP = _control(Place.GROUP, "Microsoft.Resources/subscriptions/resourceGroups/read")
_ASKED_FOR_NAMES = _control(
    Place.SUBSCRIPTION,
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/locations/deletedVaults/read",
    "Microsoft.Devices/checkNameAvailability/Action",
    "Microsoft.Devices/checkProvisioningServiceNameAvailability/Action",
    only=Only.INCOMPLETE,
    helps="whether a name is free is learnt from the deployment alone",
)
_ENROLLMENT_GROUP = _data(Place.DPS, "enrollmentGroups/read")
_CERTIFICATES = _data(Place.VAULT, "certificates/read")
_KEYS = _data(Place.VAULT, "keys/read")
_SIGN = _data(Place.VAULT, "keys/sign/action")
_ROOTS = _CERTIFICATES + _ENROLLMENT_GROUP
_STORES = _control(Place.DPS, "certificates/Read") + _control(Place.HUBS, "certificates/Read", only=Only.PROVEN_TO_HUBS)
_PROOF = ("certificates/Write", "certificates/generateVerificationCode/Action", "certificates/verify/Action")
_PROVE = _SIGN + _control(Place.DPS, *_PROOF) + _control(Place.HUBS, *_PROOF, only=Only.PROVEN_TO_HUBS)
_REMOVE = _control(Place.DPS, "certificates/Delete") + _control(Place.HUBS, "certificates/Delete", only=Only.PROVEN_TO_HUBS)
_FIND_SECRETS = _data(Place.LEAF_VAULTS, "secrets/readMetadata/action")
_READ_SECRETS = _data(Place.LEAF_VAULTS, "secrets/getSecret/action")
_WRITE_SECRETS = _data(Place.LEAF_VAULTS, "secrets/setSecret/action")
_CHANGE_SECRETS = _data(Place.LEAF_VAULTS, "secrets/update/action")
_FINISH = _KEYS + _SIGN + _data(
    Place.VAULT, "certificates/create/action", "certificates/update/action", "secrets/getSecret/action"
)  # fmt: skip
_ENROLLMENTS = _data(Place.DPS, "enrollments/read")
_WRITE_ENROLLMENTS = _data(Place.DPS, "enrollments/write")
_REGISTRATIONS = _data(Place.DPS, "registrationStates/read")
_IDENTITIES = _data(Place.HUBS, "devices/read")
_DPS = _control(Place.DPS, "Read")
_WHAT_IF = _control(Place.GROUP, "Microsoft.Resources/deployments/whatIf/action")
ASSIGN = "Microsoft.Authorization/roleAssignments/write"
_LOGS = "Microsoft.Insights/diagnosticSettings/"

_OBSERVE = (
    _GROUP
    + _control(Place.GROUP, "Microsoft.Authorization/roleAssignments/read", f"{VAULT}/read")
    + _control(Place.GROUP, "Microsoft.Resources/deployments/read")
    + _control(Place.VAULT, "read")
    + _control(Place.LEAF_VAULTS, "read")
    + _control(Place.HUBS, "Read")
    + _DPS
    + _STORES
    + _ROOTS
    + _KEYS
    + _control(Place.VAULT, f"{_LOGS}read", only=Only.WITH_LOGS)
    + _control(Place.LEAF_VAULTS, f"{_LOGS}read", only=Only.WITH_LOGS)
    + _control(Place.DPS, f"{_LOGS}read", only=Only.WITH_LOGS)
    + _ASKED_FOR_NAMES
    + _data(Place.DPS, "registrationStates/read", helps="how many devices a hub that leaves the settings has is not told")
)
_ISSUE = _ROOTS + _SIGN + _FIND_SECRETS + _WRITE_SECRETS
_INVENTORY = _CERTIFICATES + _FIND_SECRETS + _ENROLLMENTS + _REGISTRATIONS + _IDENTITIES
_BLOCKS = (
    _DPS
    + _control(Place.GROUP, f"{HUB}/Read")
    + _ENROLLMENTS
    + _REGISTRATIONS
    + _IDENTITIES
    + _data(Place.HUBS, "devices/write")
    + _FIND_SECRETS
    + _CHANGE_SECRETS
)
_STATUS = (
    _control(Place.GROUP, f"{VAULT}/read")
    + _control(Place.HUBS, "Read")
    + _DPS
    + _STORES
    + _ROOTS
    + _KEYS
    + _FIND_SECRETS
    + _REGISTRATIONS
    + _without(_ENROLLMENTS, "how individual enrollments differ from the vault is not told")
    + _control(Place.VAULT, f"{_LOGS}read", helps="whether the vault's log is off is not told")
)
_UNSEEN_LOGS = "whether logs of it are sent somewhere is not seen, and that stays"
_DOWN = (
    _GROUP
    + _control(Place.GROUP, "Microsoft.Authorization/roleAssignments/read", "Microsoft.Resources/deployments/read")
    + _control(
        Place.GROUP, *(f"Microsoft.Resources/subscriptions/resourceGroups/{each}" for each in ("resources/read", "delete"))
    )
    + _control(Place.GROUP, "Microsoft.Authorization/locks/read", helps="a lock is met only when something is removed")
    + _control(Place.SUBSCRIPTION, "Microsoft.Authorization/locks/read", helps="a lock above the group is met only later")
    + _control(Place.SUBSCRIPTION, f"{SERVICE}/Read", helps="whether another DPS uses a hub is not seen")
    + _control(Place.SUBSCRIPTION, "Microsoft.KeyVault/deletedVaults/read", helps="how long a vault stays is not told")
    + _control(Place.VAULT, "read", "delete")
    + _control(Place.LEAF_VAULTS, "read", "delete")
    + _control(Place.DPS, "Read", "Delete", "certificates/Read")
    + _control(Place.HUBS, "Read", "Delete", "certificates/Read")
    + _control(Place.VAULT, f"{_LOGS}delete", only=Only.WITH_LOGS)
    + _control(Place.LEAF_VAULTS, f"{_LOGS}delete", only=Only.WITH_LOGS)
    + _control(Place.DPS, f"{_LOGS}delete", only=Only.WITH_LOGS)
    + _control(Place.VAULT, f"{_LOGS}read", helps=_UNSEEN_LOGS)
    + _control(Place.LEAF_VAULTS, f"{_LOGS}read", helps=_UNSEEN_LOGS)
    + _control(Place.DPS, f"{_LOGS}read", helps=_UNSEEN_LOGS)
    + _control(Place.HUBS, f"{_LOGS}read", helps=_UNSEEN_LOGS)
    + _CERTIFICATES
    + _KEYS
    + _FIND_SECRETS
    + _ENROLLMENT_GROUP
    + _ENROLLMENTS
    + _REGISTRATIONS
    + _IDENTITIES
)
_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
_PIPELINES = (
    _GROUP
    + _control(Place.SUBSCRIPTION, "Microsoft.Resources/subscriptions/resourceGroups/write", only=Only.WITHOUT_GROUP)
    + _control(
        Place.SUBSCRIPTION,
        "Microsoft.Resources/subscriptions/providers/read",
        helps="a resource provider that is not registered is met only when something of it is made",
    )
    + _control(Place.SUBSCRIPTION, *(f"{each}/register/action" for each in PROVIDERS), only=Only.UNREGISTERED)
    + _control(Place.GROUP, *(f"{_IDENTITY}/{each}" for each in ("read", "write")))
    + _control(Place.GROUP, *(f"{_IDENTITY}/federatedIdentityCredentials/{each}" for each in ("read", "write")))
    + _control(Place.GROUP, *(f"Microsoft.Authorization/roleDefinitions/{each}" for each in ("read", "write")))
    + _control(Place.GROUP, "Microsoft.Authorization/roleAssignments/read", ASSIGN)
    + _control(Place.GROUP, f"{VAULT}/read", only=Only.WITH_LEAF_VAULTS)
)
_ROTATE = (
    _ROOTS
    + _STORES
    + _FINISH
    + _PROVE
    + _FIND_SECRETS
    + _READ_SECRETS
    + _WRITE_SECRETS
    + _data(Place.DPS, "enrollmentGroups/write")
    + _ENROLLMENTS
    + _WRITE_ENROLLMENTS
    + _REGISTRATIONS
    + _IDENTITIES
)

NEEDS: dict[str, Needs] = {
    "plan": _OBSERVE + _without(_WHAT_IF, "the plan is not confirmed by a what-if of Azure"),
    "up": _OBSERVE
    + _WHAT_IF
    + _control(Place.SUBSCRIPTION, "Microsoft.Resources/subscriptions/resourceGroups/write", only=Only.WITHOUT_GROUP)
    + _control(Place.GROUP, *(f"Microsoft.Resources/deployments/{each}" for each in ("write", "operationstatuses/read")))
    + _control(Place.VAULT, "write", ASSIGN)
    + _control(Place.LEAF_VAULTS, "write", ASSIGN)
    + _control(Place.DPS, "write", ASSIGN)
    + _control(Place.HUBS, "write", ASSIGN)
    + _control(Place.HUBS, "listKeys/action", only=Only.LINKED_BY_KEY)
    + _control(Place.DPS, "listKeys/action", only=Only.LINKED_BY_KEY)
    + _control(Place.VAULT, f"{_LOGS}write", only=Only.WITH_LOGS)
    + _control(Place.LEAF_VAULTS, f"{_LOGS}write", only=Only.WITH_LOGS)
    + _control(Place.DPS, f"{_LOGS}write", only=Only.WITH_LOGS)
    + _control(Place.WORKSPACE, "Microsoft.OperationalInsights/workspaces/sharedKeys/action", only=Only.WITH_LOGS)
    + _FINISH
    + _PROVE
    + _data(Place.DPS, "enrollmentGroups/write"),
    "down": _DOWN,
    "status": _STATUS,
    "status --report": _STATUS
    + _without(_IDENTITIES, "which certificate each device uses is not told")
    + _data(Place.HUBS, "twins/read", helps="many devices are read one by one"),
    "root show": _ROOTS + _STORES + _KEYS,
    "root export": _ROOTS,
    "root prove": _ROOTS + _STORES + _PROVE,
    "root csr": _ROOTS + _STORES + _FIND_SECRETS + _data(Place.VAULT, "certificates/create/action"),
    "root merge": _ROOTS + _STORES + _FIND_SECRETS + _FINISH,
    "device issue": _ISSUE,
    "device issue --individual": _ISSUE + _DPS + _ENROLLMENTS + _WRITE_ENROLLMENTS + _READ_SECRETS,
    "device renew": _ISSUE + _ENROLLMENTS,
    "device renew, enrolled by itself": _ISSUE + _ENROLLMENTS + _WRITE_ENROLLMENTS + _READ_SECRETS + _IDENTITIES,
    "device list": _INVENTORY + _data(Place.HUBS, "twins/read", helps="many devices are read one by one"),
    "device show": _INVENTORY + _READ_SECRETS,
    "device export": _READ_SECRETS,
    "device register": _DPS + _READ_SECRETS,
    "device block": _BLOCKS + _WRITE_ENROLLMENTS + _READ_SECRETS + _data(Place.DPS, "registrationStates/delete"),
    "device unblock": _BLOCKS + _data(Place.DPS, "enrollments/delete"),
    "rotate": _ROTATE + _REMOVE,
    "rotate status": _ROOTS + _STORES + _FIND_SECRETS,
    "rotate undo": _ROOTS
    + _STORES
    + _FIND_SECRETS
    + _data(Place.VAULT, "certificates/update/action")
    + _data(Place.DPS, "enrollmentGroups/write")
    + _REMOVE,
    "rotate --compromised": _ROTATE
    + _DPS
    + _control(Place.GROUP, f"{HUB}/Read")
    + _control(Place.HUBS, "certificates/Read")
    + _data(Place.HUBS, "devices/write")
    + _CHANGE_SECRETS
    + _without(_REMOVE, "the compromised root stays in the DPS, where no enrollment uses it"),
    "pipeline setup": _PIPELINES,
}
"""By the command as it is typed; after a comma, on what."""

LOOK_ONLY = ("plan", "status", "status --report")
"""The commands that read of what exists, and do without the rest."""


def chosen(words: str) -> tuple[str, ...]:
    """The commands that a person means by these words, the one that is named first; empty if dpsops has none of this name or it
    needs nothing of Azure."""
    wanted = " ".join(words.split()).removeprefix("dpsops ")
    return tuple(name for name in NEEDS if name == wanted or name.startswith((f"{wanted},", f"{wanted} --")))


def of(
    command: str, environment: Environment, *, group_exists: bool, complete: bool = False, unregistered: Collection[str] = ()
) -> Iterator[Need]:
    """What a command needs in an environment, each once. What it needs and can do without elsewhere, it needs. complete: whether
    all resources of the environment exist; unregistered: the resource providers that the subscription has yet to register."""
    needs = [
        each
        for each in NEEDS[command]
        if each.applies(environment, group_exists=group_exists, complete=complete, unregistered=unregistered)
    ]
    needed = {(each.place, each.action) for each in needs if not each.helps}
    yield from dict.fromkeys(each for each in needs if not each.helps or (each.place, each.action) not in needed)
