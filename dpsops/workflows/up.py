"""`up`: from any state to a verified root, and an enrollment group that trusts it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.deployments import Deployments
from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Refused
from dpsops.model.action import Action
from dpsops.model.deployment import decide, deployment_name
from dpsops.model.plan import LATER, Plan, difference
from dpsops.model.run import Run
from dpsops.steps.make_root import make_root
from dpsops.steps.prove_root import prove_root
from dpsops.steps.put_group import converge_group
from dpsops.steps.survey import Survey, observe, root_in_use, survey, survey_root
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
    relink: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Action]:
    """Converges the environment; yields each action when it is done, and none if nothing is missing.

    approved: do exactly this plan, or raise `Refused` if the environment has changed since. confirm: called with the plan
    before anything is changed; it raises an error to decline. tell: called with what a person
    should know of the environment. relink: link the hubs anew, with the keys that they have now.
    """
    found = survey(run, deployments, roots, dps, stores, rights=True, relink=relink)
    if approved is not None and (other := difference(approved, found.plan)):
        raise Refused(other, _NEW_PLAN)
    for note in found.told:
        tell(note)
    if not found.plan.actions:
        return
    confirm(found.plan)
    if found.deployment.actions:
        yield from _deploy(run, deployments, dps, found, relink=relink)
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


def _deploy(run: Run, deployments: Deployments, dps: Dps, found: Survey, *, relink: bool) -> Iterator[Action]:
    """Creates the resource group if it is missing, then deploys the template and waits until the deployment has ended.

    What the resources have is sent again, so it must be what they have now. Raises `Refused` if somebody has changed them since
    they were read: a deployment cannot make sure of that itself.
    """
    if not found.resources.group_exists:
        group = run.environment.resource_group
        run.progress(f"creating the resource group {group}")
        deployments.create_group()
        yield Action("create", f"resource group {group}", "created")
    elif found.deployment.rewrites:
        again = decide(run.environment, observe(run, deployments, dps), deployments.principals, relink=relink)
        if again.parameters != found.deployment.parameters:
            raise Refused("somebody has changed the resources since they were read", "run the command again")
    run.progress("deploying what is missing of vault, hubs, DPS and roles (this takes minutes on Azure)")
    made: set[str] = set()
    is_running = False

    def see(modules: frozenset[str]) -> None:
        nonlocal is_running
        is_running = True
        made.update(modules)
        for each in found.deployment.done_by(modules):
            run.done(each)

    try:
        deployments.deploy(found.deployment, see)
    except BaseException as ended:
        done = found.deployment.done_by(made)
        if is_running and not isinstance(ended, Exception):  # somebody has interrupted dpsops, not Azure
            done.append(Action("deploy", f"deployment {deployment_name(run.environment)}", "goes on in Azure by itself"))
        yield from _all(done)
        raise
    yield from _all(found.deployment.done())


def _all(done: Iterable[Action]) -> Iterator[Action]:
    """Yields what is done already: all of it, also to somebody who is stopped between two of them."""
    left = deque(done)
    try:
        while left:
            yield left.popleft()
    except GeneratorExit:
        raise
    except BaseException:
        yield from left
        raise
