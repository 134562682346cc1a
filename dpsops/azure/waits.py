"""What dpsops waits for, since when, and for how long at most: no wait is without a bound, and none is silent.

A wait may be inside another one, as a request is inside the deployment that it polls. It ends with the outer one at the latest.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread, local, main_thread

from dpsops.errors import Unavailable

_QUIET_SECONDS = 10.0
"""A wait that is shorter is not shown."""

_AGAIN_SECONDS = 10.0
"""How long after it was shown a wait is shown again."""

_LONGEST_PAUSE_SECONDS = 60.0
"""How long to wait, at most, before an operation is asked for its state again, whatever it says itself."""

CONTINUES = "run the command again: it continues, and may find it done; {setting} under [waits] in the settings is the limit"
SILENT = "check the network and HTTPS_PROXY, then run the command again: it continues"


def _silent(_: str) -> None:
    """Shows nothing."""


def _nothing() -> None:
    """Nobody looks."""


@dataclass(slots=True)
class Wait:
    """One wait: for what, since when on the clock, for how many seconds at most, and what to do if that is not enough.

    `polled`: an operation that is asked for its state again and again; its own wish for a pause is not followed beyond a minute.
    """

    what: str
    seconds: float
    hint: str
    begun: float
    outer: Wait | None
    polled: bool = False
    shown: float = -math.inf
    ended: bool = False

    def left(self, now: float) -> float:
        """How many seconds are left, of this wait and of those around it."""
        left = self.begun + self.seconds - now
        return min(left, self.outer.left(now)) if self.outer else left

    def ending_first(self) -> Wait:
        """The one of these waits that ends first."""
        outer = self.outer.ending_first() if self.outer else self
        return outer if outer.begun + outer.seconds < self.begun + self.seconds else self


class _OfThread(local):
    """The innermost wait of a thread."""

    wait: Wait | None = None


@dataclass(slots=True)
class Waiting:
    """The waits of one invocation. `now`: a clock in seconds; `say` shows a line to people; `still` shows that work goes on, if
    nothing has been shown for long."""

    now: Callable[[], float] = time.monotonic
    say: Callable[[str], None] = _silent
    still: Callable[[], None] = _nothing
    _ended: Event = field(default_factory=Event)
    _of_thread: _OfThread = field(default_factory=_OfThread)
    _innermost: Wait | None = None

    @contextmanager
    def operation(self, what: str, seconds: float, setting: str = "operation_seconds") -> Iterator[Wait]:
        """A wait for something that Azure does meanwhile. `what`: for people, as in `the deployment dpsops-prod`."""
        with self._entered(
            Wait(what, seconds, CONTINUES.format(setting=setting), self.now(), self._current(), polled=True)
        ) as wait:
            yield wait

    @contextmanager
    def request(self, what: str, seconds: float) -> Iterator[Wait]:
        """A wait for an answer: for all attempts together, and the pauses between them."""
        with self._entered(Wait(what, seconds, SILENT, self.now(), self._current())) as wait:
            yield wait

    def _current(self) -> Wait | None:
        """The innermost wait of this thread. The thread in which an SDK polls an operation has that of the one that waits."""
        return self._of_thread.wait or self._innermost

    @contextmanager
    def _entered(self, wait: Wait) -> Iterator[Wait]:
        outer, self._of_thread.wait = self._of_thread.wait, wait
        before, self._innermost = self._innermost, wait
        try:
            yield wait
        finally:
            self._innermost = before
            self._of_thread.wait = outer

    def left(self) -> float:
        """How many seconds may still be waited; infinite outside of any wait."""
        wait = self._current()
        return math.inf if wait is None else wait.left(self.now())

    def require_time(self) -> float:
        """The seconds that are left. Raises `Unavailable` if there are none."""
        left = self.left()
        if left <= 0:
            raise self.given_up()
        return left

    def pause(self, seconds: float) -> float:
        """How long to pause if somebody wants to pause for so long. Raises `Unavailable` if the bound would be reached before."""
        wait = self._current()
        if wait is None:
            return seconds
        left = self.require_time()
        if wait.polled:
            seconds = min(seconds, _LONGEST_PAUSE_SECONDS, left)
        elif not seconds <= left:  # also for what is no number
            raise self.given_up(f": it wants {_seconds(seconds)} more")
        self.show()
        return seconds

    def given_up(self, why: str = "") -> Unavailable:
        """The error for the wait that ends first."""
        wait = self._current()
        assert wait is not None, "nothing is waited for"
        first = wait.ending_first()
        waited = min(self.now() - first.begun, first.seconds)
        return Unavailable(f"gave up waiting for {first.what} after {_seconds(waited)}{why}", first.hint)

    def show(self) -> None:
        """Shows the innermost wait, if it is not a short one, and not again at once."""
        wait, now = self._innermost, self.now()
        if wait is None or now - wait.begun < _QUIET_SECONDS or now - wait.shown < _AGAIN_SECONDS:
            return
        wait.shown = now
        self.say(f"waiting for {wait.what} ({now - wait.begun:.0f} of at most {_seconds(wait.seconds)})")

    def look(self) -> None:
        """Shows what is waited for, or else that work goes on: nothing is silent for more than `_QUIET_SECONDS`."""
        self.show()
        self.still()

    @contextmanager
    def watched(self, every: float = 1.0, late: float = 5.0) -> Iterator[None]:
        """Looks, until the block ends: nothing else happens in a wait for a server which says nothing. Ends
        those in which no bound of a library helps, such as that for an answer of one byte a second. In the main thread alone.

        every: how often it looks, in seconds. late: how far beyond its bound it ends a wait.
        """

        def watch() -> None:
            while not self._ended.wait(every):
                self.look()
                if (wait := self._innermost) and wait.left(self.now()) < -late and not wait.ended:
                    wait.ended = True
                    signal.pthread_kill(main_thread().ident or 0, signal.SIGALRM)

        def end(*_: object) -> None:
            if self.left() <= 0:
                raise self.given_up()

        before = signal.signal(signal.SIGALRM, end)
        Thread(target=watch, name="waits", daemon=True).start()
        try:
            yield
        finally:
            self._ended.set()
            signal.signal(signal.SIGALRM, before)


def _seconds(number: float) -> str:
    return "1 second" if round(number) == 1 else f"{number:,.0f} seconds"
