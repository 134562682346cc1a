"""Reading everything that `up` converges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.deployments import Deployments, template
from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Changed, Denied, Error, Refused
from dpsops.fleet import engine
from dpsops.model import deployment, generations
from dpsops.model import plan as plans
from dpsops.model.action import Action
from dpsops.model.deployment import Deployment
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.failure import advised, told
from dpsops.model.hints import TAKEN, hint
from dpsops.model.links import wanted_links
from dpsops.model.offers import require_free, require_offered, wants_free
from dpsops.model.plan import LATER, ObservedRootOfTrust, Plan
from dpsops.model.resources import Resources, left_vault, links, registry_host
from dpsops.model.root import Merged, Ready, root_name
from dpsops.model.run import Run
from dpsops.model.what_if import notes
from dpsops.pki import chains


@dataclass(frozen=True, slots=True)
class Survey:
    """The resources, what a deployment has to do with them, all that `up` would do, and what a person should know even if nothing
    is to be done."""

    resources: Resources
    deployment: Deployment
    plan: Plan
    told: tuple[str, ...] = ()


def survey(
    run: Run,
    deployments: Deployments,
    roots: RootVault,
    dps: Dps,
    stores: Sequence[TrustStore],
    *,
    rights: bool,
    relink: bool = False,
) -> Survey:
    """Reads everything and decides what is missing. If the deployment must assign roles first, everything that needs these
    roles is read after it. rights: whether this identity must also have the rights for all of it."""
    found = observe(run, deployments, dps)
    wanted = deployment.decide(run.environment, found, deployments.principals, relink=relink)
    said = (*_foresee(run, deployments, found, wanted, rights=rights), *_to_a_stranger(deployments, wanted))
    deployments.wait_for_roles(wait=not wanted.assigns_roles)
    told = [left_vault(name) for name in found.former_vaults]
    try:
        observed = _observe_root(run, roots, dps, stores, found)
        rest = plans.decide(observed, run.environment)
        told += plans.notes_of(observed)
    except Denied:
        if not wanted.assigns_roles:
            raise
        rest = [LATER]
    group = () if found.group_exists else (Action("create", f"resource group {run.environment.resource_group}"),)
    return Survey(found, wanted, _plan(run, deployments, [*group, *wanted.actions, *rest], (*said, *told)), tuple(told))


def observe(run: Run, deployments: Deployments, dps: Dps) -> Resources:
    """Reads the resources; if a hub is to be unlinked, also how many devices are registered on which hub."""
    run.progress(f"reading the resource group {run.environment.resource_group}")
    found = deployments.observe()
    if not wanted_links(run.environment, found).unlinked:
        return found
    run.progress("counting the devices of a hub that is to be unlinked")
    try:
        registered = engine.wait(run, dps.registrations()).values()
    except Error:  # the plan then says that the number is not known
        return found
    return replace(found, registrations=Counter(registry_host(each.hub) for each in registered))


def survey_root(run: Run, deployments: Deployments, roots: RootVault, dps: Dps, stores: Sequence[TrustStore]) -> Plan:
    """What is missing after the deployment."""
    observed = _observe_root(run, roots, dps, stores, None)
    return _plan(run, deployments, plans.decide(observed, run.environment))


def root_in_use(run: Run, roots: RootVault, dps: Dps) -> str:
    """The name of the root that is in use or to be created."""
    return _current(run, roots, dps)[0]


def _plan(run: Run, deployments: Deployments, actions: Sequence[Action], said: tuple[str, ...] = ()) -> Plan:
    inputs = plans.fingerprint(run.environment, template(), deployments.principals)
    return Plan(run.environment.name, deployments.subscription, inputs, tuple(actions), said)


def _foresee(run: Run, deployments: Deployments, found: Resources, wanted: Deployment, *, rights: bool) -> tuple[str, ...]:
    """Asks whether the names are free and the deployment would succeed, before anything is made; returns what to know of it.

    Raises `Refused` for a soft-deleted vault, for a name that is taken (`Changed` if another run took it just now), for a region
    without a service and for a second free hub. What-if needs the resource group: without one, the providers tell where their
    services are and which hubs there are. Whoever only plans, and may not even ask for a what-if, learns that from a note.
    """
    if not wanted.actions:
        return ()
    if not found.group_exists:
        require_offered(run.environment, found, deployments.offered())
        require_free(run.environment, deployments.free_hubs() if wants_free(run.environment) else ())
    for vault, present in found.vaults(run.environment):
        if present is None and (deleted := deployments.deleted_vault(vault.name)):
            raise deleted
    if taken := deployments.taken_names(found):
        if deployments.observe() != found:
            raise Changed("another run is making these resources at the same time", "run the command again: it continues")
        raise Refused(told(taken, "a resource cannot be created"), advised(taken, hint, TAKEN))
    if not found.group_exists:
        return ()
    run.progress("asking Azure what a deployment would change")
    try:
        foreseen = deployments.what_if(wanted.parameters, rights=rights)
    except Denied as denied:
        if rights or not denied.role_missing:
            raise
        return (f"not confirmed by a what-if of Azure: {denied.message} To have it confirmed, {denied.hint}",)
    return notes(foreseen, wanted)


def _to_a_stranger(deployments: Deployments, wanted: Deployment) -> Iterator[str]:
    """A note if the roles are for others: then somebody else has to continue."""
    if wanted.assigns_roles and (who := deployments.stranger):
        yield (
            f"{who.kind} {who.object_id}, who is signed in, gets no role: [access] in the settings names others; only they "
            "can go on, unless it was given the rights otherwise"
        )


def _observe_root(
    run: Run, roots: RootVault, dps: Dps, stores: Sequence[TrustStore], found: Resources | None
) -> ObservedRootOfTrust:
    """`found`: the resources, or None if all exist."""
    owners = tuple(store.owner for store in stores)
    if found is not None and found.vault is None:
        return plans.from_nothing(owners)
    dps_exists = found is None or found.dps is not None
    name, group = _current(run, roots, dps if dps_exists else None)
    state = roots.state(name, run.now())
    if not dps_exists:
        return ObservedRootOfTrust(name, state, dict.fromkeys(owners), group)
    run.progress(f"reading {name} in the {' and the '.join(owners)}")
    stored = {store.owner: store.all() for store in stores}
    named = {owner: certificates.get(name) for owner, certificates in stored.items()}
    root = state.root if isinstance(state, Ready | Merged) else None
    others = generations.second_names(stored, name, chains.sha1_thumbprint(root.certificate)) if root else ()
    return ObservedRootOfTrust(name, state, named, group, _linked(run, dps, found), others)


def _linked(run: Run, dps: Dps, found: Resources | None) -> frozenset[str]:
    """The hosts that the DPS is linked to, or will be after the deployment."""
    if found is None:
        return dps.facts().linked
    new = (link for _, link in wanted_links(run.environment, found).ours)
    return frozenset(link.host for link in (*links(found.dps), *new))


def _current(run: Run, roots: RootVault, dps: Dps | None) -> tuple[str, EnrollmentGroup | None]:
    """The name of the root that is in use, and the enrollment group. If there is a group, it decides which root that is."""
    run.progress("reading the roots in the vault")
    found = roots.all()
    run.progress("reading the enrollment group")
    group = dps.group() if dps else None
    if group is None:
        return generations.root_for_new_group(run.environment.group.id, found), None
    return root_name(group.trusted()[0]), group
