"""What a removal takes away, in which order, and what it leaves: decided from what there is, not from a list of what was made.

What dpsops has not made is left, and so is a resource that holds anything of somebody else's. What would be without its other
half stays too: the hubs of a DPS that stays, and the vaults with the roots that it trusts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dpsops.errors import Changed, Refused
from dpsops.model.action import Action
from dpsops.model.contents import NOTHING, Contents
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.model.tags import is_made
from dpsops.settings import DEVICES_TAG, Environment

GROUP = "Microsoft.Resources/resourceGroups"
_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"


@dataclass(frozen=True, slots=True)
class Part:
    """A resource that is one of the environment's, by the settings or by its mark. `is_named`: the settings name it; `is_ending`:
    it is being deleted already, so nobody can look into it; `protected`: a vault that cannot be purged; `days`: how long a vault
    is kept after it was deleted; `linked_from`: the names of other DPSs that are linked to a hub; `logs`: the names of its
    diagnostic settings."""

    type: str
    name: str
    location: str
    tags: Mapping[str, str]
    is_named: bool
    is_ending: bool = False
    contents: Contents = NOTHING
    links: frozenset[str] = frozenset()
    linked_from: tuple[str, ...] = ()
    protected: bool = False
    days: int = 0
    logs: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """Its path below the resource group."""
        return f"{self.type}/{self.name}"

    @property
    def key(self) -> tuple[str, str]:
        """Which resource it is. Types and names have no case."""
        return self.type.lower(), self.name.lower()


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock: its ID, and the ID of what it is on."""

    id: str
    scope: str


@dataclass(frozen=True, slots=True)
class DeletedVault:
    """A vault that is deleted and kept for a while. `until`: when it is purged by itself."""

    name: str
    location: str
    id: str
    tags: Mapping[str, str]
    until: datetime | None
    protected: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is of an environment. `group`: the ID of the resource group; `others`: type and name of the other resources in
    it; `roles`: how many roles are assigned on the group itself; `deleted`: the deleted vaults of the subscription, None if this
    identity may not list them; `notes`: what could not be seen."""

    group: str
    group_exists: bool
    group_tags: Mapping[str, str] = field(default_factory=dict)
    group_is_ending: bool = False
    parts: tuple[Part, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    roles: int = 0
    locks: tuple[Lock, ...] = ()
    deleted: tuple[DeletedVault, ...] | None = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that stays, and why. `is_ours`: it belongs to the environment, so that the removal is not complete."""

    name: str
    type: str
    reason: str
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class SoftDeleted:
    """A vault that is deleted and keeps its name. `until`: when it is purged by itself, if Azure says so."""

    name: str
    until: datetime | None
    purgeable: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """What is removed, in this order, then the group if `removes_group`; `purged`: the deleted vaults that are purged, with those
    that are only deleted by this removal; `protected`: the vaults that were to be purged and cannot be."""

    group: str
    parts: tuple[Part, ...] = ()
    kept: tuple[Kept, ...] = ()
    removes_group: bool = False
    waits_for_group: bool = False
    purged: tuple[tuple[str, str], ...] = ()
    protected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def actions(self) -> tuple[Action, ...]:
        """What would be done."""
        removed = [Action("remove", target) for part in self.parts for target in (*_logs(part), part.target)]
        group = [Action("remove", f"resource group {self.group.rpartition('/')[2]}")] if self.removes_group else []
        return (*removed, *group, *(Action("purge", f"deleted vault {name}") for name, _ in self.purged))

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the environment is left that was to be removed."""
        return not self.protected and not any(each.is_ours for each in self.kept)


def _logs(part: Part) -> Iterator[str]:
    return (log_target(part, name) for name in part.logs)


def log_target(part: Part, name: str) -> str:
    """The path of a diagnostic setting below the resource group."""
    return f"{part.target}/providers/Microsoft.Insights/diagnosticSettings/{name}"


_ORDER = (SERVICE, HUB, VAULT)
"""First the DPS, so that no device registers any more; last the vaults, which know the devices."""


def decide(environment: Environment, found: Standing, *, purge: bool) -> Removal:
    """What a removal would do. Raises `Refused` if a lock forbids it."""
    if not found.group_exists or found.group_is_ending:
        purged, protected = _purged(environment, found, ()) if purge else ((), ())
        return Removal(found.group, waits_for_group=found.group_is_ending, purged=purged, protected=protected, notes=found.notes)
    reasons = _reasons(environment, found)
    going = sorted((each for each in found.parts if each.key not in reasons), key=lambda each: _rank(environment, each))
    kept = [Kept(each.name, each.type, reasons[each.key]) for each in found.parts if each.key in reasons]
    group = _kept_group(environment, found, kept)
    _require_unlocked(found, going, removes_group=group is None)
    purged, protected = _purged(environment, found, going) if purge else ((), ())
    return Removal(
        found.group,
        tuple(going),
        (*kept, *([group] if group else [])),
        removes_group=group is None,
        purged=purged,
        protected=protected,
        notes=(*found.notes, *_notes(environment, found, going)),
    )


def _rank(environment: Environment, part: Part) -> tuple[int, bool, str]:
    """The vault of the root goes last of all."""
    return _ORDER.index(part.type), part.name.lower() == environment.vault.name.lower(), part.name.lower()


def _reasons(environment: Environment, found: Standing) -> dict[tuple[str, str], str]:
    """Why parts stay, by their keys."""
    reasons = {each.key: f"it holds what dpsops did not make: {_listed(each.contents.foreign)}" for each in found.parts
               if each.contents.foreign}  # fmt: skip
    for each in found.parts:
        if not (each.is_named or is_made(each.tags, environment.name) or is_for_devices(environment, each.type, each.tags)):
            reasons[each.key] = "the settings do not name it, and nothing says that dpsops made it"
    for service in (each for each in found.parts if each.type == SERVICE and each.key in reasons):
        for each in found.parts:
            if each.type == HUB and each.name.lower() in service.links:
                reasons.setdefault(each.key, f"the DPS {service.name} stays, and is linked to it")
            elif each.type == VAULT:
                text = f"the DPS {service.name} stays, and may trust its roots: without them nobody could rotate or block"
                reasons.setdefault(each.key, text)
    for each in found.parts:
        if each.linked_from:
            reasons.setdefault(each.key, f"another DPS is linked to it: {_listed(each.linked_from)}")
    return reasons


def is_for_devices(environment: Environment, type_: str, tags: Mapping[str, str]) -> bool:
    """Whether it is a vault for devices of this environment, as its tag says: earlier versions have set no other one."""
    return type_ == VAULT and (DEVICES_TAG, environment.name) in ((name.lower(), value) for name, value in tags.items())


def _kept_group(environment: Environment, found: Standing, kept: Sequence[Kept]) -> Kept | None:
    """Why the resource group stays; None if it goes. All that is in it would go with it."""
    name = found.group.rpartition("/")[2]
    if not is_made(found.group_tags, environment.name):
        return Kept(name, GROUP, "nothing says that dpsops made it", is_ours=False)
    if kept:
        return Kept(name, GROUP, "not all that is in it goes")
    if found.others:
        return Kept(name, GROUP, f"there is more in it: {_listed([f'{kind}/{each}' for kind, each in found.others])}")
    if found.roles:
        return Kept(name, GROUP, f"{found.roles} role(s) are assigned on it, which would be lost")
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _require_unlocked(found: Standing, going: Iterable[Part], *, removes_group: bool) -> None:
    ids = [f"{found.group}/providers/{each.target}" for each in going] + ([found.group] if removes_group else [])
    stopping = [each for each in found.locks if any(_stops(each.scope, identifier) for identifier in ids)]
    if stopping:
        removals = "; ".join(f"az lock delete --ids {each.id}" for each in stopping)
        raise Refused(
            f"{len(stopping)} lock(s) forbid the removal, so nothing was removed: {_listed([each.id for each in stopping])}",
            f"whoever set them may remove them: {removals}; then run the command again",
        )


def _stops(scope: str, identifier: str) -> bool:
    """Whether a lock on a scope forbids to delete a resource: on it, above it or below it. Source: Azure Resource Manager, "Lock
    your resources to protect your infrastructure"."""
    here, there = f"{identifier}/".lower(), f"{scope.rstrip('/')}/".lower()
    return here.startswith(there) or there.startswith(here)


def _purged(
    environment: Environment, found: Standing, going: Iterable[Part]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The vaults to purge, with their locations, and those that cannot be purged: those that go now, and those of this
    environment that were deleted before."""
    wanted = [(each.name, each.location, each.protected) for each in going if each.type == VAULT]
    wanted += [
        (each.name, each.location, each.protected) for each in of_environment(environment, found.group, found.deleted or ())
    ]
    free = tuple((name, location) for name, location, protected in wanted if not protected)
    return free, tuple(name for name, _, protected in wanted if protected)


def of_environment(environment: Environment, group: str, deleted: Iterable[DeletedVault]) -> Iterator[DeletedVault]:
    """The deleted vaults that were in the group of this environment, and are named in the settings or marked."""
    names = {name.lower() for name in (environment.vault.name, *environment.device.vaults)}
    for each in deleted:
        ours = each.name.lower() in names or is_made(each.tags, environment.name)
        if ours and each.id.lower().startswith(f"{group}/".lower()):
            yield each


def _notes(environment: Environment, found: Standing, going: Sequence[Part]) -> Iterator[str]:
    unmarked = [each for each in going if not is_made(each.tags, environment.name)]
    if unmarked:
        names = ", ".join(each.name for each in unmarked)
        yield (
            f"nothing says that dpsops made {names}: an earlier version did, or it was there before; it goes, because the "
            "settings name it, and nothing in it is anybody else's"
        )
    roots = [name for each in going for name in sorted(each.contents.roots)]
    if len(roots) > 1:
        yield f"more than one root goes: {', '.join(roots)}; if a rotation is under way, it ends here"
    for each in going:
        for what in each.contents.unseen:
            yield f"{each.name}: this identity may not list its {what}, so nobody knows whether there are any"
    pipelines = [name for kind, name in found.others if kind.lower() == _IDENTITY.lower() and name.startswith("id-dpsops-")]
    if pipelines:
        yield (
            f"the identities of the pipelines stay, with their custom roles: {', '.join(pipelines)}; to remove one: az identity "
            f"delete --resource-group {environment.resource_group} --name NAME; az role definition delete --name ROLE"
        )


def made_again(names: str) -> Changed:
    """The error if something is there again that was removed."""
    return Changed(
        f"somebody has made {names} again: 'dpsops up' is at work at the same time",
        "a vault that was removed is soft-deleted, with all that is in it: 'dpsops status' shows how to get it back; or run "
        "the command again, to remove the rest",
    )


def require_unchanged(planned: Part, now: Part) -> None:
    """Raises `Changed` if a part holds now what nobody has confirmed: anything foreign, or another root."""
    new = sorted(now.contents.roots - planned.contents.roots)
    if what := (*now.contents.foreign, *(f"the root {name}" for name in new)):
        raise Changed(
            f"{planned.name} has changed since it was confirmed to remove it, and stays: {_listed(what)}",
            "somebody else is at work there: see what it is, then run the command again",
        )
