"""The budgets: at most so many operations in any window, evenly, and all of them."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Coroutine, Iterable
from heapq import heappop, heappush
from itertools import count
from typing import Any

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


class Clock:
    """A clock beside many that wait at once: it moves to the end of the shortest wait when nobody has anything else to do."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._waiting: list[tuple[float, int, asyncio.Event]] = []
        self._number = count()

    def now(self) -> float:
        """The time."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        over = asyncio.Event()
        heappush(self._waiting, (self.seconds + seconds, next(self._number), over))
        await over.wait()

    def run(self, works: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Runs all of them to their ends."""
        idle_loop().run_until_complete(self._run(works))

    async def _run(self, works: Iterable[Coroutine[Any, Any, None]]) -> None:
        tasks = [asyncio.ensure_future(work) for work in works]
        while not all(task.done() for task in tasks):
            for _ in range(10):  # so many steps somebody takes at most before he waits
                await asyncio.sleep(0)
            if self._waiting:
                self.seconds, _, over = heappop(self._waiting)
                over.set()
        await asyncio.gather(*tasks)


def sent(budget: Budget, clock: Moved, times: list[int]) -> list[float]:
    """When each operation is sent, if all are wanted at once."""
    found: list[float] = []

    async def one(count: int) -> None:
        await budget.take(count)
        found.extend([clock.now()] * count)
        budget.answered(count)

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
    assert most_in_a_window(moments, seconds) <= count


@given(
    most=st.integers(20, 60),
    journeys=st.lists(st.tuples(st.floats(0, 4), st.floats(0, 4)), min_size=1, max_size=150),
)
def test_no_window_of_the_service_has_more_however_long_requests_travel(most: int, journeys: list[tuple[float, float]]) -> None:
    """Each request travels for a while, and so does its answer, while the others are on their way too."""
    clock, arrived = Clock(), list[float]()
    budget = Budget(Rate("operations", most, 10), clock.now, clock.sleep)

    async def one(there: float, back: float) -> None:
        await budget.take()
        await clock.sleep(there)
        arrived.append(clock.now())
        await clock.sleep(back)
        budget.answered()

    clock.run(one(there, back) for there, back in journeys)
    assert most_in_a_window(sorted(arrived), 10 - 1e-6) <= most


def test_requests_that_all_wait_for_their_first_connection_are_not_too_many_later() -> None:
    clock, arrived = Clock(), list[float]()
    budget = Budget(Rate("secrets", 300, 10), clock.now, clock.sleep)

    async def one() -> None:
        await budget.take()
        await clock.sleep(max(0.5 - clock.now(), 0.01))
        arrived.append(clock.now())
        budget.answered()

    clock.run(one() for _ in range(1500))
    assert most_in_a_window(sorted(arrived), 10 - 1e-6) <= 300
    assert len(arrived) / arrived[-1] >= 0.985 * 30


def test_what_is_refused_while_it_pauses_does_not_slow_it_further() -> None:
    lasted = []
    for refusals in (1, 10):
        clock = Moved()
        budget = Budget(Rate("secrets", 300, 10), clock.now, clock.sleep)
        for _ in range(refusals):
            budget.refused(7)
        lasted.append(sent(budget, clock, [1] * 100)[-1])
    assert lasted[0] == lasted[1]


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
    assert most_in_a_window(moments, 10) <= 300
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
