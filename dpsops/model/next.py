"""What to do next, for people: the most urgent first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from dpsops.errors import Refused
from dpsops.model.device import SOON, Leaf
from dpsops.model.enrollment import EnrollmentGroup, IndividualEnrollment
from dpsops.model.generations import View
from dpsops.model.registration import Registration, is_before, is_dead_link
from dpsops.model.replacement import continuation, is_due
from dpsops.model.resources import is_link_of, left_vault
from dpsops.model.root import root_name, rotate_command
from dpsops.model.root_facts import RootFacts
from dpsops.model.rotation import Phase, Standing
from dpsops.settings import Environment, Root


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """How many devices have a certificate, how many certificates expire soon (`SOON`) or have expired, how many devices are
    blocked, how many a rotation has left behind (they have not registered with their new certificate since), and how many have
    not come back since a breach."""

    total: int
    expiring: int
    blocked: int
    left_behind: int = 0
    waiting: int = 0


FIRST_DEVICE = "dpsops device issue ID"
"""The one step that remains in an environment with which nothing is wrong."""

_NAMED = 10
"""How many devices a step names at most."""

NO_DEVICES = DeviceCounts(0, 0, 0)


def count(leaves: tuple[Leaf, ...], now: datetime) -> DeviceCounts:
    """Counts the devices by their certificates."""
    return DeviceCounts(
        total=len(leaves),
        expiring=sum(1 for leaf in leaves if not leaf.blocked and leaf.expires_soon(now)),
        blocked=sum(1 for leaf in leaves if leaf.blocked),
    )


def missing_since(admitted: Mapping[int, str], leaves: Iterable[Leaf], registrations: Mapping[str, Registration]) -> int:
    """How many devices have not registered since the root of their certificate replaced a compromised one. `admitted`: when that
    was, by generation; `registrations`: by device."""
    since = {leaf.device: admitted[leaf.generation] for leaf in leaves if leaf.generation in admitted and not leaf.blocked}
    return sum(1 for device, found in registrations.items() if is_before(found.updated_at, since.get(device, "")))


def untrusted(view: View) -> int:
    """How many devices have a certificate under a root that the group does not trust."""
    return sum(one.leaves for one in view.observed.generations if one.number not in view.observed.trusted)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How the individual enrollments differ from the vault: the devices that are blocked only in part, because a block was
    interrupted or met a renewal, and those whose enrollment does not accept their newest certificate; sorted. `unseen`: this
    identity may not see the enrollments."""

    partially_blocked: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    unseen: bool = False


def compare(leaves: Iterable[Leaf], enrollments: Mapping[str, IndividualEnrollment]) -> Enrolled:
    """Compares the newest certificates in the vault with the individual enrollments."""
    partially_blocked, outdated = [], []
    for leaf in sorted(leaves, key=lambda each: each.device):
        enrollment = enrollments.get(leaf.device)
        disabled = enrollment is not None and not enrollment.enabled
        lacking = enrollment is not None and bool(enrollment.pinned) and leaf.thumbprint not in enrollment.pinned
        if leaf.blocked != disabled or (disabled and lacking):
            partially_blocked.append(leaf.device)
        elif lacking:
            outdated.append(leaf.device)
    return Enrolled(tuple(partially_blocked), tuple(outdated))


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registrations say of the links: how many devices could not be assigned because a hub does not take the key of
    its link, and how many are assigned to each hub of weight 0, by its name."""

    refused: int = 0
    unweighted: tuple[tuple[str, int], ...] = ()


def assess(registrations: Iterable[Registration], environment: Environment) -> Registered:
    """Counts the registrations that a person should know of."""
    found = tuple(registrations)
    refused = sum(1 for each in found if each.status == "failed" and is_dead_link(each.error))
    assigned = [each.hub for each in found if each.is_assigned]
    counts = ((hub.name, sum(1 for host in assigned if is_link_of(host, hub))) for hub in environment.hub if hub.weight == 0)
    return Registered(refused, tuple((name, count) for name, count in counts if count))


@dataclass(frozen=True, slots=True)
class Situation:
    """What the next steps depend on. `hubs_missing`: a hub of the settings does not exist; `untrusted`: the number of devices
    whose certificate is under a root that the group does not trust; `second_names`: other names of the root in a trust store;
    `logs_off`: what to do if nobody can tell who signs; `former_vaults`: those that were for devices and have left the
    settings; `half_undone`: the roots of which an undo has left something."""

    root: RootFacts | None
    trouble: Refused | None
    group: EnrollmentGroup | None
    rotation: Standing | None
    devices: DeviceCounts
    hubs_missing: bool
    untrusted: int
    registered: Registered = Registered()
    second_names: tuple[str, ...] = ()
    enrolled: Enrolled = Enrolled()
    logs_off: str = ""
    former_vaults: tuple[str, ...] = ()
    half_undone: tuple[str, ...] = ()


def next_steps(seen: Situation, settings: Root, now: datetime) -> Iterator[str]:
    """Each step as a sentence with a command, or what to do by hand."""
    standing, facts = seen.rotation, seen.root
    if standing and standing.phase is Phase.BREACHED:
        yield f"{root_name(standing.old)} is compromised and is being replaced: {continuation(standing)}"
        return
    if seen.trouble is not None:
        yield seen.trouble.hint
        return
    if facts is None or not facts.verified or seen.group is None or seen.hubs_missing:
        yield "dpsops up"
        return
    yield from map(left_vault, seen.former_vaults)
    if not seen.group.enabled:
        yield "the enrollment group is disabled, so no device can register: enable it in the DPS"
    if seen.registered.refused:
        yield (
            f"{seen.registered.refused} device(s) could not register, because a hub does not take the key of its link: "
            "dpsops up --relink"
        )
    if not seen.group.provisioning.hubs:
        yield "the enrollment group names no hub, so its devices go to any hub of the DPS: dpsops up"
    for name, count in seen.registered.unweighted:
        yield f"{count} device(s) are registered on {name}, whose weight is 0: they stay there until they register again"
    left = facts.not_after - now
    if standing and standing.trouble:
        yield f"{standing.trouble}: dpsops rotate status"
    elif standing and standing.phase is not Phase.STABLE:
        yield f"a rotation to {root_name(standing.new)} is under way ({standing.phase}): {continuation(standing)}"
    elif is_due(facts.not_after, settings.warn_days, now):
        yield f"the root expires in {left.days} days, so move the devices to a new one: {rotate_command(facts.generation)}"
    wanted = str(settings.key)
    if facts.key != wanted.removesuffix("-HSM"):
        yield f"the settings want a root key of type {wanted}, which the next root gets: {rotate_command(facts.generation)}"
    if facts.path_length not in (None, settings.path_length):
        yield (
            f"the settings want a root with path length {settings.path_length}, which the next root gets: "
            f"{rotate_command(facts.generation)}"
        )
    for name in seen.half_undone:
        yield f"{name} is retired, and the DPS or a hub still has it: dpsops rotate undo"
    for place in seen.second_names:
        yield f"the root is also {place}: unless somebody needs it there, remove it, because a rotation will not"
    if seen.devices.left_behind:
        yield (
            f"{seen.devices.left_behind} device(s) were left behind by the last rotation, and cannot register until they have "
            "their new certificate: dpsops rotate status"
        )
    if seen.devices.waiting:
        yield f"{seen.devices.waiting} device(s) have not registered since the breach: dpsops device list"
    if seen.untrusted:
        yield f"{seen.untrusted} device(s) have a certificate under a root that is not trusted: dpsops device issue ID"
    if partially := seen.enrolled.partially_blocked:
        yield (
            f"{len(partially)} device(s) are blocked only in part: dpsops device block {partially[0]}, or "
            f"dpsops device unblock {partially[0]}"
        )
    if outdated := seen.enrolled.outdated:
        yield (
            f"{len(outdated)} device(s) have an individual enrollment that does not accept their newest certificate: "
            f"dpsops device issue {' '.join(outdated[:_NAMED])} --individual"
        )
    if seen.enrolled.unseen:
        yield "the individual enrollments were not compared with the vault, because this identity may not read them"
    if seen.devices.expiring:
        yield (
            f"{seen.devices.expiring} device(s) have a certificate that has expired or expires within {SOON.days} days: "
            "dpsops device renew ID"
        )
    if not seen.devices.total:
        yield FIRST_DEVICE
    if seen.logs_off:
        yield seen.logs_off
