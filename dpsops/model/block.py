"""What is to be done so that one device is kept out, or let in again: decided from what DPS and hubs show of it.

What is there already is not done again, so a second run completes what a first one began:

    what is there                                   block                          unblock
    no individual enrollment                        make one that is disabled      -
    an enabled one                                  disable it                     -
    a disabled one that a block made                -                              remove it
    a disabled one of the device's own              -                              enable it
    an identity in a hub with the other status      disable it                     enable it, known by the newest leaf
    a registration                                  forget it, if every hub        -
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
    """Where a device has got in: its registration, and its identities by the hubs' host names, as far as the hubs could be
    asked. `complete`: each of them could. It is looked at after the enrollment was changed, because a device may register
    at any moment before."""

    registration: Registration | None
    identities: Mapping[str, HubIdentity]
    complete: bool


@dataclass(frozen=True, slots=True)
class MakeBlock:
    """A disabled individual enrollment is to be made, which holds the device's leaves."""


@dataclass(frozen=True, slots=True)
class SetEnrollment:
    """An individual enrollment is to be enabled or disabled."""

    enrollment: IndividualEnrollment
    enabled: bool


@dataclass(frozen=True, slots=True)
class RemoveEnrollment:
    """The individual enrollment that a block made is to go."""

    enrollment: IndividualEnrollment


@dataclass(frozen=True, slots=True)
class PutIdentity:
    """An identity is to be changed to this, in the hub of this host name."""

    hub: str
    identity: HubIdentity


@dataclass(frozen=True, slots=True)
class ForgetRegistration:
    """The registration is to go."""

    registration: Registration


Change = MakeBlock | SetEnrollment | RemoveEnrollment | PutIdentity | ForgetRegistration


def shut_enrollment(seen: IndividualEnrollment | None) -> Iterator[Change]:
    """What is missing until DPS lets the device register no more."""
    if seen is None:
        yield MakeBlock()
    elif seen.enabled:
        yield SetEnrollment(seen, enabled=False)


def shut_access(seen: ObservedAccess) -> Iterator[Change]:
    """What is missing until the device cannot go on as it is, in the order in which it is to be done."""
    yield from _identities(seen, DISABLED, "")
    if seen.registration is not None and seen.complete:
        yield ForgetRegistration(seen.registration)


def open_enrollment(seen: IndividualEnrollment | None) -> Iterator[Change]:
    """What is missing until DPS lets the device register again."""
    if seen is None or seen.enabled:
        return
    yield RemoveEnrollment(seen) if seen.is_block else SetEnrollment(seen, enabled=True)


def open_access(seen: ObservedAccess, leaf: str) -> Iterator[Change]:
    """What is missing until the hubs let the device in, with its newest leaf (its thumbprint)."""
    yield from _identities(seen, ENABLED, leaf)


def _identities(seen: ObservedAccess, status: str, leaf: str) -> Iterator[Change]:
    for hub, identity in seen.identities.items():
        if (wanted := with_status(identity, status, leaf)) != identity:
            yield PutIdentity(hub, wanted)
