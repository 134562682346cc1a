"""Deployments as they run: resource after resource, in the order of their dependencies.

Everything happens within the request that begins the deployment, but each resource is given the time at which
it would be made: `Timings.operation` after the last of those that it needs. The deployment is reported as running
until the last of them is done.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dpsops.emulator import rbac
from dpsops.emulator.arm import deployment_records, failures, history, locks
from dpsops.emulator.arm.failures import Failed
from dpsops.emulator.arm.outputs import evaluate_outputs
from dpsops.emulator.arm.plan_needs import show_dependencies, show_providers
from dpsops.emulator.arm.plans import Plan, require_target
from dpsops.emulator.arm.policies import enforcement
from dpsops.emulator.arm.preflight import preflight
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.template.declarations import Declared
from dpsops.emulator.arm.template.place import Runtime
from dpsops.emulator.arm.template.values import TemplateError
from dpsops.emulator.arm.unfolding import evaluate_body, read_nested
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import forbidden, refusal, refused_error, resource_not_found
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, ResourceId
from dpsops.emulator.world import World

_EPOCH = 62_135_596_800
"""Seconds from the year 1 to 1970."""


@dataclass(slots=True)
class _Progress:
    """How far a run is: `ends` holds when each resource is done, by its key; `failed` what there will never be."""

    ends: dict[str, float] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    steps: list[JSON] = field(default_factory=list)
    errors: list[JSON] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Runner:
    """Who runs deployments with which providers. One correlation ID goes through all that belong together."""

    providers: Providers
    caller: Principal
    correlation: str = field(default_factory=lambda: str(uuid.uuid4()))

    def run(self, world: World, plan: Plan, *, tags: JSON | None = None, location: str = "") -> JSON:
        """Runs a plan, and returns its record. Refuses what its preflight refuses; a failure later is in the record."""
        preflight(world, self.providers, plan, self.caller)
        progress, operation = _Progress(), _operation(world.now)
        for each in plan.declared:
            if each.deployed or each.existing:
                self._advance(world, plan, each, progress)
        ready = max(progress.ends.values(), default=world.now + world.timings.operation)
        outputs = self._finish(replace(world, now=ready), plan, progress, operation)
        wrong = failures.deployment_failed(world, plan.id, progress.errors) if progress.errors else None
        record = {
            "id": str(plan.id),
            "name": plan.id.name,
            "location": location,
            "tags": tags or {},
            "begun": world.now,
            "ready": ready,
            "operation": operation,
            "template": plan.template.source,
            "properties": {
                "templateHash": plan.hash,
                **({"parameters": plan.parameters} if "parameters" in plan.template.source else {}),
                "mode": plan.mode,
                "correlationId": self.correlation,
                "providers": show_providers(plan),
                "dependencies": show_dependencies(plan),
            },
            "results": ({"outputs": outputs} if "outputs" in plan.template.source else {})
            | {"outputResources": [{"id": each} for each in progress.made]},
            "error": wrong,
            "steps": progress.steps,
            "cancelled": False,
        }
        deployment_records.save(world, record)
        return record

    def _advance(self, world: World, plan: Plan, declared: Declared, progress: _Progress) -> None:
        """Makes the next resource, once those that it needs are done; without them it is not even tried."""
        key, needs = declared.key, plan.needs[declared.key]
        if needs & progress.failed:
            progress.failed.add(key)
            return
        begun = max([world.now, *(progress.ends[each] for each in needs if each in progress.ends)])
        if declared.existing:
            progress.ends |= {key: begun} if needs else {}
            return
        ready, made, failed = self._deploy(replace(world, now=begun), plan, declared)
        progress.ends[key] = ready
        progress.made += made
        progress.steps.append(_step(declared, begun, ready, failed))
        if failed:
            progress.failed.add(key)
            progress.errors.append(failed.detail)

    def _finish(self, world: World, plan: Plan, progress: _Progress, operation: str) -> JSON:
        """What is left when every resource is made: the outputs and, in complete mode, the deletions.

        The operation that evaluates the outputs has the number by which the deployment is polled.
        """
        if progress.errors:
            if plan.template.outputs:
                skipped = failures.OUTPUTS_SKIPPED
                progress.steps.append(deployment_records.step(operation, None, world.now, world.now, skipped, "Conflict"))
            return {}
        place = replace(plan.place, runtime=self.runtime(world, plan))
        outputs, wrong = evaluate_outputs(plan.evaluator, plan.template, place)
        message, status = ({"error": wrong}, "BadRequest") if wrong else (None, "OK")
        progress.steps.append(deployment_records.step(operation, None, world.now, world.now, message, status))
        try:
            with world.state.attempt():
                if plan.mode == "Complete" and not wrong:
                    self._delete_others(world, plan, progress.made)
        except Refusal as refused:
            wrong = refused_error(refused)
        progress.errors += [wrong] if wrong else []
        return outputs

    def runtime(self, world: World, plan: Plan, declared: Declared | None = None) -> Runtime:
        """What a plan's expressions may ask of resources, at the time of `world`; within one, what that is by then."""

        def answer(name: str, arguments: Sequence[Any]) -> Any:
            if name.lower() == "target":
                require_target(name, arguments, inside=declared is not None)
                return self._current(world, declared) if declared else None
            if name.lower() == "reference":
                return self._reference(world, plan, arguments)
            return self._list(world, plan, name, arguments)

        return answer

    def _deploy(self, world: World, plan: Plan, declared: Declared) -> tuple[float, list[str], Failed | None]:
        """Makes one resource. When it is done, the IDs of what there is now, and what failed, if anything has."""
        ready = world.now + world.timings.operation
        made: list[str] = []
        try:
            with world.state.attempt():
                if declared.only_if_absent and self._current(world, declared) is not None:
                    return ready, [str(declared.id)], None
                body = evaluate_body(plan, declared, self.runtime(world, plan, declared))
                if not declared.is_deployment:
                    self._put(world, declared, body)
                    return ready, [str(declared.id)], None
                deployment_records.require_ended(world, declared.id)
                record = self.run(world, read_nested(world, plan, declared, body, self.caller))
                ready, made = record["ready"], [each["id"] for each in record["results"]["outputResources"]]
                if not record["error"]:
                    return ready, made, None
                return ready, made, failures.nested_failed(world, declared.id, record["error"])
        except Refusal as refused:
            return ready, made, failures.refused(world, declared.id, refused)

    def _current(self, world: World, declared: Declared) -> JSON | None:
        """The resource as it is, or None."""
        found = self.providers.find(declared.id.type).get(world, declared.id, declared.api_version)
        return found and found | {"apiVersion": declared.api_version}

    def _put(self, world: World, declared: Declared, body: JSON) -> None:
        if declared.id.extended:
            self.providers.require_resource(world, declared.id.scope)
        locks.require_unlocked(world, "PUT", str(declared.id))
        enforcement.require_allowed(world, declared.id, body)
        found = self.providers.find(declared.id.type)
        found.put(world, declared.id, body, declared.api_version, self.caller)
        history.note(world, declared.id)

    def _target(self, plan: Plan, name: str, arguments: Sequence[Any]) -> tuple[ResourceId, str]:
        """The resource that `reference` or `list*` asks for, and the API version to ask in."""
        wanted = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        declared = plan.find(wanted)
        if declared is None and (len(arguments) < 2 or not wanted.startswith("/")):
            raise TemplateError(
                f"The resource '{wanted}' is not defined in the template. "
                "Please see https://aka.ms/arm-template for usage details."
            )
        try:
            identifier = ResourceId.parse(wanted) if declared is None else declared.id
        except ValueError as invalid:
            raise TemplateError(f"The template function '{name}' does not support the resource '{wanted}'.") from invalid
        version = arguments[1] if len(arguments) > 1 and arguments[1] else declared.api_version if declared else ""
        return identifier, str(version)

    def _allow(self, world: World, identifier: ResourceId, action: str) -> None:
        if not rbac.allowed(world, self.caller, action, str(identifier)):
            raise forbidden(self.caller, action, str(identifier))

    def _reference(self, world: World, plan: Plan, arguments: Sequence[Any]) -> Any:
        identifier, version = self._target(plan, "reference", arguments)
        if identifier.type.lower() == DEPLOYMENTS.lower():
            self._allow(world, identifier, f"{DEPLOYMENTS}/read")
            record = deployment_records.find(world, identifier)
            found = record and deployment_records.show(world, record, version)
        else:
            type_ = self.providers.require(identifier.type, version, "")
            self._allow(world, identifier, f"{type_.name}/read")
            found = type_.get(world, identifier, version)
        if found is None:
            raise resource_not_found(identifier.type, "/".join(identifier.names), identifier.group)
        full = len(arguments) > 2 and str(arguments[2]).lower() == "full"
        return found | {"apiVersion": version} if full else found.get("properties", {})

    def _list(self, world: World, plan: Plan, name: str, arguments: Sequence[Any]) -> Any:
        identifier, version = self._target(plan, name, arguments)
        type_ = self.providers.require(identifier.type, version, "")
        listing = next((each for key, each in type_.listings.items() if key.lower() == name.lower()), None)
        if listing is None:
            raise refusal(404, "NotFound", f"The resource type '{type_.name}' does not support the operation '{name}'.")
        self._allow(world, identifier, f"{type_.name}/{name}/action")
        locks.require_unlocked(world, "POST", str(identifier))
        if type_.get(world, identifier, version) is None:
            raise resource_not_found(identifier.type, "/".join(identifier.names), identifier.group)
        return listing(world, identifier)

    def _delete_others(self, world: World, plan: Plan, made: list[str]) -> None:
        """Complete mode: what is in the group and not in the template goes."""
        kept = {each.lower() for each in made}
        here = self.providers.resources(world, plan.id.subscription, plan.id.group, self.caller) if plan.id.group else []
        for each in here:
            if each["id"].lower() not in kept:
                self._allow(world, ResourceId.parse(each["id"]), f"{each['type']}/delete")
                locks.require_unlocked(world, "DELETE", each["id"])
                self.providers.delete(world, ResourceId.parse(each["id"]), self.caller)


def _step(declared: Declared, begun: float, ready: float, failed: Failed | None) -> JSON:
    target = {"id": str(declared.id), "resourceType": declared.id.type, "resourceName": declared.name}
    message, status = (failed.message, failed.status) if failed else (None, "OK")
    return deployment_records.step(secrets.token_hex(8).upper(), target, begun, ready, message, status)


def _operation(now: float) -> str:
    """The number by which a deployment is polled: what is left of .NET's ticks of 100 ns (recorded 2014 to 2026)."""
    return f"{2**63 - 1 - int((_EPOCH + now) * 10_000_000):020d}"
