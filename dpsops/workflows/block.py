"""Blocking and unblocking one device. If a run is interrupted, the next run completes it.

DPS reads no revocation list. A device is blocked by three things: a *disabled individual enrollment* with its certificates,
which DPS finds before the group; a disabled device identity in the hub, so that it cannot connect as it is; and no
registration. The tag of the secret is for `issue` and `list`. It is set first and removed last, so that a partially blocked
device does not get a certificate that is missing in the enrollment.

Source: Azure DPS, "How to disenroll or revoke a device".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.errors import Changed, Denied, Error, Unavailable
from dpsops.fleet.enrolled import hold
from dpsops.fleet.places import Place, Unreached, is_foreign, known_hubs
from dpsops.model.action import Action
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


def block(run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, device: DeviceId) -> Iterator[Action]:
    """Blocks a device; yields what was done. Raises `Error` if a hub does not answer: the device can no longer register then,
    but its registration stays, because only the registration may name that hub.

    The device may get another certificate at the same time. So its secret and its enrollment are read again at the end.
    """
    run.progress(f"blocking {device}")
    versions = _versions(leaves, device)
    yield from _tag(leaves, device, versions, blocked=True)
    yield from _change_enrollment(leaves, dps, device, versions, partial(block_enrollment, used=None))
    seen = _observe(run, dps, hubs, device)
    yield from _change_access(dps, hubs, device, block_access(seen.access))
    versions = _versions(leaves, device)
    yield from _tag(leaves, device, versions, blocked=True)
    yield from _change_enrollment(leaves, dps, device, versions, partial(block_enrollment, used=seen.access.used()))
    seen.require_complete(device)


def unblock(run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, device: DeviceId) -> Iterator[Action]:
    """Unblocks a device; yields what was done. Its identities get the thumbprint of its newest certificate, because the present
    thumbprint may be that of somebody else's certificate. The tag is removed last."""
    run.progress(f"unblocking {device}")
    versions = _versions(leaves, device)
    yield from _change_enrollment(leaves, dps, device, versions, unblock_enrollment)
    seen = _observe(run, dps, hubs, device)
    yield from _change_access(dps, hubs, device, unblock_access(seen.access, versions[0].tags.get(THUMBPRINT_TAG, "")))
    seen.require_complete(device)
    yield from _tag(leaves, device, versions, blocked=False)


def _versions(leaves: LeafVault, device: DeviceId) -> list[SecretVersion]:
    """The enabled versions of the device's secret, the newest first. Raises `Error` if there is none."""
    found = leaves.history(device)
    if not found:
        raise Error(
            f"{device} has no certificate in the vault, so it cannot be blocked or unblocked",
            "'dpsops device list' shows the devices in the vault; for any other, add a disabled enrollment of its ID in the DPS",
        )
    return found


def _tag(leaves: LeafVault, device: DeviceId, versions: Iterable[SecretVersion], *, blocked: bool) -> Iterator[Action]:
    """Sets or removes the tag on every version of the secret."""
    other = [version for version in versions if is_blocked(version.tags) is not blocked]
    for version in other:
        leaves.set_blocked(device, version, blocked=blocked)
    if other:
        yield Action("tag", f"secret of {device}", "tagged as blocked" if blocked else "tag removed")


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


def _observe(run: Run, dps: Dps, hubs: Hubs, device: DeviceId) -> _Observed:
    """Reads the registration, and the identity in every hub where the device may have one: the hubs linked to the DPS, all in
    the resource group, because earlier settings may have named them, and the one that the device was assigned to."""
    registration = dps.registration(device)
    known = known_hubs(run.environment, dps.facts(), hubs)
    if registration is not None and registration.hub:
        known[registry_host(registration.hub)] = True
    identities, missed = _identities(hubs, known, device)
    return _Observed(ObservedAccess(registration, identities, complete=not missed), missed)


def _identities(hubs: Hubs, known: Mapping[str, bool], device: DeviceId) -> tuple[dict[str, HubIdentity], tuple[Unreached, ...]]:
    found, missed = dict[str, HubIdentity](), []
    for hub in sorted(known):
        try:
            if identity := hubs.identity(hub, device):
                found[hub] = identity
        except (Denied, Unavailable) as why:
            unreached = Unreached(Place(device, hub), why)
            if not is_foreign(known, unreached):
                missed.append(unreached)
    return found, tuple(missed)


_Decide = Callable[[IndividualEnrollment | None, Sequence[Leaf]], Iterator[EnrollmentChange]]


def _change_enrollment(
    leaves: LeafVault, dps: Dps, device: DeviceId, versions: list[SecretVersion], decide: _Decide
) -> Iterator[Action]:
    """Changes the individual enrollment as decided. If somebody else changes it too, it is read and decided again."""
    known = [version.leaf for version in versions if version.leaf is not None]
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            for change in decide(dps.individual(device), known):
                yield _act_on_enrollment(leaves, dps, device, versions, change)
            return
        except Changed:
            if attempt == _ATTEMPTS:
                raise


def _act_on_enrollment(
    leaves: LeafVault, dps: Dps, device: DeviceId, versions: list[SecretVersion], change: EnrollmentChange
) -> Action:
    target = f"enrollment {device}"
    match change:
        case CreateBlock(certificates):
            stored = {version.leaf.thumbprint: version.version for version in reversed(versions) if version.leaf is not None}
            wanted = [stored[thumbprint] for thumbprint in certificates] or [version.version for version in versions[:1]]
            dps.create_block(device, *(leaves.chain(device, version)[0] for version in wanted))
            return Action("disable", target, "disabled")
        case SetEnrollment(enrollment, enabled, certificates):
            wanted_enrollment = replace(enrollment, enabled=enabled)
            if certificates == enrollment.pinned:
                dps.put_individual(wanted_enrollment)
            else:
                hold(leaves, dps, wanted_enrollment, certificates, versions)
            if enrollment.enabled is enabled:
                return Action("modify", target, "holds the newest leaf too")
            return Action("enable" if enabled else "disable", target, "enabled" if enabled else "disabled")
        case RemoveEnrollment(enrollment):
            dps.delete_individual(enrollment)
            return Action("remove", target, "removed")


def _change_access(dps: Dps, hubs: Hubs, device: DeviceId, changes: Iterable[AccessChange]) -> Iterator[Action]:
    for change in changes:
        match change:
            case PutIdentity(hub, identity):
                hubs.put_identity(hub, identity)
                yield Action("enable" if identity.is_enabled else "disable", f"identity {device} in {hub}", identity.status)
            case RemoveRegistration(registration):
                dps.delete_registration(registration)
                yield Action("remove", f"registration {device}", "removed")
