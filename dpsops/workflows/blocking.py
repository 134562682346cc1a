"""Keeping one device out of a group, and letting it in again. Each is complete, or the next run completes it.

DPS reads no revocation list. A device is out when a *disabled individual enrollment* holds its leaf, which DPS
finds before the group; when its identity in the hub is disabled, so that it cannot go on as it is; and when its
registration is forgotten. The secret's tag tells `issue` and `list`.

Source: Azure DPS, "How to disenroll or revoke a device".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryptography import x509

from dpsops.errors import Error
from dpsops.pki.names import DeviceId, secret_name
from dpsops.workflows.device import BLOCKED_TAG
from dpsops.workflows.enrollment import attestation
from dpsops.workflows.register import bundle_of, leaf_of
from dpsops.workflows.run import Action, Run

_MARK = {"dpsops": {"purpose": "block: while this is here and disabled, the device is kept out"}}
"""By this an enrollment that a block made is told from one that a device has of its own."""


def block(run: Run, device: DeviceId) -> Iterator[Action]:
    """Shuts a device out; yields what was done. The enrollment comes first: from then on it cannot register."""
    run.progress(f"shutting {device} out")
    leaf = leaf_of(bundle_of(run, device))
    yield from _disable_enrollment(run, device, leaf)
    registration = run.cloud.enrollments.get(f"/registrations/{device}")
    for hub in _hubs(run, registration):
        yield from _set_identity(run, hub, device, "disabled")
    if registration is not None:
        run.cloud.enrollments.delete(f"/registrations/{device}", registration.get("etag", "*"))
        yield Action("remove", f"registration {device}", "removed")
    yield from _tag(run, device, blocked=True)


def unblock(run: Run, device: DeviceId) -> Iterator[Action]:
    """Lets a device in again, in the opposite order."""
    run.progress(f"letting {device} in again")
    yield from _tag(run, device, blocked=False)
    for hub in _hubs(run, None):
        yield from _set_identity(run, hub, device, "enabled")
    yield from _enable_enrollment(run, device)


def _hubs(run: Run, registration: dict[str, Any] | None) -> list[str]:
    """Where a device may have an identity: the hub it was assigned, and every other of the environment."""
    hosts = {f"{hub.name.lower()}.azure-devices.net" for hub in run.environment.hub}
    if registration is not None and registration.get("assignedHub"):
        hosts.add(registration["assignedHub"].lower())
    return sorted(hosts)


def _disable_enrollment(run: Run, device: DeviceId, leaf: x509.Certificate) -> Iterator[Action]:
    path = f"/enrollments/{device}"
    found = run.cloud.enrollments.get(path)
    if found is not None and found.get("provisioningStatus") == "disabled":
        return
    if found is None:
        identity = {"registrationId": device, "deviceId": device, "attestation": attestation(leaf)}
        made = identity | {"optionalDeviceInformation": _MARK}
        run.cloud.enrollments.put(path, made | {"provisioningStatus": "disabled"}, None)
    else:
        run.cloud.enrollments.put(path, found | {"provisioningStatus": "disabled"}, found["etag"])
    yield Action("disable", f"enrollment {device}", "disabled")


def _enable_enrollment(run: Run, device: DeviceId) -> Iterator[Action]:
    """Takes away the enrollment that a block made; enables one that the device had of its own."""
    path = f"/enrollments/{device}"
    found = run.cloud.enrollments.get(path)
    if found is None or found.get("provisioningStatus") != "disabled":
        return
    if found.get("optionalDeviceInformation") == _MARK:
        run.cloud.enrollments.delete(path, found["etag"])
        yield Action("remove", f"enrollment {device}", "removed")
    else:
        run.cloud.enrollments.put(path, found | {"provisioningStatus": "enabled"}, found["etag"])
        yield Action("enable", f"enrollment {device}", "enabled")


def _set_identity(run: Run, hub: str, device: DeviceId, status: str) -> Iterator[Action]:
    registry = run.cloud.registry(hub)
    identity = registry.get(f"/devices/{device}")
    if identity is None or identity.get("status") == status:
        return
    registry.put(f"/devices/{device}", identity | {"status": status}, f'"{identity["etag"]}"')
    yield Action("disable" if status == "disabled" else "enable", f"identity {device} in {hub}", status)


def _tag(run: Run, device: DeviceId, *, blocked: bool) -> Iterator[Action]:
    versions = [
        version for version in run.cloud.secrets.list_properties_of_secret_versions(secret_name(device)) if version.enabled
    ]
    if not versions:
        raise Error(f"{device} has no certificate in the vault", f"dpsops device issue {device}")
    for version in versions:
        tags = dict(version.tags or {})
        if (tags.get(BLOCKED_TAG) == "yes") is blocked:
            continue
        changed = tags | {BLOCKED_TAG: "yes"} if blocked else {name: value for name, value in tags.items() if name != BLOCKED_TAG}
        run.cloud.secrets.update_secret_properties(secret_name(device), version.version, tags=changed)
        yield Action("tag", f"secret of {device}", "tagged as blocked" if blocked else "tag removed")
