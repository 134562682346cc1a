"""The devices: who has a leaf, who registered, when, on which hub, with which leaf, and who is blocked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cryptography import x509

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.errors import Error, Silent
from dpsops.fleet.places import own_hosts
from dpsops.model.device import Leaf
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.identity import HubIdentity
from dpsops.model.member import Member, Registration
from dpsops.model.run import Run
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, secret_name


def members(
    run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, under_group: Mapping[str, Registration] | None = None
) -> Iterator[Member]:
    """Every device that has a leaf, by its ID. Reads no key. Two requests for each page of them, one for each that is
    enrolled by itself, which no group's list of registrations shows, and, as it comes, one for each that registered.

    under_group: the registrations under the group, where they were asked for already.
    """
    run.progress("listing the devices in the vault")
    found = sorted(leaves.all(), key=lambda leaf: leaf.device)
    own = dps.individuals()
    registered: dict[str, Registration | None] = {**(registrations(run, dps) if under_group is None else under_group)}
    for leaf in found:
        if leaf.device not in registered and _status(own.get(leaf.device)) == "enabled":
            registered[leaf.device] = dps.registration(DeviceId(leaf.device))
    gone = set[str]()
    for leaf in found:
        yield _member(run, hubs, leaf, registered.get(leaf.device), own.get(leaf.device), gone)


def registrations(run: Run, dps: Dps) -> dict[str, Registration]:
    """The registrations under the group by their IDs, in lower case; one request for each page."""
    run.progress("asking the DPS who registered")
    return dps.registrations()


def member(run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, device: DeviceId) -> tuple[Member, list[x509.Certificate]]:
    """One device, and its newest leaf with the chain that goes with it. Raises `Error` where it has no leaf."""
    found = leaves.leaves(device)
    if not found:
        raise Error(f"{device} has no certificate in the vault ({secret_name(device)})", f"dpsops device issue {device}")
    chain = leaves.chain(device)
    newest = next((leaf for leaf in found if leaf.thumbprint == chains.thumbprint(chain[0])), found[0])
    leaf = replace(newest, blocked=any(each.blocked for each in found))
    return _member(run, hubs, leaf, dps.registration(device), dps.individual(device), set()), chain


def _member(
    run: Run, hubs: Hubs, leaf: Leaf, registration: Registration | None, own: IndividualEnrollment | None, gone: set[str]
) -> Member:
    assigned = registration if registration and registration.is_assigned else None
    hub = assigned.hub if assigned else ""
    identity = _identity(run, hubs, hub, leaf.device, gone) if hub else None
    failed = registration is not None and registration.status == "failed"
    return Member(
        leaf=leaf,
        expires_soon=leaf.expires_soon(run.now()),
        registered_at=assigned.updated_at if assigned else "",
        hub=hub,
        failure=(registration.error or "no reason given") if registration and failed else "",
        seen=identity.thumbprint if identity else "",
        admitted=identity is not None and identity.is_enabled,
        enrollment=_status(own),
    )


def _identity(run: Run, hubs: Hubs, hub: str, device: str, gone: set[str]) -> HubIdentity | None:
    """The device's identity in the hub that its registration names. A registration outlives a hub that was deleted: one
    that the environment does not have any more and that cannot be reached is `gone`, and is asked once."""
    if hub in gone:
        return None
    try:
        return hubs.identity(hub, device)
    except Silent as silence:
        if silence.answered or hub.lower() in own_hosts(run.environment):
            raise
        gone.add(hub)
        return None


def _status(enrollment: IndividualEnrollment | None) -> str:
    """The status of an enrollment; without one there is none."""
    return "" if enrollment is None else "enabled" if enrollment.enabled else "disabled"
