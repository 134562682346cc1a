"""Deployments before they run: what a template would deploy, and whether it may."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from dpsops.emulator.arm import groups, subscriptions
from dpsops.emulator.arm.outputs import check_outputs
from dpsops.emulator.arm.template.ambient import Context
from dpsops.emulator.arm.template.declarations import Declared, declare, find, order
from dpsops.emulator.arm.template.evaluator import Evaluator, Names, is_loops
from dpsops.emulator.arm.template.normal import template_hash
from dpsops.emulator.arm.template.parameters import require_declared
from dpsops.emulator.arm.template.place import Place, Runtime, deferred, unexpected
from dpsops.emulator.arm.template.template import Template
from dpsops.emulator.arm.template.values import TemplateError, is_known, text
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import error, refusal
from dpsops.emulator.resource_provider.resources import GROUPS, ResourceId
from dpsops.emulator.world import World

_MODES = {"incremental": "Incremental", "complete": "Complete"}
_LEVELS = ("Provider", "ProviderNoRbac", "Template")
_PLACED = re.compile(
    r"template (?P<section>parameter|variable|output) '(?P<name>[^']+)' at line '(?P<line>\d+)' and column '(?P<column>\d+)'"
)


Coming = Mapping[str, JSON]
"""Groups that a deployment is to make before what is deployed into them, by their IDs in lower case."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment that has been read: `declared` in the order of `needs`, which holds their keys; `parameters` as shown.

    `place` is where the template's outputs stand, and around what its resources stand. `hash` identifies the template;
    `level`: how far it is to be validated (`ValidationLevel`).
    """

    id: ResourceId
    template: Template
    evaluator: Evaluator
    place: Place
    declared: tuple[Declared, ...]
    needs: Mapping[str, set[str]]
    parameters: JSON
    mode: str
    hash: str
    level: str = _LEVELS[0]
    location: str = ""

    def find(self, text: str) -> Declared | None:
        """The declared resource that a text in the template means."""
        return find(self.declared, text)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One resource of a plan or of a plan within it, its body evaluated as far as can be before the deployment runs.

    `expanded` is None unless it is a nested deployment itself; False says that it was passed over, because a
    parameter of it cannot be known yet.
    """

    plan: Plan
    declared: Declared
    body: JSON
    expanded: bool | None = None


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
    outer: tuple[Evaluator, Place] | None = None,
    *,
    location: str = "",
    coming: Coming = MappingProxyType({}),
) -> Plan:
    """Reads the properties of a deployment. Refuses them where Resource Manager would, before anything is deployed.

    `outer`: the evaluator and place of the template that this one is nested in and whose parameters and variables
    it is to use (`expressionEvaluationOptions`). `location`: of the deployment itself, where it is in no group.
    """
    source, mode, sent = _read_properties(properties)
    level = _read_level(properties)
    try:
        template = Template.read(source)
        _require_incremental(identifier, mode)
        hash_ = template_hash(template.source, as_sent=world.habits.hashes_as_sent)
    except TemplateError as wrong:
        raise _invalid(str(wrong), "parse") from wrong
    given = {name.lower(): _given(name, each) for name, each in sent.items()}
    try:
        require_declared(sent, list(template.parameters))
        where = {"location": location} if location else {}
        evaluator, place = outer or (_evaluator(world, identifier, template, given, mode, caller, where, coming), Place())
        values = {} if outer else {each.name: each.show(evaluator.parameters[each.name]) for each in template.parameters}
        declared = declare(evaluator, template, place, identifier.scope)
        ordered, needs = order(evaluator, template, declared)
        _require_sound(evaluator, template, replace(place, runtime=foresee(ordered)))
    except TemplateError as wrong:
        raise _invalid(str(wrong)) from wrong
    return Plan(identifier, template, evaluator, place, tuple(ordered), needs, values, mode, hash_, level, location)


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


def unfold(world: World, plan: Plan, caller: Principal, coming: Coming = MappingProxyType({})) -> Iterator[Foreseen]:
    """Every resource that would be deployed, those of nested deployments included."""
    ahead = foresee(plan.declared, inside=True)
    groups_to_come = dict(coming)
    for each in plan.declared:
        if not each.deployed:
            continue
        body = evaluate_body(plan, each, ahead)
        if not each.is_deployment:
            if each.id.type.lower() == GROUPS.lower():
                groups_to_come[each.id.key] = groups.document(each.id.name, body)
            yield Foreseen(plan, each, body)
            continue
        settled = is_known(body["properties"].get("parameters"))
        inner = read_nested(world, plan, each, body, caller, groups_to_come) if settled else None
        yield Foreseen(plan, each, body, inner is not None)
        if inner is not None:
            yield from unfold(world, inner, caller, groups_to_come)


def evaluate_body(plan: Plan, declared: Declared, runtime: Runtime) -> JSON:
    """What is sent to the resource provider. Only `properties` may ask anything of `runtime` (`reference` function).

    A nested template is left as it is, for its expressions are its own. Refuses what cannot be evaluated.
    """
    body, untouched = declared.body, {}
    if declared.is_deployment:
        properties = body.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        untouched = {"template": properties.get("template")}
        body = body | {"properties": {key: each for key, each in properties.items() if key != "template"}}
    inside = replace(declared.place, runtime=runtime)
    try:
        evaluated = {
            key: plan.evaluator.value(each, inside if key == "properties" else declared.place) for key, each in body.items()
        }
    except TemplateError as wrong:
        message = f"Unable to process template language expressions for resource '{declared.id}' {declared.where}. '{wrong}'"
        raise refusal(400, "InvalidTemplate", message) from wrong
    if untouched:
        evaluated["properties"] |= untouched
    return evaluated


def read_nested(
    world: World, plan: Plan, declared: Declared, body: JSON, caller: Principal, coming: Coming = MappingProxyType({})
) -> Plan:
    """The plan of a nested deployment, given its evaluated body."""
    options = body["properties"].get("expressionEvaluationOptions") or {}
    scope = (options.get("scope") or "") if isinstance(options, dict) else None
    if not isinstance(scope, str):
        message = "The request content was invalid and could not be deserialized: 'expressionEvaluationOptions'."
        raise refusal(400, "InvalidRequestContent", message)
    outer = None if scope.lower() == "inner" else (plan.evaluator, declared.place)
    location = text(body.get("location") or plan.location) if not declared.id.group else ""
    return read_plan(world, declared.id, body["properties"], caller, outer, location=location, coming=coming)


def _read_properties(properties: Any) -> tuple[Any, str, JSON]:
    """The template, the mode and the parameters."""
    if not isinstance(properties, dict):
        message = "The request content was invalid and could not be deserialized: 'properties'."
        raise refusal(400, "InvalidRequestContent", message)
    mode = _MODES.get(str(properties.get("mode", "")).lower())
    if mode is None:
        given = properties.get("mode", "")
        message = f"The deployment mode '{given}' is not valid. Only 'Incremental' and 'Complete' are supported."
        raise refusal(400, "InvalidDeploymentMode", message)
    link = properties.get("templateLink") or properties.get("parametersLink")
    if link:
        target = link.get("uri", link.get("id", "")) if isinstance(link, dict) else link
        message = f"Unable to download deployment content from '{target}'."
        raise refusal(400, "InvalidContentLink", message)
    if properties.get("template") is None:
        raise refusal(400, "InvalidTemplate", "The deployment template is null or not provided.")
    parameters = {} if properties.get("parameters") is None else properties["parameters"]
    if not isinstance(parameters, dict):
        message = "The request content was invalid and could not be deserialized: 'properties.parameters'."
        raise refusal(400, "InvalidRequestContent", message)
    return properties["template"], mode, parameters


def _read_level(properties: JSON) -> str:
    given = properties.get("validationLevel") or _LEVELS[0]
    found = next((each for each in _LEVELS if str(given).lower() == each.lower()), None)
    if found is None:
        message = f"The validation level '{given}' is not valid. Supported are '{', '.join(_LEVELS)}'."
        raise refusal(400, "InvalidRequestContent", message)
    return found


def _given(name: str, each: Any) -> JSON:
    """A value that is given for a parameter. References to vault secrets are refused (stricter guess: no vault here
    is enabled for template deployment)."""
    if not isinstance(each, dict) or not ({"value", "reference"} & each.keys()):
        message = f"The request content was invalid and could not be deserialized: the value of parameter '{name}'."
        raise refusal(400, "InvalidRequestContent", message)
    if each.get("reference") is not None:
        message = f"The secret of KeyVault parameter '{name}' cannot be retrieved. Http status code: 'Forbidden'."
        raise refusal(400, "KeyVaultParameterReferenceSecretRetrieveFailed", message)
    return each


def _evaluator(
    world: World,
    identifier: ResourceId,
    template: Template,
    given: Mapping[str, JSON],
    mode: str,
    caller: Principal,
    where: JSON,
    coming: Coming,
) -> Evaluator:
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
    context = Context(
        subscription,
        group,
        {"name": identifier.name, **where, "properties": properties},
        caller,
        world.now,
    )

    def default(source: Any) -> Any:
        return evaluator.value(source, Place(default=True))

    def variable(source: Any) -> Any:
        return evaluator.value(source, Place())

    def loop(source: JSON) -> Any:
        return [evaluator.value(source["input"], turn) for turn in evaluator.turns(source["count"], source["name"], Place())]

    variables = {name: partial(variable, each) for name, each in template.variables.items() if name != "copy"}
    if is_loops(template.variables.get("copy")):
        variables |= {each["name"]: partial(loop, each) for each in template.variables["copy"]}
    parameters = {each.name: partial(each.resolve, given, default) for each in template.parameters}
    evaluator = Evaluator(context, Names("parameter", parameters), Names("variable", variables), template.functions)
    return evaluator
