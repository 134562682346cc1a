"""What became of the recordings, file by file.

A test attaches what became of its recording to its own report, because the tests may run in several processes; the
session's end gathers it from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.conformance.replay import Outcome, Result
from tests.conformance.scope import Standing, former

PROPERTY, JUDGED = "replayed", "judged"

_FORMER = (Standing.OLDER.name, Outcome.DIFFERED.name)

Row = tuple[str, str, list[str]]
"""One exchange: the names of its standing and its outcome, and the reasons."""


def rows(results: Iterable[Result]) -> list[Row]:
    """The results of one recording, as a process hands them to another."""
    return [(each.standing.name, each.outcome.name, _reasons(each)) for each in results]


def _reasons(result: Result) -> list[str]:
    """Why it was left out, or in what a former API version differs; else the differences themselves."""
    named = former(result.exchange) if result.standing is Standing.OLDER and result.outcome is Outcome.DIFFERED else None
    return [named] if named else list(result.reasons)


def judged(found: Iterable[Row]) -> list[Row]:
    """Those exchanges whose answers were compared, and count."""
    return [row for row in found if row[0] != Standing.FOREIGN.name and row[1] != Outcome.REFUSED.name]


def gather(reports: Iterable[pytest.TestReport]) -> dict[str, list[Row]]:
    """What the tests' reports hold, by the names of the recordings."""
    attached: Any = [value for each in reports for key, value in each.user_properties if key == PROPERTY]
    return dict(attached)


def lines(files: dict[str, list[Row]]) -> Iterator[str]:
    """A table, then why anything was refused."""
    width = max(map(len, files))
    yield f"{'recording':{width}} in scope  matched  refused  differed | older API  matched | out of scope"
    everything = [row for found in files.values() for row in found]
    for name, found in [*sorted(files.items()), ("all", everything)]:
        current = Counter(outcome for standing, outcome, _ in found if standing == Standing.JUDGED.name)
        older = Counter(outcome for standing, outcome, _ in found if standing == Standing.OLDER.name)
        foreign = len(found) - current.total() - older.total()
        yield (
            f"{name:{width}} {current.total():8} {current[Outcome.MATCHED.name]:8} {current[Outcome.REFUSED.name]:8}"
            f" {current[Outcome.DIFFERED.name]:9} | {older.total():9} {older[Outcome.MATCHED.name]:8} | {foreign:12}"
        )
    compared = judged(everything)
    matched = [row for row in compared if row[1] == Outcome.MATCHED.name]
    left_out = sum(outcome == Outcome.REFUSED.name for _, outcome, _ in everything)
    yield f"{len(everything)} recorded: {len(compared)} judged, {len(matched)} of them matched; {left_out} left out:"
    refused = Counter(reason for _, outcome, reasons in everything if outcome == Outcome.REFUSED.name for reason in reasons)
    for reason, count in refused.most_common():
        yield f"{count} left out: {reason}"
    differing = [reasons for standing, outcome, reasons in everything if (standing, outcome) == _FORMER]
    yield f"{len(differing)} of former API versions differ, and are reported only:"
    for reason, count in Counter(reason for reasons in differing for reason in reasons).most_common():
        yield f"{count} differ: {reason}"


def exchanges(teardowns: Iterable[pytest.TestReport]) -> Iterator[str]:
    """How many exchanges of the tests Azure's OpenAPI files judged, and which of these a file of another API version."""
    found: list[Any] = [value for each in teardowns for name, value in each.user_properties if name == JUDGED]
    by_newer: Counter[str] = Counter()
    for _, each in found:
        by_newer.update(each)
    total, others = sum(judged for judged, _ in found), by_newer.total()
    if not total:
        return
    yield f"{total} judged, {total - others} of them by the file of their own API version, {others} by another"
    for what, count in by_newer.most_common():
        yield f"{count} of {what}"
