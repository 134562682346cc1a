"""The mark of what `up` makes."""

from __future__ import annotations

import pytest

from dpsops.limits import MOST_TAGS
from dpsops.model.resources import Resource, tags_to_write
from dpsops.model.tags import is_made, made
from dpsops.settings import MADE_TAG
from tests.worlds import environment

TEAM = environment(tags={"team": "ot"})


def test_something_new_is_marked_with_its_environment() -> None:
    assert tags_to_write(TEAM, None, TEAM.tags) == {"team": "ot", MADE_TAG: "test"}


@pytest.mark.parametrize("before", [{}, {"cost": "42"}, {MADE_TAG: "test"}, {MADE_TAG: "prod"}])
def test_what_was_there_before_is_not_marked_and_keeps_its_mark(before: dict[str, str]) -> None:
    found = Resource("westeurope", before, {}, {}, {})
    assert tags_to_write(TEAM, found, TEAM.tags) == {**before, "team": "ot"}


def test_there_is_no_mark_without_room_for_it() -> None:
    full = {f"t{number}": "x" for number in range(MOST_TAGS)}
    assert made(full, "test") == full
    assert len(made(dict(list(full.items())[1:]), "test")) == MOST_TAGS


@pytest.mark.parametrize(
    ("tags", "ours"),
    [({MADE_TAG: "test"}, True), ({MADE_TAG.upper(): "test"}, True), ({MADE_TAG: "prod"}, False), ({}, False)],
)
def test_a_mark_is_of_one_environment(tags: dict[str, str], *, ours: bool) -> None:
    assert is_made(tags, "test") is ours
