"""The options of every command, and its output: one result on stdout, progress on stderr."""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpsops.model.action import Action


class Output(enum.StrEnum):
    """The two formats of a result."""

    text = "text"
    json = "json"


class Transport(enum.StrEnum):
    """How a device registers."""

    mqtt = "mqtt"
    https = "https"


@dataclass(frozen=True, slots=True)
class Options:
    """The global options of one invocation."""

    env: str
    output: Output
    verbose: bool

    def print_result(self, document: dict[str, Any], text: str) -> None:
        """Prints the result: the document as JSON, or the text unless it is empty."""
        if self.output is Output.json:
            import json

            text = json.dumps({"schema_version": 1, "environment": self.env} | document, indent=2, default=_encode)
        if not text:
            return
        try:
            print(text, flush=True)  # a write error must occur here, so that it is reported
        except BrokenPipeError:
            raise
        except OSError:  # such as a full disk: what was done is not said again by a later run
            print(text, file=sys.stderr)
            raise

    def print_done(self, done: Sequence[Action], nothing: str) -> None:
        """Prints what a workflow has done. `nothing`: why, if it did nothing."""
        text = "\n".join(f"✓ {action.target}: {action.outcome}" for action in done)
        document = {"changed": bool(done), "actions": [action.document() for action in done]}
        self.print_result(document, text or f"Nothing changed: {nothing}.")


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return timestamp(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def timestamp(moment: datetime) -> str:
    """A date and time in RFC 3339, in UTC and full seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def progress(verbose: bool) -> Iterator[Callable[[str], None]]:
    """Shows the progress: a spinner if the terminal supports it; else, and with `--verbose`, plain lines.

    An empty text hides the spinner until the next text, so that a question can be asked.
    """
    if verbose or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        last = ""

        def line(text: str) -> None:
            nonlocal last
            if text not in ("", last):  # a wait reports the same text again
                print(f"dpsops: {text}", file=sys.stderr, flush=True)
            last = text

        yield line
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status("starting") as status:

        def spin(text: str) -> None:
            if not text:
                status.stop()
                return
            status.update(text)
            status.start()

        yield spin
