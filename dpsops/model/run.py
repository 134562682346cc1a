"""What one invocation gets besides Azure: its settings, the time, randomness, and an output for progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dpsops.model.action import Action
from dpsops.pki.entropy import Entropy
from dpsops.settings import Environment


def _silent(_: object) -> None:
    """Ignores progress."""


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation. `sleep` waits for a number of seconds; `loop` runs what many devices are waited for with. `progress` shows
    a line to people, `count` one that replaces the one before it: it is called often. `held_back` names the limit of Azure
    that most requests wait for. `at_once`: so many devices are in flight, enough that each of several vaults always has one that
    waits for it. `is_embedded`: the environment is in the embedded Azure. `done` shows an action as soon as it is done."""

    environment: Environment
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    loop: asyncio.AbstractEventLoop
    entropy: Entropy = field(default_factory=Entropy)
    progress: Callable[[str], None] = _silent
    count: Callable[[str], None] = _silent
    held_back: Callable[[], str] = str
    at_once: int = 512
    is_embedded: bool = False
    done: Callable[[Action], None] = _silent

    def now(self) -> datetime:
        """The time in UTC and in full seconds, as certificates have it (RFC 5280, 4.1.2.5)."""
        return self.clock().astimezone(UTC).replace(microsecond=0)
