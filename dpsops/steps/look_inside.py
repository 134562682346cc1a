"""Reading everything that a removal would take away, and what it must leave."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.removals import Listed, Removals, is_ending
from dpsops.azure.vault_objects import VaultObjects
from dpsops.errors import Refused
from dpsops.fleet import engine
from dpsops.model import contents
from dpsops.model.contents import Contents
from dpsops.model.removal import Part, Standing, is_for_devices
from dpsops.model.resources import Resource, links, registry_host
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.model.run import Run
from dpsops.model.tags import is_made
from dpsops.settings import Environment, hub_host

_KEPT_DAYS = 90
"""How long a deleted vault is kept if it does not say so itself. Source: Key Vault, "Soft-delete overview"."""


@dataclass(frozen=True, slots=True)
class Looking:
    """The parts of Azure that are looked into. `store`: the trust store of a DPS or a hub, by the type of the resource and its
    name."""

    removals: Removals
    objects: VaultObjects
    dps: Dps
    hubs: Hubs
    store: Callable[[str, str], TrustStore]


@dataclass(frozen=True, slots=True)
class Known:
    """Whose the contents of a part are: the IDs of the environment's devices, and the names of its hubs, in lower case."""

    devices: frozenset[str]
    hubs: frozenset[str]


def survey_removal(run: Run, to: Looking, *, purge: bool) -> tuple[Standing, Known]:
    """Reads what there is of the environment. Raises `Refused` while a deployment of it is under way, and `Denied` if this
    identity may not look into what would be removed, or may not see deleted vaults and is to purge them."""
    environment, removals = run.environment, to.removals
    run.progress(f"reading the resource group {environment.resource_group}")
    deleted = removals.require_deleted_vaults() if purge else removals.deleted_vaults()
    group = removals.group()
    if group is None or group.is_ending:
        known = Known(frozenset(), frozenset())
        return Standing(removals.group_id, group is not None, group_is_ending=group is not None, deleted=deleted), known
    if removals.is_deploying():
        raise Refused(
            "a deployment of this environment is under way: somebody runs 'dpsops up'",
            "wait until it has ended, then run the command again",
        )
    listed, before, notes = removals.listed(), removals.linked_before(), list[str]()
    ours = _ours(environment, listed, before)
    parts = [_with_logs(to, each, notes) for each in _parts(to, ours)]
    hubs = frozenset(each.name.lower() for each in parts if each.type == HUB) | before
    known = Known(frozenset(), hubs | {hub.name.lower() for hub in environment.hub})
    vaults = [look_into(run, to, each, known) for each in parts if each.type == VAULT]
    known = replace(known, devices=frozenset().union(*(each.contents.devices for each in vaults)))
    others = [look_into(run, to, each, known) for each in parts if each.type != VAULT]
    locks = removals.locks()
    if locks is None:
        notes.append("this identity may not read locks: one of them may forbid the removal of a part of this")
    if deleted is None:
        notes.append("this identity may not list the deleted vaults of the subscription")
    return Standing(
        removals.group_id,
        group_exists=True,
        group_tags=group.tags,
        parts=(*_linked(to, others, notes), *vaults),
        others=tuple((each.type, each.name) for each in listed if (each.type, each.name.lower()) not in ours),
        roles=removals.roles_on_group(),
        locks=locks or (),
        deleted=deleted,
        notes=tuple(notes),
    ), known


def _ours(environment: Environment, listed: Iterable[Listed], before: Collection[str]) -> dict[tuple[str, str], tuple[str, bool]]:
    """The names of the environment's resources, and whether the settings name them, by type and name in lower case: those of the
    settings, those that are marked, and the hubs that it was linked to. One that has just been removed may be listed still."""
    named = [(SERVICE, environment.dps.name), *((HUB, hub.name) for hub in environment.hub)]
    named += [(VAULT, name) for name in (environment.vault.name, *environment.device.vaults)]
    found = {(type_, name.lower()): (name, True) for type_, name in named}
    for each in listed:
        marked = is_made(each.tags, environment.name) or is_for_devices(environment, each.type, each.tags)
        if each.type in (SERVICE, HUB, VAULT) and (marked or (each.type == HUB and each.name.lower() in before)):
            found.setdefault((each.type, each.name.lower()), (each.name, False))
    return found


def _parts(to: Looking, ours: Mapping[tuple[str, str], tuple[str, bool]]) -> Iterator[Part]:
    """The resources that exist of these, without what is in them."""
    for (type_, _), (name, is_named) in ours.items():
        if (found := to.removals.find(type_, name)) is not None:
            yield _part(type_, name, found, is_named=is_named)


def _part(type_: str, name: str, found: Resource, *, is_named: bool) -> Part:
    days = found.properties.get("softDeleteRetentionInDays")
    return Part(
        type=type_,
        name=name,
        location=found.location,
        tags=found.tags,
        is_named=is_named,
        is_ending=is_ending(found),
        links=frozenset(registry_host(each.host).partition(".")[0] for each in links(found)) if type_ == SERVICE else frozenset(),
        protected=found.properties.get("enablePurgeProtection") is True,
        days=0 if type_ != VAULT else days if isinstance(days, int) else _KEPT_DAYS,
    )


def _with_logs(to: Looking, part: Part, notes: list[str]) -> Part:
    logs = to.removals.logs(part.type, part.name)
    if logs is None:
        notes.append(f"{part.name}: this identity may not read its diagnostic settings: they may come back with its name")
    return replace(part, logs=logs or ())


def _linked(to: Looking, parts: list[Part], notes: list[str]) -> Iterator[Part]:
    """The parts, and to each hub which other DPSs are linked to it."""
    services = to.removals.services_linked_to() if any(each.type == HUB for each in parts) else {}
    if services is None:
        notes.append("this identity may not list the DPSs of the subscription: one of them may be linked to a hub of this")
    for each in parts:
        found = (services or {}).get(each.name.lower(), []) if each.type == HUB else []
        yield replace(each, linked_from=tuple(found))


def look_again(run: Run, to: Looking, part: Part, known: Known) -> Part | None:
    """A part as it is now, with its contents; None if somebody else has removed it."""
    found = to.removals.find(part.type, part.name)
    return look_into(run, to, replace(part, is_ending=is_ending(found)), known) if found else None


def look_into(run: Run, to: Looking, part: Part, known: Known) -> Part:
    """A part with its contents. One that is being removed already has none."""
    if part.is_ending:
        return part
    run.progress(f"looking into {part.name}")
    match part.type:
        case _ if part.type == VAULT:
            found = _vault(run, to, part)
        case _ if part.type == SERVICE:
            found = _service(run, to, part, known)
        case _:
            identities = engine.wait(run, to.hubs.listed(hub_host(part.name)))
            found = contents.of_hub(identities, to.store(HUB, part.name).all(), devices=known.devices)
    return replace(part, contents=found)


def _vault(run: Run, to: Looking, part: Part) -> Contents:
    """`up` gives nobody a right on the keys and certificates of a vault for devices: each certificate has a secret too."""
    if part.name.lower() == run.environment.vault.name.lower():
        return contents.of_vault(engine.wait(run, to.objects.all(part.name, "certificate", "key", "secret")))
    secrets = engine.wait(run, to.objects.all(part.name, "secret"))
    keys = engine.wait(run, to.objects.visible(part.name, "key"))
    return contents.of_vault([*secrets, *(keys or ())], () if keys is not None else ("keys",))


def _service(run: Run, to: Looking, part: Part, known: Known) -> Contents:
    group = run.environment.group.id
    entries = engine.wait(run, to.dps.entries())
    has_group = any(each.is_group and each.id == group.lower() for each in entries)
    registrations = engine.wait(run, to.dps.registrations()) if has_group else {}
    certificates = to.store(SERVICE, part.name).all()
    return contents.of_service(
        entries, len(registrations), certificates, part.links - known.hubs, group=group, devices=known.devices
    )
