"""The changes that block or unblock one device: decided from its state in DPS and in the hubs.

Only what is missing is done, so a second run completes what a first one began:

    state in Azure                                  block                          unblock
    no individual enrollment                        create a disabled one          -
    an enabled one                                  disable it                     -
    a disabled one that a block created             -                              remove it
    a disabled one that was created otherwise       -                              enable it
    one without the certificates that it must hold  add them                       add them, unless it is removed
    a device identity with the other status         disable it                     enable it, with the thumbprint of
                                                                                   the newest device certificate
    a registration                                  remove it, if every hub        -
                                                    could be asked
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dpsops.model.device import Leaf
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.identity import DISABLED, ENABLED, HubIdentity, with_status
from dpsops.model.pins import blocked, with_newest
from dpsops.model.registration import Registration
from dpsops.model.resources import registry_host


@dataclass(frozen=True, slots=True)
class ObservedAccess:
    """A device's registration, and its identities by the hubs' host names. `complete`: every hub could be asked. It is
    observed after the enrollment was changed, because the device may register at any moment before."""

    registration: Registration | None
    identities: Mapping[str, HubIdentity]
    complete: bool

    def used(self) -> str:
        """The thumbprint of the certificate that the device last registered with: that of its identity in the hub that the
        registration names, or else of any identity; empty if there is none."""
        assigned = registry_host(self.registration.hub) if self.registration else ""
        found = sorted(self.identities.items(), key=lambda each: each[0] != assigned)
        return next((identity.thumbprint for _, identity in found if identity.thumbprint), "")


@dataclass(frozen=True, slots=True)
class CreateBlock:
    """Create a disabled individual enrollment with the certificates of these thumbprints."""

    certificates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetEnrollment:
    """Enable or disable an individual enrollment, and have it hold the certificates of these thumbprints."""

    enrollment: IndividualEnrollment
    enabled: bool
    certificates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveEnrollment:
    """Remove the individual enrollment that a block created."""

    enrollment: IndividualEnrollment


@dataclass(frozen=True, slots=True)
class PutIdentity:
    """Change the device identity to this one, in the hub of this host name."""

    hub: str
    identity: HubIdentity


@dataclass(frozen=True, slots=True)
class RemoveRegistration:
    """Remove the registration."""

    registration: Registration


EnrollmentChange = CreateBlock | SetEnrollment | RemoveEnrollment
AccessChange = PutIdentity | RemoveRegistration


def block_enrollment(seen: IndividualEnrollment | None, leaves: Sequence[Leaf], used: str | None) -> Iterator[EnrollmentChange]:
    """What is missing until the device can no longer register. `leaves`: its certificates, the newest first; `used`: the
    thumbprint of the one that it last registered with, empty if it has no identity, None before that was read: then the
    certificates of an enrollment stay as they are."""
    if seen is None:
        yield CreateBlock(blocked((), leaves, used or "") if leaves else ())
        return
    wanted = seen.pinned
    if used is not None and leaves and _lacks(seen, completed := blocked(seen.pinned, leaves, used)):
        wanted = completed
    if seen.enabled or wanted != seen.pinned:
        yield SetEnrollment(seen, enabled=False, certificates=wanted)


def _lacks(seen: IndividualEnrollment, wanted: Sequence[str]) -> bool:
    """Whether an enrollment by client certificates does not hold one of these."""
    return bool(seen.pinned) and not set(wanted) <= set(seen.pinned)


def block_access(seen: ObservedAccess) -> Iterator[AccessChange]:
    """What is missing until the device can no longer connect as it is, in the order in which it must be done."""
    yield from _identities(seen, DISABLED, "")
    if seen.registration is not None and seen.complete:
        yield RemoveRegistration(seen.registration)


def unblock_enrollment(seen: IndividualEnrollment | None, leaves: Sequence[Leaf]) -> Iterator[EnrollmentChange]:
    """What is missing until the device can register again, also with its newest certificate."""
    if seen is None or (seen.enabled and seen.is_block):
        return
    wanted = with_newest(seen.pinned, leaves, "", None) if leaves else ()
    if seen.is_block:
        yield RemoveEnrollment(seen)
    elif not seen.enabled or _lacks(seen, wanted):
        yield SetEnrollment(seen, enabled=True, certificates=wanted if _lacks(seen, wanted) else seen.pinned)


def unblock_access(seen: ObservedAccess, leaf: str) -> Iterator[AccessChange]:
    """What is missing until the device can connect with its newest certificate. `leaf`: its thumbprint."""
    yield from _identities(seen, ENABLED, leaf)


def _identities(seen: ObservedAccess, status: str, leaf: str) -> Iterator[AccessChange]:
    for hub, identity in seen.identities.items():
        if (wanted := with_status(identity, status, leaf)) != identity:
            yield PutIdentity(hub, wanted)
