"""What a plan comes to: the body of each of its resources, and the plans within it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from dpsops.emulator.arm import groups
from dpsops.emulator.arm.plans import Coming, Plan, foresee, read_plan
from dpsops.emulator.arm.template.declarations import Declared
from dpsops.emulator.arm.template.evaluator import Evaluator
from dpsops.emulator.arm.template.place import Runtime
from dpsops.emulator.arm.template.values import TemplateError, is_known, text
from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import GROUPS
from dpsops.emulator.world import World


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One resource of a plan or of a plan within it, its body evaluated as far as can be before the deployment runs.

    `path`: where it is declared, from the properties of the whole deployment on. `expanded` is None unless it is a nested
    deployment itself; False says that it was passed over, because a parameter of it cannot be known yet.
    """

    plan: Plan
    declared: Declared
    body: JSON
    path: str
    expanded: bool | None = None

    def ahead(self) -> JSON:
        """The body as a what-if shows it."""
        return evaluate_body(self.plan, self.declared, foresee(self.plan.declared, inside=True), self.plan.ahead)

    def name_ahead(self) -> Any:
        """The name as a what-if knows it. That of a resource around it, and what it extends, are taken for known (own choice)."""
        return self.plan.ahead.value(self.declared.source["name"], self.declared.place)


def unfold(
    world: World, plan: Plan, caller: Principal, coming: Coming = MappingProxyType({}), path: str = "properties.template"
) -> Iterator[Foreseen]:
    """Every resource that would be deployed, those of nested deployments included. `path`: where the template stands."""
    ahead = foresee(plan.declared, inside=True)
    groups_to_come = dict(coming)
    for each in plan.declared:
        if not each.deployed:
            continue
        body = evaluate_body(plan, each, ahead)
        if not each.is_deployment:
            if each.id.type.lower() == GROUPS.lower():
                groups_to_come[each.id.key] = groups.document(each.id.name, body)
            yield Foreseen(plan, each, body, _place(plan, each, path))
            continue
        inner = None
        if is_known(body["properties"].get("parameters")):
            foreseen = evaluate_body(plan, each, ahead, plan.ahead)["properties"].get("parameters")
            inner = read_nested(world, plan, each, body, caller, groups_to_come, foreseen if isinstance(foreseen, dict) else None)
        here = _place(plan, each, path)
        yield Foreseen(plan, each, body, here, inner is not None)
        if inner is not None:
            yield from unfold(world, inner, caller, groups_to_come, f"{here}.properties.template")


def _place(plan: Plan, declared: Declared, path: str) -> str:
    """Where a resource is declared; the child of another where its parent is (own choice)."""
    for place, (symbol, source) in enumerate(plan.template.resources):
        if source is declared.source or declared.source in source.get("resources", ()):
            return f"{path}.resources.{symbol}" if symbol else f"{path}.resources[{place}]"
    return path


def evaluate_body(plan: Plan, declared: Declared, runtime: Runtime, evaluator: Evaluator | None = None) -> JSON:
    """What is sent to the resource provider. Only `properties` may ask anything of `runtime` (`reference` function).
    `evaluator`: by default that of the run.

    A nested template is left as it is, for its expressions are its own. Refuses what cannot be evaluated.
    """
    evaluator = evaluator or plan.evaluator
    body, untouched = declared.body, {}
    if declared.is_deployment:
        properties = body.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        untouched = {"template": properties.get("template")}
        body = body | {"properties": {key: each for key, each in properties.items() if key != "template"}}
    inside = replace(declared.place, runtime=runtime)
    try:
        evaluated = {key: evaluator.value(each, inside if key == "properties" else declared.place) for key, each in body.items()}
    except TemplateError as wrong:
        message = f"Unable to process template language expressions for resource '{declared.id}' {declared.where}. '{wrong}'"
        raise refusal(400, "InvalidTemplate", message) from wrong
    if untouched:
        evaluated["properties"] |= untouched
    return evaluated


def read_nested(
    world: World,
    plan: Plan,
    declared: Declared,
    body: JSON,
    caller: Principal,
    coming: Coming = MappingProxyType({}),
    foreseen: JSON | None = None,
) -> Plan:
    """The plan of a nested deployment, given its evaluated body and, for a what-if, its parameters as that sees them."""
    options = body["properties"].get("expressionEvaluationOptions") or {}
    scope = (options.get("scope") or "") if isinstance(options, dict) else None
    if not isinstance(scope, str):
        message = "The request content was invalid and could not be deserialized: 'expressionEvaluationOptions'."
        raise refusal(400, "InvalidRequestContent", message)
    outer = None if scope.lower() == "inner" else (plan.evaluator, plan.ahead, declared.place)
    location = text(body.get("location") or plan.location) if not declared.id.group else ""
    return read_plan(
        world,
        declared.id,
        body["properties"],
        caller,
        outer,
        location=location,
        coming=coming,
        foreseen=foreseen,
        offer=plan.evaluator.context.offer,
    )


def asked(plan: Plan, declared: Declared) -> list[tuple[str, str, str]]:
    """What a resource's body asks of which resource, as far as that can be known before the run: function, resource ID, API
    version. What names a resource by its name alone is left out: that is a dependency like any other."""
    found: list[tuple[str, str, str]] = []
    ahead = foresee(plan.declared, inside=True)

    def answer(name: str, arguments: Sequence[Any]) -> Any:
        match arguments:
            case [str(identifier), str(version), *_] if identifier.startswith("/"):
                found.append((name, identifier, version))
        return ahead(name, arguments)

    evaluate_body(plan, declared, answer)
    return list(dict.fromkeys(found))
