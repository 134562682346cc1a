"""Device identities: disabled when a root is cut off, enabled again when the devices have certificates under the next root.

A device identity stays usable after its root was removed. Source: Azure DPS, "Roll X.509 device certificates".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Denied, Error, Unavailable
from dpsops.fleet import engine, history
from dpsops.fleet.identities import is_no_query
from dpsops.fleet.places import Place, Unreached, is_foreign, known_hubs
from dpsops.fleet.stock import FEW
from dpsops.model.action import Action, Failed
from dpsops.model.device import Leaf
from dpsops.model.earlier import EarlierLeaf
from dpsops.model.identity import HubIdentity, cut_off, reenabled
from dpsops.model.registration import Registration, dps_moment
from dpsops.model.resources import registry_host
from dpsops.model.root import root_name
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId

_STALE = timedelta(minutes=10)
"""What has changed within this time, the query of a hub may not show yet."""

_Wanted = Callable[[Place, HubIdentity], HubIdentity | None]
"""What an identity is to be; None or itself if it stays."""


def disable_identities(
    run: Run, vault: LeafVaults, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], number: int, sound: Collection[int]
) -> Iterator[Action | Failed]:
    """Disables every identity that does not have the thumbprint of a certificate under a `sound` root. It gets the thumbprint of
    the certificate in the vault, so that a forged one is not accepted when the identity is enabled again."""
    newer = sound_thumbprints(run, vault, leaves, number, sound)
    known = {leaf.device: leaf.thumbprint for leaf in leaves}
    places = _places(run, dps, hubs, leaves)

    def disabled(place: Place, identity: HubIdentity) -> HubIdentity:
        issued = run.environment.group.certificate_policy is not None and place in places.assigned
        return cut_off(identity, known.get(place.device, ""), newer, root_name(number), issued=issued)

    yield from _change(run, hubs, places, places.all, disabled)


def reenable_identities(
    run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], old: int, new: int
) -> Iterator[Action | Failed]:
    """Enables each identity that the breach of `old` has disabled, with the thumbprint of the certificate under `new`."""
    renewed = {leaf.device: leaf.thumbprint for leaf in leaves if leaf.generation == new and not leaf.blocked}

    def enabled(place: Place, identity: HubIdentity) -> HubIdentity:
        return reenabled(identity, renewed[place.device], root_name(old))

    places = _places(run, dps, hubs, leaves)
    yield from _change(run, hubs, places, [place for place in places.all if place.device in renewed], enabled)


def affected_devices(
    run: Run, vault: LeafVaults, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], number: int, sound: Collection[int]
) -> list[str]:
    """The devices that could not connect after this root was cut off, until they have a new certificate. Devices without a
    certificate in the vault are included."""
    kept = {leaf.device for leaf in leaves if leaf.generation in sound}
    older = any(each < number for each in sound)
    if older:
        kept |= {device for device, _ in _sound_before(run, vault, leaves, sound)}
    if kept:
        kept -= _not_moved(run, dps, hubs, leaves, kept, sound_thumbprints(run, vault, leaves, number, sound))
    blocked = {leaf.device for leaf in leaves if leaf.blocked}
    registered = {registration.device.lower() for registration in _registrations(run, dps, leaves)}
    return sorted(({leaf.device for leaf in leaves} | registered) - kept - blocked)


def sound_thumbprints(run: Run, vault: LeafVaults, leaves: Iterable[Leaf], number: int, sound: Collection[int]) -> set[str]:
    """The thumbprints of the certificates under sound roots: the newest ones and, if an older root than the one that is cut off
    is sound, the valid ones before them, which devices may still use. One more request then for each device of which the tags do
    not say what it had before."""
    leaves = list(leaves)
    found = {leaf.thumbprint for leaf in leaves if leaf.generation in sound}
    if any(each < number for each in sound):
        found |= {each.thumbprint for _, each in _sound_before(run, vault, leaves, sound)}
    return found


def _sound_before(
    run: Run, vault: LeafVaults, leaves: Iterable[Leaf], sound: Collection[int]
) -> Iterator[tuple[str, Leaf | EarlierLeaf]]:
    """The valid certificates under sound roots, each with its device, of the devices whose newest one is under none."""
    others = [leaf for leaf in leaves if leaf.generation not in sound]
    known = [(leaf.device, had) for leaf in others if (had := leaf.certificates()) is not None]
    unsure = [leaf.device for leaf in others if leaf.before is None]
    for device, certificates in chain(known, history.read(run, vault, unsure)):
        yield from ((device, each) for each in certificates if each.generation in sound and each.is_valid(run.now()))


def _not_moved(
    run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf], devices: Collection[str], sound: Collection[str]
) -> set[str]:
    """Those of the devices that have an identity with another thumbprint than that of a sound certificate."""
    found, places = set[str](), _places(run, dps, hubs, leaves)

    def look(place: Place, identity: HubIdentity) -> None:
        if identity.uses_certificate and identity.is_enabled and identity.thumbprint not in sound:
            found.add(place.device)

    by_hub = _by_hub(place for place in places.all if place.device in devices)
    for _ in engine.together(run, *(_Hub(run, hubs, hub, wanted, look).change() for hub, wanted in by_hub.items())):
        pass  # this list is only for information: a hub that fails must not stop the command
    return found


def _registrations(run: Run, dps: Dps, leaves: Iterable[Leaf]) -> list[Registration]:
    """The registrations with an assigned hub: all under the group, and those of known devices with individual enrollments."""
    known = {leaf.device for leaf in leaves}
    found = list(engine.wait(run, dps.registrations()).values())
    for name in engine.wait(run, dps.individuals()):
        if name in known and (registration := engine.wait(run, dps.registration(DeviceId(name)))) is not None:
            found.append(registration)
    return [registration for registration in found if registration.hub]


@dataclass(frozen=True, slots=True)
class _Places:
    """All places where the devices may have an identity, those that a registration names with its time, and each hub with
    whether it is ours."""

    all: tuple[Place, ...]
    assigned: Mapping[Place, datetime | None]
    hubs: Mapping[str, bool]


def _places(run: Run, dps: Dps, hubs: Hubs, leaves: Collection[Leaf]) -> _Places:
    """Each device in the vault or in the DPS, in each known hub, and in the hub that it was assigned to. The registration alone
    is not enough: it is removed by a block, and also when a hub is unlinked, and the identity stays."""
    known = known_hubs(run.environment, dps.facts(), hubs)
    found = _registrations(run, dps, leaves)
    assigned = {Place(each.hub_device, registry_host(each.hub)): dps_moment(each.updated_at) for each in found}
    devices = {leaf.device for leaf in leaves} | {place.device for place in assigned}
    return _Places(tuple(sorted({Place(device, hub) for device in devices for hub in known} | set(assigned))), assigned, known)


def _by_hub(places: Iterable[Place]) -> dict[str, dict[str, Place]]:
    found: dict[str, dict[str, Place]] = defaultdict(dict)
    for place in places:
        found[place.hub][place.device] = place
    return found


def _change(run: Run, hubs: Hubs, places: _Places, wanted: Iterable[Place], become: _Wanted) -> Iterator[Action | Failed]:
    """Makes each identity what it is to be; in all hubs at the same time. A hub that was deleted, which a registration can still
    name, is reported and skipped.

    Raises `Denied` or `Error` at the end if one of our hubs denies access or does not answer.
    """
    recent = {place for place, moment in places.assigned.items() if moment is None or run.now() - moment < _STALE}
    works = (
        _Hub(run, hubs, hub, found, become, {place.device for place in recent if place.hub == hub}).change()
        for hub, found in _by_hub(wanted).items()
    )
    missed: dict[str, Denied | Unavailable] = {}
    for result in engine.together(run, *works):
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


@dataclass(slots=True)
class _Hub:
    """The identities of one hub that are to change. `recent`: the devices that have registered just now."""

    run: Run
    hubs: Hubs
    host: str
    places: Mapping[str, Place]
    become: _Wanted
    recent: Collection[str] = ()
    _left: set[str] = field(init=False)

    async def change(self) -> AsyncIterator[Action | Unreached]:
        """Changes them. If the hub denies access or does not answer, every place that is left is yielded as `Unreached`."""
        self._left = set(self.places)
        try:
            if len(self.places) > FEW:
                async for done in self._many():
                    yield done
            for device in sorted(self._left):
                async for done in self._one(device):
                    yield done
                self._left.discard(device)
        except (Denied, Unavailable) as why:
            for device in sorted(self._left):
                yield Unreached(self.places[device], why)

    async def _many(self) -> AsyncIterator[Action]:
        """Reads them by the query of the hub, and changes as many at once as one request takes. What is left then is changed one
        by one: what the query may not show yet, what somebody else has changed meanwhile, and all if there is no query."""
        most, batch, before = self.hubs.bulk(self.host), list[HubIdentity](), dict[str, HubIdentity]()
        try:
            async for page in self.hubs.pages(self.host):
                for identity in page:
                    if (place := self.places.get(identity.device)) is None:
                        continue
                    wanted = self.become(place, identity)
                    if wanted is None or wanted == identity:
                        self._left.discard(identity.device)
                        continue
                    batch.append(wanted)
                    before[identity.device] = identity
                    if len(batch) == most:
                        for done in await self._put(batch, before):
                            yield done
                        batch.clear()
        except Error as error:
            if not is_no_query(error):
                raise
            self.run.progress(f"changing the devices of {self.host} one by one, because it takes no query: {error.line}")
            return
        for done in await self._put(batch, before):
            yield done
        self._left &= {*self.recent, *before}  # of what is left, the query has not shown the others: they are not there

    async def _put(self, wanted: list[HubIdentity], before: Mapping[str, HubIdentity]) -> list[Action]:
        if not wanted:
            return []
        self.run.progress(f"changing {len(wanted)} device identities in {self.host}")
        refused = set(await self.hubs.put_identities(self.host, wanted))
        done = [each for each in wanted if each.device not in refused]
        self._left -= {each.device for each in done}
        return [self._action(before[each.device], each) for each in done]

    async def _one(self, device: str) -> AsyncIterator[Action]:
        place = self.places[device]
        identity = await self.hubs.identity(self.host, device)
        wanted = identity and self.become(place, identity)
        if identity is None or wanted is None or wanted == identity:
            return
        self.run.progress(f"changing {device} in {self.host}")
        await self.hubs.put_identity(self.host, wanted)
        yield self._action(identity, wanted)

    def _action(self, before: HubIdentity, after: HubIdentity) -> Action:
        target = f"identity {after.device} in {self.host}"
        if before.status == after.status:
            return Action("modify", target, "holds the leaf that the vault knows, and stays disabled")
        return (
            Action("enable", target, "enabled, with its new leaf") if after.is_enabled else Action("disable", target, "disabled")
        )
