"""What GitHub Actions is told of an invocation: the summary of its step, its outputs, its errors and warnings, and what to mask.

Sources: GitHub Docs, "Workflow commands for GitHub Actions", and how the runner reads them (`ActionCommand.cs` and
`FileCommandManager.cs` of actions/runner).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO, cast

from dpsops.cli.exits import Exit
from dpsops.cli.harmless import Harmless
from dpsops.cli.markdown import page
from dpsops.cli.summary import Outputs
from dpsops.cli.told import Told

_LIMIT = 1024 * 1024
"""Bytes of the summary of a step. GitHub shows nothing of a longer one."""

_ANNOTATIONS = 10
"""So many errors, and so many warnings, GitHub shows of a step."""


@contextlib.contextmanager
def step(variables: Mapping[str, str], title: str) -> Iterator[Told]:
    """While the block runs, nothing that is printed can be a command for the runner. At its end, however it ends, the runner is
    told what is known.

    Commands are written to stderr, because stdout is the result. A defect of dpsops ends here too, so that what Python says of it
    is as harmless.
    """
    out, err = Harmless(sys.stdout), Harmless(sys.stderr)
    told = Told(is_pipeline=True, mask=err.mask)
    with contextlib.redirect_stdout(cast("TextIO", out)), contextlib.redirect_stderr(cast("TextIO", err)):
        try:
            yield told
        except Exception as defect:
            told.failure = (f"a defect of dpsops: {type(defect).__name__}", "the log of this step says where")
            traceback.print_exc()
            raise SystemExit(Exit.FAILED) from None
        finally:
            with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed, because nobody reads it
                sys.stdout.flush()
            if told.summaries or told.failure:  # --help says nothing
                _tell(variables, title, told, err)


def _tell(variables: Mapping[str, str], title: str, told: Told, err: Harmless) -> None:
    named = f"{title} ({told.environment})" if told.environment else title

    def warn(text: str) -> None:
        err.command("warning", text, title=named)

    for message in errors(told):
        err.command("error", message, title=named)
    for message in warnings(told):
        warn(message)
    _append(variables, "GITHUB_OUTPUT", lambda _: outputs(told), warn)
    _append(variables, "GITHUB_STEP_SUMMARY", lambda size: page(named, told, _LIMIT - size), warn)


def _append(variables: Mapping[str, str], name: str, make: Callable[[int], str], warn: Callable[[str], None]) -> None:
    """Adds to a file of the runner. `make`: the text, if the file has so many bytes; an empty one has found no room."""
    path = variables.get(name)
    if not path:
        warn(f"${name} is not set, so nothing was written there")
        return
    try:
        with open(path, "a+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1, 0))
            between = b"" if file.read(1) in (b"", b"\n") else b"\n"
            text = make(size + len(between))
            file.write(between + text.encode() if text else b"")
    except OSError as cause:
        warn(f"the file ${name} cannot be written: {cause.strerror}")
        return
    if name == "GITHUB_STEP_SUMMARY" and not text:
        warn("the summary of this step is full: give the command a step of its own")


def errors(told: Told) -> list[str]:
    """The error that has ended the command, then the failures."""
    ended = [] if told.failure is None else ["\nhint: ".join(part for part in told.failure if part)]
    failed = [each for summary in told.summaries for each in summary.errors]
    return _first([*ended, *failed], sum(summary.errors_left_out for summary in told.summaries))


def warnings(told: Told) -> list[str]:
    """What somebody should know or do."""
    return _first([each for summary in told.summaries for each in summary.warnings], 0)


def _first(messages: list[str], left_out: int) -> list[str]:
    """As many as GitHub shows; the last one says how many more there are."""
    if len(messages) + left_out <= _ANNOTATIONS:
        return messages
    shown = messages[: _ANNOTATIONS - 1]
    return [*shown, f"and {len(messages) + left_out - len(shown):,} more: see the summary of this step"]


def outputs(told: Told) -> str:
    """The outputs that are known, for the runner: each between two lines of a random delimiter, which no value can contain."""
    known: dict[str, str] = {}
    for summary in told.summaries:
        known |= _known(summary.outputs)
    delimiter = f"dpsops-{secrets.token_hex(16)}"
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in known.items())


def _known(found: Outputs) -> dict[str, str]:
    values = {
        "changed": found.changed,
        "pending": found.pending,
        "root-thumbprint": found.root_thumbprint or None,
        "issued": found.issued,
        "failed": found.failed,
    }
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items() if value is not None
    }
