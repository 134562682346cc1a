"""Puts a mutant's fault into the embedded Azure, and tells when it shows."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Refusal, Request, Response
from tests.mutants.mutants import Answers, Mutant, Rule

_EMULATOR = "dpsops.emulator"
_SERVE = f"{_EMULATOR}.azure.Azure._serve"
"""What answers a request, before any observer sees the answer."""

Shows = Callable[[], None]
"""Called each time that a fault has changed what the embedded Azure does."""


@contextmanager
def faulty(mutant: Mutant, shows: Shows, *, dormant: bool = False) -> Iterator[None]:
    """The embedded Azure with the fault in it. `dormant`: the fault is only told of, and everything is as it was."""
    match mutant.fault:
        case Answers() as fault:
            with _answering(fault, shows, dormant=dormant):
                yield
        case Rule() as rule:
            with _lenient(rule, shows, dormant=dormant):
                yield


@contextmanager
def _answering(fault: Answers, shows: Shows, *, dormant: bool) -> Iterator[None]:
    serve = resolve_name(_SERVE)

    @functools.wraps(serve)
    def answer(azure: Azure, request: Request) -> Response:
        found: Response = serve(azure, request)
        altered = fault.alteration(found) if fault.concerns(request) else found
        if altered == found:
            return found
        shows()
        return found if dormant else altered

    name = _SERVE.rpartition(".")[2]
    setattr(Azure, name, answer)
    try:
        yield
    finally:
        setattr(Azure, name, serve)


@contextmanager
def _lenient(rule: Rule, shows: Shows, *, dormant: bool) -> Iterator[None]:
    original = resolve_name(rule.function)

    @functools.wraps(original)
    def lenient(*arguments: Any, **named: Any) -> Any:
        try:
            return original(*arguments, **named)
        except Refusal as refused:
            if rule.statuses and refused.response.status not in rule.statuses:
                raise
            shows()
            if dormant:
                raise
            return rule.permits

    places = _places(original)
    for module, name in places:
        setattr(module, name, lenient)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, original)


def _places(function: object) -> list[tuple[object, str]]:
    """Every module of the embedded Azure that has the function, and its name there: some import it, some its module."""
    modules = [each for name, each in sys.modules.items() if name.startswith(f"{_EMULATOR}.")]
    return [(module, name) for module in modules for name, value in vars(module).items() if value is function]
