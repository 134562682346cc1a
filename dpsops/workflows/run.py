"""What a workflow is given, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dpsops.azure.provisioning import Wire
from dpsops.cloud import Cloud
from dpsops.pki.entropy import Entropy
from dpsops.settings import Environment


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that is to be done, or was: a verb, what it is done to, and the outcome once there is one."""

    action: str
    target: str
    outcome: str = "planned"


def _silent(text: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation of a workflow: the cloud it works on, the time, the entropy, who hears of its progress, and the
    wire that a device would use."""

    cloud: Cloud
    clock: Callable[[], datetime]
    entropy: Entropy = field(default_factory=Entropy)
    progress: Callable[[str], None] = _silent
    wire: Wire = field(default_factory=Wire)

    @property
    def environment(self) -> Environment:
        """The environment that it works on."""
        return self.cloud.environment

    def now(self) -> datetime:
        """The time, in UTC and whole seconds, as certificates have it (RFC 5280, 4.1.2.5)."""
        return self.clock().astimezone(UTC).replace(microsecond=0)
