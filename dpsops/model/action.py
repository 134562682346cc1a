"""What a workflow reports: an action that is planned or done, and a device for which it failed."""

from __future__ import annotations

from dataclasses import dataclass

from dpsops.pki.names import DeviceId


@dataclass(frozen=True, slots=True)
class Action:
    """One action that is planned or done: a verb, its target, and the outcome if it is done."""

    action: str
    target: str
    outcome: str = "planned"


@dataclass(frozen=True, slots=True)
class Failed:
    """A device for which a command failed, and why. Other devices are not affected."""

    device: DeviceId
    reason: str
