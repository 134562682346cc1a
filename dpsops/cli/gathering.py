"""Collects and prints the results of a workflow. If the workflow fails, the results until then are still printed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from dpsops.cli.options import timestamp

if TYPE_CHECKING:
    from dpsops.model.action import Result
    from dpsops.model.device import Issued, Unchanged
    from dpsops.model.run import Run

_Result = TypeVar("_Result", bound="Result | Issued | Unchanged")


def gathered(run: Run, results: Iterable[_Result]) -> list[_Result]:
    """All results of a workflow. After an error or Ctrl-C, the results until then are printed on stderr, because no later run
    prints them."""
    done: list[_Result] = []
    try:
        done.extend(results)
    except BaseException:
        show(run, done)
        raise
    return done


def show(run: Run, done: Iterable[_Result]) -> None:
    """Prints on stderr what was done."""
    run.progress("")  # a spinner would draw over it
    for each in done:
        print(line(each), file=sys.stderr)


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
            return f"{result.text}."
        case Issued():
            return f"✓ {result.device}: valid until {timestamp(result.not_after)}, in {result.secret_id}"
        case _ if result.unused:
            return (
                f"= {result.device}: has not used its newest certificate yet, in {result.secret_id}; "
                f"for another one: dpsops device renew {result.device} --again"
            )
        case _:
            return f"= {result.device}: has a valid certificate, in {result.secret_id}"
