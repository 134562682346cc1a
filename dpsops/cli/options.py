"""The options of every command, and its output: one result on stdout, progress on stderr."""

from __future__ import annotations

import enum
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dpsops.errors import InvalidInput, visible

if TYPE_CHECKING:
    from dpsops.cli.summary import Summary
    from dpsops.cli.told import Told


class Output(enum.StrEnum):
    """The formats of a result. Only the commands for many devices have the last two."""

    text = "text"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


class Transport(enum.StrEnum):
    """How a device registers."""

    mqtt = "mqtt"
    https = "https"


@dataclass(frozen=True, slots=True)
class Options:
    """The global options of one invocation, and what it has told so far. `rehearse`: on the embedded Azure, whatever `env` is."""

    env: str
    output: Output
    verbose: bool
    told: Told
    rehearse: bool = False

    def require(self, *formats: Output) -> None:
        """Raises `InvalidInput` if the result has none of these formats."""
        if self.output not in formats:
            raise InvalidInput(
                f"this command has no --output {self.output.value}", f"it has: {', '.join(each.value for each in formats)}"
            )

    def print_line(self, text: str) -> None:
        """Prints one of many results as a line for people."""
        print(self.told.address.text(text), flush=True)

    def print_row(self, row: dict[str, Any]) -> None:
        """Prints one of many results as a line of JSON."""
        print(written(row, self.told), flush=True)

    def tell(self, summary: Summary) -> None:
        """Tells somebody who looks later what came of the command: also of one that has failed."""
        self.told.summaries.append(summary.addressed(self.told.address))

    def print_result(self, document: dict[str, Any], text: str, summary: Summary) -> None:
        """Prints the result, and tells the summary: also if the result cannot be written."""
        self.tell(summary)
        self.print_document(document, text)

    def print_document(self, document: dict[str, Any], text: str) -> None:
        """Prints the document as JSON, or the text unless it is empty. On a terminal that shows stderr too, what was done is
        there already: the rest of the text is printed."""
        if self.output is Output.json:
            text = written({"schema_version": 1, "environment": self.env} | document, self.told, indent=2)
            self.told.has_result = True  # if it cannot be written, neither can an error
        else:
            if sys.stdout.isatty() and sys.stderr.isatty():
                text = "\n".join(each for each in text.split("\n") if each not in self.told.kept).lstrip("\n")
            text = visible(self.told.address.text(text))
        if not text:
            return
        try:
            print(text, flush=True)  # a write error must occur here, so that it is reported
        except BrokenPipeError:
            raise
        except OSError:  # such as a full disk: what was done is not said again by a later run
            print(text, file=sys.stderr)
            raise


def written(document: dict[str, Any], told: Told, indent: int | None = None) -> str:
    """A document as JSON. In the log of a pipeline `##[` would be a command: an escape says the same in JSON."""
    import json

    text = json.dumps(told.address.document(document), indent=indent, default=_encode)
    return text.replace("##[", "##\\u005b") if told.is_pipeline else text


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return timestamp(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def timestamp(moment: datetime) -> str:
    """A date and time in RFC 3339, in UTC and full seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_QUIET_SECONDS = 10.0
"""For so long at most nothing is shown, and so often a count where lines stay."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Shows the progress. `say`: what is done; an empty text hides the spinner until the next text, so that a question can be
    asked. `count`: how far it is, which is said often. `aside`: what is waited for meanwhile. `keep`: what has been done, in a
    line that stays. `still`: that what is done goes on, if nothing has been shown for a while and nobody is asked."""

    say: Callable[[str], None]
    count: Callable[[str], None]
    aside: Callable[[str], None]
    keep: Callable[[str], None]
    still: Callable[[], None]


@contextmanager
def progress(options: Options, now: Callable[[], float] = time.monotonic) -> Iterator[Progress]:
    """Shows the progress: a spinner if the terminal supports it; else, and with `--verbose`, plain lines. `now`: a clock in
    seconds."""
    if options.verbose or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        lines = _Lines(now)
        yield Progress(lines.say, lines.count, lines.aside, lines.keep, lines.still)
        return
    from rich.console import Console

    console = Console(file=getattr(sys.stderr, "stream", sys.stderr), highlight=False)
    with console.status(_STARTING) as status:

        def spin(text: str) -> None:
            if not text:
                status.stop()
                return
            status.update(visible(options.told.address.text(text)))  # before it is fitted into the terminal
            status.start()

        def keep(text: str) -> None:
            console.print(f"dpsops: {visible(options.told.address.text(text))}", markup=False, soft_wrap=True)

        yield Progress(spin, spin, spin, keep, lambda: None)  # it turns


_STARTING = "starting"


class _Lines:
    """The progress in lines that stay."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._text, self._since = _STARTING, now()
        self._last = ""
        self._shown = self._counted = now()

    def say(self, text: str) -> None:
        if text != self._text:
            self._text, self._since = text, self._now()
        self.aside(text)

    def aside(self, text: str) -> None:
        if text not in ("", self._last):  # a wait reports the same text again
            self.keep(text)
        self._last = text

    def keep(self, text: str) -> None:
        print(f"dpsops: {text}", file=sys.stderr, flush=True)
        self._shown = self._now()

    def count(self, text: str) -> None:
        if self._now() - self._counted >= _QUIET_SECONDS:
            self._counted = self._now()
            self.say(text.lstrip("█░ "))

    def still(self) -> None:
        if self._text and self._now() - self._shown >= _QUIET_SECONDS:
            self.keep(f"{self._text} ({self._now() - self._since:.0f} seconds)")
