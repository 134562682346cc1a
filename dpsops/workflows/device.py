"""Devices' certificates: a key made here, a leaf signed by the vault, both kept in one vault secret."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from cryptography import x509

from dpsops.azure.errors import explain
from dpsops.errors import Refused
from dpsops.pki import chains, profiles
from dpsops.pki.names import DeviceId, secret_name
from dpsops.workflows import enrollment, root
from dpsops.workflows.bundles import chain_of
from dpsops.workflows.root_state import GENERATION_TAG, ROLE_TAG, Version, root_name
from dpsops.workflows.run import Action, Run

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


@dataclass(frozen=True, slots=True)
class Authority:
    """Who issues leaves: the newest root that the enrollment group trusts, because a device with a leaf of any other could
    not register. `chain` is what a device presents behind its leaf, `trusted` the generations that the group trusts."""

    root: Version
    generation: int
    chain: tuple[x509.Certificate, ...]
    trusted: tuple[int, ...]


def authority(run: Run) -> Authority:
    """The authority of today: two requests, and one more for a root that another CA has signed. Raises `Error` where
    there is none yet, `Refused` where it must not be used."""
    trusted = root.trusted(run)
    name = root_name(max(trusted))
    whole = root.require(run, name)
    return Authority(whole, max(trusted), root.chain(run, name, whole), trusted)


def issue(run: Run, devices: Iterable[DeviceId], *, renew: bool = False) -> Iterator[Issued | Unchanged | Failed]:
    """Issues a leaf to each device that has no valid one of the newest trusted root; three requests a device, and one to
    four more where it has a leaf already.

    renew: to each of them, whatever it has. A blocked device gets none either way.
    """
    issuer = authority(run)
    for device in dict.fromkeys(devices):
        run.progress(f"issuing {device}")
        try:
            yield _issue(run, device, issuer, renew=renew)
        except HttpResponseError as error:
            if error.status_code in (401, 403):
                raise
            yield Failed(device, explain(error).message)


def enroll(run: Run, results: Iterable[Issued | Unchanged | Failed], own: enrollment.Individual) -> Iterator[Action | Failed]:
    """Gives each device that has a leaf an individual enrollment; one that fails does not stop the others."""
    for device in [result.device for result in results if not isinstance(result, Failed)]:
        try:
            yield from enrollment.enroll(run, device, own)
        except Refused as refusal:
            yield Failed(device, refusal.message)
        except HttpResponseError as error:
            if error.status_code in (401, 403):
                raise
            yield Failed(device, explain(error).message)


def _issue(run: Run, device: DeviceId, issuer: Authority, *, renew: bool) -> Issued | Unchanged | Failed:
    versions = kept_versions(run, device)
    if any(kept.blocked for kept in versions):
        return Failed(device, f"it is blocked: dpsops device unblock {device}")
    if not renew and _has_leaf_of(run, device, versions, issuer.generation):
        return Unchanged(device)
    own = enrollment.individual(run, device) if versions else None
    if enrollment.is_disabled(own):
        return Failed(device, f"it is blocked by half: dpsops device unblock {device}, or dpsops device block {device}")
    key = run.entropy.key()
    certificate = issuer.root.certificate
    leaf = profiles.issue_leaf(
        device,
        key.public_key(),
        certificate,
        run.cloud.signer(issuer.root.key_id, certificate.public_key()),
        lifetime=timedelta(days=run.environment.leaf.days),
        serial=run.entropy.serial(),
        now=run.now(),
    )
    chains.require_issued_by(leaf, certificate, run.now())
    if own is not None and enrollment.pinned(own):
        _pin(run, own, leaf, versions, issuer.trusted)
    secret = run.cloud.secrets.set_secret(
        secret_name(device),
        chains.bundle(key, leaf, issuer.chain),
        content_type=CONTENT_TYPE,
        not_before=leaf.not_valid_before_utc,
        expires_on=leaf.not_valid_after_utc,
        tags=_tags(device, leaf, issuer.generation),
    )
    return Issued(device, chains.serial_text(leaf), chains.thumbprint(leaf), leaf.not_valid_after_utc, secret.id or "")


def _has_leaf_of(run: Run, device: DeviceId, versions: Collection[Kept], generation: int) -> bool:
    """Whether the leaf that the vault hands out is a valid one of this generation. Where the device has leaves of several,
    one request more tells which is the newest: a run that began under an older root can end after one under a newer."""
    ours = [kept for kept in versions if kept.generation == generation and lives(kept, run.now())]
    if not ours or len(ours) == len(versions):
        return bool(ours)
    newest = chains.thumbprint(chain_of(run, device)[0])
    return any(kept.thumbprint == newest for kept in ours)


def _pin(run: Run, own: dict[str, Any], leaf: x509.Certificate, versions: Collection[Kept], trusted: Collection[int]) -> None:
    """Adds the new leaf to the device's individual enrollment before the device can see it: it admits no leaf that it
    does not hold. The one that the device has now stays good, unless its root is trusted no more."""
    device = DeviceId(str(own["registrationId"]))
    present = chain_of(run, device)[0]
    generations = {kept.thumbprint: kept.generation for kept in versions}
    keeps = generations.get(chains.thumbprint(present)) in trusted
    enrollment.pin(run, device, own, leaf, *([present] if keeps else []))


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
    try:
        listed = list(run.cloud.secrets.list_properties_of_secret_versions(secret_name(device)))
    except ResourceNotFoundError:
        return []
    found = (_kept(properties.tags or {}, properties.expires_on) for properties in listed if properties.enabled)
    return [kept for kept in found if kept is not None]


def fleet(run: Run) -> Iterator[Kept]:
    """Every device that has a secret in the vault, by the secrets' tags; no key is read. Raises `Refused` for a secret
    whose tag names another device than its name does: anybody can edit a tag."""
    for properties in run.cloud.secrets.list_properties_of_secrets():
        if kept := _kept(properties.tags or {}, properties.expires_on):
            if properties.name != secret_name(DeviceId(kept.device)):
                raise Refused(
                    f"the secret {properties.name} in the vault says that it is of the device {kept.device!r}",
                    f"find out who has changed its tag {DEVICE_TAG!r}; correct it, then run the command again",
                )
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


def lives(kept: Kept, now: datetime) -> bool:
    """Whether a leaf is still valid."""
    return kept.not_after is not None and kept.not_after > now
