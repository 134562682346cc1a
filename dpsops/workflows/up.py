"""`up`: from any state to a verified root, and an enrollment group that trusts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.deployments import Deployments
from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Refused
from dpsops.model.action import Action
from dpsops.model.deployment import ObservedDeployment
from dpsops.model.plan import LATER, Plan, difference
from dpsops.model.run import Run
from dpsops.steps.make_root import make_root
from dpsops.steps.prove_root import prove_root
from dpsops.steps.put_group import converge_group
from dpsops.steps.survey import root_in_use, survey, survey_root
from dpsops.steps.use_root import finished_root

_NEW_PLAN = "make a new plan and have it approved: dpsops plan --out FILE"


def up(
    run: Run,
    deployments: Deployments,
    roots: RootVault,
    dps: Dps,
    stores: Sequence[TrustStore],
    *,
    approved: Plan | None,
    confirm: Callable[[Plan], None],
) -> Iterator[Action]:
    """Converges the environment; yields each action when it is done, and none if nothing is missing.

    approved: do exactly this plan, or raise `Refused` if the environment has changed since. confirm: called with the plan
    before anything is changed; it raises an error to decline.
    """
    found = survey(run, deployments, roots, dps, stores)
    if approved is not None and (other := difference(approved, found.plan)):
        raise Refused(other, _NEW_PLAN)
    if not found.plan.actions:
        return
    confirm(found.plan)
    if found.deployment.changes:
        yield from _deploy(run, deployments, found.deployment)
    if LATER in found.plan.actions:
        rest = survey_root(run, deployments, roots, dps, stores)
        if not rest.actions:
            return
        if approved is not None:
            raise Refused("the roles are assigned now, and show that more is missing than was approved", _NEW_PLAN)
        confirm(rest)
    name = root_in_use(run, roots, dps)
    yield from make_root(run, roots, name)
    root = finished_root(run, roots, name)
    for store in stores:
        yield from prove_root(run, roots, store, name, root)
    yield from converge_group(run, dps, name)


def _deploy(run: Run, deployments: Deployments, observed: ObservedDeployment) -> Iterator[Action]:
    """Creates the resource group if it is missing, then deploys the template and waits until the deployment has ended."""
    if not observed.group_exists:
        group = run.environment.resource_group
        run.progress(f"creating the resource group {group}")
        deployments.create_group()
        yield Action("create", f"resource group {group}", "created")
    run.progress("deploying vault, hubs, DPS and roles (this takes minutes on Azure)")
    deployments.deploy()
    yield from observed.done()
