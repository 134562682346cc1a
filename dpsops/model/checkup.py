"""What a check of an environment says: findings."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from dpsops.errors import Denied, Error


class Outcome(enum.StrEnum):
    """What a check has come to. `unknown`: this identity may not look, or nobody answers."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


PERMISSIONS, SIGN_IN = "permissions", "sign-in"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one subject: a command, a resource, a host. `hint`: the next thing to do, unless all is well."""

    check: str
    subject: str
    outcome: Outcome
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be looked at. `action`: the right that looking needs, and `scope` where; both are empty if something else is
    in the way."""

    reason: str
    hint: str
    action: str = ""
    scope: str = ""

    @classmethod
    def because(cls, error: Error, action: str, scope: str) -> Unseen:
        """Why something could not be looked at; if a right is missing, which one."""
        if isinstance(error, Denied):
            return cls(error.message, error.hint, action, scope)
        return cls(error.message, error.hint)

    def finding(self, check: str, subject: str) -> Finding:
        """That it is unknown."""
        needs = f"to look at it needs {self.action} on {self.scope}" if self.action else self.reason
        return Finding(check, subject, Outcome.UNKNOWN, needs, self.hint)


def is_failed(findings: Iterable[Finding]) -> bool:
    """Whether anything has failed."""
    return any(each.outcome is Outcome.FAILED for each in findings)


def lacks_rights(findings: Iterable[Finding]) -> bool:
    """Whether permissions, or the sign-in, are all that has failed."""
    failed = {each.check for each in findings if each.outcome is Outcome.FAILED}
    return bool(failed) and failed <= {PERMISSIONS, SIGN_IN}
