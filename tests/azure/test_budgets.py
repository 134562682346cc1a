"""The budgets: at most so many operations in any window, evenly, and all of them."""

from __future__ import annotations

import asyncio
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.azure.budgets import Budget
from dpsops.model.rates import Rate
from tests.worlds import idle_loop


class Moved:
    """A clock that moves only when somebody waits: then to the end of the shortest wait."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """The time."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Moves the clock. A budget has one waiter at a time."""
        self.seconds += seconds
        await asyncio.sleep(0)


def sent(budget: Budget, clock: Moved, times: list[int]) -> list[float]:
    """When each operation is sent, if all are wanted at once."""
    found: list[float] = []

    async def one(count: int) -> None:
        await budget.take(count)
        found.extend([clock.now()] * count)

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, times))

    idle_loop().run_until_complete(all_of_them())
    return found


def most_in_a_window(moments: list[float], seconds: float) -> int:
    """The most operations that any window of this length has."""
    return max(bisect_left(moments, moment + seconds) - number for number, moment in enumerate(moments))


@given(
    count=st.integers(20, 400),
    seconds=st.sampled_from([10.0, 60.0]),
    times=st.lists(st.integers(1, 10), min_size=1, max_size=200),
)
def test_no_window_has_more_than_the_limit(count: int, seconds: float, times: list[int]) -> None:
    clock = Moved()
    budget = Budget(Rate("operations", count, seconds), clock.now, clock.sleep)
    moments = sent(budget, clock, [min(each, budget.most) for each in times])
    assert most_in_a_window(moments, seconds) <= count - 2


def test_the_limit_is_used_to_the_last_percent() -> None:
    clock = Moved()
    sent(Budget(Rate("secrets", 300, 10), clock.now, clock.sleep), clock, [1] * 3000)
    assert 3000 / clock.now() >= 0.99 * 30


def test_what_is_late_catches_up_within_the_window() -> None:
    """A pause of two seconds, such as of a slow machine, costs nothing in the end."""
    clock = Moved()
    budget = Budget(Rate("secrets", 300, 10), clock.now, clock.sleep)
    first = sent(budget, clock, [1] * 150)
    clock.seconds += 2
    moments = first + sent(budget, clock, [1] * 1350)
    assert most_in_a_window(moments, 10) <= 298
    assert 1500 / clock.now() >= 0.99 * 30


def test_sixteen_shares_are_together_just_under_the_limit() -> None:
    moments: list[float] = []
    for _ in range(16):
        clock = Moved()
        moments += sent(Budget(Rate("secrets", 300, 10), clock.now, clock.sleep, share=1 / 16), clock, [1] * 100)
    assert 0.97 * 30 <= 1600 / max(moments) <= 30


def test_a_command_for_one_device_does_not_wait() -> None:
    clock = Moved()
    sent(Budget(Rate("registry operations", 100, 60), clock.now, clock.sleep), clock, [1] * 9)
    assert clock.now() == 0


@pytest.mark.parametrize("after", [0, 40])
def test_after_a_refusal_it_waits_as_long_as_it_is_told_and_slows(after: int) -> None:
    clock = Moved()
    budget = Budget(Rate("secrets", 300, 10), clock.now, clock.sleep)
    sent(budget, clock, [1] * 100)
    begun = clock.now()
    budget.refused(7)
    (first, *rest) = sent(budget, clock, [1] * 100)
    assert first == begun + 7
    assert 100 / (rest[-1] - first) < 30 / 1.05
    clock.seconds += after
    if after:  # long after the refusal it is as fast as before
        sent(budget, clock, [1] * 600)
        begun = clock.now()
        sent(budget, clock, [1] * 600)
        assert 600 / (clock.now() - begun) >= 0.99 * 30
