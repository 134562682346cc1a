"""A device's certificates, as the tags in the vault describe them, and whether the device needs a new one.

The table behind `need`; the first row that applies decides:

    state                                                 issue           renew           renew --again
    a version of its secret is tagged as blocked          withhold        withhold        withhold
    it never had a certificate                            issue           withhold        withhold
    its newest one is valid, of the issuing generation    keep            -               -
    its individual enrollment is disabled                 withhold        withhold        withhold
    its newest one is such, fresh, and not used yet       -               keep            -
    its individual enrollment contains certificates       issue and pin   issue and pin   issue and pin
    anything else                                         issue           issue           issue

A fresh certificate that the device has not used yet is that of a renewal that was interrupted: another one would push the
certificate that the device uses out of its enrollment.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from dpsops.model import earlier
from dpsops.model.earlier import EarlierLeaf
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.root import GENERATION_TAG, ROLE_TAG, RootVersion
from dpsops.pki import chains
from dpsops.pki.names import DeviceId

DEVICE_ROLE = "device"
DEVICE_TAG, THUMBPRINT_TAG, SERIAL_TAG, BLOCKED_TAG, KEY_TAG, SPKI_TAG, BEFORE_TAG = (
    "device",
    "thumbprint",
    "serial",
    "blocked",
    "key",
    "spki",
    "before",
)
BLOCKED = "yes"
ON_DEVICE = "device"
"""The value of the tag `key` if the device has made its key itself: its secret contains the certificate chain and no key."""

NEVER_ISSUED = "it has no certificate in the vault that could be renewed"

SOON = timedelta(days=30)
"""A device certificate that expires within this time expires soon."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the vault's tags say of a device certificate, without its key: its SHA-256 thumbprint, the generation of its root,
    when it expires, whether the device is blocked, and whether its key is on the device alone; the name of the vault in which it
    is stored, and since when; and if its key is on the device alone, the SHA-256 of the public key (empty if nobody noted it).
    `before`: the certificates that the device had before, the newest first; None if the tags do not say."""

    device: str
    thumbprint: str
    generation: int
    not_after: datetime | None
    blocked: bool
    key_on_device: bool = False
    vault: str = ""
    stored: datetime | None = None
    key_hash: str = ""
    before: tuple[EarlierLeaf, ...] | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it has an expiry date and has not expired."""
        return self.not_after is not None and self.not_after > now

    def expires_soon(self, now: datetime) -> bool:
        """Whether it expires within `SOON`, has expired, or has no expiry date."""
        return self.not_after is None or self.not_after <= now + SOON

    def certificates(self) -> tuple[Leaf | EarlierLeaf, ...] | None:
        """It and those before it, the newest first; None if the tags do not say which those were."""
        return None if self.before is None else (self, *self.before)


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One enabled version of a device's secret, with all of its tags. `id` is its versioned ID; `leaf` is None if dpsops did
    not write the tags; `vault` is the name of the vault in which it is."""

    version: str
    id: str
    created: datetime | None
    tags: Mapping[str, str] = field(repr=False)
    leaf: Leaf | None
    vault: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """The root that issues device certificates: the newest one that the enrollment group trusts, because a device with a
    certificate under any other root could not register. `chain` is the chain that a device presents after its certificate,
    `trusted` the generations that the group trusts."""

    root: RootVersion
    generation: int
    chain: tuple[x509.Certificate, ...]
    trusted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Requested:
    """What a device asks for that has made its key itself: the public key of its request, and what to do with the certificate and
    its chain, as PEM. `delivered`: the thumbprint of the certificate with which that was done before; empty if with none."""

    public_key: CertificatePublicKeyTypes
    deliver: Callable[[str], None]
    delivered: str


class Order(enum.Enum):
    """What to issue: a certificate to each device that has no valid one; a new one to each device, unless it has a fresh one
    that it has not used yet; a new one to each device."""

    ISSUE = "issue"
    RENEW = "renew"
    AGAIN = "renew --again"


@dataclass(frozen=True, slots=True)
class ObservedDevice:
    """What was observed of a device: its certificates, the newest first; when the newest one was stored; its individual
    enrollment (None: it has none, or it was not read); and the thumbprint of the certificate that it last registered with
    (empty: it is not registered; None: not read)."""

    device: DeviceId
    leaves: tuple[Leaf, ...] = ()
    stored: datetime | None = None
    enrollment: IndividualEnrollment | None = None
    used: str | None = None


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


def need(seen: ObservedDevice, generation: int, order: Order, now: datetime, fresh: timedelta) -> Keep | Issue | Withhold:
    """What a device needs from the issuing generation. `fresh`: how long a certificate that is not used yet is not renewed."""
    device, enrollment = seen.device, seen.enrollment
    if any(leaf.blocked for leaf in seen.leaves):
        return Withhold(f"it is blocked: dpsops device unblock {device}")
    if order is not Order.ISSUE and not seen.leaves:
        return Withhold(NEVER_ISSUED)
    if order is Order.ISSUE and _has_leaf_of(seen, generation, now):
        return Keep()
    if enrollment is not None and not enrollment.enabled:
        return Withhold(f"it is partially blocked: dpsops device unblock {device}, or dpsops device block {device}")
    unused = seen.used is not None and seen.leaves and seen.used != seen.leaves[0].thumbprint
    if order is Order.RENEW and unused and may_be_kept(seen, generation, now, fresh):
        return Keep()
    return Issue(pin=enrollment is not None and bool(enrollment.pinned))


def may_be_kept(seen: ObservedDevice, generation: int, now: datetime, fresh: timedelta) -> bool:
    """Whether a renewal keeps the newest certificate if the device has not used it: it is valid, of the issuing generation, and
    was stored less than `fresh` ago."""
    return _has_leaf_of(seen, generation, now) and seen.stored is not None and now - seen.stored < fresh


def _has_leaf_of(seen: ObservedDevice, generation: int, now: datetime) -> bool:
    return bool(seen.leaves) and seen.leaves[0].generation == generation and seen.leaves[0].is_valid(now)


@dataclass(frozen=True, slots=True)
class Issued:
    """A device certificate that was issued. `thumbprint` is SHA-256 in upper case hex, `secret_id` the versioned secret
    ID, `leaf` what the tags of the secret say of it."""

    device: DeviceId
    serial: str
    thumbprint: str
    not_after: datetime
    secret_id: str
    leaf: Leaf

    def document(self) -> dict[str, object]:
        """It as JSON, but for the time."""
        return {
            "device": self.device,
            "serial": self.serial,
            "thumbprint": self.thumbprint,
            "not_after": self.not_after,
            "secret_id": self.secret_id,
        }


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The device keeps the certificate that it has: a valid one under the current root, in the secret of this versioned ID.
    `unused`: it was to be renewed, but has not used its newest certificate yet. `leaf`: what the tags of the secret say."""

    device: DeviceId
    secret_id: str
    leaf: Leaf
    unused: bool = False


def before_next(known: Sequence[Leaf | EarlierLeaf], now: datetime) -> tuple[EarlierLeaf, ...] | None:
    """What the tags of a device's next certificate say of those before it; None if they say nothing. `known`: all that the device
    has or had, the newest first."""
    if any(each.not_after is None for each in known):
        return None
    past = [EarlierLeaf(each.thumbprint, each.generation, each.not_after) for each in known if each.not_after is not None]
    return earlier.remembered(past, now)


def leaf_tags(
    device: DeviceId,
    leaf: x509.Certificate,
    generation: int,
    before: tuple[EarlierLeaf, ...] | None,
    *,
    key_on_device: bool,
) -> dict[str, str]:
    """The tags of a device's secret, so that a list needs no key. At most 15 tags of 256 characters (Key Vault limits)."""
    tags = {
        ROLE_TAG: DEVICE_ROLE,
        DEVICE_TAG: device,
        GENERATION_TAG: str(generation),
        SERIAL_TAG: chains.serial_text(leaf),
        THUMBPRINT_TAG: chains.thumbprint(leaf),
    }
    if before is not None:
        tags[BEFORE_TAG] = earlier.written(before)
    return tags | ({KEY_TAG: ON_DEVICE, SPKI_TAG: chains.key_hash(leaf.public_key())} if key_on_device else {})


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
        key_on_device=tags.get(KEY_TAG) == ON_DEVICE,
        key_hash=tags.get(SPKI_TAG, ""),
        before=earlier.read(tags.get(BEFORE_TAG)),
    )


def is_blocked(tags: Mapping[str, str]) -> bool:
    """Whether the version of a secret is tagged as blocked."""
    return tags.get(BLOCKED_TAG) == BLOCKED


def blocked_tags(tags: Mapping[str, str], *, blocked: bool) -> dict[str, str]:
    """The tags of a version of a secret, with the tag of a block or without it."""
    others = {name: value for name, value in tags.items() if name != BLOCKED_TAG}
    return others | {BLOCKED_TAG: BLOCKED} if blocked else others
