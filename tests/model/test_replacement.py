"""Which root a call of `rotate` replaces: the whole table, and what holds for every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from dpsops.errors import InvalidInput, Refused
from dpsops.model.replacement import Way, compromised_root, is_due, named_root, way
from dpsops.model.rotation import Breach, Generation, Observed, Phase, Trust, VaultState, classify
from tests.model.test_rotation import SINCE, creating, finished, retired, states, steps_from

NOW = datetime(2026, 3, 1, tzinfo=UTC)

STABLE = Observed((finished(1, leaves=3),), 1)
BEGUN = Observed((finished(1, leaves=3), creating(2)), 1)
OVERLAPPING = Observed((finished(1, leaves=3), finished(2)), 1, 2)
DRAINING = Observed((finished(1), finished(2, leaves=3, draining_since=SINCE)), 2, 1)
DROPPED = Observed((finished(1), finished(2, leaves=3, draining_since=SINCE)), 2)
PARTLY = Observed((retired(1, Trust.VERIFIED), finished(2, leaves=3, draining_since=SINCE)), 2)
RETIRED = Observed((retired(1), finished(2, leaves=3, draining_since=SINCE)), 2)
OVER = Observed((retired(1), finished(2, leaves=3)), 2)
NEXT = Observed((retired(1), finished(2, leaves=3), finished(3)), 2, 3)
BREACH = Observed((retired(1, breach=Breach.CUT), finished(2)), 1, group_enabled=False)
AFTER = Observed((retired(1, breach=Breach.OVER), finished(2, leaves=3)), 2)


@pytest.mark.parametrize("observed", [BEGUN, OVERLAPPING, DRAINING, DROPPED, PARTLY, RETIRED, BREACH])
def test_the_same_words_go_on_with_what_has_begun(observed: Observed) -> None:
    """Also after the group has dropped the root, and without a name."""
    for named in (1, None):
        assert way(observed, classify(observed), named, due=False) is Way.GO_ON


@pytest.mark.parametrize("observed", [OVER, AFTER, NEXT])
def test_the_same_words_do_nothing_when_nothing_is_left(observed: Observed) -> None:
    assert way(observed, classify(observed), 1, due=False) is Way.NOTHING
    assert way(observed, classify(observed), 1, due=True) is Way.NOTHING


def test_a_rotation_begins_if_it_is_due_or_if_the_root_that_signs_is_named() -> None:
    standing = classify(STABLE)
    assert [way(STABLE, standing, None, due=due) for due in (False, True)] == [Way.NOTHING, Way.BEGIN]
    assert way(STABLE, standing, 1, due=False) is Way.BEGIN


@pytest.mark.parametrize(
    ("observed", "named", "message", "hint"),
    [
        (STABLE, 7, "the vault has no root root-g7", "it has root-g1"),
        (
            OVERLAPPING,
            2,
            "root-g2 cannot be replaced now: root-g1 is being replaced by root-g2",
            "dpsops rotate --replace root-g1",
        ),
        (BREACH, 2, "root-g2 cannot be replaced now", "dpsops rotate --compromised --replace root-g1"),
        (NEXT, 3, "root-g3 cannot be replaced now", "dpsops rotate --replace root-g2"),
    ],
)
def test_another_root_is_refused(observed: Observed, named: int, message: str, hint: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        way(observed, classify(observed), named, due=False)
    assert hint in refused.value.hint


@pytest.mark.parametrize("text", ["", "root", "root-g0", "root-1", "Root-g1", "2", "root-g1 "])
def test_what_is_not_the_name_of_a_root_is_wrong_use(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not the name of a root"):
        named_root(text)
    assert named_root("root-g12") == 12


def test_a_rotation_is_due_within_the_warning_time() -> None:
    assert [is_due(NOW + timedelta(days=days), 90, NOW) for days in (91, 90, -1)] == [False, True, True]
    assert not is_due(None, 90, NOW)


@settings(max_examples=200)
@given(states())
def test_saying_it_again_never_begins_a_second_rotation(observed: Observed) -> None:
    """In every state from the first step to the end and after it, the words of the first call mean the same rotation."""
    first = classify(observed)
    old = first.old
    if first.phase is Phase.BREACHED or first.trouble or observed.generation(old).in_vault is VaultState.ABSENT:
        return
    if any(one.breach for one in observed.generations) or old not in observed.trusted:
        return
    for state, standing in steps_from(observed):
        if standing.trouble:
            return
        found = way(state, standing, old, due=True)
        is_over = old not in state.trusted and not state.generation(old).needs_retiring
        if is_over and standing.old != old:
            assert found is Way.NOTHING or standing.phase is Phase.RETIRED
        else:
            assert found is Way.GO_ON or (found is Way.BEGIN and state.trusted == (old,))


@pytest.mark.parametrize(
    ("observed", "named", "found"),
    [
        (STABLE, None, (1, Way.BEGIN)),
        (STABLE, 1, (1, Way.BEGIN)),
        (OVERLAPPING, 1, (1, Way.BEGIN)),
        (OVERLAPPING, 2, (2, Way.BEGIN)),
        (OVER, 1, (1, Way.BEGIN)),
        (BREACH, None, (1, Way.GO_ON)),
        (BREACH, 1, (1, Way.GO_ON)),
        (AFTER, 1, (1, Way.NOTHING)),
        (replace(AFTER, generations=(retired(1, Trust.VERIFIED, breach=Breach.OVER), finished(2))), 1, (1, Way.GO_ON)),
    ],
)
def test_the_compromised_root(observed: Observed, named: int | None, found: tuple[int, Way]) -> None:
    assert compromised_root(observed, classify(observed), named) == found


def test_which_of_two_trusted_roots_is_compromised_must_be_said() -> None:
    with pytest.raises(
        Refused, match="the enrollment group trusts root-g1 and root-g2, and only one of them is meant"
    ) as refused:
        compromised_root(OVERLAPPING, classify(OVERLAPPING), None)
    assert refused.value.hint.endswith(
        "dpsops rotate --compromised --replace root-g1, or dpsops rotate --compromised --replace root-g2"
    )
    with pytest.raises(Refused, match="the vault has no root root-g9"):
        compromised_root(STABLE, classify(STABLE), 9)


def test_an_unknown_root_that_is_only_in_a_trust_store_is_not_unknown() -> None:
    left = Observed((Generation(1, VaultState.ABSENT, Trust.OTHER), finished(2)), 2)
    assert way(left, classify(left), 1, due=False) is Way.GO_ON
