"""The exit codes, which are part of the contract."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    SOME_FAILED = 3
    NOT_ALLOWED = 4
    CHANGES_PENDING = 10
    INTERRUPTED = 130


def of_many(*, well: bool, failed: bool) -> Exit:
    """How a command ended that did the same for many, whether some went well and whether some failed."""
    if not failed:
        return Exit.DONE
    return Exit.SOME_FAILED if well else Exit.FAILED
