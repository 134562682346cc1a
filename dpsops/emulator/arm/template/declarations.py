"""The resources that a template declares: loops unrolled, names known, and in the order of their dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dpsops.emulator.arm.template.evaluator import Evaluator, is_loops, is_reference
from dpsops.emulator.arm.template.parser import Expression, InvalidExpression, calls, read
from dpsops.emulator.arm.template.place import COPY_LIMIT, Place, deferred
from dpsops.emulator.arm.template.template import Template, where
from dpsops.emulator.arm.template.values import TemplateError, text
from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, GROUPS, ResourceId

_SYNTAX = "Please see https://aka.ms/arm-syntax-resources for usage details."
_NOT_IN_BODY = {
    "@options", "apiVersion", "comments", "condition", "copy", "dependsOn", "existing", "metadata", "name", "resourceGroup",
    "resources", "scope", "subscriptionId", "type",
}  # fmt: skip
_SYMBOLIC_DEPLOYMENTS = "2020-09-01"
"""The first version of nested deployments in a template with symbolic names."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One resource of a template.

    symbolic: whether the template has symbolic names; symbol: its own, with its turn (`linked[0]`) in a loop, empty for the
    child of another. loop: what the loop that makes it is known by in `dependsOn`; may be empty. place: where the
    expressions of its body stand. deployed: whether its condition holds, and it is not merely `existing`.
    """

    id: ResourceId
    api_version: str
    symbolic: bool
    symbol: str
    loop: str
    source: JSON
    place: Place
    deployed: bool
    where: str

    @property
    def key(self) -> str:
        """What no other resource of the template has: an existing resource may have the ID of one that is deployed."""
        return self.symbol or self.id.key

    @property
    def existing(self) -> bool:
        """Whether it is only named, not deployed."""
        return self.source.get("existing") is True

    @property
    def only_if_absent(self) -> bool:
        """Whether it is left alone where there is one already (`@onlyIfNotExists` of Bicep)."""
        return "onlyIfNotExists" in self.source.get("@options", {})

    @property
    def name(self) -> str:
        """Its full name, as a template has it."""
        return "/".join(self.id.names)

    @property
    def is_deployment(self) -> bool:
        """Whether it is a nested deployment: a module."""
        return self.id.type.lower() == DEPLOYMENTS.lower()

    @property
    def body(self) -> JSON:
        """What is sent to the resource provider, not yet evaluated."""
        return {key: value for key, value in self.source.items() if key not in _NOT_IN_BODY}

    def answers_to(self, text: str) -> bool:
        """Whether `text` means this resource in `reference`.

        That is its ID; its symbolic name in its own case or, in a template without, its type and name, or its name
        ("Resource declaration in ARM templates", Use symbolic name).
        """
        if text.lower() in (self.id.key, self._as_subscription_resource):
            return True
        if self.symbolic:
            return bool(text) and text == self.symbol
        return text.lower() in (f"{self.id.type}/{self.name}".lower(), self.name.lower())

    @property
    def _as_subscription_resource(self) -> str:
        """What `subscriptionResourceId` makes of a resource group; its key for any other resource."""
        if self.id.type.lower() != GROUPS.lower():
            return self.id.key
        return f"{self.id.scope}/providers/{GROUPS}/{self.name}".lower()

    def is_needed_by(self, text: str) -> bool:
        """Whether `text` means this resource, perhaps among others of its loop, in `dependsOn`."""
        loop = text == self.loop if self.symbolic else text.lower() == self.loop.lower()
        return (bool(text) and loop) or self.answers_to(text)


def declare(evaluator: Evaluator, template: Template, place: Place, scope: str) -> list[Declared]:
    """What the template declares at a scope, in its own order. Raises `TemplateError`; no resource may be deployed twice."""
    at = ResourceId.at(scope, "")
    found: list[Declared] = []
    seen: set[str] = set()
    for symbol, source in template.resources:
        for each in _unroll(evaluator, template, symbol, source, place, at):
            if each.id.key in seen and not each.existing:
                raise TemplateError(
                    f"The resource '{each.id.type}/{each.name}' {each.where} is defined multiple times in a template. {_SYNTAX}"
                )
            seen |= set() if each.existing else {each.id.key}
            found.append(each)
    if len(found) > COPY_LIMIT:
        raise TemplateError(f"The number of template resources limit exceeded. Limit: '{COPY_LIMIT}' and actual: '{len(found)}'.")
    return found


def find(declared: Sequence[Declared], text: str) -> Declared | None:
    """The resource that a text in the template means."""
    return next((each for each in declared if each.answers_to(text)), None)


def order(evaluator: Evaluator, template: Template, declared: Sequence[Declared]) -> tuple[list[Declared], dict[str, set[str]]]:
    """The resources with those first that others need, and the keys of what each needs.

    Raises `TemplateError` for a dependency that is not declared and for a circle of dependencies.
    """
    loops = {
        symbol if template.symbolic else str(each["copy"].get("name", "")).lower()
        for symbol, each in template.resources
        if each.get("copy")
    }
    needs = {each.key: _needs(evaluator, each, declared, loops) for each in declared}
    ordered: list[Declared] = []
    waiting = list(declared)
    done: set[str] = set()
    while waiting:
        ready = [each for each in waiting if needs[each.key] <= done]
        if not ready:
            raise TemplateError(f"Circular dependency detected on resource: '{waiting[0].id}'. {_SYNTAX}")
        ordered += ready
        done |= {each.key for each in ready}
        waiting = [each for each in waiting if each.key not in done]
    return ordered, needs


def _unroll(
    evaluator: Evaluator, template: Template, symbol: str, source: JSON, place: Place, parent: ResourceId
) -> Iterator[Declared]:
    loop = source.get("copy") or {}
    name = str(loop.get("name", ""))
    turns = evaluator.turns(loop.get("count"), name, place) if loop else [place]
    for number, turn in enumerate(turns):
        # Within the resource, `copyIndex()` without a name means this loop.
        inside = replace(turn, loops={**turn.loops, "": turn.loops[name.lower()]}) if loop else turn
        own = f"{symbol}[{number}]" if symbol and loop else symbol
        each = _declared(evaluator, template, own, source, inside, parent)
        yield replace(each, loop=(symbol if template.symbolic else name) if loop else "")
        for child in source.get("resources", ()):
            if each.deployed:
                yield from _unroll(evaluator, template, "", child, inside, each.id)


def _declared(evaluator: Evaluator, template: Template, symbol: str, source: JSON, place: Place, parent: ResourceId) -> Declared:
    at = where(template.source, template.written, "resources", text(source["name"]))
    type_, name, api_version = (_string(evaluator.value(source[key], place), key, at) for key in ("type", "name", "apiVersion"))
    names = (*parent.names, *name.split("/"))
    full_type = f"{parent.type}/{type_}" if parent.names else type_
    if parent.names and type_.lower().startswith(f"{parent.type}/".lower()):
        full_type, names = type_, tuple(name.split("/"))  # a child may also be written in full (recorded)
    if len(full_type.split("/")) != len(names) + 1 or not all(names):
        raise TemplateError(
            f"The template resource '{name}' for type '{full_type}' {at} has incorrect segment lengths. A nested resource type "
            "must have identical number of segments as its resource name. A root resource type must have segment length one "
            f"greater than its resource name. {_SYNTAX}"
        )
    condition = evaluator.value(source.get("condition", True), place)
    if type(condition) is not bool:
        raise TemplateError(f"The condition of the template resource '{name}' {at} is not a boolean. {_SYNTAX}")
    identifier = replace(parent, type=full_type, names=names)
    if "subscriptionId" in source:
        subscription = text(evaluator.value(source["subscriptionId"], place))
        identifier = replace(identifier, subscription=subscription, group="", extended="")
    if "resourceGroup" in source:
        identifier = replace(identifier, group=text(evaluator.value(source["resourceGroup"], place)), extended="")
    if "scope" in source:
        scope = _string(evaluator.value(source["scope"], place), "scope", at)
        identifier = _extension(identifier, scope)
    # The old way to write an extension is a child type below `providers`: read back, both ways are one.
    if identifier.type.lower() != GROUPS.lower():
        identifier = ResourceId.parse(str(identifier))
    if template.symbolic and full_type.lower() == DEPLOYMENTS.lower() and api_version < _SYMBOLIC_DEPLOYMENTS:
        raise TemplateError(
            f"The API version '{api_version}' of the template resource '{name}' {at} is not supported in a template with "
            f"symbolic names, but '{_SYMBOLIC_DEPLOYMENTS}' and later. {_SYNTAX}"
        )
    deployed = condition and not source.get("existing", False)
    return Declared(identifier, api_version, template.symbolic, symbol, "", source, place, deployed, at)


def _extension(identifier: ResourceId, scope: str) -> ResourceId:
    """The ID of an extension resource: `scope` is a resource ID, or what follows `/providers/` in one."""
    base = identifier.scope if identifier.group else ""  # outside of groups, a scope without a slash is the tenant's
    full = scope if scope.startswith("/") else f"{base}/providers/{scope}"
    try:
        extended = ResourceId.at(full, identifier.type, *identifier.names)
        if extended.extended:
            ResourceId.parse(extended.scope)
    except ValueError as invalid:
        message = f"The scope '{scope}' of the template resource '{identifier.name}' is not valid. {_SYNTAX}"
        raise TemplateError(message) from invalid
    return extended


def _string(value: Any, key: str, at: str) -> str:
    if not isinstance(value, str) or not value:
        raise TemplateError(f"The '{key}' of the template resource {at} is not a string. {_SYNTAX}")
    return value


def _needs(evaluator: Evaluator, declared: Declared, others: Sequence[Declared], loops: set[str]) -> set[str]:
    """The keys of what a resource needs. A loop in `loops` may be needed though it makes nothing."""
    needs: set[str] = set()
    for source in declared.source.get("dependsOn", ()):
        wanted = text(evaluator.value(source, declared.place))
        found = {other.key for other in others if other.is_needed_by(wanted)}
        if not found and (wanted if declared.symbolic else wanted.lower()) not in loops:
            raise TemplateError(f"The resource '{wanted}' is not defined in the template. {_SYNTAX}")
        if found == {declared.key}:
            raise TemplateError(f"Circular dependency detected on resource: '{declared.id}'. {_SYNTAX}")
        needs |= found
    for wanted in _named(evaluator, declared):
        needs |= {other.key for other in others if other.answers_to(wanted)}
    return needs - {declared.key}


def _named(evaluator: Evaluator, declared: Declared) -> Iterator[str]:
    """The resources that the body asks for by name: that is enough to depend on them, an ID is not (`reference` function)."""
    for tree, place in _expressions(evaluator, declared.body, declared.place):
        for call in filter(is_reference, calls(tree)):
            try:
                wanted = evaluator.expression(call.arguments[0], replace(place, runtime=deferred)) if call.arguments else None
            except TemplateError:
                continue  # in a branch not taken; where it is taken, the resource itself will fail
            if isinstance(wanted, str) and not wanted.startswith("/"):
                yield wanted


def _expressions(evaluator: Evaluator, source: Any, place: Place) -> Iterator[tuple[Expression, Place]]:
    """Every expression in a resource's body with its place, except those of a nested template, which has its own."""
    match source:
        case str():
            try:
                tree = read(source)
            except InvalidExpression as invalid:
                raise TemplateError(str(invalid)) from invalid
            if not isinstance(tree, str):
                yield tree, place
        case list():
            for each in source:
                yield from _expressions(evaluator, each, place)
        case dict():
            for key, each in source.items():
                if key == "copy" and is_loops(each):
                    for loop in each:
                        for turn in evaluator.turns(loop["count"], loop["name"], place):
                            yield from _expressions(evaluator, loop["input"], turn)
                elif key != "template":
                    yield from _expressions(evaluator, each, place)
