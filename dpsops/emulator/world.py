"""What a handler may know: the state, the time, how slow Azure is to be, and how many requests have come."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

from dpsops.emulator.chances import Chances
from dpsops.emulator.habits import Habits
from dpsops.emulator.post import Post
from dpsops.emulator.state import State

_CLOCK = "clock"

CLIENT_ADDRESS = "198.51.100.7"
"""One of those that are for documentation (RFC 5737), as nothing that runs here has a public one."""


class Clock:
    """The embedded Azure's time: the real one plus the seconds that a test has added, or a frozen one."""

    def __init__(self, frozen_at: float | None = None) -> None:
        self._frozen_at = frozen_at
        self._advanced = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the epoch."""
        with self._lock:
            return (time.time() if self._frozen_at is None else self._frozen_at) + self._advanced

    def advance(self, seconds: float) -> None:
        """Moves time forward."""
        with self._lock:
            self._advanced += seconds

    @property
    def advanced(self) -> float:
        """The seconds by which it has been moved."""
        with self._lock:
            return self._advanced

    @advanced.setter
    def advanced(self, seconds: float) -> None:
        with self._lock:
            self._advanced = seconds


def keep_clock(state: State, clock: Clock) -> None:
    """Writes how far the clock has been moved."""
    state.put(_CLOCK, "", {"advanced": clock.advanced})


def kept_clock(state: State) -> float:
    """How far the clock of this state has been moved, in seconds."""
    kept = state.get(_CLOCK, "")
    return 0.0 if kept is None else float(kept["advanced"])


@dataclass(frozen=True, slots=True)
class Timings:
    """How long Azure takes, in seconds. Zero still means that a client has to ask once more.

    operation: a Resource Manager long-running operation. certificate: the vault's self-signed issuance.
    role: until a role assignment reaches the data planes; role_spread: how much longer it may take, each its own time by chance
    (`World.chances`). deletion: until a deleted vault object is
    seen among the deleted ones (and a recovered one among the living). query: until a hub's queries see a new device,
    or what has changed in one.
    identity: until a new device can be read in its hub.
    registration: how long a resource provider stays `Registering`.
    principal: until the directory knows a new managed identity; federation: until sign-ins see a new or changed federated
    credential of one. renewal: until a hub has issued the certificate that a device has asked for.
    """

    operation: float = 0.0
    certificate: float = 0.0
    role: float = 0.0
    deletion: float = 0.0
    query: float = 0.0
    identity: float = 0.0
    registration: float = 0.0
    role_spread: float = 0.0
    principal: float = 0.0
    federation: float = 0.0
    renewal: float = 0.0


class Meter:
    """Counts requests in a sliding window, for the services that throttle."""

    def __init__(self) -> None:
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def take(self, key: str, limit: int, window: float, now: float, count: int = 1) -> float | None:
        """Counts a request under `key`, as `count` if it weighs more than others. Over `limit` in any `window` seconds: not
        counted, and the seconds to wait. `count`: at most `limit`."""
        times = self._times[key]
        while times and times[0] <= now - window:
            times.popleft()
        excess = len(times) + count - limit
        if excess > 0:
            return max(times[excess - 1] + window - now, 0.001)
        times.extend([now] * count)
        return None

    def give_back(self, key: str, count: int = 1) -> None:
        """Uncounts the last request under `key`: another limit has refused it."""
        for _ in range(count):
            self._times[key].pop()

    def clear(self) -> None:
        """Forgets all requests."""
        self._times.clear()


@dataclass(frozen=True, slots=True)
class World:
    """The embedded Azure inside one request's transaction.

    now: seconds since the epoch. client_address: the public address that the client is taken to call from.
    chances: whatever is left to chance. post: what leaves once the transaction is committed.
    """

    state: State
    now: float
    timings: Timings = field(default_factory=Timings)
    meter: Meter = field(default_factory=Meter)
    habits: Habits = field(default_factory=Habits)
    client_address: str = CLIENT_ADDRESS
    chances: Chances = field(default_factory=Chances)
    post: Post = field(default_factory=Post)
