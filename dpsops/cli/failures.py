"""The file of the failures (`--failed FILE`): CSV that `--from` reads as it is."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dpsops.cli.wanted import STDIN
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from dpsops.model.wanted import Row

_HEADER = "device,hub,twin,individual,request,reason\n"
_HINT = "choose another file after --failed"


class FailedFile:
    """The file of the failures of one command. If it is new, only its owner may read it. While a command has it, no other can.

    It begins empty: a file of failures is that of one run, so that the same words can be said again after a kill. Each failure is
    in it as soon as `add` returns, also if the process is killed. A file without a failure is removed.
    """

    def __init__(self, path: Path, source: Path | None) -> None:
        """`source`: the file that names the devices. Raises `InvalidInput` if the file cannot be used, or holds anything but
        failures: then it is left as it is."""
        self._path = path
        if path == STDIN:
            raise InvalidInput("the failures cannot be written to standard output, where the result is", _HINT)
        try:
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as cause:
            raise _unusable(path, cause.strerror) from cause
        self._file = open(opened, "ab", buffering=0)  # noqa: SIM115
        self._is_empty = True
        try:
            self._begin(source)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, source: Path | None) -> None:
        found = os.fstat(self._file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _unusable(self._path, "it is not a regular file")
        if source is not None and _is(found, source):
            raise _unusable(self._path, "the devices are read from it, and a command that is killed would lose them")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise _unusable(self._path, "another command writes its failures to it") from cause
        except OSError as cause:
            raise _unusable(self._path, cause.strerror) from cause
        if not _is(found, self._path):
            raise _unusable(self._path, "another command has just removed it")
        if os.pread(self._file.fileno(), len(_HEADER), 0) not in (b"", _HEADER.encode()):
            raise _unusable(self._path, "it exists, and is not a file of failures")
        self._file.truncate(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._is_empty and _is(os.fstat(self._file.fileno()), self._path):
            with suppress(OSError):
                self._path.unlink()
        self._file.close()

    def add(self, row: Row, reason: str) -> None:
        """Adds a device, or a bad row, and why it has failed. Raises `OSError` if the disk is full."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([*row, reason])
        data = ((_HEADER if self._is_empty else "") + text.getvalue()).encode()
        while data:
            data = data[self._file.write(data) :]
        self._is_empty = False


def _is(found: os.stat_result, path: Path) -> bool:
    """Whether a path, or standard input, is this file."""
    try:
        return os.path.samestat(found, os.fstat(0) if path == STDIN else os.stat(path))
    except OSError:
        return False


def _unusable(path: Path, reason: str | None) -> InvalidInput:
    return InvalidInput(f"the failures cannot be written to {path}: {reason}", _HINT)
