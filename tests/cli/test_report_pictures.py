"""The pictures of the report: where each thing is."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.cli.report.course import course
from dpsops.cli.report.pictures import Life, columns, lives
from dpsops.cli.report.words import Part, distance, parts
from dpsops.model.device import SOON
from dpsops.model.rotation import Phase, Standing, Step
from tests.reports import NOW, YEAR

TEN = Life("root-g1", NOW - 2 * YEAR, NOW + 8 * YEAR, NOW + 8 * YEAR - timedelta(days=90))


def test_a_root_in_the_middle_of_its_life() -> None:
    found = lives([TEN], NOW)
    assert found is not None
    (bar,) = found.bars
    assert (bar.left, bar.width, found.now) == (0, 100, 20)
    assert (bar.due_left, bar.due_width) == (97.53, 2.47)
    assert [tick.label for tick in found.ticks] == ["2026", "2028", "2030", "2032", "2034"]


def test_two_roots_share_an_axis() -> None:
    old = Life("root-g1", None, NOW + timedelta(days=80), NOW - timedelta(days=10))
    found = lives([old, TEN], NOW)
    assert found is not None
    first, second = found.bars
    assert first.text == "root-g1: until 2026-05-20"
    assert second.text == "root-g1: 2024-03-01 to 2034-02-27"
    assert (first.left, second.left) == (0, 0)
    assert first.due_left < found.now < first.left + first.width


def test_no_root_has_no_picture() -> None:
    assert lives([], NOW) is None


@given(st.dictionaries(st.integers(-500, 1600), st.integers(1, 1000), max_size=40))
def test_the_columns_have_every_certificate_and_stay_inside(ends: dict[int | None, int]) -> None:
    found = columns(ends, NOW, SOON)
    assert sum(column.count for column in found) == sum(ends.values())
    assert len(found) <= 15
    assert all(column.left >= 0 and column.left + column.width <= 100.01 and column.height <= 100 for column in found)
    assert all(one.left + one.width <= other.left + 0.01 for one, other in pairwise(found))
    assert not found or max(column.height for column in found) == 100


def test_what_has_expired_and_what_expires_soon() -> None:
    found = columns({-3: 2, -1: 1, 0: 4, 8: 5, None: 7}, NOW, SOON)
    assert [(column.count, column.is_past, column.soon) for column in found[:2]] == [(3, True, True), (4, False, True)]
    assert found[-1].title == "expire from 2026-04-26 to 2026-05-02"
    assert not found[-1].soon


@pytest.mark.parametrize(
    ("days", "words"),
    [(0.5, "within a day"), (-0.5, "in the last 24 hours"), (1.2, "in 1 day"), (59.9, "in 59 days"), (90, "in 3 months"),
     (-800, "2 years ago")],
)  # fmt: skip
def test_how_far_away_a_date_is(days: float, words: str) -> None:
    assert distance(NOW + timedelta(days=days), NOW) == words


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("dpsops up", ["dpsops up"]),
        ("blocked in part: dpsops device block a, or dpsops up", ["dpsops device block a", "dpsops up"]),
        ("delete it, then run 'dpsops --env plant up', which creates it", ["dpsops --env plant up"]),
        ("dpsops does not use certificates of others: find out who created it", []),
    ],
)  # fmt: skip
def test_the_commands_in_a_sentence(text: str, commands: list[str]) -> None:
    found = parts(text)
    assert "".join(part.text for part in found) == text
    assert [part for part in found if part.is_command] == [Part(command, is_command=True) for command in commands]


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.BREACHED])
def test_exactly_one_phase_is_the_present_one(phase: Phase) -> None:
    found = course(Standing(phase, Step.STAGE, 1, 2))
    assert [stage.name for stage in found.stages if stage.place == "here"] == [phase.value]
    assert len(found.stages) == 8


@pytest.mark.parametrize("step", [Step.CUT_OFF, Step.STAGE, Step.PROVE, Step.ADMIT, Step.REISSUE, Step.READMIT])
def test_after_a_breach_the_steps_are_shown(step: Step) -> None:
    found = course(Standing(Phase.BREACHED, step, 1, 2))
    assert found.is_breach
    assert [stage.name for stage in found.stages if stage.place == "here"] == [step.value]
