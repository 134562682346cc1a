"""How far a command for many devices is: how many are done, how fast, what holds it back, and how long it takes yet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from dpsops.model.run import Run

_BAR = 20
_WINDOW_SECONDS = 10.0
"""The rate is that of this time."""


class Count:
    """Counts devices, and shows the count. `verb`: what is done to each, as in `issued`; `total`: how many there are."""

    def __init__(self, run: Run, verb: str, total: int, now: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._verb = verb
        self._total = total
        self._now = now
        self._done = 0
        self._recent: deque[tuple[float, int]] = deque([(now(), 0)])

    def add(self) -> None:
        """One more is done."""
        self._done += 1
        now = self._now()
        if now - self._recent[-1][0] >= 0.1:
            self._recent.append((now, self._done))
            while now - self._recent[0][0] > _WINDOW_SECONDS and len(self._recent) > 2:
                self._recent.popleft()
            self._run.count(self._line(now))

    def _line(self, now: float) -> str:
        filled = round(_BAR * self._done / max(self._total, 1))
        (since, before), parts = (
            self._recent[0],
            [f"{'█' * filled}{'░' * (_BAR - filled)} {self._verb} {self._done:,} of {self._total:,}"],
        )
        rate = (self._done - before) / max(now - since, 1e-9)
        if rate:
            parts.append(f"{rate:,.1f} a second")
        if limit := self._run.held_back():
            parts.append(f"held back by the {limit}")
        if rate and self._done < self._total:
            parts.append(f"{duration((self._total - self._done) / rate)} left")
        return ", ".join(parts)

    def end(self) -> None:
        """Nothing more is counted."""
        self._run.count("")


def duration(seconds: float) -> str:
    """A time for people, as in 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
