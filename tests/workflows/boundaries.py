"""Which boundaries between two requests of a command are tried: every one with `make boundaries`, else every eighth."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

STRIDE = 1 if os.environ.get("DPSOPS_TEST_BOUNDARIES") == "all" else 8


def boundaries() -> Iterator[int]:
    """How many requests come before each boundary, without an end: a test ends when its command does."""
    return itertools.count(0, STRIDE)
