"""Deployments before they run: what a template would deploy, and whether it may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dpsops.emulator import rbac
from dpsops.emulator.arm import groups, subscriptions
from dpsops.emulator.arm.outputs import check_outputs
from dpsops.emulator.arm.providers import Providers, require_deployments
from dpsops.emulator.arm.template.ambient import Context
from dpsops.emulator.arm.template.declarations import Declared, declare, find, order
from dpsops.emulator.arm.template.evaluator import Evaluator, Names, is_loops
from dpsops.emulator.arm.template.parameters import require_declared
from dpsops.emulator.arm.template.place import Place, Runtime, deferred, unexpected
from dpsops.emulator.arm.template.template import Template
from dpsops.emulator.arm.template.values import TemplateError, is_known, text
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, ResourceId
from dpsops.emulator.world import World

_MODES = {"incremental": "Incremental", "complete": "Complete"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment that has been read: `declared` in the order of `needs`, which holds their keys; `parameters` as shown.

    `place` is where the template's outputs stand, and around what its resources stand.
    """

    id: ResourceId
    template: Template
    evaluator: Evaluator
    place: Place
    declared: tuple[Declared, ...]
    needs: Mapping[str, set[str]]
    parameters: JSON
    mode: str

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
    """400: the template itself is wrong."""
    return refusal(400, "InvalidTemplate", f"Deployment template {stage} failed: '{message}'.")


def read_plan(
    world: World, identifier: ResourceId, properties: Any, caller: Principal, outer: tuple[Evaluator, Place] | None = None
) -> Plan:
    """Reads the properties of a deployment. Refuses them where Resource Manager would, before anything is deployed.

    `outer`: the evaluator and place of the template that this one is nested in and whose parameters and variables
    it is to use (`expressionEvaluationOptions`).
    """
    source, mode, sent = _read_properties(properties)
    try:
        template = Template.read(source)
    except TemplateError as wrong:
        raise _invalid(str(wrong), "parse") from wrong
    given = {name.lower(): _given(name, each) for name, each in sent.items()}
    try:
        require_declared(sent, list(template.parameters))
        evaluator, place = outer or (_evaluator(world, identifier, template, given, mode, caller), Place())
        values = {} if outer else {each.name: each.show(evaluator.parameters[each.name]) for each in template.parameters}
        declared = declare(evaluator, template, place, identifier.subscription, identifier.group)
        ordered, needs = order(evaluator, template, declared)
        _require_sound(evaluator, template, replace(place, runtime=foresee(ordered)))
    except TemplateError as wrong:
        raise _invalid(str(wrong)) from wrong
    return Plan(identifier, template, evaluator, place, tuple(ordered), needs, values, mode)


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


def unfold(world: World, plan: Plan, caller: Principal) -> Iterator[Foreseen]:
    """Every resource that would be deployed, those of nested deployments included."""
    ahead = foresee(plan.declared, inside=True)
    for each in plan.declared:
        if not each.deployed:
            continue
        body = evaluate_body(plan, each, ahead)
        if not each.is_deployment:
            yield Foreseen(plan, each, body)
            continue
        inner = read_nested(world, plan, each, body, caller) if is_known(body["properties"].get("parameters")) else None
        yield Foreseen(plan, each, body, inner is not None)
        if inner is not None:
            yield from unfold(world, inner, caller)


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


def read_nested(world: World, plan: Plan, declared: Declared, body: JSON, caller: Principal) -> Plan:
    """The plan of a nested deployment, given its evaluated body."""
    options = body["properties"].get("expressionEvaluationOptions") or {}
    scope = (options.get("scope") or "") if isinstance(options, dict) else None
    if not isinstance(scope, str):
        message = "The request content was invalid and could not be deserialized: 'expressionEvaluationOptions'."
        raise refusal(400, "InvalidRequestContent", message)
    outer = None if scope.lower() == "inner" else (plan.evaluator, declared.place)
    return read_plan(world, declared.id, body["properties"], caller, outer)


def preflight(world: World, providers: Providers, plan: Plan, caller: Principal) -> None:
    """Refuses a plan with a resource of a type or version that does not exist, or that the caller may not write."""
    denied = []
    for foreseen in unfold(world, plan, caller):
        each = foreseen.declared
        groups.require_writable(world, each.id.subscription, each.id.group)
        if foreseen.expanded is None:
            action = f"{providers.require(each.id.type, each.api_version, text(foreseen.body.get('location'))).name}/write"
        else:
            require_deployments(each.api_version)
            action = f"{DEPLOYMENTS}/write"
        if not rbac.allowed(world, caller, action, str(each.id)):
            denied.append(
                f"Authorization failed for template resource '{each.name}' of type '{each.id.type}'. The client "
                f"'{caller.app_id}' with object id '{caller.object_id}' does not have permission to perform action '{action}' at "
                f"scope '{each.id}'."
            )
    if denied:
        beginning = "The template deployment failed with error" if len(denied) == 1 else "Deployment failed with multiple errors"
        raise refusal(403, "InvalidTemplateDeployment", f"{beginning}: '{':'.join(denied)}'.")


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


def _given(name: str, each: Any) -> JSON:
    """A value that is given for a parameter. References to vault secrets are refused (stricter guess: no vault here
    is enabled for template deployment)."""
    if not isinstance(each, dict) or not ({"value", "reference"} & each.keys()):
        message = f"The request content was invalid and could not be deserialized: the value of parameter '{name}'."
        raise refusal(400, "InvalidRequestContent", message)
    if "reference" in each:
        message = f"The secret of KeyVault parameter '{name}' cannot be retrieved. Http status code: 'Forbidden'."
        raise refusal(400, "KeyVaultParameterReferenceSecretRetrieveFailed", message)
    return each


def _evaluator(
    world: World, identifier: ResourceId, template: Template, given: Mapping[str, JSON], mode: str, caller: Principal
) -> Evaluator:
    subscription = subscriptions.require(world, identifier.subscription)
    group = groups.show(subscription["subscriptionId"], groups.require(world, identifier.subscription, identifier.group))
    properties = {"template": template.source, "templateHash": template.hash, "mode": mode, "provisioningState": "Accepted"}
    context = Context(
        {"id": f"/subscriptions/{subscription['subscriptionId']}"} | subscription,
        group,
        {"name": identifier.name, "properties": properties},
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
