"""The files that are named on the command line. Each function raises `InvalidInput` for one that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

from dpsops.errors import InvalidInput


def read(path: Path, what: str, hint: str, *, encoding: str = "utf-8") -> str:
    """The text that a file holds. `what` it is to be and the hint are for the error."""
    try:
        return path.read_text(encoding=encoding)
    except OSError as cause:
        raise unreadable(path, what, cause.strerror, hint) from cause
    except UnicodeDecodeError as cause:
        raise unreadable(path, what, f"it is no text in {encoding.upper()}", hint) from cause


def unreadable(path: Path, what: str, reason: str | None, hint: str) -> InvalidInput:
    """The error over a file that does not hold what it is to hold."""
    return InvalidInput(f"the {what} {path} cannot be read: {reason}", hint)


def write(path: Path, what: str, text: str) -> None:
    """Writes a file that only its owner may read, where it is new."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as cause:
        raise InvalidInput(f"the {what} {path} cannot be written: {cause.strerror}", "name another file") from cause
