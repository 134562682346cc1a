"""What the tests of the workflows do again and again."""

from __future__ import annotations

from dpsops.workflows.run import Action, Run
from dpsops.workflows.up import Plan, up


def _consent(plan: Plan) -> None:
    """Nobody is asked."""


def converge(run: Run, approved: Plan | None = None) -> list[Action]:
    """What one `up` does."""
    return list(up(run, approved=approved, confirm=_consent))
