"""What the specification does not allow is refused, in the place of every kind of request that Azure is recorded to take."""

from __future__ import annotations

import pytest

from dpsops.emulator.http import Request
from tests.conformance.breakage import OVERLOOKED, Overlooked, Trials, broken
from tests.conformance.messages import Recording
from tests.conformance.openapi import Specification

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture(scope="module")
def trials(specification: Specification, recorded: list[Recording]) -> Trials:
    """With all recordings."""
    trials = Trials(specification)
    for recording in recorded:
        trials.run(recording)
    return trials


def test_what_the_specification_does_not_allow_is_refused(trials: Trials) -> None:
    assert trials.tried > 100, "there is something to try in the recordings"
    kind = [
        f"{operation.name}: {violation}"
        for operation, violation in trials.taken
        if not any(each.excuses(operation, violation) for each in OVERLOOKED)
    ]
    assert not kind, "\n".join(["", *sorted(set(kind))])


@pytest.mark.parametrize("overlooked", OVERLOOKED, ids=lambda each: each.operation)
def test_nothing_is_excused_that_is_refused(trials: Trials, overlooked: Overlooked) -> None:
    assert any(overlooked.excuses(operation, violation) for operation, violation in trials.taken)


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (b'{"value": "x"}', {"required"}),
        (b'{"value": "x", "attributes": {"nbf": 1}}', {"required", "format"}),
        (b"{}", set()),
        (b"no JSON", set()),
    ],
)
def test_one_thing_is_broken(specification: Specification, body: bytes, rules: set[str]) -> None:
    request = Request("PUT", "v.vault.azure.net", "/secrets/s", {"api-version": "2026-04-01"}, {}, body)
    operation = specification.find("PUT", request.host, request.path, request.api_version)
    assert operation is not None
    found = list(broken(specification, operation, request))
    assert {violation.rule for violation, _ in found} == rules
    assert all(changed != body for _, changed in found)
