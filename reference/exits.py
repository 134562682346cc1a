"""The page of the exit codes."""

from __future__ import annotations

from dpsops.cli.exits import Exit
from reference.markdown import page, table
from reference.meanings import EXITS


def exits_page() -> str:
    """The page."""
    return page(
        "Exit codes",
        "How a command ends. They are part of the contract.",
        table(("code", "meaning"), ((str(each.value), EXITS[each]) for each in Exit)),
        "A signal other than Ctrl-C ends a command with 128 and its number: 143 for SIGTERM, 129 for SIGHUP.",
    )
