"""Which commands a lock stops. Source: Azure Resource Manager, "Lock your resources to protect your infrastructure"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dpsops.model.checkup import Finding, Outcome
from dpsops.model.entitlement import Rights
from dpsops.settings import Environment

_READ_ONLY = "readonly"
_CHANGES_NOTHING = ("/read", "/whatif/action", "checknameavailability/action", "checkprovisioningservicenameavailability/action")


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a scope (a resource ID): `level` is CanNotDelete or ReadOnly."""

    name: str
    level: str
    scope: str

    def stops(self, action: str, scope: str) -> bool:
        """Whether it stops an action of Resource Manager at a scope: at and below its own."""
        if not f"{scope.lower()}/".startswith(f"{self.scope.lower().rstrip('/')}/"):
            return False
        if self.level.lower() == _READ_ONLY:
            return not action.lower().endswith(_CHANGES_NOTHING)
        return action.lower().endswith("/delete")


def findings(locks: Iterable[Lock], commands: Sequence[str], environment: Environment, rights: Rights) -> Iterator[Finding]:
    """What each lock stops."""
    for lock in locks:
        stopped = [command for command in commands if _stops(lock, command, environment, rights)]
        hint = f"az lock delete --ids {lock.scope}/providers/Microsoft.Authorization/locks/{lock.name}"
        if stopped:
            detail = f"{lock.level} on {lock.scope} stops {', '.join(stopped)}"
            yield Finding("lock", lock.name, Outcome.FAILED, detail, f"{hint}; lock it again afterwards")
        else:
            yield Finding("lock", lock.name, Outcome.OK, f"{lock.level} on {lock.scope} stops none of these commands")


def _stops(lock: Lock, command: str, environment: Environment, rights: Rights) -> bool:
    return any(
        lock.stops(need.action, rights.scope(subject))
        for need in rights.needs(command, environment)
        if not need.data and not need.helps
        for subject in rights.subjects
        if subject.place is need.place
    )
