"""A role that takes effect late, while all others have."""

from __future__ import annotations

from dataclasses import dataclass

from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.world import World


@dataclass(slots=True)
class Late:
    """A role (GUID) that no assignment gives before a time, whenever that was made. `denied`: how often it was missed."""

    role: str = ""
    until: float = 0.0
    denied: int = 0

    def holds_back(self, world: World, key: str) -> bool:
        """Whether it is the role of an assignment, and has not taken effect yet."""
        assignment = world.state.get(ASSIGNMENT, key)
        late = world.now < self.until and assignment is not None and assignment["role"] == self.role
        self.denied += late
        return late
