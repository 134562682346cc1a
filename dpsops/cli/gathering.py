"""Collects and prints the results of a workflow. If the workflow fails, the results until then are still printed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from dpsops.cli.options import timestamp
from dpsops.cli.summary import UNKNOWN, Outputs
from dpsops.cli.tally import Tally

if TYPE_CHECKING:
    from dpsops.cli.options import Options
    from dpsops.model.action import Action, Result
    from dpsops.model.device import Issued, Unchanged
    from dpsops.model.run import Run

_Result = TypeVar("_Result", bound="Result | Issued | Unchanged")


def gathered(
    options: Options, run: Run, results: Iterable[_Result], document: Callable[[Sequence[_Result]], dict[str, Any]]
) -> list[_Result]:
    """All results of a workflow. After an error or Ctrl-C, the results until then are printed on stderr and told, because no
    later run does: those too that were done and not yielded yet. document: what is said of results as JSON, of all or of those
    before an error."""
    from dpsops.model.action import Action

    done: list[_Result] = []
    options.told.done = lambda: _before_error(document(done))
    try:
        for each in results:
            done.append(each)
            if isinstance(each, Action):
                run.done(each)
    except BaseException as stop:
        done.extend(_unsaid(results, stop))
        show(options, run, done)
        raise
    return done


def _unsaid(results: Iterable[_Result], stop: BaseException) -> list[_Result]:
    """What a workflow still yields that was stopped while one of its results was shown; nothing if it has stopped itself."""
    found: list[_Result] = []
    if isinstance(results, Generator):
        with suppress(type(stop), StopIteration):
            found.append(results.throw(stop))
            found.extend(results)
    return found


class Finished:
    """Shows each action when it is done, with the time since the command began. Not each certificate: they are counted, and a
    fleet has many."""

    def __init__(self, keep: Callable[[str], None], kept: set[str], now: Callable[[], float] = time.monotonic) -> None:
        self._keep = keep
        self._kept = kept
        self._now = now
        self._begun = now()

    def __call__(self, action: Action) -> None:
        """Shows it, unless it has been shown: a deployment is done after the resources in it."""
        said = line(action)
        if action.action not in ("keep", "reissue") and said not in self._kept:
            self._kept.add(said)
            self._keep(f"{said} ({timedelta(seconds=int(self._now() - self._begun))})")


def show(options: Options, run: Run, done: Sequence[_Result]) -> None:
    """Prints on stderr, and tells, what was done before an error."""
    options.tell(Tally.of(done).interrupted())
    run.progress("")  # a spinner would draw over it
    for each in done:
        print(line(each), file=sys.stderr)


def _before_error(document: dict[str, Any]) -> dict[str, Any]:
    """What was done before an error. Whether the error has come after a change that nobody has counted is not known."""
    return document | {"changed": None} if document.get("changed") is False else document


def actions_document(done: Sequence[Action]) -> dict[str, Any]:
    """What a workflow has done, as JSON."""
    return {"changed": bool(done), "actions": [action.document() for action in done]}


def print_done(
    options: Options, done: Sequence[Action], nothing: str, outputs: Outputs = UNKNOWN, notes: Sequence[str] = ()
) -> None:
    """Prints what a workflow has done. `nothing`: why, if it did nothing. `outputs`, `notes`: what else is told."""
    text = "\n".join(f"✓ {action.target}: {action.outcome}" for action in done)
    summary = Tally.of(done).summary(f"Nothing changed: {nothing}.", outputs)
    options.print_result(actions_document(done), text or f"Nothing changed: {nothing}.", replace(summary, warnings=tuple(notes)))


def line(result: Result | Issued | Unchanged) -> str:
    """One result, for people."""
    from dpsops.model.action import Action, Failed, Note, Remains
    from dpsops.model.device import Issued

    match result:
        case Action():
            return f"{'=' if result.action == 'keep' else '✓'} {result.target}: {result.outcome}"
        case Failed():
            return f"✗ {result.device}: {result.reason}"
        case Remains():
            return f"✗ {result.target}: {result.reason}"
        case Note():
            return result.text
        case Issued():
            return f"✓ {result.device}: valid until {timestamp(result.not_after)}, in {result.secret_id}"
        case _ if result.unused:
            return (
                f"= {result.device}: has not used its newest certificate yet, in {result.secret_id}; "
                f"for another one: dpsops device renew {result.device} --again"
            )
        case _:
            return f"= {result.device}: has a valid certificate, in {result.secret_id}"
