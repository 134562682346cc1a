"""Deployments before they run: what a template would deploy, and whether it may."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from dpsops.emulator.arm import groups, subscriptions
from dpsops.emulator.arm.deployment_properties import DeploymentProperties
from dpsops.emulator.arm.outputs import check_outputs
from dpsops.emulator.arm.template.ambient import Context, Offer, nothing
from dpsops.emulator.arm.template.declarations import Declared, declare, find, order
from dpsops.emulator.arm.template.evaluator import Evaluator, Names, is_loops
from dpsops.emulator.arm.template.normal import template_hash
from dpsops.emulator.arm.template.parameters import Parameter, require_declared
from dpsops.emulator.arm.template.parser import Call, Literal
from dpsops.emulator.arm.template.place import Place, Runtime, deferred, unexpected
from dpsops.emulator.arm.template.template import Template
from dpsops.emulator.arm.template.values import Deferred, TemplateError
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import error
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_PLACED = re.compile(
    r"template (?P<section>parameter|variable|output) '(?P<name>[^']+)' at line '(?P<line>\d+)' and column '(?P<column>\d+)'"
)


Coming = Mapping[str, JSON]
"""Groups that a deployment is to make before what is deployed into them, by their IDs in lower case."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment that has been read: `written` in the order of the template, `declared` in that of `needs`, which holds their
    keys; `parameters` as shown.

    `evaluator` is that of the run; to the one `ahead` of it, which a what-if has, what nobody is to see or what changes from
    one run to the next stays an expression. `place` is where the template's outputs stand, and around what its resources
    stand. `hash` identifies the template; `level`: how far it is to be validated (`ValidationLevel`).
    """

    id: ResourceId
    template: Template
    evaluator: Evaluator
    ahead: Evaluator
    place: Place
    written: tuple[Declared, ...]
    declared: tuple[Declared, ...]
    needs: Mapping[str, set[str]]
    parameters: JSON
    mode: str
    hash: str
    level: str
    location: str = ""

    def find(self, text: str) -> Declared | None:
        """The declared resource that a text in the template means."""
        return find(self.declared, text)


def _invalid(message: str, stage: str = "validation") -> Refusal:
    """400: the template itself is wrong; and where, if what is wrong has a place (recorded 2020 to 2023)."""
    wrong = error("InvalidTemplate", f"Deployment template {stage} failed: '{message}'.")
    if placed := _PLACED.search(message):
        info = {
            "lineNumber": int(placed["line"]),
            "linePosition": int(placed["column"]),
            "path": f"properties.template.{placed['section']}s.{placed['name']}",
        }
        wrong["additionalInfo"] = [{"type": "TemplateViolation", "info": info}]
    return Refusal(Response(400, {"error": wrong}))


def read_plan(
    world: World,
    identifier: ResourceId,
    properties: Any,
    caller: Principal,
    outer: tuple[Evaluator, Evaluator, Place] | None = None,
    *,
    location: str = "",
    coming: Coming = MappingProxyType({}),
    foreseen: JSON | None = None,
    offer: Offer = nothing,
) -> Plan:
    """Reads the properties of a deployment. Refuses them where Resource Manager would, before anything is deployed.

    `outer`: the evaluators and place of the template that this one is nested in and whose parameters and variables
    it is to use (`expressionEvaluationOptions`). `location`: of the deployment itself, where it is in no group.
    `foreseen`: the parameters as a what-if sees them, where another template gives them, not a client. `offer`: what the
    resource providers offer (`providers` function).
    """
    read = DeploymentProperties.read(properties)
    try:
        template = Template.read(read.template)
        _require_incremental(identifier, read.mode)
        hash_ = template_hash(template.source, as_sent=world.habits.hashes_as_sent)
    except TemplateError as wrong:
        raise _invalid(str(wrong), "parse") from wrong
    given = read.given()
    expected = {name.lower(): each for name, each in (foreseen or {}).items() if isinstance(each, dict) and "value" in each}
    try:
        require_declared(read.parameters, list(template.parameters))
        where = {"location": location} if location else {}
        if outer is None:
            context = _context(world, identifier, template, read.mode, caller, where, coming)
            context = replace(context, offer=offer)
            later = replace(context, ahead=True)
            outer = _evaluator(template, given, context), _evaluator(template, given | expected, later), Place()
            values = {each.name: each.show(outer[0].parameters[each.name]) for each in template.parameters}
        else:
            values = {}
        evaluator, ahead, place = outer
        declared = declare(evaluator, template, place, identifier.scope)
        ordered, needs = order(evaluator, template, declared)
        _require_sound(evaluator, template, replace(place, runtime=foresee(ordered)))
    except TemplateError as wrong:
        raise _invalid(str(wrong)) from wrong
    found = (tuple(declared), tuple(ordered), needs)
    return Plan(identifier, template, evaluator, ahead, place, *found, values, read.mode, hash_, read.level, location)


def _require_incremental(identifier: ResourceId, mode: str) -> None:
    """Refuses to delete what is not in the template at any scope but a group (stricter guess)."""
    if not identifier.group and mode == "Complete":
        raise TemplateError("The 'Complete' mode is only supported at resource group scope.")


def _require_sound(evaluator: Evaluator, template: Template, place: Place) -> None:
    """Every variable is resolved before anything is deployed, used or not ("Variables in ARM templates"); the outputs are
    as far as they can be (stricter guess). Raises `TemplateError`."""
    for name in evaluator.variables:
        try:
            _ = evaluator.variables[name]
        except TemplateError as wrong:
            raise TemplateError(f"The template variable '{name}' is not valid: {wrong}") from wrong
    check_outputs(evaluator, template, place)


def foresee(declared: Sequence[Declared], *, inside: bool = False) -> Runtime:
    """What a plan's expressions are told before the deployment runs: what they ask, for what resource ID and API version.

    inside: whether they stand in a resource, which alone may ask for its `target`, and only for all of it: what else Bicep's
    `this` compiles to is not known here.
    """

    def answer(name: str, arguments: Sequence[Any]) -> Any:
        if name.lower() == "target":
            require_target(name, arguments, inside=inside)
        elif arguments and isinstance(arguments[0], str):
            found = find(declared, arguments[0])
            if found is not None:
                version = arguments[1] if len(arguments) > 1 and arguments[1] else found.api_version
                arguments = [str(found.id), version, *arguments[2:]]
        return deferred(name, arguments)

    return answer


def require_target(name: str, arguments: Sequence[Any], *, inside: bool) -> None:
    """Raises `TemplateError` unless it may be asked here what the resource is before it is written."""
    if not inside:
        raise unexpected(name)
    if list(arguments) != ["full"]:
        raise TemplateError(f"The template function '{name}' is only known with the argument 'full'.")


def _context(
    world: World, identifier: ResourceId, template: Template, mode: str, caller: Principal, where: JSON, coming: Coming
) -> Context:
    """Where a template is deployed. Refuses a subscription or group that is not there, and is not to come."""
    subscription, group = {}, {}
    if identifier.subscription:
        subscription = subscriptions.require(world, identifier.subscription)
        subscription = {"id": f"/subscriptions/{subscription['subscriptionId']}"} | subscription
    if identifier.group:
        expected = coming.get(identifier.scope.lower())
        found = groups.find(world, identifier.subscription, identifier.group) or expected
        found = found or groups.require(world, identifier.subscription, identifier.group)
        group = groups.show(subscription["subscriptionId"], found)
    properties = {
        "template": template.source,
        "templateHash": template_hash(template.source, as_sent=world.habits.hashes_as_sent),
        "mode": mode,
        "provisioningState": "Accepted",
    }
    return Context(subscription, group, {"name": identifier.name, **where, "properties": properties}, caller, world.now)


def _evaluator(template: Template, given: Mapping[str, JSON], context: Context) -> Evaluator:
    def default(source: Any) -> Any:
        return evaluator.value(source, Place(default=True))

    def parameter(declared: Parameter) -> Any:
        value = declared.resolve(given, default)
        secret = declared.name.lower() in given and "value" not in declared.show(value)
        return Deferred(Call("parameters", (Literal(declared.name),))) if context.ahead and secret else value

    def variable(source: Any) -> Any:
        return evaluator.value(source, Place())

    def loop(source: JSON) -> Any:
        return [evaluator.value(source["input"], turn) for turn in evaluator.turns(source["count"], source["name"], Place())]

    variables = {name: partial(variable, each) for name, each in template.variables.items() if name != "copy"}
    if is_loops(template.variables.get("copy")):
        variables |= {each["name"]: partial(loop, each) for each in template.variables["copy"]}
    parameters = {each.name: partial(parameter, each) for each in template.parameters}
    evaluator = Evaluator(context, Names("parameter", parameters), Names("variable", variables), template.functions)
    return evaluator
