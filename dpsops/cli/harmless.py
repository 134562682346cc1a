"""Streams for the log of a run on GitHub Actions: nothing that is printed is a command for the runner, except by intention."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterable
from typing import TextIO


class Harmless:
    """A stream in which no line can be a command for the runner.

    The runner takes a line for a command if it begins with `::`, white space aside, or if `##[` is anywhere in it
    (`ActionCommand.cs` of actions/runner). A space inside breaks both. `::stop-commands::` would not do instead: the runner reads
    stdout and stderr each for itself, so it may see the end of the stop before what must not be a command; and a killed process
    would leave the rest of its step without commands.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()  # a wait is reported by a thread of its own
        self._begin, self._last = "", ""
        """Of the present line: its first two characters that can be seen, and its last two."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes a text, made harmless. Raises `TypeError` for bytes: Typer finds out by that what a stream takes."""
        if not isinstance(text, str):
            raise TypeError("a stream of text")
        with self._lock:
            self._stream.write("".join(map(self._next, text)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes several texts."""
        for each in lines:
            self.write(each)

    def _next(self, each: str) -> str:
        """A character, after a space if the runner would see a command."""
        if each in "\r\n":
            self._begin = self._last = ""
            return each
        breaks = (self._begin, each) == (":", ":") or (self._last, each) == ("##", "[")
        if len(self._begin) < 2 and each.isprintable() and not each.isspace():
            self._begin += each
        self._last = (self._last + each)[-2:]
        return f" {each}" if breaks else each

    def command(self, name: str, message: str, **properties: str) -> None:
        """A command for the runner, on a line of its own."""
        given = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
        begun = "\n" if self._last else ""
        self._begin = self._last = ""
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed, because nobody reads it
            self._stream.write(f"{begun}::{name}{' ' * bool(given)}{given}::{_data(message)}\n")
            self._stream.flush()

    def mask(self, secret: str) -> None:
        """Hides a secret in the log from now on. If the stream is a file, no runner reads it, and the secret would stay there."""
        if not self._is_file():
            for line in filter(str.strip, secret.splitlines()):
                self.command("add-mask", line)

    def _is_file(self) -> bool:
        try:
            return stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode)
        except (OSError, ValueError):
            return False


def _data(text: str) -> str:
    """As GitHub's toolkit writes it (`@actions/core`, `command.ts`)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
