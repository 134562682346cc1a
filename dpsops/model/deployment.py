"""The one template deployment of an environment: what is missing or has to change, and the parameters that say so.

It is decided from what the resources are and what the settings want, not from what-if, which is silent about some changes and
invents others. What the settings do not say stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dpsops.errors import Refused
from dpsops.model import logs
from dpsops.model.action import Action, PropertyChange
from dpsops.model.links import missing_link_roles, service_changes, service_to_write
from dpsops.model.resources import (
    Resource,
    Resources,
    keeps_policies,
    kept_identity,
    kept_of_hub,
    kept_of_vault,
    region,
    tags_to_write,
)
from dpsops.model.roles import HUB, SERVICE, VAULT, Assignment, Principal, needed
from dpsops.model.tags import tag_changes
from dpsops.settings import DEVICES_TAG, Environment, Hub, Vault

_OUTCOMES = {"create": "created", "modify": "modified", "assign": "assigned"}
_MODULES = {VAULT: ("vault",), HUB: ("hub",), SERVICE: ("new-dps", "dps")}
"""How the names of the template's modules begin, by the type of the resource that each writes."""
_CANNOT_BE_UNDONE = "this cannot be undone"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment does: an action for each resource that it writes, and the template's parameters."""

    actions: tuple[Action, ...] = ()
    assigns_roles: bool = False
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def rewrites(self) -> bool:
        """Whether it writes a resource that exists."""
        return any(action.action == "modify" for action in self.actions)

    def done(self) -> Iterator[Action]:
        """What the deployment has done."""
        for each in self.actions:
            yield Action(each.action, each.target, _OUTCOMES[each.action], each.changes)

    def done_by(self, modules: Collection[str]) -> list[Action]:
        """What it has done when these modules of the template are done, by their names in lower case: whole resources. What roles
        and logs belong to each module is not told."""
        return [each for each in self.done() if not _modules(each.target).isdisjoint(modules)]


def _modules(target: str) -> frozenset[str]:
    """The names that the module of a resource can have in the template."""
    type_, _, name = target.rpartition("/")
    return frozenset(f"{prefix}-{name}".lower() for prefix in _MODULES.get(type_, ()))


def deployment_name(environment: Environment) -> str:
    """One name for each environment, so that ARM refuses one of two runs at the same time."""
    return f"dpsops-{environment.name}"


def decide(environment: Environment, found: Resources, principals: Sequence[Principal], *, relink: bool = False) -> Deployment:
    """What is missing. `principals`: who gets the roles. Raises `Refused` if a resource is not what the settings say and cannot
    become it."""
    actions: list[Action] = []
    parameters: dict[str, list[object]] = {name: [] for name in _LISTS}
    for vault, there in found.vaults(environment):
        if (changes := _needed(there, _vault_changes(environment, vault, there))) is not None:
            actions.append(_write(VAULT, vault.name, there, changes))
            parameters["vaults"].append(_vault(environment, vault, there))
    for hub in environment.hub:
        if (changes := _needed(found.hub(hub), _hub_changes(environment, hub, found.hub(hub)))) is not None:
            actions.append(_write(HUB, hub.name, found.hub(hub), changes))
            parameters["hubs"].append(_hub(environment, hub, found.hub(hub)))
    roles = [each for each in needed(environment, principals) if each.is_needed(found.group, found.held)]
    link_roles = missing_link_roles(environment, found)
    if (changes := _needed(found.dps, _service_changes(environment, found, relink=relink))) is not None:
        actions.append(_write(SERVICE, environment.dps.name, found.dps, changes))
        written = service_to_write(environment, found)
        if environment.dps.link == "identity":
            parameters["identityServices"].append(written | {"allowOn": [each.resource for each in link_roles]})
        else:
            parameters["newServices" if found.dps is None else "services"].append(written)
    else:
        roles += link_roles
        link_roles = ()
    logged = [(VAULT, vault.name, "vaultLogs") for vault, _ in found.vaults(environment)]
    for type_, name, list_ in (*logged, (SERVICE, environment.dps.name, "serviceLogs")):
        settings = found.logs.get((type_, name.lower()), ())
        if (changes := logs.changes(environment, type_, settings)) is not None:
            actions.append(Action("modify" if changes else "create", logs.path(type_, name), changes=changes))
            parameters[list_].append(logs.to_write(environment, type_, name, settings))
    for each in roles:
        parameters[_LIST_OF[each.type]].append(_assignment(each))
    actions += [_assign(each) for each in (*roles, *link_roles)]
    if not actions:
        return Deployment()
    named: dict[str, object] = {"linkedHubs": [hub.name for hub in environment.hub]}
    return Deployment(tuple(actions), bool(roles or link_roles), {**parameters, **named})


_LIST_OF = {VAULT: "vaultAssignments", SERVICE: "serviceAssignments", HUB: "hubAssignments"}
_LISTS = ("vaults", "hubs", "newServices", "services", "identityServices", *_LIST_OF.values(), "vaultLogs", "serviceLogs")


def _needed(found: Resource | None, changes: Iterable[PropertyChange]) -> tuple[PropertyChange, ...] | None:
    """The changes; empty if the resource does not exist; None if it does not need to be written."""
    if found is None:
        return ()
    return tuple(changes) or None


def _write(type_: str, name: str, found: Resource | None, changes: tuple[PropertyChange, ...]) -> Action:
    return Action("create" if found is None else "modify", f"{type_}/{name}", changes=changes)


def _assign(each: Assignment) -> Action:
    who = "the DPS's own identity" if not each.principal.object_id else f"{each.principal.kind} {each.principal.object_id}"
    return Action("assign", f"{each.role.name} on {each.type}/{each.resource} to {who}")


def _assignment(each: Assignment) -> dict[str, object]:
    return {
        "resource": each.resource,
        "role": each.role.id,
        "principalId": each.principal.object_id,
        "principalType": each.principal.kind,
    }


# each resource


def _vault_changes(environment: Environment, wanted: Vault, found: Resource | None) -> Iterator[PropertyChange]:
    if found is None:
        return
    properties = found.properties
    _require_place(f"the vault {wanted.name}", found, environment.location)
    _require_own(environment, wanted, found)
    policies = properties.get("accessPolicies")
    if properties.get("enableRbacAuthorization") is not True:
        if policies:
            count = len(policies) if isinstance(policies, list) else 1
            raise Refused(
                f"the vault {wanted.name} gives access by {count} access policy(ies), and not by roles: they would be lost",
                "use a vault of its own for dpsops, or move this one to roles first: Microsoft's guide is 'Migrate from vault "
                "access policy to an Azure role-based access control permission model'",
            )
        yield PropertyChange("properties.enableRbacAuthorization", properties.get("enableRbacAuthorization"), True)
    days = properties.get("softDeleteRetentionInDays")
    if days is not None and days != wanted.soft_delete_days:
        raise Refused(
            f"the vault {wanted.name} keeps what is deleted for {days} days, which cannot be changed; the settings say "
            f"{wanted.soft_delete_days}",
            f"set soft_delete_days = {days} under [vault] in the settings"
            if wanted is environment.vault
            else "soft_delete_days under [vault] is that of all vaults: put another name under [device] in the settings",
        )
    sku = properties.get("sku")
    name = sku.get("name") if isinstance(sku, Mapping) else None
    if str(name).lower() != wanted.sku:
        yield PropertyChange("properties.sku.name", name, wanted.sku)
    if properties.get("enableSoftDelete") is False:
        yield PropertyChange("properties.enableSoftDelete", False, True, _CANNOT_BE_UNDONE)
    if wanted.purge_protection and properties.get("enablePurgeProtection") is not True:
        before = properties.get("enablePurgeProtection")
        yield PropertyChange("properties.enablePurgeProtection", before, True, _CANNOT_BE_UNDONE)
    yield from tag_changes(found.tags, _tags_of_vault(environment, wanted))


def _vault(environment: Environment, wanted: Vault, found: Resource | None) -> dict[str, object]:
    return {
        "name": wanted.name,
        "location": environment.location if found is None else found.location,
        "tags": tags_to_write(environment, found, _tags_of_vault(environment, wanted)),
        "sku": wanted.sku,
        "purgeProtection": wanted.purge_protection,
        "softDeleteRetentionDays": wanted.soft_delete_days,
        "current": kept_of_vault(found),
    }


def _tags_of_vault(environment: Environment, wanted: Vault) -> Mapping[str, str]:
    return environment.tags if wanted is environment.vault else {**environment.tags, DEVICES_TAG: environment.name}


def _require_own(environment: Environment, wanted: Vault, found: Resource) -> None:
    """Two environments in one vault would each take the other's devices for its own."""
    whose = {name.lower(): value for name, value in found.tags.items()}.get(DEVICES_TAG, environment.name)
    if whose != environment.name:
        raise Refused(
            f"the vault {wanted.name} is for the devices of the environment {whose}, as its tag {DEVICES_TAG!r} says",
            f"put another name under {'[vault]' if wanted is environment.vault else '[device]'} in the settings",
        )


def _hub_changes(environment: Environment, wanted: Hub, found: Resource | None) -> Iterator[PropertyChange]:
    if found is None:
        return
    _require_place(f"the hub {wanted.name}", found, wanted.location or environment.location)
    name, capacity = found.sku.get("name"), found.sku.get("capacity")
    _require_tier(wanted, str(name).upper())
    if str(name).upper() != wanted.sku:
        yield PropertyChange("sku.name", name, wanted.sku)
    if capacity != wanted.capacity:
        fewer = isinstance(capacity, int) and wanted.capacity < capacity
        yield PropertyChange("sku.capacity", capacity, wanted.capacity, "fewer units: fewer messages a day" if fewer else "")
    yield from tag_changes(found.tags, environment.tags)


def _hub(environment: Environment, wanted: Hub, found: Resource | None) -> dict[str, object]:
    return {
        "name": wanted.name,
        "location": (wanted.location or environment.location) if found is None else found.location,
        "tags": tags_to_write(environment, found, environment.tags),
        "sku": wanted.sku,
        "capacity": wanted.capacity,
        "keepPolicies": keeps_policies(found),
        "identity": kept_identity(found),
        "current": kept_of_hub(found),
    }


def _service_changes(environment: Environment, found: Resources, *, relink: bool) -> Iterator[PropertyChange]:
    if found.dps is not None:
        _require_place(f"the DPS {environment.dps.name}", found.dps, environment.location)
        yield from service_changes(environment, found, relink=relink)


def _require_tier(wanted: Hub, present: str) -> None:
    """Source: Azure IoT Hub, "Choose the right IoT Hub tier": a hub does not go to or from the free edition, nor from the
    standard tier to the basic one."""
    before, after = present[:1], wanted.sku[:1]
    if before in ("", after) or (before, after) == ("B", "S"):
        return
    raise Refused(
        f"the hub {wanted.name} has the SKU {present}, which cannot be changed to {wanted.sku}: {_TIERS}",
        f'set sku = "{present}" for this hub in the settings, or give the hub another name: a new hub is made then',
    )


_TIERS = "a hub cannot be moved to or from the free edition, nor from standard to basic"


def _require_place(what: str, found: Resource, location: str) -> None:
    if region(found.location) != region(location):
        raise Refused(
            f"{what} is in {region(found.location)}, the settings say {location}, and a resource cannot be moved",
            f'set location = "{region(found.location)}", or choose another name',
        )
