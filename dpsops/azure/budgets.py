"""The limits of Azure as budgets: each request waits until its limit has room, so that it is not refused."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable

from dpsops.model.rates import Rate

_ALONE, _SHARED = 0.995, 0.98
"""The part of a limit that is used. Requests do not arrive exactly as far apart as they are sent, and those of several processes
come together now and then."""

_SLOWER, _SLOWEST = 1.1, 8.0


class Budget:
    """What may still be sent under one limit.

    share: the part of the limit that is this process's; 1 if no other process uses it. now: a clock in seconds; sleep: waits for
    a number of seconds. Requests are spread evenly over the window of a limit, and those that are late catch up. If a window is
    long (a minute), the first tenth of it is free at once, so that a command for one device does not wait.

    A request counts from when it is sent until a window after its answer, since nobody knows when between the two it has reached
    the service: some wait for a connection. So no window of the service has more than the limit.
    """

    def __init__(
        self, rate: Rate, now: Callable[[], float], sleep: Callable[[float], Awaitable[None]], share: float = 1.0
    ) -> None:
        allowed = rate.count * share
        self.name = rate.name
        self.waiting = 0
        self.most = max(1, math.ceil(allowed))
        self._window = rate.seconds
        self._base = self._interval = rate.seconds / (allowed * (_ALONE if share == 1.0 else _SHARED))
        self._now = now
        self._sleep = sleep
        self._in_flight = 0
        self._answered: deque[float] = deque()
        self._turn = asyncio.Lock()
        self._next = now() - (rate.seconds / 10 if rate.seconds >= 60 else 0.0)
        self._refused = self._resumed = -math.inf

    async def take(self, times: int = 1) -> None:
        """Waits until so many operations fit, and counts them; in the order of the calls. `times`: at most `most`. When they are
        answered, `answered` must be called."""
        if not self.waiting and self._due(times) <= (now := self._now()):
            self._count(times, now)
            return
        self.waiting += 1
        try:
            async with self._turn:
                while (pause := self._due(times) - self._now()) > 0:
                    await self._sleep(pause)
                self._count(times, self._now())
        finally:
            self.waiting -= 1

    def _count(self, times: int, now: float) -> None:
        self._next = max(self._next, now - self._window) + times * self._interval
        self._in_flight += times
        if now - self._refused > self._window:
            self._interval = max(self._base, self._interval / _SLOWER)

    def _due(self, times: int) -> float:
        """When so many operations may be sent: not before their turn, and not while the window is full."""
        now = self._now()
        while self._answered and self._answered[0] + self._window <= now:
            self._answered.popleft()
        excess = self._in_flight + len(self._answered) + times - self.most
        if excess <= 0:
            return self._next
        if excess <= len(self._answered):
            return max(self._next, self._answered[excess - 1] + self._window)
        return max(self._next, now + self._interval)  # so many are in flight that there is room only after an answer

    def answered(self, times: int = 1) -> None:
        """So many operations that were taken are answered, or have failed."""
        self._in_flight -= times
        self._answered.extend([self._now()] * times)

    def refused(self, seconds: float) -> None:
        """The service has refused a request, and wants none for so many seconds: it allows less than its limit says, or somebody
        else uses the limit too. What is refused meanwhile was sent before, and says nothing new."""
        self._refused = self._now()
        if self._refused >= self._resumed:
            self._interval = min(self._interval * _SLOWER, self._base * _SLOWEST)
        self._resumed = max(self._resumed, self._refused + seconds)
        self._next = max(self._next, self._resumed)
