"""The list of mutants is well-formed: spread over services and kinds, and each would change something."""

from __future__ import annotations

import inspect
from collections import Counter
from pkgutil import resolve_name

import pytest

from dpsops.emulator.http import Request
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutants import Answers, Kind, Mutant, Rule, Service

_ANSWERS = [pytest.param(each, each.fault, id=each.name) for each in MUTANTS if isinstance(each.fault, Answers)]
_RULES = [pytest.param(each.fault, id=each.name) for each in MUTANTS if isinstance(each.fault, Rule)]


def test_every_service_has_enough_and_no_kind_too_many() -> None:
    services, kinds = Counter(each.service for each in MUTANTS), Counter(each.kind for each in MUTANTS)
    assert {service: services[service] >= 8 for service in Service} == dict.fromkeys(Service, True)
    assert {kind: 5 <= kinds[kind] <= 10 for kind in Kind} == dict.fromkeys(Kind, True)


def test_no_two_are_the_same() -> None:
    assert max(Counter(each.name for each in MUTANTS).values()) == 1
    assert max(Counter(each.behaviour for each in MUTANTS).values()) == 1


@pytest.mark.parametrize(("mutant", "fault"), _ANSWERS)
def test_it_changes_the_answer_that_it_is_about(mutant: Mutant, fault: Answers) -> None:
    method, _, url = fault.example.partition(" ")
    host, _, path = url.partition("/")
    assert fault.concerns(Request(method, host, f"/{path}"))
    altered = fault.alteration(fault.sample)
    assert altered != fault.sample
    assert fault.alteration(altered) in (altered, fault.sample), "one fault: a second time it does no more"
    match mutant.kind:
        case Kind.STATUS:
            assert (altered.body, altered.headers) == (fault.sample.body, fault.sample.headers)
        case Kind.HEADER:
            assert (altered.status, altered.body) == (fault.sample.status, fault.sample.body)
        case _:
            assert (altered.status, altered.headers) == (fault.sample.status, fault.sample.headers)


@pytest.mark.parametrize("fault", _RULES)
def test_the_rule_is_there(fault: Rule) -> None:
    assert inspect.isfunction(resolve_name(fault.function))


def test_none_is_about_signing_in() -> None:
    token = Request("POST", "login.microsoftonline.com", "/t/oauth2/v2.0/token")
    assert not any(isinstance(each.fault, Answers) and each.fault.concerns(token) for each in MUTANTS)
