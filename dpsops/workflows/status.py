"""`status`: what exists, whether the root is verified, what expires when, and what to do next. Changes nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.deployments import Deployments
from dpsops.azure.dps import Dps, DpsFacts
from dpsops.azure.hub import HubFacts, Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Denied, Missing, Refused
from dpsops.fleet import engine, inventory
from dpsops.model import logs
from dpsops.model.census import Census, Fleet
from dpsops.model.device import Leaf
from dpsops.model.enrollment import EnrollmentGroup, IndividualEnrollment
from dpsops.model.generations import View, admissions
from dpsops.model.member import WaitingDevice
from dpsops.model.next import (
    NO_DEVICES,
    DeviceCounts,
    Enrolled,
    Situation,
    assess,
    compare,
    count,
    missing_since,
    next_steps,
    untrusted,
)
from dpsops.model.registration import Registration
from dpsops.model.resources import former_vaults
from dpsops.model.root import root_name
from dpsops.model.root_facts import RootFacts
from dpsops.model.rotation import Phase, Standing, classify, half_undone
from dpsops.model.run import Run
from dpsops.settings import Environment, Vault
from dpsops.steps.describe_root import describe_root
from dpsops.steps.observe_generations import with_group
from dpsops.steps.use_root import current_name
from dpsops.steps.waiting_devices import left_behind, waiting_among


@dataclass(frozen=True, slots=True)
class Status:
    """The state of an environment: None for what does not exist, and only the hubs and the vaults that exist. `trouble` says why
    the root, or the name of a vault, cannot be used; each entry of `next` says one thing to do. `fleet`: the devices, if they
    were counted."""

    environment: Environment
    vaults: tuple[Vault, ...]
    dps: DpsFacts | None
    hubs: tuple[HubFacts, ...]
    next: tuple[str, ...]
    root: RootFacts | None = None
    trouble: Refused | None = None
    group: EnrollmentGroup | None = None
    rotation: Standing | None = None
    devices: DeviceCounts = NO_DEVICES
    view: View | None = None
    fleet: Fleet | None = None


def status(
    run: Run,
    deployments: Deployments,
    roots: RootVault,
    leaves: LeafVaults,
    dps: Dps,
    hubs: Hubs,
    stores: Sequence[TrustStore],
    *,
    counted: bool = False,
) -> Status:
    """Reads everything, and says what to do next. `counted`: also reads and counts every device, which needs the requests of the
    list of devices, but for those of the vault."""
    environment = run.environment
    run.progress(f"reading the resource group {environment.resource_group}")
    service = _find(dps)
    found_hubs = tuple(found for hub in environment.hub if (found := hubs.find(hub.name)))
    in_group = deployments.vaults()
    wanted = (environment.vault, *environment.device_vaults)
    vaults = tuple(vault for vault in wanted if vault.name.lower() in in_group)
    if service is None or len(vaults) < len(wanted):
        deleted = next(filter(None, (deployments.deleted_vault(each.name) for each in wanted if each not in vaults)), None)
        step = deleted.hint if deleted else "dpsops up"
        return Status(environment, vaults, service, found_hubs, (step,), trouble=deleted)
    group = dps.group()
    facts, view, trouble = None, None, None
    try:
        run.progress("reading the root")
        facts = describe_root(run, roots, stores, current_name(run, roots, group))
    except Refused as refused:
        trouble = refused
    try:
        run.progress("reading the devices")
        view = with_group(run, roots, leaves, stores, group) if group else None
    except Refused as refused:
        trouble = refused
    registrations: Mapping[str, Registration] = engine.wait(run, dps.registrations()) if group else {}
    found_leaves = view.leaves if view else tuple(engine.wait(run, leaves.all()))
    devices = count(found_leaves, run.now())
    if view is not None:
        devices = replace(
            devices,
            left_behind=0 if counted else len(left_behind(run, leaves, dps, hubs, view)),
            waiting=missing_since(admissions(view.roots), view.leaves, registrations),
        )
    standing = classify(view.observed) if view else None
    logs_off = "" if (settings := deployments.vault_logs()) is None else logs.off(environment, settings)
    enrollments = _enrollments(run, deployments, dps, found_leaves)
    fleet = None
    if counted and view is not None:
        fleet = _counted(run, leaves, dps, hubs, view, registrations, enrollments)
        devices = replace(devices, left_behind=fleet.late if view.observed.has_left_behind else 0)
    seen = Situation(
        root=facts,
        trouble=trouble,
        group=group,
        rotation=standing,
        devices=devices,
        hubs_missing=len(found_hubs) < len(environment.hub),
        untrusted=untrusted(view) if view else 0,
        registered=assess(registrations.values(), environment),
        second_names=view.observed.generation(view.observed.primary).second_names if view else (),
        logs_off=logs_off,
        enrolled=Enrolled(unseen=True) if enrollments is None else compare(found_leaves, enrollments),
        former_vaults=former_vaults(environment, in_group),
        half_undone=tuple(map(root_name, half_undone(view.observed))) if view else (),
    )
    steps = tuple(next_steps(seen, environment.root, run.now()))
    return Status(environment, vaults, service, found_hubs, steps, facts, trouble, group, standing, devices, view, fleet)


def _enrollments(
    run: Run, deployments: Deployments, dps: Dps, leaves: Sequence[Leaf]
) -> Mapping[str, IndividualEnrollment] | None:
    """The individual enrollments, or None if this identity may not read them. Whoever deploys may see no enrollment of a device,
    and must not wait for a role that nobody gives; so this is read last."""
    if not leaves:
        return {}
    deployments.wait_for_roles(wait=False)
    try:
        return engine.wait(run, dps.individuals())
    except Denied:
        return None


def _counted(
    run: Run,
    leaves: LeafVaults,
    dps: Dps,
    hubs: Hubs,
    view: View,
    registrations: Mapping[str, Registration],
    enrollments: Mapping[str, IndividualEnrollment] | None,
) -> Fleet:
    """Every device, in one pass, and those that a rotation waits for or has left behind. If this identity may not read the device
    identities in the hubs, nobody can say which devices those are: raises `Denied` if there are any, as without the count."""
    run.progress("counting the devices")
    observed, admitted, individual = view.observed, admissions(view.roots), enrollments or {}
    standing = classify(observed)
    behind, moving = observed.has_left_behind, standing.phase in (Phase.PROMOTED, Phase.DRAINING)
    census = Census(run.now(), observed.primary if behind else None, enrollments=enrollments is not None)
    late = list[WaitingDevice]()
    try:
        members = census.passed(inventory.members(run, view.leaves, dps, hubs, registrations, admitted, individual))
        if behind or moving:
            for device in waiting_among(run, leaves, members, registrations, standing.new if moving else observed.primary):
                late.append(device)
                census.leave_behind(device)
        else:
            deque(members, maxlen=0)
    except Denied:
        if behind:
            raise
        census = Census(run.now(), identities=False, enrollments=enrollments is not None)
        deque(census.passed(inventory.without_identities(run, view.leaves, registrations, individual, admitted)), maxlen=0)
        late.clear()
    return census.fleet(sorted(late))


def _find(dps: Dps) -> DpsFacts | None:
    try:
        return dps.facts()
    except Missing:
        return None
