"""Devices' certificates: a key made here, a leaf signed by the vault, both kept in one vault secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from dpsops.azure.errors import explain
from dpsops.pki import chains, profiles
from dpsops.pki.names import DeviceId, secret_name
from dpsops.workflows import root
from dpsops.workflows.root_state import GENERATION_TAG, ROLE_TAG, Version
from dpsops.workflows.run import Run

CONTENT_TYPE = "application/x-pem-file"
DEVICE_ROLE = "device"
DEVICE_TAG, THUMBPRINT_TAG, SERIAL_TAG, BLOCKED_TAG = "device", "thumbprint", "serial", "blocked"


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


@dataclass(frozen=True, slots=True)
class Failed:
    """The device got nothing, and why; the others are not affected."""

    device: DeviceId
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What the vault tells of a device without showing its key: the leaf's SHA-256 thumbprint, its root's
    generation, when it ends, and whether the device is blocked."""

    device: str
    thumbprint: str
    generation: int
    not_after: datetime | None
    blocked: bool


def issue(run: Run, devices: Iterable[DeviceId], *, renew: bool = False) -> Iterator[Issued | Unchanged | Failed]:
    """Issues a leaf to each device that has no valid one of the current root; three requests a device.

    renew: to each of them, whatever it has. A blocked device gets none either way.
    """
    from azure.core.exceptions import HttpResponseError

    authority = root.require(run)
    for device in dict.fromkeys(devices):
        run.progress(f"issuing {device}")
        try:
            yield _issue(run, device, authority, renew=renew)
        except HttpResponseError as error:
            if error.status_code in (401, 403):
                raise
            yield Failed(device, explain(error).message)


def _issue(run: Run, device: DeviceId, authority: Version, *, renew: bool) -> Issued | Unchanged | Failed:
    generation = int(authority.tags[GENERATION_TAG])
    versions = kept_versions(run, device)
    if any(kept.blocked for kept in versions):
        return Failed(device, f"it is blocked: dpsops device unblock {device}")
    if not renew and any(kept.generation == generation and _lives(kept, run.now()) for kept in versions):
        return Unchanged(device)
    key = run.entropy.key()
    certificate = authority.certificate
    leaf = profiles.issue_leaf(
        device,
        key.public_key(),
        certificate,
        run.cloud.signer(authority.key_id, certificate.public_key()),
        lifetime=timedelta(days=run.environment.leaf.days),
        serial=run.entropy.serial(),
        now=run.now(),
    )
    chains.require_issued_by(leaf, certificate, run.now())
    secret = run.cloud.secrets.set_secret(
        secret_name(device),
        chains.bundle(key, leaf, certificate),
        content_type=CONTENT_TYPE,
        not_before=leaf.not_valid_before_utc,
        expires_on=leaf.not_valid_after_utc,
        tags=_tags(device, leaf, generation),
    )
    return Issued(device, chains.serial_text(leaf), chains.thumbprint(leaf), leaf.not_valid_after_utc, secret.id or "")


def _tags(device: DeviceId, leaf: x509.Certificate, generation: int) -> dict[str, str]:
    """What the fleet's list needs to know without reading a key. At most 15 tags of 256 characters (Key Vault limits)."""
    return {
        ROLE_TAG: DEVICE_ROLE,
        DEVICE_TAG: device,
        GENERATION_TAG: str(generation),
        SERIAL_TAG: chains.serial_text(leaf),
        THUMBPRINT_TAG: chains.thumbprint(leaf),
    }


def kept_versions(run: Run, device: DeviceId) -> list[Kept]:
    """The device's leaves that are enabled. A vault may answer a name that it does not know with nothing or with 404."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        listed = list(run.cloud.secrets.list_properties_of_secret_versions(secret_name(device)))
    except ResourceNotFoundError:
        return []
    found = (_kept(properties.tags or {}, properties.expires_on) for properties in listed if properties.enabled)
    return [kept for kept in found if kept is not None]


def fleet(run: Run) -> Iterator[Kept]:
    """Every device that has a secret in the vault, by the secrets' tags; no key is read."""
    for properties in run.cloud.secrets.list_properties_of_secrets():
        if kept := _kept(properties.tags or {}, properties.expires_on):
            yield kept


def _kept(tags: dict[str, str], expires_on: datetime | None) -> Kept | None:
    if tags.get(ROLE_TAG) != DEVICE_ROLE or not tags.get(DEVICE_TAG):
        return None
    generation = tags.get(GENERATION_TAG, "0")
    return Kept(
        device=tags[DEVICE_TAG],
        thumbprint=tags.get(THUMBPRINT_TAG, ""),
        generation=int(generation) if generation.isdecimal() else 0,
        not_after=expires_on,
        blocked=tags.get(BLOCKED_TAG) == "yes",
    )


def _lives(kept: Kept, now: datetime) -> bool:
    return kept.not_after is not None and kept.not_after > now
