"""Blocking and unblocking one device. If a run is interrupted, the next run completes it.

DPS reads no revocation list. A device is blocked by three things: a *disabled individual enrollment* with its certificates,
which DPS finds before the group; a disabled device identity in the hub, so that it cannot connect as it is; and no
registration. The tag of the secret is for `issue` and `list`. It is set first and removed last, so that a partially blocked
device does not get a certificate that is missing in the enrollment.

Source: Azure DPS, "How to disenroll or revoke a device".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Changed, Denied, Error, Unavailable
from dpsops.fleet import engine
from dpsops.fleet.enrolled import hold
from dpsops.fleet.places import Place, Unreached, is_foreign, known_hubs
from dpsops.model.action import Action, Failed
from dpsops.model.block import (
    AccessChange,
    CreateBlock,
    EnrollmentChange,
    ObservedAccess,
    PutIdentity,
    RemoveEnrollment,
    RemoveRegistration,
    SetEnrollment,
    block_access,
    block_enrollment,
    unblock_access,
    unblock_enrollment,
)
from dpsops.model.device import THUMBPRINT_TAG, Leaf, SecretVersion, is_blocked
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.identity import HubIdentity
from dpsops.model.resources import registry_host
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId

_ATTEMPTS = 3
"""How often the enrollment is read again, because somebody else has changed it at the same time."""


@dataclass(frozen=True, slots=True)
class Blocking:
    """The parts of Azure that a block touches. `known`: reads, once, every hub in which a device may have an identity, with
    whether it is ours."""

    run: Run
    leaves: LeafVaults
    dps: Dps
    hubs: Hubs
    known: Callable[[], Mapping[str, bool]]

    async def block(self, device: DeviceId) -> AsyncIterator[Action]:
        """Blocks a device; yields what was done. Raises `Error` if a hub does not answer: the device can no longer register then,
        but its registration stays, because only the registration may name that hub.

        The device may get another certificate at the same time. So its secret and its enrollment are read again at the end.
        """
        versions = await self._versions(device)
        async for done in self._tag(device, versions, blocked=True):
            yield done
        async for done in self._change_enrollment(device, versions, partial(block_enrollment, used=None)):
            yield done
        seen = await self._observe(device)
        async for done in self._change_access(device, block_access(seen.access)):
            yield done
        versions = await self._versions(device)
        async for done in self._tag(device, versions, blocked=True):
            yield done
        async for done in self._change_enrollment(device, versions, partial(block_enrollment, used=seen.access.used())):
            yield done
        seen.require_complete(device)

    async def unblock(self, device: DeviceId) -> AsyncIterator[Action]:
        """Unblocks a device; yields what was done. Its identities get the thumbprint of its newest certificate, because the
        present thumbprint may be that of somebody else's certificate. The tag is removed last."""
        versions = await self._versions(device)
        async for done in self._change_enrollment(device, versions, unblock_enrollment):
            yield done
        seen = await self._observe(device)
        wanted = unblock_access(seen.access, versions[0].tags.get(THUMBPRINT_TAG, ""))
        async for done in self._change_access(device, wanted):
            yield done
        seen.require_complete(device)
        async for done in self._tag(device, versions, blocked=False):
            yield done

    async def _versions(self, device: DeviceId) -> list[SecretVersion]:
        """The enabled versions of the device's secret, the newest first. Raises `Error` if there is none."""
        found = await self.leaves.history(device)
        if not found:
            raise Error(
                f"{device} has no certificate in the vault, so it cannot be blocked or unblocked",
                "'dpsops device list' shows the devices in the vault; "
                "for any other, add a disabled enrollment of its ID in the DPS",
            )
        return found

    async def _tag(self, device: DeviceId, versions: Iterable[SecretVersion], *, blocked: bool) -> AsyncIterator[Action]:
        """Sets or removes the tag on every version of the secret."""
        other = [version for version in versions if is_blocked(version.tags) is not blocked]
        for version in other:
            await self.leaves.set_blocked(device, version, blocked=blocked)
        if other:
            yield Action("tag", f"secret of {device}", "tagged as blocked" if blocked else "tag removed")

    async def _observe(self, device: DeviceId) -> _Observed:
        """Reads the registration, and the identity in every hub where the device may have one: the known ones, and the one that
        the device was assigned to."""
        registration = await self.dps.registration(device)
        known = dict(self.known())
        if registration is not None and registration.hub:
            known[registry_host(registration.hub)] = True
        found, missed = dict[str, HubIdentity](), list[Unreached]()
        for hub in sorted(known):
            try:
                if identity := await self.hubs.identity(hub, device):
                    found[hub] = identity
            except (Denied, Unavailable) as why:
                unreached = Unreached(Place(device, hub), why)
                if not is_foreign(known, unreached):
                    missed.append(unreached)
        return _Observed(ObservedAccess(registration, found, complete=not missed), tuple(missed))

    async def _change_enrollment(self, device: DeviceId, versions: list[SecretVersion], decide: _Decide) -> AsyncIterator[Action]:
        """Changes the individual enrollment as decided. If somebody else changes it too, it is read and decided again."""
        known = [version.leaf for version in versions if version.leaf is not None]
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                for change in decide(await self.dps.individual(device), known):
                    yield await self._act_on_enrollment(device, versions, change)
                return
            except Changed:
                if attempt == _ATTEMPTS:
                    raise

    async def _act_on_enrollment(self, device: DeviceId, versions: list[SecretVersion], change: EnrollmentChange) -> Action:
        target = f"enrollment {device}"
        match change:
            case CreateBlock(certificates):
                stored = {version.leaf.thumbprint: version for version in reversed(versions) if version.leaf is not None}
                wanted = [stored[thumbprint] for thumbprint in certificates] or versions[:1]
                chains = [(await self.leaves.chain(device, version))[0] for version in wanted]
                await self.dps.create_block(device, *chains)
                return Action("disable", target, "disabled")
            case SetEnrollment(enrollment, enabled, certificates):
                wanted_enrollment = replace(enrollment, enabled=enabled)
                if certificates == enrollment.pinned:
                    await self.dps.put_individual(wanted_enrollment)
                else:
                    await hold(self.leaves, self.dps, wanted_enrollment, certificates, versions)
                if enrollment.enabled is enabled:
                    return Action("modify", target, "holds the newest leaf too")
                return Action("enable" if enabled else "disable", target, "enabled" if enabled else "disabled")
            case RemoveEnrollment(enrollment):
                await self.dps.delete_individual(enrollment)
                return Action("remove", target, "removed")

    async def _change_access(self, device: DeviceId, changes: Iterable[AccessChange]) -> AsyncIterator[Action]:
        for change in changes:
            match change:
                case PutIdentity(hub, identity):
                    await self.hubs.put_identity(hub, identity)
                    yield Action("enable" if identity.is_enabled else "disable", f"identity {device} in {hub}", identity.status)
                case RemoveRegistration(registration):
                    await self.dps.delete_registration(registration)
                    yield Action("remove", f"registration {device}", "removed")


@dataclass(frozen=True, slots=True)
class _Observed:
    """The registration and identities of a device, and the hubs that could not be asked."""

    access: ObservedAccess
    missed: tuple[Unreached, ...]

    def require_complete(self, device: DeviceId) -> None:
        """Raises `Denied` or `Error` for a hub that denies access or does not answer."""
        if denied := next((each.why for each in self.missed if isinstance(each.why, Denied)), None):
            raise denied
        if self.missed:
            raise Error(
                f"{', '.join(each.place.hub for each in self.missed)} failed or did not answer: an identity of {device} there "
                "was not changed",
                "run the command again when the hub answers; if the hub was deleted, unlink it and delete the device's "
                "registration in the DPS",
            )


_Decide = Callable[[IndividualEnrollment | None, Sequence[Leaf]], Iterator[EnrollmentChange]]


def block(run: Run, leaves: LeafVaults, dps: Dps, hubs: Hubs, devices: Sequence[DeviceId]) -> Iterator[Action | Failed]:
    """Blocks devices; yields what was done. One for which it fails does not stop the others; for one alone, it is the error."""
    blocking = _blocking(run, leaves, dps, hubs, devices, "blocking")
    return engine.each(run, devices, blocking.block) if len(devices) > 1 else engine.together(run, blocking.block(devices[0]))


def unblock(run: Run, leaves: LeafVaults, dps: Dps, hubs: Hubs, devices: Sequence[DeviceId]) -> Iterator[Action | Failed]:
    """The same, unblocking them."""
    blocking = _blocking(run, leaves, dps, hubs, devices, "unblocking")
    return engine.each(run, devices, blocking.unblock) if len(devices) > 1 else engine.together(run, blocking.unblock(devices[0]))


def _blocking(run: Run, leaves: LeafVaults, dps: Dps, hubs: Hubs, devices: Sequence[DeviceId], doing: str) -> Blocking:
    run.progress(f"{doing} {devices[0] if len(devices) == 1 else f'{len(devices):,} devices'}")
    return Blocking(run, leaves, dps, hubs, cache(lambda: known_hubs(run.environment, dps.facts(), hubs)))
