"""What one invocation is given besides Azure: its settings, the time, chance, and who hears of its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dpsops.pki.entropy import Entropy
from dpsops.settings import Environment


def _silent(text: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation. `sleep` waits for so many seconds; `progress` takes a line for people."""

    environment: Environment
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    entropy: Entropy = field(default_factory=Entropy)
    progress: Callable[[str], None] = _silent

    def now(self) -> datetime:
        """The time, in UTC and whole seconds, as certificates have it (RFC 5280, 4.1.2.5)."""
        return self.clock().astimezone(UTC).replace(microsecond=0)
