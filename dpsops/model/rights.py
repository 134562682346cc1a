"""What an identity may do, as Resource Manager lists it: permissions, each of which has patterns of actions.

Source: Azure RBAC, "Understand Azure role definitions"; "Use Resource Manager authentication API to access subscriptions".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Permission:
    """What one role allows. A pattern has `*` for any text, slashes included; actions have no case."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def allows(self, action: str, *, data: bool) -> bool:
        """Whether it allows an action: what it takes away, it takes away from itself alone."""
        given, taken = (self.data_actions, self.not_data_actions) if data else (self.actions, self.not_actions)
        return _matches(action, given) and not _matches(action, taken)


def allowed(permissions: Iterable[Permission], action: str, *, data: bool) -> bool:
    """Whether any of the permissions allows an action."""
    return any(each.allows(action, data=data) for each in permissions)


def _matches(action: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(".*".join(map(re.escape, each.split("*"))), action, re.IGNORECASE) for each in patterns)
