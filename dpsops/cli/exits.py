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


def of_many(*, succeeded: bool, failed: bool) -> Exit:
    """The exit code of a command for many devices: whether it succeeded for some, and failed for some."""
    if not failed:
        return Exit.DONE
    return Exit.SOME_FAILED if succeeded else Exit.FAILED
