"""The files that are named on the command line. Each function raises `InvalidInput` for a file that cannot be used."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dpsops.errors import InvalidInput

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The disk is full: no file is to blame."""


MOST_BYTES = 16 << 20
"""More is not read: a plan, a bundle or a password has less, and a device such as /dev/zero has no end."""


def read(path: Path, what: str, hint: str, *, encoding: str = "utf-8") -> str:
    """The text of a file. `what`: the kind of file, for the error; the hint is for the error too."""
    try:
        return read_bytes(path, what, hint).decode(encoding)
    except UnicodeDecodeError as cause:
        raise unreadable(path, what, f"it is not {encoding.upper()} text", hint) from cause


def read_bytes(path: Path, what: str, hint: str) -> bytes:
    """The content of a file, of which `what` and the hint say what it is."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as cause:
        raise unreadable(path, what, cause.strerror, hint) from cause
    if len(data) > MOST_BYTES:
        raise unreadable(path, what, f"it has more than {MOST_BYTES:,} bytes", hint)
    return data


def unreadable(path: Path, what: str, reason: str | None, hint: str) -> InvalidInput:
    """The error for a file with the wrong content."""
    return InvalidInput(f"the {what} {path} cannot be read: {reason}", hint)


@contextmanager
def _written(path: Path, what: str) -> Iterator[None]:
    """Says which file cannot be written. A full disk stays an `OSError`: the file is not to blame."""
    try:
        yield
    except OSError as cause:
        if cause.errno in FULL:
            raise
        raise InvalidInput(f"the {what} {path} cannot be written: {cause.strerror}", "choose another file") from cause


def write(path: Path, what: str, text: str) -> None:
    """Writes a file. If it is new, only its owner may read it. Raises `OSError` if the disk is full: the file is not to blame."""
    with (
        _written(path, what),
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file,
    ):
        file.write(text)


@contextmanager
def replacing(path: Path, what: str) -> Iterator[Callable[[str], None]]:
    """What writes a file at the end of a long block, as `write` does, but all at once: the file is complete, or as it was. Raises
    at the beginning if that is not possible. A link stays one; a directory, a device or a pipe is not replaced."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise InvalidInput(f"the {what} {path} cannot be written: it is no regular file", "choose another file")
    with _written(path, what):
        descriptor, name = tempfile.mkstemp(prefix=".dpsops-", dir=target.parent)  # 0600 from birth
    is_there = False

    def write_whole(text: str) -> None:
        nonlocal is_there
        with _written(path, what):
            Path(name).write_text(text, encoding="utf-8")
            os.replace(name, target)
        is_there = True

    try:
        os.close(descriptor)
        yield write_whole
    finally:
        if not is_there:
            os.unlink(name)
