"""Device identities: disabled when a root is cut off, enabled again when the devices have certificates under the next root.

A device identity stays usable after its root was removed. Source: Azure DPS, "Roll X.509 device certificates".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.errors import Denied, Error, Unavailable
from dpsops.fleet.places import Place, Unreached, is_foreign, known_hubs, visit
from dpsops.model.action import Action, Failed
from dpsops.model.device import Leaf
from dpsops.model.identity import HubIdentity, cut_off, reenabled
from dpsops.model.registration import Registration
from dpsops.model.resources import registry_host
from dpsops.model.root import root_name
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId


def disable_identities(
    run: Run, vault: LeafVault, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], number: int, sound: Collection[int]
) -> Iterator[Action | Failed]:
    """Disables every identity that does not have the thumbprint of a certificate under a `sound` root. It gets the thumbprint of
    the certificate in the vault, so that a forged one is not accepted when the identity is enabled again."""
    newer = sound_thumbprints(vault, leaves, number, sound)
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


def reenable_identities(
    run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], old: int, new: int
) -> Iterator[Action | Failed]:
    """Enables each identity that the breach of `old` has disabled, with the thumbprint of the certificate under `new`."""
    renewed = {leaf.device: leaf.thumbprint for leaf in leaves if leaf.generation == new and not leaf.blocked}

    def enable(place: Place) -> Iterator[Action]:
        identity = hubs.identity(place.hub, place.device)
        wanted = identity and reenabled(identity, renewed[place.device], root_name(old))
        if wanted is None or wanted == identity:
            return
        run.progress(f"enabling {place.device} in {place.hub} with its new certificate")
        yield _put(hubs, place, wanted, "enable", "enabled, with its new leaf")

    places = _places(run, dps, hubs, leaves)
    yield from _each(places, [place for place in places.all if place.device in renewed], enable)


def affected_devices(
    run: Run, vault: LeafVault, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], number: int, sound: Collection[int]
) -> list[str]:
    """The devices that could not connect after this root was cut off, until they have a new certificate. Devices without a
    certificate in the vault are included."""
    kept = {leaf.device for leaf in leaves if leaf.generation in sound}
    older = any(each < number for each in sound)
    if older:
        kept |= {leaf.device for leaf in leaves if _has_sound_leaf(vault, leaf, sound)}
    if kept:
        kept -= _not_moved(run, dps, hubs, leaves, kept, sound_thumbprints(vault, leaves, number, sound))
    blocked = {leaf.device for leaf in leaves if leaf.blocked}
    registered = {registration.device.lower() for registration in _registrations(dps, leaves)}
    return sorted(({leaf.device for leaf in leaves} | registered) - kept - blocked)


def sound_thumbprints(vault: LeafVault, leaves: Iterable[Leaf], number: int, sound: Collection[int]) -> set[str]:
    """The thumbprints of the certificates under sound roots: the newest ones and, if an older root than the one that is cut off
    is sound, those before them, which devices may still use. One more request for each device then."""
    found = {leaf.thumbprint for leaf in leaves if leaf.generation in sound}
    if any(each < number for each in sound):
        for leaf in leaves:
            if leaf.generation not in sound:
                found |= {each.thumbprint for each in vault.leaves(DeviceId(leaf.device)) if each.generation in sound}
    return found


def _has_sound_leaf(vault: LeafVault, leaf: Leaf, sound: Collection[int]) -> bool:
    return leaf.generation not in sound and any(each.generation in sound for each in vault.leaves(DeviceId(leaf.device)))


def _not_moved(
    run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], devices: Collection[str], sound: Collection[str]
) -> set[str]:
    """Those of the devices that have an identity with another thumbprint than that of a sound certificate."""
    found = set[str]()
    for place in _places(run, dps, hubs, leaves).all:
        if place.device not in devices:
            continue
        with suppress(Denied, Unavailable):  # this list is only for information: a hub that fails must not stop the command
            identity = hubs.identity(place.hub, place.device)
            if identity and identity.uses_certificate and identity.is_enabled and identity.thumbprint not in sound:
                found.add(place.device)
    return found


def _registrations(dps: Dps, leaves: Iterable[Leaf]) -> list[Registration]:
    """The registrations with an assigned hub: all under the group, and those of known devices with individual enrollments."""
    known = {leaf.device for leaf in leaves}
    found = list(dps.registrations().values())
    for name in dps.individuals():
        if name in known and (registration := dps.registration(DeviceId(name))) is not None:
            found.append(registration)
    return [registration for registration in found if registration.hub]


@dataclass(frozen=True, slots=True)
class _Places:
    """All places where the devices may have an identity, those that a registration names, and each hub with whether it is
    ours."""

    all: tuple[Place, ...]
    assigned: frozenset[Place]
    hubs: Mapping[str, bool]


def _places(run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf]) -> _Places:
    """Each device in the vault or in the DPS, in each known hub, and in the hub that it was assigned to. The registration alone
    is not enough: it is removed by a block, and also when a hub is unlinked, and the identity stays."""
    known = known_hubs(run.environment, dps.facts(), hubs)
    assigned = frozenset(Place(each.hub_device, registry_host(each.hub)) for each in _registrations(dps, leaves))
    devices = {leaf.device for leaf in leaves} | {place.device for place in assigned}
    return _Places(tuple(sorted({Place(device, hub) for device in devices for hub in known} | assigned)), assigned, known)


def _each(places: _Places, wanted: Iterable[Place], change: Callable[[Place], Iterator[Action]]) -> Iterator[Action | Failed]:
    """Makes a change in each place. A hub that was deleted, which a registration can still name, is reported and skipped.

    Raises `Denied` or `Error` at the end if one of our hubs denies access or does not answer.
    """
    missed: dict[str, Denied | Unavailable] = {}
    for result in visit(wanted, change):
        if not isinstance(result, Unreached):
            yield result
            continue
        place, name = result.place, DeviceId(result.place.device)
        if is_foreign(places.hubs, result):
            if place in places.assigned:
                yield Failed(name, f"its hub {place.hub} denies access and is no longer part of this environment")
        elif isinstance(result.why, Unavailable) and place.hub not in places.hubs:
            yield Failed(name, f"its hub {place.hub} does not answer and is no longer part of this environment")
        else:
            missed[place.hub] = result.why
    if denied := next((why for why in missed.values() if isinstance(why, Denied)), None):
        raise denied
    if missed:
        raise Error(
            f"{', '.join(sorted(missed))} failed or did not answer: the device identities there were not changed",
            "run the command again when the hub answers; if the hub was deleted, unlink it from the DPS",
        )


def _put(hubs: Hubs, place: Place, wanted: HubIdentity, action: str, outcome: str) -> Action:
    hubs.put_identity(place.hub, wanted)
    return Action(action, f"identity {place.device} in {place.hub}", outcome)
