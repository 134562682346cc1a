"""Keeping one device out of a group, and letting it in again. Each is complete, or the next run completes it.

DPS reads no revocation list. A device is out when a *disabled individual enrollment* holds its leaf, which DPS
finds before the group; when its identity in the hub is disabled, so that it cannot go on as it is; and when its
registration is forgotten. The secret's tag tells `issue` and `list`: it is the first to come and the last to go, so
that no device that is partially blocked is given a leaf that the enrollment does not hold.

Source: Azure DPS, "How to disenroll or revoke a device".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.errors import Denied, Error, Silent
from dpsops.fleet.places import Place, Unreached, known_hubs, strangers
from dpsops.model.action import Action
from dpsops.model.block import (
    Change,
    ForgetRegistration,
    MakeBlock,
    ObservedAccess,
    PutIdentity,
    RemoveEnrollment,
    SetEnrollment,
    open_access,
    open_enrollment,
    shut_access,
    shut_enrollment,
)
from dpsops.model.device import THUMBPRINT_TAG, SecretVersion, is_blocked
from dpsops.model.identity import HubIdentity
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId

_HELD = 2
"""How many leaves an enrollment holds."""


def block(run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, device: DeviceId) -> Iterator[Action]:
    """Shuts a device out; yields what was done. Raises `Error` where a hub that is not of the environment does not answer:
    the device cannot register then, and its registration is kept, for it alone may tell of that hub."""
    run.progress(f"shutting {device} out")
    versions = _versions(leaves, device)
    yield from _tag(leaves, device, versions, blocked=True)
    act = partial(_act, leaves, dps, hubs, device, versions)
    yield from map(act, shut_enrollment(dps.individual(device)))
    seen = _observe(run, dps, hubs, device)
    yield from map(act, shut_access(seen.access))
    seen.require_complete(device)


def unblock(run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, device: DeviceId) -> Iterator[Action]:
    """Lets a device in again, the tag last. Its identities are known by its newest leaf from then on: what they were known
    by may be the leaf of somebody else, who was shut out with it."""
    run.progress(f"letting {device} in again")
    versions = _versions(leaves, device)
    act = partial(_act, leaves, dps, hubs, device, versions)
    yield from map(act, open_enrollment(dps.individual(device)))
    seen = _observe(run, dps, hubs, device)
    yield from map(act, open_access(seen.access, versions[0].tags.get(THUMBPRINT_TAG, "")))
    seen.require_complete(device)
    yield from _tag(leaves, device, versions, blocked=False)


def _versions(leaves: LeafVault, device: DeviceId) -> list[SecretVersion]:
    """The versions of the device's secret that are enabled, the newest first. Raises `Error` where there is none."""
    found = leaves.versions(device)
    if not found:
        raise Error(
            f"{device} has no certificate in the vault, so it can be neither blocked nor unblocked",
            "'dpsops device list' shows those that have; to keep a stranger out, disable an enrollment of its ID in the DPS",
        )
    return found


def _tag(leaves: LeafVault, device: DeviceId, versions: Iterable[SecretVersion], *, blocked: bool) -> Iterator[Action]:
    """Sets or takes away the tag of every version of the secret."""
    other = [version for version in versions if is_blocked(version.tags) is not blocked]
    for version in other:
        leaves.set_blocked(device, version, blocked=blocked)
    if other:
        yield Action("tag", f"secret of {device}", "tagged as blocked" if blocked else "tag removed")


@dataclass(frozen=True, slots=True)
class _Observed:
    """Where a device has got in, and the hubs that could not be asked."""

    access: ObservedAccess
    missed: tuple[Unreached, ...]

    def require_complete(self, device: DeviceId) -> None:
        """Raises `Denied` or `Error` for a hub that keeps us out or does not answer."""
        if denied := next((each.why for each in self.missed if isinstance(each.why, Denied)), None):
            raise denied
        if self.missed:
            raise Error(
                f"{', '.join(each.place.hub for each in self.missed)} cannot be asked about {device}: its identity there, if it "
                "has one, stays as it is",
                "run the command again when that hub answers; if it is gone for good, unlink it and delete the device's "
                "registration in the DPS",
            )


def _observe(run: Run, dps: Dps, hubs: Hubs, device: DeviceId) -> _Observed:
    """Asks the DPS, and every hub where the device may have an identity: the environment's, those linked to the DPS, the one
    that it was assigned to, and the others of the resource group, which the settings may have named once."""
    registration = dps.registration(device)
    known = known_hubs(run.environment, dps.facts(), hubs)
    if registration is not None and registration.hub:
        known[registration.hub.lower()] = True
    identities, missed = _identities(hubs, known, device)
    return _Observed(ObservedAccess(registration, identities, complete=not missed), missed)


def _identities(hubs: Hubs, known: Mapping[str, bool], device: DeviceId) -> tuple[dict[str, HubIdentity], tuple[Unreached, ...]]:
    found, missed = dict[str, HubIdentity](), []
    for hub in sorted(known):
        try:
            if identity := hubs.identity(hub, device):
                found[hub] = identity
        except (Denied, Silent) as why:
            unreached = Unreached(Place(device, hub), why)
            if not strangers(known, unreached):
                missed.append(unreached)
    return found, tuple(missed)


def _act(leaves: LeafVault, dps: Dps, hubs: Hubs, device: DeviceId, versions: list[SecretVersion], change: Change) -> Action:
    match change:
        case MakeBlock():  # it holds two leaves: the newest, and the one before, which the device may still have
            dps.put_block(device, *(leaves.chain(device, version.version)[0] for version in versions[:_HELD]))
            return Action("disable", f"enrollment {device}", "disabled")
        case SetEnrollment(enrollment, enabled):
            dps.set_enabled(enrollment, enabled=enabled)
            return Action("enable" if enabled else "disable", f"enrollment {device}", "enabled" if enabled else "disabled")
        case RemoveEnrollment(enrollment):
            dps.delete_individual(enrollment)
            return Action("remove", f"enrollment {device}", "removed")
        case PutIdentity(hub, identity):
            hubs.put_identity(hub, identity)
            return Action("enable" if identity.is_enabled else "disable", f"identity {device} in {hub}", identity.status)
        case ForgetRegistration(registration):
            dps.delete_registration(registration)
            return Action("remove", f"registration {device}", "removed")
