"""Trouble on demand: what a test can make the embedded Azure do to the requests that it names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dpsops.emulator.http import Request, Response


@dataclass(frozen=True, slots=True)
class Throttle:
    """429 with `Retry-After` in seconds (None: without the header)."""

    retry_after: int | None = 1


@dataclass(frozen=True, slots=True)
class Delay:
    """The clock moves forward by so many seconds before the request is served."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """This answer instead of the service's own; nothing is done."""

    response: Response


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks: before the work is done, or after it, with the answer lost."""

    work_done: bool


Effect = Throttle | Delay | Refuse | Drop


@dataclass(slots=True)
class Fault:
    """An effect on the requests for which `when` holds: `skip` of them pass first, then `times` are hit (None: all)."""

    effect: Effect
    when: Callable[[Request], bool] = lambda request: True
    skip: int = 0
    times: int | None = 1


@dataclass(slots=True)
class Faults:
    """The faults in force. One fault at most hits a request: the first that was added."""

    _faults: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> None:
        """Puts a fault in force."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Lifts every fault."""
        with self._lock:
            self._faults.clear()

    def hit(self, request: Request) -> Effect | None:
        """The effect on this request, which is thereby used up."""
        with self._lock:
            for fault in self._faults:
                if not fault.when(request):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times == 0:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault.effect
        return None
