"""Requests that the specification does not allow, each one step away from one that Azure has taken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dpsops.emulator.http import Refusal, Request, Response
from dpsops.emulator.world import Meter, World
from tests.conformance.deviations import excused
from tests.conformance.messages import Exchange, Recording
from tests.conformance.openapi import Operation, Specification, Violation
from tests.conformance.replay import Replay

_RULES = ("required", "enum", "minimum", "maximum", "format")
"""What a broken request breaks: types, and members that are not declared, real services are known to overlook."""

_NONSENSE = "no-such-thing"
_NUMBERS = (-1, 1_000_000)
_OPAQUE = "template"
"""A member in which everything is allowed."""


@dataclass(frozen=True, slots=True)
class Overlooked:
    """What the embedded Azure takes against the specification: `operation` and `where` are patterns of the whole text."""

    operation: str
    where: str
    reason: str

    def excuses(self, operation: Operation, violation: Violation) -> bool:
        """Whether this is the violation meant."""
        return bool(re.fullmatch(self.operation, operation.name) and re.fullmatch(self.where, violation.where))


_PROPERTIES = r"request\.body\.properties\."

OVERLOOKED = (
    Overlooked("ImportCertificate", r"request\.body\.policy\..+", "the policy is what the certificate is (recorded)"),
    Overlooked("Deployments_WhatIf.*", ".*", "a what-if is taken, and refused in its result (recorded)"),
    Overlooked(
        "(IotDpsResource|Vaults)_CreateOrUpdate",
        _PROPERTIES + "(state|provisioningState)",
        "clients send back what they have read, and it is not heard",
    ),
)


class _Undone(Exception):
    """Ends a trial, whose effects are to go."""


@dataclass(slots=True)
class Trials:
    """What has been tried of the specification's operations, each with a body of each structure once.

    `taken`: what of it the embedded Azure did not refuse.
    """

    specification: Specification
    tried: int = 0
    taken: list[tuple[Operation, Violation]] = field(default_factory=list)
    _done: set[tuple[str, str]] = field(default_factory=set)

    def run(self, recording: Recording) -> None:
        """Tries what a recording has, where that is anything new."""
        if any(self._is_new(each, each.request.body) for each in recording.exchanges):
            _BrokenReplay(recording, trials=self).run()

    def variants(self, exchange: Exchange, request: Request) -> list[tuple[Operation, Violation, bytes]]:
        """What is to be tried before a request: an operation, what a body breaks of it, and that body."""
        operation = self._is_new(exchange, request.body)
        if operation is None:
            return []
        self._done.add((operation.name, _structure(request.body)))
        return [(operation, violation, body) for violation, body in broken(self.specification, operation, request)]

    def _is_new(self, exchange: Exchange, body: bytes) -> Operation | None:
        if exchange.status >= 300 or exchange.method == "GET":
            return None
        operation = self.specification.find(exchange.method, exchange.host, exchange.path, exchange.api_version)
        return None if operation is None or (operation.name, _structure(body)) in self._done else operation


@dataclass(slots=True)
class _BrokenReplay(Replay):
    """A replay that tries, before each request that made a change, what the specification does not allow in its place."""

    trials: Trials = field(kw_only=True)

    def _ask(self, exchange: Exchange) -> list[Response]:
        request = self._adapt(exchange)
        for operation, violation, body in self.trials.variants(exchange, request):
            self.trials.tried += 1
            if self._takes(replace(request, body=body)):
                self.trials.taken.append((operation, violation))
        return Replay._ask(self, exchange)

    def _takes(self, request: Request) -> bool:
        """Whether the embedded Azure does what it is asked for; it is undone again."""
        azure = self.azure
        with azure.database.transaction() as state:
            world = World(state, azure.clock.now(), azure.timings, Meter(), azure.habits)
            try:
                with state.attempt():
                    answer = azure._dispatch(world, request)
                    raise _Undone
            except Refusal:
                return False
            except _Undone:  # a bulk request tells of each entry by itself
                return answer.status < 400 and not (isinstance(answer.body, dict) and answer.body.get("isSuccessful") is False)


def broken(specification: Specification, operation: Operation, request: Request) -> Iterator[tuple[Violation, bytes]]:
    """The bodies one step away from the request's own that break its operation where that one does not, and how."""
    try:
        sent = json.loads(request.body)
    except ValueError:  # none, or one with comments, which Resource Manager takes, too
        return
    if isinstance(sent, dict) and isinstance(sent.get("properties"), dict) and sent["properties"].get("createMode") == "recover":
        return  # a vault that is recovered is as it was, whatever else is asked for

    def violations(body: bytes) -> list[Violation]:
        found = specification.check_request(operation, request.path, request.query, request.headers, body)
        return [each for each in found if each.rule in _RULES and not excused(operation, each)]

    known = {str(each) for each in violations(request.body)}
    for body in _changed(sent):
        text = json.dumps(body).encode()
        found = [each for each in violations(text) if str(each) not in known]
        if found:
            yield found[0], text


def _structure(body: bytes) -> str:
    """A body as JSON without its values."""

    def shape(value: Any) -> Any:
        match value:
            case dict():
                return {name: None if name == _OPAQUE else shape(each) for name, each in value.items()}
            case list():
                return [shape(each) for each in value[:1]]
            case _:
                return None

    try:
        return json.dumps(shape(json.loads(body)), sort_keys=True)
    except ValueError:
        return ""


def _changed(value: Any) -> Iterator[Any]:
    """The value with one thing in it left out, or another."""
    match value:
        case dict():
            for name, each in value.items():
                yield {key: other for key, other in value.items() if key != name}
                for other in () if name == _OPAQUE else _changed(each):
                    yield value | {name: other}
        case list():
            for index, each in enumerate(value):
                for other in _changed(each):
                    yield [*value[:index], other, *value[index + 1 :]]
        case bool() | None:
            return
        case str():
            yield _NONSENSE
        case int() | float():
            yield from _NUMBERS
