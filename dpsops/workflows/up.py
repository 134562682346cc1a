"""`up`: from whatever is there to a proven root that vouches for devices; and `plan`, which says what that would take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from azure.core.exceptions import HttpResponseError

from dpsops.azure.errors import error_code
from dpsops.errors import InvalidInput, Refused
from dpsops.workflows import deployment, enrollment, prove, root, root_making, root_state
from dpsops.workflows.run import Action, Run

_Answer = TypeVar("_Answer")

_ROLE_POLL_SECONDS = 10.0
_ROLE_POLLS = 60

_ANEW = "make a new plan and have it approved: dpsops plan --out FILE"
_LATER = Action("look at", "the root, its proof and the enrollment group, once the roles are assigned")


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` would do to an environment, and a fingerprint of the settings and the template it was made from."""

    environment: str
    subscription: str
    inputs: str
    actions: tuple[Action, ...]

    def document(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "schema_version": 1,
            "environment": self.environment,
            "subscription": self.subscription,
            "inputs": self.inputs,
            "actions": [asdict(action) for action in self.actions],
        }

    @classmethod
    def read(cls, text: str, source: str) -> Plan:
        """A plan out of its JSON. Raises `InvalidInput` for anything else."""
        try:
            document = json.loads(text)
            if document["schema_version"] != 1:
                raise InvalidInput(f"{source} is a plan of another version", "make a new one: dpsops plan --out FILE")
            actions = tuple(Action(entry["action"], entry["target"], entry["outcome"]) for entry in document["actions"])
            return cls(document["environment"], document["subscription"], document["inputs"], actions)
        except (ValueError, KeyError, TypeError, RecursionError) as cause:
            raise InvalidInput(f"{source} is no plan", "make one: dpsops plan --out FILE") from cause


def plan(run: Run) -> Plan:
    """Observes everything and decides what is missing; changes nothing."""
    return _observe(run)[0]


def _observe(run: Run) -> tuple[Plan, deployment.ObservedDeployment]:
    """Where roles are missing that only the deployment will assign, what they would show is to be looked at after it."""
    observed = deployment.observe(run)
    attempts = 1 if observed.assigns_roles else _ROLE_POLLS
    try:
        rest = _plan_root(run, observed, attempts)
    except HttpResponseError as error:
        if not (observed.assigns_roles and _is_denied(error)):
            raise
        rest = [_LATER]
    return _plan(run, [*observed.changes, *rest]), observed


def _plan(run: Run, actions: list[Action]) -> Plan:
    inputs = {
        "template": deployment.template(),
        "settings": run.environment.model_dump(mode="json"),
        "principal": run.cloud.identity.object_id,
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return Plan(run.environment.name, run.cloud.subscription, digest, tuple(actions))


def _exists(observed: deployment.ObservedDeployment, kind: str, name: str) -> bool:
    """Whether a resource is there already, rather than to be made by the deployment."""
    resource = f"/{kind}/{name}".lower()
    created = any(change.action == "create" and change.target.lower().endswith(resource) for change in observed.changes)
    return observed.group_exists and not created


def _plan_root(run: Run, observed: deployment.ObservedDeployment, attempts: int) -> list[Action]:
    environment = run.environment
    if not _exists(observed, "vaults", environment.vault.name):
        name = root_state.root_name(1)
        proofs = _plan_proofs(run, name, None, exist=False)
        return [*root_making.plan(root_state.Missing(), name), *proofs, *enrollment.plan(None, environment)]
    dps_exists = _exists(observed, "provisioningServices", environment.dps.name)
    name, group = _current(run, attempts, dps_exists=dps_exists)
    state = root_state.classify(root.observe(run, name), run.now())
    whole = state.root if isinstance(state, root_state.Ready | root_state.Merged) else None
    proven = list(_plan_proofs(run, name, whole, exist=dps_exists))
    return [*root_making.plan(state, name), *proven, *enrollment.plan(group, environment)]


def _current(run: Run, attempts: int, *, dps_exists: bool) -> tuple[str, enrollment.ObservedGroup | None]:
    """The name of the root that is in use, and the enrollment group, which decides that as soon as there is one."""
    run.progress("looking at the roots in the vault")
    roots = _when_allowed(run, "the vault", _is_denied_by_vault, lambda: root.kept(run), attempts)
    run.progress("looking at the enrollment group")
    group = _when_allowed(run, "the DPS", _is_denied, lambda: enrollment.observe(run), attempts) if dps_exists else None
    return root.without_group(run, roots) if group is None else root_state.root_name(group.trusted()[0]), group


def _plan_proofs(run: Run, name: str, whole: root_state.Version | None, *, exist: bool) -> Iterator[Action]:
    for registry in run.cloud.registries:
        run.progress(f"looking at {name} in the {registry.owner}")
        yield from prove.plan(registry, registry.get(name) if exist else None, name, whole)


def up(run: Run, *, approved: Plan | None, confirm: Callable[[Plan], None]) -> Iterator[Action]:
    """Converges the environment and yields each action as it is done; none where nothing is missing.

    approved: do exactly this, or raise `Refused` because the world moved on. confirm: asked before
    anything is changed; it raises to say no.
    """
    found, observed = _observe(run)
    if approved is not None and approved != found:
        raise Refused(_difference(approved, found), _ANEW)
    if not found.actions:
        return
    confirm(found)
    if observed.changes:
        yield from deployment.deploy(run, observed)
    if _LATER in found.actions:
        rest = _plan(run, _plan_root(run, deployment.ObservedDeployment(True, ()), _ROLE_POLLS))
        if not rest.actions:
            return
        if approved is not None:
            raise Refused("the roles are assigned, and with them more is seen to be missing", _ANEW)
        confirm(rest)
    name, _ = _current(run, _ROLE_POLLS, dps_exists=True)
    yield from root_making.converge(run, name)
    whole = root.require(run, name)
    for registry in run.cloud.registries:
        yield from prove.converge(run, registry, name, whole)
    yield from enrollment.converge(run, name)


def _difference(approved: Plan, found: Plan) -> str:
    if (approved.environment, approved.subscription) != (found.environment, found.subscription):
        return f"the plan is for the environment {approved.environment!r} in subscription {approved.subscription}"
    if approved.inputs != found.inputs:
        return "the settings, the template or the identity have changed since the plan was made"
    return "the environment has changed since the plan was made"


def _is_denied_by_vault(error: HttpResponseError) -> bool:
    """Whether a role is missing, rather than a door shut by a firewall, which no waiting opens."""
    return error.status_code == 403 and error_code(error) == "ForbiddenByRbac"


def _is_denied(error: HttpResponseError) -> bool:
    return error.status_code in (401, 403)


def _when_allowed(
    run: Run, who: str, denied: Callable[[HttpResponseError], bool], ask: Callable[[], _Answer], attempts: int = _ROLE_POLLS
) -> _Answer:
    """The answer to the first question to a service: a new role takes minutes to reach it, and until then it says no.

    Source: Azure RBAC, "Troubleshoot: role assignment changes are not being detected".
    """
    for attempt in range(1, attempts + 1):
        try:
            return ask()
        except HttpResponseError as error:
            if not denied(error) or attempt == attempts:
                raise
        run.progress(f"waiting for the new roles to reach {who} (minutes, on Azure)")
        run.cloud.sleep(_ROLE_POLL_SECONDS)
    raise AssertionError("the last attempt returns or raises")
