"""Looking at an environment and at what an identity may do in it, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from dpsops.azure.examination import Examination
from dpsops.errors import Error
from dpsops.model import entitlement
from dpsops.model.checkup import Finding, Unseen
from dpsops.model.condition import Seen
from dpsops.model.endpoints import Endpoint, Entry
from dpsops.model.entitlement import Rights, Subject
from dpsops.model.needs import Place
from dpsops.model.roles import HUB, SERVICE, VAULT, Principal
from dpsops.model.run import Run
from dpsops.settings import Environment, hub_host, vault_host

_Result = TypeVar("_Result")


def reach(run: Run, examination: Examination, service: str, host: str) -> Endpoint:
    """Whether a host answers."""
    run.progress(f"asking {host}")
    return examination.endpoint(service, host, run.clock())


def resources(run: Run, examination: Examination) -> tuple[dict[str, Seen], list[Endpoint]]:
    """The resources of the environment, by their IDs, and their hosts."""
    group_exists = _known(examination.group_exists, otherwise=True)
    found, hosts = {}, []
    for place, name, identifier, host in _named(run.environment, examination.clients.group):
        run.progress(f"reading {name}")
        document: dict[str, object] | None = None
        endpoint: Endpoint | None = None
        exists = group_exists
        try:
            document = examination.resource(place, identifier) if group_exists else None
            exists = document is not None
        except Error:  # the list of permissions, which is asked for later, says why
            endpoint = reach(run, examination, name, host)
            exists = not endpoint.trouble
        entry = Entry.UNKNOWN
        if exists:
            hosts.append(endpoint or reach(run, examination, name, host))
            if not hosts[-1].trouble:
                entry = examination.entry(place, host)
        found[identifier] = Seen(Subject(place, identifier, name, exists), document, entry)
    return found, hosts


def find_rights(
    run: Run, examination: Examination, who: Principal, seen: Mapping[str, Seen], unregistered: frozenset[str]
) -> tuple[Rights, list[Finding]]:
    """What the identity may do, and what could not be looked at. unregistered: the resource providers that are not registered."""
    clients, environment = examination.clients, run.environment
    group_exists = _known(examination.group_exists, otherwise=True)
    subscription = f"/subscriptions/{clients.subscription}"
    within = clients.group if group_exists else subscription
    subjects = [
        Subject(Place.SUBSCRIPTION, subscription, "the subscription", exists=True),
        Subject(Place.GROUP, clients.group, f"the resource group {environment.resource_group}", group_exists),
        *(each.subject for each in seen.values()),
    ]
    if environment.vault.logs:
        subjects.append(Subject(Place.WORKSPACE, environment.vault.logs, "the workspace of the logs", exists=True))
    if not environment.device.vaults:
        root = next(each for each in subjects if each.place is Place.VAULT)
        subjects.append(Subject(Place.LEAF_VAULTS, root.id, root.name, root.exists))
    listed, unseen = {}, list[Finding]()
    tried = dict[tuple[str, str], bool]()
    run.progress("asking what this identity may do")
    for scope in dict.fromkeys(each.id if each.exists else within for each in subjects):
        try:
            listed[scope] = examination.permissions(scope)
        except Error as error:
            unseen.append(Unseen.because(error, entitlement.LIST, scope).finding("own-permissions", scope))
    for subject in subjects:
        if subject.exists and subject.id not in listed:
            there = seen.get(subject.id)
            host = _host(subject) if there and there.entry in (Entry.OPEN, Entry.DENIED) else ""
            tried |= {(subject.id, action): answer for action, answer in examination.tries(subject, host).items()}
    custom = _known(lambda: examination.custom_roles(within), otherwise=None)
    return Rights(who, tuple(subjects), within, group_exists, listed, tried, custom, unregistered), unseen


def _named(environment: Environment, group: str) -> Iterator[tuple[Place, str, str, str]]:
    """Each resource of the environment: place, name for people, ID, host."""
    yield (
        Place.VAULT,
        f"the vault {environment.vault.name}",
        _id(group, VAULT, environment.vault.name),
        vault_host(environment.vault.name),
    )
    for name in environment.device.vaults:
        yield Place.LEAF_VAULTS, f"the vault {name}", _id(group, VAULT, name), vault_host(name)
    yield Place.DPS, f"the DPS {environment.dps.name}", _id(group, SERVICE, environment.dps.name), environment.dps.host
    for hub in environment.hub:
        yield Place.HUBS, f"the IoT Hub {hub.name}", _id(group, HUB, hub.name), hub.host


def _id(group: str, type_: str, name: str) -> str:
    return f"{group}/providers/{type_}/{name}"


def _host(subject: Subject) -> str:
    name = subject.id.rpartition("/")[2]
    if subject.place in (Place.VAULT, Place.LEAF_VAULTS):
        return vault_host(name)
    return hub_host(name) if subject.place is Place.HUBS else f"{name.lower()}.azure-devices-provisioning.net"


def _known(ask: Callable[[], _Result], otherwise: _Result) -> _Result:
    try:
        return ask()
    except Error:
        return otherwise
