"""The changes that block or unblock one device: decided from its state in DPS and in the hubs.

Only what is missing is done, so a second run completes what a first one began:

    state in Azure                                  block                          unblock
    no individual enrollment                        create a disabled one          -
    an enabled one                                  disable it                     -
    a disabled one that a block created             -                              remove it
    a disabled one that was created otherwise       -                              enable it
    a device identity with the other status         disable it                     enable it, with the thumbprint of
                                                                                   the newest device certificate
    a registration                                  remove it, if every hub        -
                                                    could be asked
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.identity import DISABLED, ENABLED, HubIdentity, with_status
from dpsops.model.member import Registration


@dataclass(frozen=True, slots=True)
class ObservedAccess:
    """A device's registration, and its identities by the hubs' host names. `complete`: every hub could be asked. It is
    observed after the enrollment was changed, because the device may register at any moment before."""

    registration: Registration | None
    identities: Mapping[str, HubIdentity]
    complete: bool


@dataclass(frozen=True, slots=True)
class CreateBlock:
    """Create a disabled individual enrollment with the device's certificates."""


@dataclass(frozen=True, slots=True)
class SetEnrollment:
    """Enable or disable an individual enrollment."""

    enrollment: IndividualEnrollment
    enabled: bool


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


Change = CreateBlock | SetEnrollment | RemoveEnrollment | PutIdentity | RemoveRegistration


def block_enrollment(seen: IndividualEnrollment | None) -> Iterator[Change]:
    """What is missing until the device can no longer register."""
    if seen is None:
        yield CreateBlock()
    elif seen.enabled:
        yield SetEnrollment(seen, enabled=False)


def block_access(seen: ObservedAccess) -> Iterator[Change]:
    """What is missing until the device can no longer connect as it is, in the order in which it must be done."""
    yield from _identities(seen, DISABLED, "")
    if seen.registration is not None and seen.complete:
        yield RemoveRegistration(seen.registration)


def unblock_enrollment(seen: IndividualEnrollment | None) -> Iterator[Change]:
    """What is missing until the device can register again."""
    if seen is None or seen.enabled:
        return
    yield RemoveEnrollment(seen) if seen.is_block else SetEnrollment(seen, enabled=True)


def unblock_access(seen: ObservedAccess, leaf: str) -> Iterator[Change]:
    """What is missing until the device can connect with its newest certificate. `leaf`: its thumbprint."""
    yield from _identities(seen, ENABLED, leaf)


def _identities(seen: ObservedAccess, status: str, leaf: str) -> Iterator[Change]:
    for hub, identity in seen.identities.items():
        if (wanted := with_status(identity, status, leaf)) != identity:
            yield PutIdentity(hub, wanted)
