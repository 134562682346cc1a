"""The fleet: who has a leaf, who registered, when, on which hub, with which leaf, and who is kept out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from azure.core.exceptions import ServiceRequestError
from cryptography import x509

from dpsops.cloud import hub_host
from dpsops.errors import Error
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, secret_name
from dpsops.settings import Environment
from dpsops.workflows import device as devices
from dpsops.workflows import identities
from dpsops.workflows.bundles import chain_of
from dpsops.workflows.device import Kept
from dpsops.workflows.run import Run

SOON = timedelta(days=30)
"""A leaf that ends within this time is about to end."""


@dataclass(frozen=True, slots=True)
class Member:
    """One device. `registered_at` and `hub` are empty where it is assigned to none; `failure` is why, in DPS's words, where
    it tried. `seen` is the SHA-256 thumbprint (upper case hex) in its hub identity: that of the leaf it last registered
    with. `admitted`: its identity is enabled. `enrollment`: the status of its individual enrollment, empty without one."""

    leaf: Kept
    ends_soon: bool
    registered_at: str
    hub: str
    failure: str
    seen: str
    admitted: bool
    enrollment: str

    @property
    def uses_newest_leaf(self) -> bool:
        """Whether it has registered with the leaf that the vault holds for it."""
        return bool(self.seen) and self.seen == self.leaf.thumbprint

    @property
    def blocked(self) -> bool:
        """Whether it is kept out, in the vault's words or in DPS's."""
        return self.leaf.blocked or self.enrollment == "disabled"

    @property
    def half_blocked(self) -> bool:
        """Whether a block or its undoing was interrupted, or somebody has disabled the enrollment by hand."""
        return self.leaf.blocked != (self.enrollment == "disabled")


def ends_soon(leaf: Kept, now: datetime) -> bool:
    """Whether a leaf is about to end, has ended, or does not say when it will."""
    return leaf.not_after is None or leaf.not_after <= now + SOON


def hubs(run: Run) -> dict[str, bool]:
    """The host names, in lower case, of every hub where a device may have an identity, each with whether it is one of ours:
    the environment's, those linked to the DPS, and the others of the resource group, which the settings may have named
    once. Two requests."""
    environment = run.environment
    group = environment.resource_group
    properties = run.cloud.dps.iot_dps_resource.get(environment.dps.name, group).properties
    there = {hub_host(str(hub.name)) for hub in run.cloud.hubs.iot_hub_resource.list_by_resource_group(group)}
    linked = {str(link.name).lower() for link in (properties.iot_hubs if properties else None) or []}
    return {host: host in linked | own_hosts(environment) for host in there | linked}


def own_hosts(environment: Environment) -> set[str]:
    """The host names, in lower case, of the hubs that the settings name."""
    return {hub_host(hub.name) for hub in environment.hub}


def individuals(run: Run) -> dict[str, dict[str, Any]]:
    """The individual enrollments by their registration IDs, in lower case; one request for each page."""
    found = run.cloud.enrollments.query("/enrollments/query", {"query": "SELECT *"})
    return {str(each["registrationId"]).lower(): each for each in found}


def registrations(run: Run) -> dict[str, dict[str, Any]]:
    """The registrations under the group by their IDs, in lower case; one request for each page."""
    run.progress("asking the DPS who registered")
    found = run.cloud.enrollments.query(f"/registrations/{run.environment.group.id}/query", None)
    return {str(each["registrationId"]).lower(): each for each in found}


def members(run: Run, under_group: Mapping[str, dict[str, Any]] | None = None) -> Iterator[Member]:
    """Every device that has a leaf, by its ID. Reads no key. Two requests for each page of them, one for each that is
    enrolled by itself, which no group's list of registrations shows, and, as it comes, one for each that registered.

    under_group: `registrations`, where they were asked for already.
    """
    run.progress("listing the devices in the vault")
    kept = sorted(devices.fleet(run), key=lambda one: one.device)
    own = individuals(run)
    registered: dict[str, dict[str, Any] | None] = {**(registrations(run) if under_group is None else under_group)}
    for one in kept:
        if one.device not in registered and _status(own.get(one.device)) == "enabled":
            registered[one.device] = run.cloud.enrollments.get(f"/registrations/{one.device}")
    gone = set[str]()
    for one in kept:
        yield _member(run, one, registered.get(one.device), own.get(one.device), gone)


def member(run: Run, device: DeviceId) -> tuple[Member, list[x509.Certificate]]:
    """One device, and its newest leaf with the chain that goes with it. Raises `Error` where it has no leaf."""
    versions = devices.kept_versions(run, device)
    if not versions:
        raise Error(f"{device} has no certificate in the vault ({secret_name(device)})", f"dpsops device issue {device}")
    chain = chain_of(run, device)
    newest = next((one for one in versions if one.thumbprint == chains.thumbprint(chain[0])), versions[0])
    kept = replace(newest, blocked=any(one.blocked for one in versions))
    record, own = (run.cloud.enrollments.get(f"/{kind}/{device}") for kind in ("registrations", "enrollments"))
    return _member(run, kept, record, own, set()), chain


def _member(run: Run, leaf: Kept, record: dict[str, Any] | None, own: dict[str, Any] | None, gone: set[str]) -> Member:
    assigned = record if record and record.get("status") == "assigned" else {}
    hub = str(assigned.get("assignedHub") or "")
    identity = _identity(run, hub, leaf.device, gone) if hub else None
    failed = record and record.get("status") == "failed"
    return Member(
        leaf=leaf,
        ends_soon=ends_soon(leaf, run.now()),
        registered_at=str(assigned.get("lastUpdatedDateTimeUtc") or ""),
        hub=hub,
        failure=str(record.get("errorMessage") or "no reason given") if record and failed else "",
        seen=identities.thumbprint(identity),
        admitted=(identity or {}).get("status") == "enabled",
        enrollment=_status(own),
    )


def _identity(run: Run, hub: str, device: str, gone: set[str]) -> dict[str, Any] | None:
    """The device's identity in the hub that its registration names. A registration outlives a hub that was deleted: one
    that the environment does not have any more and that does not answer is `gone`, and is asked once."""
    if hub in gone:
        return None
    try:
        return run.cloud.registry(hub).get(f"/devices/{device}")
    except ServiceRequestError:
        if hub.lower() in own_hosts(run.environment):
            raise
        gone.add(hub)
        return None


def _status(enrollment: dict[str, Any] | None) -> str:
    """The status of an enrollment: one that was never set is enabled; without an enrollment there is none."""
    return "" if enrollment is None else str(enrollment.get("provisioningStatus") or "enabled")
