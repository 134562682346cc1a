"""Which commands a deny assignment stops: it stands above every role, and the list of permissions does not show it.

Source: Azure RBAC, "Understand Azure deny assignments".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dpsops.model.checkup import Finding, Outcome
from dpsops.model.entitlement import Rights
from dpsops.model.permissions import DENY_ASSIGNMENT_HINT
from dpsops.model.rights import Permission, allowed
from dpsops.settings import Environment

LIST = "Microsoft.Authorization/denyAssignments/read"
_EVERYBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Denial:
    """A deny assignment. `scope`: where it holds; `below`: whether also below it; `denies`: what is denied; `principals` and
    `excluded`: the object IDs of whom it denies it to, and of whom not, with their types."""

    name: str
    scope: str
    below: bool
    denies: tuple[Permission, ...]
    principals: tuple[tuple[str, str], ...]
    excluded: tuple[tuple[str, str], ...]

    def denies_to(self, identity: str) -> bool | None:
        """Whether it denies anything to an identity; None if that depends on who is in a group."""
        if _is_among(identity, self.excluded):
            return False
        if not _is_among(identity, self.principals) and not _is_among(_EVERYBODY, self.principals):
            return None if _has_groups(self.principals) else False
        return None if _has_groups(self.excluded) else True

    def stops(self, action: str, scope: str, *, data: bool) -> bool:
        """Whether it denies an action at a scope, to those whom it concerns."""
        here, own = f"{scope.lower()}/", f"{self.scope.lower().rstrip('/')}/"
        return (here == own or (self.below and here.startswith(own))) and allowed(self.denies, action, data=data)


def findings(denials: Iterable[Denial], commands: Sequence[str], environment: Environment, rights: Rights) -> Iterator[Finding]:
    """What each deny assignment stops."""
    for each in denials:
        concerned = each.denies_to(rights.who.object_id)
        if concerned is False:
            continue
        stopped = [command for command in commands if _stops(each, command, environment, rights)]
        if not stopped:
            continue
        detail = f"on {each.scope} stops {', '.join(stopped)}"
        if concerned is None:
            detail = f"it may stop {', '.join(stopped)} on {each.scope}: that depends on the groups that this identity is in"
        outcome = Outcome.UNKNOWN if concerned is None else Outcome.FAILED
        yield Finding("deny-assignment", each.name, outcome, detail, DENY_ASSIGNMENT_HINT)


def _stops(denial: Denial, command: str, environment: Environment, rights: Rights) -> bool:
    return any(
        denial.stops(need.action, rights.scope(subject), data=need.data)
        for need in rights.needs(command, environment)
        if not need.helps
        for subject in rights.subjects
        if subject.place is need.place
    )


def _is_among(identity: str, principals: Iterable[tuple[str, str]]) -> bool:
    return any(each.lower() == identity.lower() for each, _ in principals)


def _has_groups(principals: Iterable[tuple[str, str]]) -> bool:
    return any(kind == "Group" for _, kind in principals)
