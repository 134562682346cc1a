"""What one invocation gets besides Azure: its settings, the time, randomness, and an output for progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dpsops.pki.entropy import Entropy
from dpsops.settings import Environment


def _silent(text: str) -> None:
    """Ignores progress."""


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation. `sleep` waits for a number of seconds; `progress` shows a line to people."""

    environment: Environment
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    entropy: Entropy = field(default_factory=Entropy)
    progress: Callable[[str], None] = _silent

    def now(self) -> datetime:
        """The time in UTC and in full seconds, as certificates have it (RFC 5280, 4.1.2.5)."""
        return self.clock().astimezone(UTC).replace(microsecond=0)
