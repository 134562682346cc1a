"""Tests of what the tags of the newest certificate say of those before it: the decisions are those from all versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.model import earlier
from dpsops.model.device import Leaf, before_next
from dpsops.model.earlier import EarlierLeaf
from dpsops.model.member import Member
from dpsops.model.waiting import certificates, waiting

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OFTEN = 9


def thumbprint(number: int) -> str:
    return f"{number:064X}"


def past(number: int, days: float = 100, generation: int = 1) -> EarlierLeaf:
    return EarlierLeaf(thumbprint(number), generation, NOW + days * DAY)


def issued(history: list[tuple[int, int, int]]) -> list[Leaf]:
    """The leaves of a history, the newest first, each with what its tags say: as (generation, days between, days of validity)."""
    leaves, now = list[Leaf](), NOW - sum(days for _, days, _ in history) * DAY
    for number, (generation, days, valid) in enumerate(history, 1):
        newest = leaves[0].certificates() if leaves else ()
        known = leaves if newest is None else newest  # without the tag, the versions are read
        before = before_next(known, now)
        leaves.insert(0, Leaf("press-07", thumbprint(number), generation, now + valid * DAY, blocked=False, before=before))
        now += days * DAY
    return leaves


def member(leaf: Leaf, used: str) -> Member:
    return Member(leaf, False, "", "", "", used, identity_enabled=True, enrollment="")


histories = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 60), st.integers(1, 150)), min_size=1, max_size=OFTEN
)  # fmt: skip


@given(histories, st.integers(0, OFTEN + 1), st.integers(1, 3))
def test_who_is_waited_for_is_the_same_from_the_tags_and_from_the_versions(
    history: list[tuple[int, int, int]], used: int, new: int
) -> None:
    leaves = issued(history)
    one = member(leaves[0], thumbprint(used) if used else "")
    if (known := certificates(one)) is not None:
        assert waiting(one, known, new, NOW) == waiting(one, leaves, new, NOW)


@given(histories, st.sets(st.integers(1, 3)))
def test_which_valid_ones_are_sound_is_the_same_from_the_tags_and_from_the_versions(
    history: list[tuple[int, int, int]], sound: set[int]
) -> None:
    leaves = issued(history)
    known = leaves[0].certificates()
    if known is not None:
        found = {each.thumbprint for each in known if each.generation in sound and each.is_valid(NOW)}
        assert found == {each.thumbprint for each in leaves if each.generation in sound and each.is_valid(NOW)}


@given(histories)
def test_the_tag_is_there_unless_a_valid_one_has_no_room(history: list[tuple[int, int, int]]) -> None:
    leaves = issued(history)
    since = NOW - history[-1][1] * DAY
    assert (leaves[0].before is None) == (sum(each.is_valid(since) for each in leaves[1:]) > 3)


@given(st.lists(st.tuples(st.integers(1, 999_999), st.integers(0, 2**256 - 1), st.integers(0, 253_402_300_799)), max_size=3))
def test_what_is_written_is_read_and_has_room_in_a_tag(parts: list[tuple[int, int, int]]) -> None:
    found = tuple(
        EarlierLeaf(thumbprint(number), generation, datetime.fromtimestamp(end, UTC)) for generation, number, end in parts
    )
    assert earlier.read(earlier.written(found)) == found
    assert len(earlier.written(found)) <= 256


def test_an_expired_one_leaves_first_and_the_oldest_of_them() -> None:
    assert earlier.remembered([past(5), past(4, -1), past(3), past(2, -1), past(1)], NOW) == (past(5), past(3), past(1))
    assert earlier.remembered([past(4), past(3, -1), past(2), past(1, -1)], NOW) == (past(4), past(3, -1), past(2))


def test_a_certificate_that_was_stored_twice_is_there_once() -> None:
    assert earlier.remembered([past(2), past(2), past(1)], NOW) == (past(2), past(1))


def test_with_one_too_many_nothing_is_said() -> None:
    assert earlier.remembered([past(4), past(3), past(2), past(1)], NOW) is None


@pytest.mark.parametrize(
    "value",
    ["-", ",", f"1:{thumbprint(1)}",
     f"0:{thumbprint(1)}:1", f"1:{thumbprint(1)[1:]}:1", f"1:{'a' * 64}:1", f"1:{thumbprint(1)}:-1",
     f"1:{thumbprint(1)}:999999999999", ",".join([past(1).text()] * 4), f"{past(1).text()} "],
)  # fmt: skip
def test_a_tag_that_dpsops_did_not_write_says_nothing(value: str) -> None:
    assert earlier.read(value) is None


def test_a_missing_tag_is_not_an_empty_one() -> None:
    assert earlier.read(None) is None
    assert earlier.read("") == ()


def test_one_that_no_tag_can_have_is_not_left_out() -> None:
    leaf = Leaf("press-07", thumbprint(1), 0, NOW, blocked=False, before=())
    assert before_next([leaf], NOW) is None
    assert before_next([Leaf("press-07", thumbprint(1), 1, None, blocked=False)], NOW) is None


def test_a_certificate_that_the_tags_do_not_name_is_looked_for() -> None:
    leaf = Leaf("press-07", thumbprint(2), 2, NOW + DAY, blocked=False, before=(past(1),))
    assert certificates(member(leaf, thumbprint(1))) == (leaf, past(1))
    assert certificates(member(leaf, "")) == (leaf, past(1))
    assert certificates(member(leaf, thumbprint(9))) is None


def test_nobody_knows_which_certificate_a_device_registers_with_to_which_azure_issues_others() -> None:
    leaf = issued([(1, 0, 365)])[0]
    found = waiting(replace(member(leaf, ""), issued_by_azure=True), [leaf], 2, NOW)
    assert found is not None
    assert found.reason == "connects with a certificate that Azure issues: nobody knows which one it registers with"
