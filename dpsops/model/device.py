"""A device's certificates, as the vault's tags tell of them, and whether it needs another one.

The table that `need` is, each row after those above it:

    what is there                                                        issue           renew
    a version of its secret is tagged as blocked                         withhold        withhold
    its newest leaf is a valid one of the issuing generation             keep            (does not matter)
    its individual enrollment is disabled                                withhold        withhold
    its individual enrollment holds leaves                               issue and pin   issue and pin
    anything else                                                        issue           issue
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509

from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.root import GENERATION_TAG, ROLE_TAG, RootVersion
from dpsops.pki import chains
from dpsops.pki.names import DeviceId

DEVICE_ROLE = "device"
DEVICE_TAG, THUMBPRINT_TAG, SERIAL_TAG, BLOCKED_TAG = "device", "thumbprint", "serial", "blocked"
BLOCKED = "yes"

SOON = timedelta(days=30)
"""A leaf that expires within this time expires soon."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the vault tells of a device without showing its key: the leaf's SHA-256 thumbprint, its root's
    generation, when it expires, and whether the device is blocked."""

    device: str
    thumbprint: str
    generation: int
    not_after: datetime | None
    blocked: bool

    def is_valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.not_after is not None and self.not_after > now

    def expires_soon(self, now: datetime) -> bool:
        """Whether it expires within `SOON`, has expired, or does not say when it will."""
        return self.not_after is None or self.not_after <= now + SOON


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version of a device's secret that is enabled, with all of its tags. `leaf` is None where dpsops did not write
    them."""

    version: str
    created: datetime | None
    tags: Mapping[str, str] = field(repr=False)
    leaf: Leaf | None


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues leaves: the newest root that the enrollment group trusts, because a device with a leaf of any other could
    not register. `chain` is what a device presents behind its leaf, `trusted` the generations that the group trusts."""

    root: RootVersion
    generation: int
    chain: tuple[x509.Certificate, ...]
    trusted: tuple[int, ...]


class Order(enum.Enum):
    """What was asked for: a leaf to each device that has no valid one, or a new one to each."""

    ISSUE = "issue"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class ObservedDevice:
    """What was seen of a device: its leaves, the thumbprint of the newest one where that had to be looked at, and its
    individual enrollment, None where it has none or nobody has looked yet."""

    device: DeviceId
    leaves: tuple[Leaf, ...] = ()
    newest: str | None = None
    enrollment: IndividualEnrollment | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """The device keeps what it has."""


@dataclass(frozen=True, slots=True)
class Issue:
    """The device gets a leaf. `pin`: its individual enrollment holds leaves, so it must hold the new one first."""

    pin: bool = False


@dataclass(frozen=True, slots=True)
class Withhold:
    """The device gets nothing, and why."""

    reason: str


def need(seen: ObservedDevice, generation: int, order: Order, now: datetime) -> Keep | Issue | Withhold:
    """What a device needs of the issuing generation."""
    device, own = seen.device, seen.enrollment
    if any(leaf.blocked for leaf in seen.leaves):
        return Withhold(f"it is blocked: dpsops device unblock {device}")
    if order is Order.ISSUE and _has_leaf_of(seen, generation, now):
        return Keep()
    if own is not None and not own.enabled:
        return Withhold(f"it is blocked by half: dpsops device unblock {device}, or dpsops device block {device}")
    return Issue(pin=own is not None and bool(own.pinned))


def is_newest_unknown(leaves: Collection[Leaf], generation: int, now: datetime) -> bool:
    """Whether tags alone do not tell if the newest leaf is a valid one of this generation: the device has leaves of several,
    and a run that began under an older root can end after one under a newer."""
    return 0 < len(_valid_leaves_of(leaves, generation, now)) < len(leaves)


def _has_leaf_of(seen: ObservedDevice, generation: int, now: datetime) -> bool:
    ours = _valid_leaves_of(seen.leaves, generation, now)
    return bool(ours) if seen.newest is None else any(leaf.thumbprint == seen.newest for leaf in ours)


def _valid_leaves_of(leaves: Collection[Leaf], generation: int, now: datetime) -> list[Leaf]:
    return [leaf for leaf in leaves if leaf.generation == generation and leaf.is_valid(now)]


def stays_pinned(thumbprint: str, leaves: Collection[Leaf], trusted: Collection[int]) -> bool:
    """Whether the leaf that a device has now stays in its enrollment beside a new one: unless its root is trusted no more."""
    generations = {leaf.thumbprint: leaf.generation for leaf in leaves}
    return generations.get(thumbprint) in trusted


@dataclass(frozen=True, slots=True)
class Issued:
    """A leaf that was issued. `thumbprint` is SHA-256 in upper case hex, `secret_id` the versioned ID of its secret."""

    device: DeviceId
    serial: str
    thumbprint: str
    not_after: datetime
    secret_id: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The device has a leaf of the current root that is still valid."""

    device: DeviceId


def leaf_tags(device: DeviceId, leaf: x509.Certificate, generation: int) -> dict[str, str]:
    """What the fleet's list needs to know without reading a key. At most 15 tags of 256 characters (Key Vault limits)."""
    return {
        ROLE_TAG: DEVICE_ROLE,
        DEVICE_TAG: device,
        GENERATION_TAG: str(generation),
        SERIAL_TAG: chains.serial_text(leaf),
        THUMBPRINT_TAG: chains.thumbprint(leaf),
    }


def read_leaf(tags: Mapping[str, str], not_after: datetime | None) -> Leaf | None:
    """The leaf that a secret's tags tell of, None where it is no device's."""
    if tags.get(ROLE_TAG) != DEVICE_ROLE or not tags.get(DEVICE_TAG):
        return None
    generation = tags.get(GENERATION_TAG, "0")
    return Leaf(
        device=tags[DEVICE_TAG],
        thumbprint=tags.get(THUMBPRINT_TAG, ""),
        generation=int(generation) if generation.isdecimal() else 0,
        not_after=not_after,
        blocked=is_blocked(tags),
    )


def is_blocked(tags: Mapping[str, str]) -> bool:
    """Whether a secret's version is tagged as that of a blocked device."""
    return tags.get(BLOCKED_TAG) == BLOCKED


def blocked_tags(tags: Mapping[str, str], *, blocked: bool) -> dict[str, str]:
    """The tags of a secret's version, with the mark of a block or without it."""
    others = {name: value for name, value in tags.items() if name != BLOCKED_TAG}
    return others | {BLOCKED_TAG: BLOCKED} if blocked else others
