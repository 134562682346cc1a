"""The devices: their certificates, registrations and hubs, the certificate that each last registered with, and blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from cryptography import x509

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Error, Unavailable
from dpsops.fleet import engine
from dpsops.fleet.identities import Identities
from dpsops.fleet.places import own_hosts
from dpsops.fleet.stock import FEW
from dpsops.model.device import Leaf
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.identity import CA_SIGNED, HubIdentity
from dpsops.model.member import Member
from dpsops.model.registration import Registration
from dpsops.model.resources import registry_host
from dpsops.model.run import Run
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, secret_name

_NONE: Mapping[int, str] = {}

_AHEAD = 75
"""So many devices may wait for their identities before more of those are read."""


def newest(run: Run, leaves: LeafVaults) -> Iterator[Leaf]:
    """The newest certificate of every device, listed only as it is asked for. One request for each page."""
    run.progress("listing the devices in the vault")
    yield from engine.listed(run, leaves.pages())


def members(
    run: Run,
    leaves: Iterable[Leaf],
    dps: Dps,
    hubs: Hubs,
    under_group: Mapping[str, Registration] | None = None,
    admitted: Mapping[int, str] = _NONE,
    individual: Mapping[str, IndividualEnrollment] | None = None,
) -> Iterator[Member]:
    """The devices with these newest certificates, each as soon as all is known of it. One request for each page of devices in the
    DPS and in each hub; one for each device with an individual enrollment (its registration is in no group's list); and on a hub
    with few devices one for each, instead of the pages.

    under_group, individual: the registrations under the group, and the individual enrollments, if they were read already.
    admitted: when roots replaced compromised ones, by their generations.
    """
    registered: dict[str, Registration | None] = {**(registrations(run, dps) if under_group is None else under_group)}
    enrollments: Mapping[str, IndividualEnrollment] = engine.wait(run, dps.individuals()) if individual is None else individual
    found = _Identities(run, hubs, registered.values())

    def whole(leaf: Leaf) -> Member:
        enrollment, admitted_at = enrollments.get(leaf.device), admitted.get(leaf.generation, "")
        return _member(run, leaf, registered.get(leaf.device), found.take(leaf.device, host(leaf)), enrollment, admitted_at)

    def host(leaf: Leaf) -> str:
        return _host(registered.get(leaf.device))

    for leaf in leaves:
        if leaf.device not in registered and _status(enrollments.get(leaf.device)) == "enabled":
            registered[leaf.device] = engine.wait(run, dps.registration(DeviceId(leaf.device)))
        if found.has(leaf.device, host(leaf)):
            yield whole(leaf)
        else:
            yield from map(whole, found.hold(leaf, host(leaf)))
    yield from map(whole, found.rest())


def without_identities(
    run: Run,
    leaves: Iterable[Leaf],
    under_group: Mapping[str, Registration],
    individual: Mapping[str, IndividualEnrollment],
    admitted: Mapping[int, str],
) -> Iterator[Member]:
    """The devices for somebody who may not read the device identities in the hubs: what else is known of each. No request."""
    for leaf in leaves:
        found, enrollment = under_group.get(leaf.device), individual.get(leaf.device)
        yield _member(run, leaf, found, None, enrollment, admitted.get(leaf.generation, ""))


def registrations(run: Run, dps: Dps) -> dict[str, Registration]:
    """The registrations under the group by their IDs, in lower case; one request for each page."""
    run.progress("listing the registrations in the DPS")
    return engine.wait(run, dps.registrations())


def member(
    run: Run, leaves: LeafVaults, dps: Dps, hubs: Hubs, device: DeviceId, admitted: Mapping[int, str] = _NONE
) -> tuple[Member, list[x509.Certificate]]:
    """One device, and its newest certificate with its chain. Raises `Error` if it has no certificate."""
    found = engine.wait(run, leaves.leaves(device))
    if not found:
        raise Error(f"{device} has no certificate in the vault ({secret_name(device)})", f"dpsops device issue {device}")
    chain = engine.wait(run, leaves.chain(device))
    newest = next((leaf for leaf in found if leaf.thumbprint == chains.thumbprint(chain[0])), found[0])
    leaf = replace(newest, blocked=any(each.blocked for each in found))
    registration, enrollment = engine.wait(run, dps.registration(device)), engine.wait(run, dps.individual(device))
    identity = _Identities(run, hubs, ()).take(device, _host(registration))
    return _member(run, leaf, registration, identity, enrollment, admitted.get(leaf.generation, "")), chain


def _member(
    run: Run,
    leaf: Leaf,
    registration: Registration | None,
    identity: HubIdentity | None,
    enrollment: IndividualEnrollment | None,
    admitted_at: str,
) -> Member:
    assigned = registration if registration and registration.is_assigned else None
    failed = registration is not None and registration.status == "failed"
    return Member(
        leaf=leaf,
        expires_soon=leaf.expires_soon(run.now()),
        registered_at=assigned.updated_at if assigned else "",
        hub=assigned.hub if assigned else "",
        failure=(registration.error or "no reason given") if registration and failed else "",
        registered_thumbprint=identity.thumbprint if identity else "",
        identity_enabled=identity is not None and identity.is_enabled,
        enrollment=_status(enrollment),
        admitted_at=admitted_at,
        issued_by_azure=identity is not None and identity.authentication == CA_SIGNED,
    )


def _host(registration: Registration | None) -> str:
    """The hub that a device is assigned to; empty if it is assigned to none."""
    return registry_host(registration.hub) if registration and registration.is_assigned and registration.hub else ""


class _Identities:
    """The device identities that registrations name: those in a hub with many by its query, else one by one.

    A registration can name a hub that was deleted since: a hub that is no longer in the settings and does not answer counts as
    deleted, and is asked only once.
    """

    def __init__(self, run: Run, hubs: Hubs, registered: Iterable[Registration | None]) -> None:
        self._run = run
        self._hubs = hubs
        self._deleted = set[str]()
        counted = Counter(map(_host, registered))
        self._queried = {host: Identities(run, hubs, host) for host, count in counted.items() if host and count > FEW}
        self._held: dict[str, list[Leaf]] = {host: [] for host in self._queried}

    def has(self, device: str, host: str) -> bool:
        """Whether `take` needs no further page of a query."""
        return host not in self._queried or self._queried[host].has(device)

    def hold(self, leaf: Leaf, host: str) -> list[Leaf]:
        """Keeps a device until its identity is known; returns those whose identities are known now. Reads a page if it has read
        none yet, or if many wait."""
        self._held[host].append(leaf)
        return self._read(host) if not self._queried[host].begun or len(self._held[host]) > _AHEAD else []

    def rest(self) -> Iterator[Leaf]:
        """The devices that are still kept, as their identities become known."""
        for host, held in self._held.items():
            while held:
                yield from self._read(host)

    def _read(self, host: str) -> list[Leaf]:
        queried, held = self._queried[host], self._held[host]
        try:
            queried.read()
        except Unavailable as error:
            self._delete(host, error)
            queried.complete = True
        known = [leaf for leaf in held if queried.has(leaf.device)]
        held[:] = [leaf for leaf in held if not queried.has(leaf.device)]
        return known

    def take(self, device: str, host: str) -> HubIdentity | None:
        """The identity of a device, or None. One that a query does not know, because it is new, is read by itself."""
        if not host or host in self._deleted:
            return None
        if host in self._queried and (identity := self._queried[host].take(device)):
            return identity
        try:
            return engine.wait(self._run, self._hubs.identity(host, device))
        except Unavailable as error:
            self._delete(host, error)
            return None

    def _delete(self, host: str, error: Unavailable) -> None:
        if error.answered or host in own_hosts(self._run.environment):
            raise error
        self._deleted.add(host)


def _status(enrollment: IndividualEnrollment | None) -> str:
    """The status of an enrollment; empty if there is no enrollment."""
    return "" if enrollment is None else "enabled" if enrollment.enabled else "disabled"
