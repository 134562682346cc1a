"""The evaluator of expressions says what GitHub says, and refuses the rest."""

from __future__ import annotations

import pytest

from tests.pipelines.expressions import Contexts, Lenient, Status, Unknown

VALUES = {
    "github": {"event_name": "push", "event": Lenient()},
    "inputs": Lenient(environment="prod", apply=True, shards=3),
    "needs": {"plan": {"result": "success", "outputs": {"pending": "true"}}},
    "matrix": {"shard": 2.0},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inputs.apply && needs.plan.outputs.pending == 'true'", True),
        ("inputs.nothing", None),
        ("inputs.nothing || 'else'", "else"),
        ("!github.event.pull_request.head.repo.fork", True),
        ("github.event_name == 'PUSH'", True),
        ("'it''s'", "it's"),
        ("fromJSON(inputs.shards)", 3),
        ("format('{0}/{1}', matrix.shard, inputs.shards)", "2/3"),
        ("contains('abc', 'B') && startsWith('abc', 'a') && endsWith('abc', 'c')", True),
        ("needs['plan'].result != 'skipped'", True),
        ("(inputs.apply || false) && 1 == '1'", True),
        ("null == 0", True),
        ("true == 'true'", False),
    ],
)
def test_the_value_of_an_expression(expression: str, value: object) -> None:
    assert Contexts(VALUES).evaluate(expression) == value


@pytest.mark.parametrize(
    "expression",
    ["inputs.apply &", "hashFiles('a')", "secrets.TOKEN", "needs.up.result", "needs.plan.outputs.other", "a b", "inputs.*", ""],
)
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(Unknown):
        Contexts(VALUES).evaluate(expression)


@pytest.mark.parametrize(
    ("condition", "failed", "runs"),
    [
        (None, False, True),
        (None, True, False),
        ("inputs.apply", True, False),
        ("${{ !cancelled() }}", True, True),
        ("always()", True, True),
        ("failure() && needs.plan.result == 'success'", True, True),
        ("failure()", False, False),
    ],
)
def test_a_condition_without_a_status_asks_for_success(condition: str | None, failed: bool, runs: bool) -> None:
    assert Contexts(VALUES, Status(failed)).condition(condition) is runs


def test_a_text_has_the_values_in_it_and_a_whole_expression_keeps_its_type() -> None:
    contexts = Contexts(VALUES)
    assert contexts.value("${{ inputs.environment }}-plan ${{ matrix.shard }}") == "prod-plan 2"
    assert contexts.value("${{ fromJSON('[1]') }}") == [1]
    assert contexts.value("${{ inputs.apply }}") is True
