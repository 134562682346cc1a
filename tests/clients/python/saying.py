"""What the programs of Python say: a line of JSON for each operation."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

GROUND: Any = json.loads(Path(sys.argv[1]).read_text())
"""Where the embedded Azure is, and what is in it."""


@contextmanager
def attempt(operation: str, *clients: str) -> Iterator[None]:
    """Says whether the block did the operation, for each client that took part."""
    words = ""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        words = f"{type(error).__name__}: {error}"
    for client in clients:
        print(json.dumps({"client": client, "operation": operation, "ok": not words, "words": words}), flush=True)  # noqa: T201


def wish(device: str) -> None:
    """Asks for a cloud-to-device message."""
    print(json.dumps({"message for": device}), flush=True)  # noqa: T201
