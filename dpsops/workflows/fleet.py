"""The fleet: who has a leaf, who registered, when, on which hub, and with which leaf. Reads no key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dpsops.errors import Error
from dpsops.pki.names import DeviceId, secret_name
from dpsops.workflows import device as devices
from dpsops.workflows.device import Kept
from dpsops.workflows.run import Run


@dataclass(frozen=True, slots=True)
class Member:
    """One device. `registered_at` and `hub` are empty where it never registered; `seen` is the SHA-256 thumbprint
    (upper case hex) in its hub identity: that of the leaf it last registered with. `admitted`: its identity is enabled."""

    leaf: Kept
    registered_at: str
    hub: str
    seen: str
    admitted: bool

    @property
    def uses_newest_leaf(self) -> bool:
        """Whether it has registered with the leaf that the vault holds for it."""
        return bool(self.seen) and self.seen == self.leaf.thumbprint


def members(run: Run) -> list[Member]:
    """Every device that has a leaf, by its ID; two requests for each page of them, and one for each that registered."""
    run.progress("listing the devices in the vault")
    kept = sorted(devices.fleet(run), key=lambda one: one.device)
    run.progress("asking the DPS who registered")
    records = run.cloud.enrollments.query(f"/registrations/{run.environment.group.id}/query", None)
    registered = {str(record["registrationId"]).lower(): record for record in records}
    return [_member(run, one, registered.get(one.device)) for one in kept]


def member(run: Run, device: DeviceId) -> Member:
    """One device. Raises `Error` where it has no leaf."""
    versions = devices.kept_versions(run, device)
    if not versions:
        raise Error(f"{device} has no certificate in the vault ({secret_name(device)})", f"dpsops device issue {device}")
    newest = max(versions, key=lambda one: one.not_after or datetime.min.replace(tzinfo=run.now().tzinfo))
    return _member(run, newest, run.cloud.enrollments.get(f"/registrations/{device}"))


def _member(run: Run, leaf: Kept, record: dict[str, Any] | None) -> Member:
    hub = str(record.get("assignedHub") or "") if record else ""
    identity = run.cloud.registry(hub).get(f"/devices/{leaf.device}") if hub else None
    thumbprints = ((identity or {}).get("authentication") or {}).get("x509Thumbprint") or {}
    return Member(
        leaf=leaf,
        registered_at=str(record.get("lastUpdatedDateTimeUtc") or "") if record else "",
        hub=hub,
        seen=str(thumbprints.get("primaryThumbprint") or "").upper(),
        admitted=(identity or {}).get("status") == "enabled",
    )
