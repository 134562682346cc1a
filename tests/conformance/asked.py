"""What recorded templates ask of resources: a stand-in answers with something in each of these places.

An identity's principal is the caller, for a role can only be assigned to somebody who exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dpsops.emulator.arm.template.evaluator import is_reference
from dpsops.emulator.arm.template.parser import Call, Expression, InvalidExpression, Item, Literal, Member, read
from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.resource_provider.resources import ResourceId
from tests.conformance.messages import Recording

_PERSONS = {"principalId": OPERATOR.object_id, "tenantId": OPERATOR.tenant_id}


def answers(recording: Recording) -> dict[str, JSON]:
    """By the function in lower case, `reference` or `list*`: an object that has all that is taken out of its answers."""
    found: dict[str, JSON] = {}
    for exchange in recording.exchanges:
        for text in _texts(exchange.request.json()):
            try:
                tree = read(text)
            except InvalidExpression:
                continue
            for function, path in [] if isinstance(tree, str) else _paths(tree):
                place: Any = found.setdefault(function, {})
                for step, name in enumerate(path):
                    last = step == len(path) - 1
                    place = place.setdefault(name, _PERSONS.get(name, f"some {name}") if last else {})
                    if not isinstance(place, dict):
                        break
    return found


def objects_of(recording: Recording, identifier: ResourceId) -> Iterator[tuple[str, str]]:
    """The outputs that are nothing but a `reference` to a resource of this type and name: the deployment's ID, in lower case,
    and the output's name."""
    for exchange in recording.exchanges:
        match exchange.request.json():
            case {"properties": {"template": {"outputs": dict(outputs)}}} if exchange.method == "PUT":
                for name, output in outputs.items():
                    if isinstance(output.get("value"), str) and _is_of(output["value"], identifier):
                        yield exchange.path.lower().rstrip("/"), name


def _is_of(text: str, identifier: ResourceId) -> bool:
    match read(text):
        case Call("reference", (Call("resourceId", (Literal(str(kind)), *names)), *_)):
            named = tuple(each.value for each in names if isinstance(each, Literal))
            return (kind.lower(), named) == (identifier.type.lower(), identifier.names)
    return False


def _paths(tree: Expression) -> Iterator[tuple[str, list[str]]]:
    """Functions, each with the names of the members that are taken one out of another; an array's element is not followed."""
    path: list[str] = []
    inner = tree
    while isinstance(inner, Member):
        path.insert(0, inner.name)
        inner = inner.of
    if isinstance(inner, Call) and is_reference(inner) and not any(_is_full(each) for each in inner.arguments):
        yield inner.name.lower(), path
    match inner:
        case Call(_, arguments):
            for each in arguments:
                yield from _paths(each)
        case Item(of, key):
            yield from _paths(of)
            yield from _paths(key)


def _is_full(argument: Expression) -> bool:
    return isinstance(argument, Literal) and argument.value in ("full", "Full")


def _texts(value: Any) -> Iterator[str]:
    """The strings in a body that look like expressions."""
    match value:
        case str() if value.startswith("["):
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
