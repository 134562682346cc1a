"""Whether what a command has said is true, as far as that can be seen from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.matrices.place import Ran

LONGEST_SECONDS = 3600.0
"""A service that wants to be asked again in an hour is an error at once; nothing else here takes so long."""

_CODES = {0, 1, 3, 4}


def untrue(ran: Ran, *, wrong_use: bool = False) -> Iterator[str]:
    """What a run should not have said, or should have. wrong_use: whether it may have been given a file that does not fit."""
    if ran.traceback:
        yield f"a traceback: {ran.traceback.strip().splitlines()[-1]}"
        return
    if ran.code not in (_CODES | {2} if wrong_use else _CODES):
        yield f"exit code {ran.code}: {ran.said}"
    lines = ran.err.splitlines()
    errors = [line for line in lines if line.startswith("dpsops: error: ")]
    hints = [line for line in lines if line.startswith("dpsops: hint: ")]
    failed = any(line.startswith(("✗ ", "failed ")) for line in ran.out.splitlines())  # a row of the result
    if ran.code in (1, 2, 4) and not failed and not (errors and hints):
        yield f"exit code {ran.code} without an error and a hint: {ran.err[-300:]}"
    if ran.code == 0 and errors:
        yield f"exit code 0 with an error: {ran.said}"
    if any(re.search(r"Traceback|object at 0x|<html", line) for line in lines):
        yield f"words that say nothing: {ran.err[-300:]}"
    if ran.seconds >= LONGEST_SECONDS:
        yield f"it took {ran.seconds:.0f} seconds"
