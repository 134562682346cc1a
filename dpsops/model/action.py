"""What a workflow reports: an action that is to be done or was, and a device that got nothing."""

from __future__ import annotations

from dataclasses import dataclass

from dpsops.pki.names import DeviceId


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that is to be done, or was: a verb, what it is done to, and the outcome once there is one."""

    action: str
    target: str
    outcome: str = "planned"


@dataclass(frozen=True, slots=True)
class Failed:
    """A device that got nothing, and why; the others are not affected."""

    device: DeviceId
    reason: str
