"""Trouble on demand: what a test can make the embedded Azure do to the requests that it names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dpsops.emulator.chances import Chances
from dpsops.emulator.http import Request, Response

SERVICES = {
    "sign-in": "login.microsoftonline.com",
    "management": "management.azure.com",
    "vault": ".vault.azure.net",
    "dps": ".azure-devices-provisioning.net",
    "hub": ".azure-devices.net",
}
"""What the hosts of each service are, or end with. Devices and services have the same hosts at a hub, and others at DPS."""

MQTT = ("CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH")
"""The methods that requests over MQTT have."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """429 with `Retry-After` in seconds (None: without the header)."""

    retry_after: int | None = 1


@dataclass(frozen=True, slots=True)
class Delay:
    """The clock moves forward by so many seconds before the request is served."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Lag:
    """The answer, of a request that is served at once, comes so many seconds of real time later. Over HTTPS only."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """This answer instead of the service's own; nothing is done."""

    response: Response


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks: before the work is done, or after it, with the answer lost."""

    work_done: bool


Effect = Throttle | Delay | Lag | Refuse | Drop


@dataclass(slots=True)
class Fault:
    """An effect on the requests to `service` (one of `SERVICES`; empty: to any) for which `when` holds.

    `skip` of them pass first; then each is hit with the probability `rate`, until `times` have been hit (None: no end). `seen`:
    how many could have been hit so far; `hits`: how many were.
    """

    effect: Effect
    when: Callable[[Request], bool] = lambda request: True
    skip: int = 0
    times: int | None = 1
    service: str = ""
    rate: float = 1.0
    seen: int = 0
    hits: int = 0

    def strikes(self, request: Request, chances: Chances) -> bool:
        """Whether it hits this request, which then counts."""
        if self.is_over or not self._concerns(request):
            return False
        self.seen += 1
        if self.seen <= self.skip or chances.draw("fault", self.service, self.seen) >= self.rate:
            return False
        self.hits += 1
        return True

    @property
    def is_over(self) -> bool:
        """Whether it has hit as many as it is to."""
        return self.hits == self.times

    def _concerns(self, request: Request) -> bool:
        host = SERVICES[self.service] if self.service else ""
        slow_mqtt = isinstance(self.effect, Lag) and request.method in MQTT
        return request.host.endswith(host) and not slow_mqtt and self.when(request)


_FAIR = Chances()


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

    def left(self) -> list[Fault]:
        """Those that may still hit something, in the order in which they were added."""
        with self._lock:
            return [fault for fault in self._faults if not fault.is_over]

    def hit(self, request: Request, chances: Chances = _FAIR) -> Effect | None:
        """The effect on this request, which is thereby used up."""
        with self._lock:
            return next((fault.effect for fault in self._faults if fault.strikes(request, chances)), None)
