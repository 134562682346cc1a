"""A device's certificates, as the tags in the vault describe them, and whether the device needs a new one.

The table behind `need`; the first row that applies decides:

    state                                                                issue           renew
    a version of its secret is tagged as blocked                         withhold        withhold
    its newest certificate is valid and of the issuing generation        keep            (does not matter)
    its individual enrollment is disabled                                withhold        withhold
    its individual enrollment contains certificates                      issue and pin   issue and pin
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
"""A device certificate that expires within this time expires soon."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the vault's tags say of a device certificate, without its key: its SHA-256 thumbprint, the generation of its root,
    when it expires, and whether the device is blocked."""

    device: str
    thumbprint: str
    generation: int
    not_after: datetime | None
    blocked: bool

    def is_valid(self, now: datetime) -> bool:
        """Whether it has an expiry date and has not expired."""
        return self.not_after is not None and self.not_after > now

    def expires_soon(self, now: datetime) -> bool:
        """Whether it expires within `SOON`, has expired, or has no expiry date."""
        return self.not_after is None or self.not_after <= now + SOON


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One enabled version of a device's secret, with all of its tags. `leaf` is None if dpsops did not write the tags."""

    version: str
    created: datetime | None
    tags: Mapping[str, str] = field(repr=False)
    leaf: Leaf | None


@dataclass(frozen=True, slots=True)
class Issuer:
    """The root that issues device certificates: the newest one that the enrollment group trusts, because a device with a
    certificate under any other root could not register. `chain` is the chain that a device presents after its certificate,
    `trusted` the generations that the group trusts."""

    root: RootVersion
    generation: int
    chain: tuple[x509.Certificate, ...]
    trusted: tuple[int, ...]


class Order(enum.Enum):
    """What to issue: a certificate to each device that has no valid one, or a new one to each device."""

    ISSUE = "issue"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class ObservedDevice:
    """What was observed of a device: its certificates, the thumbprint of the newest one if that had to be read, and its
    individual enrollment (None: it has none, or it was not read yet)."""

    device: DeviceId
    leaves: tuple[Leaf, ...] = ()
    newest: str | None = None
    enrollment: IndividualEnrollment | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """The device keeps the certificate that it has."""


@dataclass(frozen=True, slots=True)
class Issue:
    """The device gets a certificate. `pin`: its individual enrollment contains certificates, and must get the new one first."""

    pin: bool = False


@dataclass(frozen=True, slots=True)
class Withhold:
    """The device gets no certificate, and why."""

    reason: str


def need(seen: ObservedDevice, generation: int, order: Order, now: datetime) -> Keep | Issue | Withhold:
    """What a device needs from the issuing generation."""
    device, enrollment = seen.device, seen.enrollment
    if any(leaf.blocked for leaf in seen.leaves):
        return Withhold(f"it is blocked: dpsops device unblock {device}")
    if order is Order.ISSUE and _has_leaf_of(seen, generation, now):
        return Keep()
    if enrollment is not None and not enrollment.enabled:
        return Withhold(f"it is partially blocked: dpsops device unblock {device}, or dpsops device block {device}")
    return Issue(pin=enrollment is not None and bool(enrollment.pinned))


def is_newest_unknown(leaves: Collection[Leaf], generation: int, now: datetime) -> bool:
    """Whether the tags alone do not show if the newest certificate is valid and of this generation: the device has
    certificates of several generations, and a run under an older root can end after one under a newer root."""
    return 0 < len(_valid_leaves_of(leaves, generation, now)) < len(leaves)


def _has_leaf_of(seen: ObservedDevice, generation: int, now: datetime) -> bool:
    ours = _valid_leaves_of(seen.leaves, generation, now)
    return bool(ours) if seen.newest is None else any(leaf.thumbprint == seen.newest for leaf in ours)


def _valid_leaves_of(leaves: Collection[Leaf], generation: int, now: datetime) -> list[Leaf]:
    return [leaf for leaf in leaves if leaf.generation == generation and leaf.is_valid(now)]


def stays_pinned(thumbprint: str, leaves: Collection[Leaf], trusted: Collection[int]) -> bool:
    """Whether a device's present certificate stays in its enrollment beside the new one: only while its root is trusted."""
    generations = {leaf.thumbprint: leaf.generation for leaf in leaves}
    return generations.get(thumbprint) in trusted


@dataclass(frozen=True, slots=True)
class Issued:
    """A device certificate that was issued. `thumbprint` is SHA-256 in upper case hex, `secret_id` the versioned secret ID."""

    device: DeviceId
    serial: str
    thumbprint: str
    not_after: datetime
    secret_id: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The device has a certificate under the current root that is still valid."""

    device: DeviceId


def leaf_tags(device: DeviceId, leaf: x509.Certificate, generation: int) -> dict[str, str]:
    """The tags of a device's secret, so that a list needs no key. At most 15 tags of 256 characters (Key Vault limits)."""
    return {
        ROLE_TAG: DEVICE_ROLE,
        DEVICE_TAG: device,
        GENERATION_TAG: str(generation),
        SERIAL_TAG: chains.serial_text(leaf),
        THUMBPRINT_TAG: chains.thumbprint(leaf),
    }


def read_leaf(tags: Mapping[str, str], not_after: datetime | None) -> Leaf | None:
    """The device certificate that a secret's tags describe, or None if the secret is not a device's."""
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
    """Whether the version of a secret is tagged as blocked."""
    return tags.get(BLOCKED_TAG) == BLOCKED


def blocked_tags(tags: Mapping[str, str], *, blocked: bool) -> dict[str, str]:
    """The tags of a version of a secret, with the tag of a block or without it."""
    others = {name: value for name, value in tags.items() if name != BLOCKED_TAG}
    return others | {BLOCKED_TAG: BLOCKED} if blocked else others
