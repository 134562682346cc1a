"""The devices: their certificates, registrations and hubs, the certificate that each last registered with, and blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cryptography import x509

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.errors import Error, Unavailable
from dpsops.fleet.places import own_hosts
from dpsops.model.device import Leaf
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.identity import HubIdentity
from dpsops.model.member import Member
from dpsops.model.registration import Registration
from dpsops.model.resources import registry_host
from dpsops.model.run import Run
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, secret_name

_NONE: Mapping[int, str] = {}


def members(
    run: Run,
    leaves: LeafVault,
    dps: Dps,
    hubs: Hubs,
    under_group: Mapping[str, Registration] | None = None,
    admitted: Mapping[int, str] = _NONE,
) -> Iterator[Member]:
    """Every device that has a certificate, by its ID. Reads no key. Two requests for each page of devices, one for each device
    with an individual enrollment (its registration is in no group's list), and, with each result, one if it is assigned.

    under_group: the registrations under the group, if they were read already. admitted: when roots replaced compromised ones, by
    their generations.
    """
    run.progress("listing the devices in the vault")
    found = sorted(leaves.all(), key=lambda leaf: leaf.device)
    enrollments = dps.individuals()
    registered: dict[str, Registration | None] = {**(registrations(run, dps) if under_group is None else under_group)}
    for leaf in found:
        if leaf.device not in registered and _status(enrollments.get(leaf.device)) == "enabled":
            registered[leaf.device] = dps.registration(DeviceId(leaf.device))
    deleted = set[str]()
    for leaf in found:
        since = admitted.get(leaf.generation, "")
        yield _member(run, hubs, leaf, registered.get(leaf.device), enrollments.get(leaf.device), since, deleted)


def registrations(run: Run, dps: Dps) -> dict[str, Registration]:
    """The registrations under the group by their IDs, in lower case; one request for each page."""
    run.progress("listing the registrations in the DPS")
    return dps.registrations()


def member(
    run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, device: DeviceId, admitted: Mapping[int, str] = _NONE
) -> tuple[Member, list[x509.Certificate]]:
    """One device, and its newest certificate with its chain. Raises `Error` if it has no certificate."""
    found = leaves.leaves(device)
    if not found:
        raise Error(f"{device} has no certificate in the vault ({secret_name(device)})", f"dpsops device issue {device}")
    chain = leaves.chain(device)
    newest = next((leaf for leaf in found if leaf.thumbprint == chains.thumbprint(chain[0])), found[0])
    leaf = replace(newest, blocked=any(each.blocked for each in found))
    since = admitted.get(leaf.generation, "")
    return _member(run, hubs, leaf, dps.registration(device), dps.individual(device), since, set()), chain


def _member(
    run: Run,
    hubs: Hubs,
    leaf: Leaf,
    registration: Registration | None,
    enrollment: IndividualEnrollment | None,
    admitted_at: str,
    deleted: set[str],
) -> Member:
    assigned = registration if registration and registration.is_assigned else None
    hub = assigned.hub if assigned else ""
    identity = _identity(run, hubs, registry_host(hub), leaf.device, deleted) if hub else None
    failed = registration is not None and registration.status == "failed"
    return Member(
        leaf=leaf,
        expires_soon=leaf.expires_soon(run.now()),
        registered_at=assigned.updated_at if assigned else "",
        hub=hub,
        failure=(registration.error or "no reason given") if registration and failed else "",
        registered_thumbprint=identity.thumbprint if identity else "",
        identity_enabled=identity is not None and identity.is_enabled,
        enrollment=_status(enrollment),
        admitted_at=admitted_at,
    )


def _identity(run: Run, hubs: Hubs, hub: str, device: str, deleted: set[str]) -> HubIdentity | None:
    """The device identity in the hub that the registration names. A registration can name a hub that was deleted since: a hub
    that is no longer in the settings and does not answer counts as `deleted`, and is asked only once."""
    if hub in deleted:
        return None
    try:
        return hubs.identity(hub, device)
    except Unavailable as error:
        if error.answered or hub in own_hosts(run.environment):
            raise
        deleted.add(hub)
        return None


def _status(enrollment: IndividualEnrollment | None) -> str:
    """The status of an enrollment; empty if there is no enrollment."""
    return "" if enrollment is None else "enabled" if enrollment.enabled else "disabled"
