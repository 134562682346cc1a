"""The devices' identities in the hubs, when a root is cut off and when its devices have leaves of the next one.

An identity goes on connecting whatever becomes of the root. Source: Azure DPS, "Roll X.509 device certificates".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.errors import Denied, Error, Silent
from dpsops.fleet.places import Place, Unreached, known_hubs, strangers, visit
from dpsops.model.action import Action, Failed
from dpsops.model.device import Leaf
from dpsops.model.identity import HubIdentity, cut_off, readmitted
from dpsops.model.member import Registration
from dpsops.model.root import root_name
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId


def disable_identities(run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], number: int) -> Iterator[Action | Failed]:
    """Disables every identity that holds no leaf of a newer root than `number`. It holds the leaf that the vault knows from
    then on, so that enabling it, as `device unblock` does, lets in no forged one."""
    newer = {leaf.thumbprint for leaf in leaves if leaf.generation > number}
    known = {leaf.device: leaf.thumbprint for leaf in leaves}

    def disable(place: Place) -> Iterator[Action]:
        identity = hubs.identity(place.hub, place.device)
        wanted = identity and cut_off(identity, known.get(place.device, ""), newer, root_name(number))
        if identity is None or wanted is None or wanted == identity:
            return
        if wanted.status != identity.status:
            run.progress(f"disabling {place.device} in {place.hub}")
            yield _put(hubs, place, wanted, "disable", "disabled")
        else:
            yield _put(hubs, place, wanted, "modify", "holds the leaf that the vault knows, and stays disabled")

    places = _places(run, dps, hubs, leaves)
    yield from _each(places, places.all, disable)


def readmit_identities(run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], old: int, new: int) -> Iterator[Action | Failed]:
    """Gives each identity that the breach of `old` has disabled the thumbprint of its device's leaf of `new`, and enables it."""
    held = {leaf.device: leaf.thumbprint for leaf in leaves if leaf.generation == new and not leaf.blocked}

    def enable(place: Place) -> Iterator[Action]:
        identity = hubs.identity(place.hub, place.device)
        wanted = identity and readmitted(identity, held[place.device], root_name(old))
        if wanted is None or wanted == identity:
            return
        run.progress(f"letting {place.device} into {place.hub} with its new leaf")
        yield _put(hubs, place, wanted, "enable", "enabled, with its new leaf")

    places = _places(run, dps, hubs, leaves)
    yield from _each(places, [place for place in places.all if place.device in held], enable)


def affected_devices(run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], number: int) -> list[str]:
    """The devices that cutting off a root would shut out until they have a new leaf, among them those that the vault does not
    know."""
    newer = {leaf.device for leaf in leaves if leaf.generation > number} - _not_moved(run, dps, hubs, leaves, number)
    blocked = {leaf.device for leaf in leaves if leaf.blocked}
    registered = {registration.device.lower() for registration in _registrations(dps, leaves)}
    return sorted(({leaf.device for leaf in leaves} | registered) - newer - blocked)


def _not_moved(run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], number: int) -> set[str]:
    """The devices that have a leaf of a newer root, and an identity that still holds another one."""
    newer = {leaf.thumbprint: leaf.device for leaf in leaves if leaf.generation > number}
    found = set[str]()
    if not newer:
        return found
    for place in _places(run, dps, hubs, leaves).all:
        if place.device not in newer.values():
            continue
        with suppress(Denied, Silent):  # to be told of them is not worth a delay
            identity = hubs.identity(place.hub, place.device)
            if identity and identity.is_by_certificate and identity.is_enabled and identity.thumbprint not in newer:
                found.add(place.device)
    return found


def _registrations(dps: Dps, leaves: Iterable[Leaf]) -> list[Registration]:
    """Every registration under the group, and those of the known devices' individual enrollments, that have a hub."""
    known = {leaf.device for leaf in leaves}
    found = list(dps.registrations().values())
    for name in dps.individuals():
        if name in known and (registration := dps.registration(DeviceId(name))) is not None:
            found.append(registration)
    return [registration for registration in found if registration.hub]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the devices may have an identity, those where a registration says so, and of each hub that there is, whether
    it is one of ours."""

    all: tuple[Place, ...]
    assigned: frozenset[Place]
    hubs: Mapping[str, bool]


def _places(run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf]) -> _Places:
    """Each device that the vault or the DPS knows, in each hub that there is, and in the one that it was assigned to. Its
    registration alone would not do: a block forgets it and leaves the identity, and so does a hub that was unlinked."""
    known = known_hubs(run.environment, dps.facts(), hubs)
    assigned = frozenset(Place(each.hub_device, each.hub.lower()) for each in _registrations(dps, leaves))
    devices = {leaf.device for leaf in leaves} | {place.device for place in assigned}
    return _Places(tuple(sorted({Place(device, hub) for device in devices for hub in known} | assigned)), assigned, known)


def _each(places: _Places, wanted: Iterable[Place], change: Callable[[Place], Iterator[Action]]) -> Iterator[Action | Failed]:
    """Does it in each place. Where a hub is gone, which a registration can outlive, it says so and goes on.

    Raises `Denied` or `Error` at the end where a hub that there is keeps us out or does not answer.
    """
    missed: dict[str, Denied | Silent] = {}
    for result in visit(wanted, change):
        if not isinstance(result, Unreached):
            yield result
            continue
        place, name = result.place, DeviceId(result.place.device)
        if strangers(places.hubs, result):
            if place in places.assigned:
                yield Failed(name, f"its hub {place.hub} keeps us out and is not of this environment any more")
        elif isinstance(result.why, Silent) and place.hub not in places.hubs:
            yield Failed(name, f"its hub {place.hub} does not answer and is not of this environment any more")
        else:
            missed[place.hub] = result.why
    if denied := next((why for why in missed.values() if isinstance(why, Denied)), None):
        raise denied
    if missed:
        raise Error(
            f"{', '.join(sorted(missed))} cannot be asked about its identities: they stay as they are",
            "run the command again when that hub answers; if it is gone for good, unlink it from the DPS",
        )


def _put(hubs: Hubs, place: Place, wanted: HubIdentity, action: str, outcome: str) -> Action:
    hubs.put_identity(place.hub, wanted)
    return Action(action, f"identity {place.device} in {place.hub}", outcome)
