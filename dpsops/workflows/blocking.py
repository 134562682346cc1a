"""Keeping one device out of a group, and letting it in again. Each is complete, or the next run completes it.

DPS reads no revocation list. A device is out when a *disabled individual enrollment* holds its leaf, which DPS
finds before the group; when its identity in the hub is disabled, so that it cannot go on as it is; and when its
registration is forgotten. The secret's tag tells `issue` and `list`: it is the first to come and the last to go, so
that no device that is blocked by half is given a leaf that the enrollment does not hold.

Source: Azure DPS, "How to disenroll or revoke a device".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

from dpsops.errors import Error
from dpsops.pki.names import DeviceId, secret_name
from dpsops.workflows import fleet, identities
from dpsops.workflows.bundles import chain_of
from dpsops.workflows.device import BLOCKED_TAG, THUMBPRINT_TAG
from dpsops.workflows.enrollment import attestation, individual, individual_path, is_disabled
from dpsops.workflows.run import Action, Run

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretProperties

_MARK = {"dpsops": {"purpose": "block: while this is here and disabled, the device is kept out"}}
"""By this an enrollment that a block made is told from one that a device has of its own."""

_HELD = 2
"""How many leaves an enrollment holds."""


def block(run: Run, device: DeviceId) -> Iterator[Action]:
    """Shuts a device out; yields what was done. Raises `Error` where a hub that is not of the environment does not answer:
    the device cannot register then, and its registration is kept, for it alone may tell of that hub."""
    run.progress(f"shutting {device} out")
    versions = _versions(run, device)
    yield from _tag(run, device, versions, blocked=True)
    yield from _disable_enrollment(run, device, versions)
    registration = run.cloud.enrollments.get(f"/registrations/{device}")
    yield from _set_identities(run, device, "disabled", assigned=str((registration or {}).get("assignedHub") or ""))
    if registration is not None:
        run.cloud.enrollments.delete(f"/registrations/{device}", registration.get("etag", "*"))
        yield Action("remove", f"registration {device}", "removed")


def unblock(run: Run, device: DeviceId) -> Iterator[Action]:
    """Lets a device in again, the tag last. Its identities are known by its newest leaf from then on: what they were known
    by may be the leaf of somebody else, who was shut out with it."""
    run.progress(f"letting {device} in again")
    versions = _versions(run, device)
    newest = str((versions[0].tags or {}).get(THUMBPRINT_TAG) or "")
    yield from _enable_enrollment(run, device)
    yield from _set_identities(run, device, "enabled", leaf=newest)
    yield from _tag(run, device, versions, blocked=False)


def _versions(run: Run, device: DeviceId) -> list[SecretProperties]:
    """The versions of the device's secret that are enabled, the newest first. Raises `Error` where there is none."""
    try:
        listed = [each for each in run.cloud.secrets.list_properties_of_secret_versions(secret_name(device)) if each.enabled]
    except ResourceNotFoundError:
        listed = []
    if not listed:
        raise Error(
            f"{device} has no certificate in the vault, so it can be neither blocked nor unblocked",
            "'dpsops device list' shows those that have; to keep a stranger out, disable an enrollment of its ID in the DPS",
        )
    return sorted(listed, key=lambda each: (each.created_on is not None, each.created_on), reverse=True)


def _set_identities(run: Run, device: DeviceId, status: str, *, assigned: str = "", leaf: str = "") -> Iterator[Action]:
    """Sets the status, and the `leaf` (its thumbprint) that it is known by, of the device's identity in every hub where it
    may have one: the environment's, those linked to the DPS, the one that it was `assigned` to, and the others of the
    resource group, which the settings may have named once."""
    hubs, own = fleet.hubs(run), fleet.own_hosts(run.environment)
    known = {hub for hub, ours in hubs.items() if ours} | ({assigned.lower()} if assigned else set())
    missed = []
    for hub in sorted(hubs.keys() | known):
        try:
            yield from _set_identity(run, hub, device, status, leaf)
        except AzureError as error:
            if hub in own:
                raise
            denied = isinstance(error, HttpResponseError) and error.status_code in (401, 403)
            if hub in known or not denied:  # a stranger's hub, which never was one of ours, is none of our business
                missed.append(hub)
    if missed:
        raise Error(
            f"{', '.join(missed)} cannot be asked about {device}: its identity there, if it has one, stays as it is",
            "run the command again when that hub answers; if it is gone for good, unlink it and delete the device's "
            "registration in the DPS",
        )


def _disable_enrollment(run: Run, device: DeviceId, versions: list[SecretProperties]) -> Iterator[Action]:
    """An enrollment holds two leaves: the newest, and the one before, which the device may still have."""
    path, found = individual_path(device), individual(run, device)
    if is_disabled(found):
        return
    if found is None:
        leaves = [chain_of(run, device, version.version)[0] for version in versions[:_HELD]]
        identity = {"registrationId": device, "deviceId": device, "attestation": attestation(*leaves)}
        made = identity | {"optionalDeviceInformation": _MARK}
        run.cloud.enrollments.put(path, made | {"provisioningStatus": "disabled"}, None)
    else:
        run.cloud.enrollments.put(path, found | {"provisioningStatus": "disabled"}, found["etag"])
    yield Action("disable", f"enrollment {device}", "disabled")


def _enable_enrollment(run: Run, device: DeviceId) -> Iterator[Action]:
    """Takes away the enrollment that a block made; enables one that the device had of its own."""
    path, found = individual_path(device), individual(run, device)
    if found is None or not is_disabled(found):
        return
    if (found.get("optionalDeviceInformation") or {}).get("dpsops") == _MARK["dpsops"]:  # a service may add to it
        run.cloud.enrollments.delete(path, found["etag"])
        yield Action("remove", f"enrollment {device}", "removed")
    else:
        run.cloud.enrollments.put(path, found | {"provisioningStatus": "enabled"}, found["etag"])
        yield Action("enable", f"enrollment {device}", "enabled")


def _set_identity(run: Run, hub: str, device: DeviceId, status: str, leaf: str) -> Iterator[Action]:
    registry = run.cloud.registry(hub)
    identity = registry.get(f"/devices/{device}")
    if identity is None or identity.get("status") == status:
        return
    change = {"status": status, **identities.known_by(identity, leaf)}
    registry.put(f"/devices/{device}", identity | change, f'"{identity["etag"]}"')
    yield Action("disable" if status == "disabled" else "enable", f"identity {device} in {hub}", status)


def _tag(run: Run, device: DeviceId, versions: Iterable[SecretProperties], *, blocked: bool) -> Iterator[Action]:
    """Sets or takes away the tag of every version of the secret."""
    other = [version for version in versions if ((version.tags or {}).get(BLOCKED_TAG) == "yes") is not blocked]
    for version in other:
        tags = {name: value for name, value in (version.tags or {}).items() if name != BLOCKED_TAG}
        tags |= {BLOCKED_TAG: "yes"} if blocked else {}
        run.cloud.secrets.update_secret_properties(secret_name(device), version.version, tags=tags)
    if other:
        yield Action("tag", f"secret of {device}", "tagged as blocked" if blocked else "tag removed")
