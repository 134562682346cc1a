"""Reading everything that `up` converges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.deployments import Deployments, template
from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Denied, Error, Unavailable
from dpsops.model import deployment, generations
from dpsops.model import plan as plans
from dpsops.model.action import Action
from dpsops.model.deployment import ObservedDeployment
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.plan import LATER, ObservedRootOfTrust, Plan
from dpsops.model.root import classify, root_name
from dpsops.model.run import Run
from dpsops.model.what_if import significant

_Answer = TypeVar("_Answer")

_ROLE_POLL_SECONDS = 10.0
_ROLE_POLLS = 60


@dataclass(frozen=True, slots=True)
class Survey:
    """The state of the deployment, and what `up` would do."""

    deployment: ObservedDeployment
    plan: Plan


def survey(run: Run, deployments: Deployments, roots: RootVault, dps: Dps, stores: Sequence[TrustStore]) -> Survey:
    """Reads everything and decides what is missing. If the deployment must assign roles first, everything that needs these
    roles is read after it."""
    observed = _observe_deployment(run, deployments)
    attempts = 1 if observed.assigns_roles else _ROLE_POLLS
    try:
        rest = plans.decide(_observe_root(run, roots, dps, stores, observed, attempts), run.environment)
    except Denied:
        if not observed.assigns_roles:
            raise
        rest = [LATER]
    return Survey(observed, _plan(run, deployments, [*observed.changes, *rest]))


def survey_root(run: Run, deployments: Deployments, roots: RootVault, dps: Dps, stores: Sequence[TrustStore]) -> Plan:
    """What is missing after the deployment. It waits until the new roles have taken effect."""
    observed = _observe_root(run, roots, dps, stores, ObservedDeployment(True, ()), _ROLE_POLLS)
    return _plan(run, deployments, plans.decide(observed, run.environment))


def root_in_use(run: Run, roots: RootVault, dps: Dps) -> str:
    """The name of the root that is in use or to be created. It waits until new roles have taken effect."""
    return _current(run, roots, dps, _ROLE_POLLS)[0]


def _plan(run: Run, deployments: Deployments, actions: Sequence[Action]) -> Plan:
    inputs = plans.fingerprint(run.environment, template(), deployments.caller.object_id)
    return Plan(run.environment.name, deployments.subscription, inputs, tuple(actions))


def _observe_deployment(run: Run, deployments: Deployments) -> ObservedDeployment:
    """Reads the resource group and, if it exists, what-if. Raises `Refused` for a soft-deleted vault."""
    run.progress(f"reading the resource group {run.environment.resource_group}")
    if not deployments.group_exists():
        _require_no_deleted_vault(deployments)
        return deployment.from_nothing(run.environment)
    run.progress("asking Azure what a deployment would change")
    try:
        changes = deployments.what_if()
    except (Denied, Unavailable):
        raise
    except Error:
        _require_no_deleted_vault(deployments)  # a name that is still held may be why it would fail
        raise
    observed = ObservedDeployment(True, tuple(significant(changes)))
    if observed.creates_vault:
        _require_no_deleted_vault(deployments)
    return observed


def _require_no_deleted_vault(deployments: Deployments) -> None:
    if deleted := deployments.deleted_vault():
        raise deleted


def _observe_root(
    run: Run, roots: RootVault, dps: Dps, stores: Sequence[TrustStore], observed: ObservedDeployment, attempts: int
) -> ObservedRootOfTrust:
    environment = run.environment
    owners = tuple(store.owner for store in stores)
    if not observed.has("vaults", environment.vault.name):
        return plans.from_nothing(owners)
    dps_exists = observed.has("provisioningServices", environment.dps.name)
    name, group = _current(run, roots, dps if dps_exists else None, attempts)
    state = classify(roots.observe(name, run.now()), run.now())
    if not dps_exists:
        return ObservedRootOfTrust(name, state, dict.fromkeys(owners), group)
    run.progress(f"reading {name} in the {' and the '.join(owners)}")
    return ObservedRootOfTrust(name, state, {store.owner: store.get(name) for store in stores}, group)


def _current(run: Run, roots: RootVault, dps: Dps | None, attempts: int) -> tuple[str, EnrollmentGroup | None]:
    """The name of the root that is in use, and the enrollment group. If there is a group, it decides which root that is."""
    run.progress("reading the roots in the vault")
    found = _when_allowed(run, "the vault", roots.all, attempts)
    run.progress("reading the enrollment group")
    group = _when_allowed(run, "the DPS", dps.group, attempts) if dps else None
    if group is None:
        return generations.root_for_new_group(run.environment.group.id, found), None
    return root_name(group.trusted()[0]), group


def _when_allowed(run: Run, who: str, ask: Callable[[], _Answer], attempts: int) -> _Answer:
    """The answer to the first request to a service. A new role takes effect after minutes; until then the service denies access.

    Source: Azure RBAC, "Troubleshoot: role assignment changes are not being detected".
    """
    for attempt in range(1, attempts + 1):
        try:
            return ask()
        except Denied as denied:
            if not denied.role_missing or attempt == attempts:
                raise
        run.progress(f"waiting until the new roles take effect in {who} (this takes minutes on Azure)")
        run.sleep(_ROLE_POLL_SECONDS)
    raise AssertionError("the last attempt returns or raises")
