"""What the conformance tests share, and the report that they end with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.conformance import openapi, recordings
from tests.conformance.openapi import Operation, Specification, Violation
from tests.conformance.recordings import Recording
from tests.conformance.replay import Outcome, Result
from tests.conformance.scope import Standing

NO_RECORDINGS = "there are no recordings: DPSOPS_RECORDINGS names no folder, and none is beside the repository"
NO_FILES = "there are no OpenAPI files: DPSOPS_AZURE_API names no folder, and none is beside the repository"


@pytest.fixture(scope="session")
def specification() -> Specification:
    """Azure's OpenAPI files; skips where they are absent."""
    if not openapi.FOLDER.is_dir():
        pytest.skip(NO_FILES)
    return Specification.load()


@pytest.fixture(scope="session")
def recorded() -> list[Recording]:
    """All recordings; skips where they are absent."""
    if not recordings.FOLDER.is_dir():
        pytest.skip(NO_RECORDINGS)
    return list(recordings.read_all())


@pytest.fixture(scope="session")
def departures(specification: Specification, recorded: list[Recording]) -> list[tuple[Operation, Violation]]:
    """Every way in which recorded traffic departs from Azure's OpenAPI files."""
    found = []
    for recording in recorded:
        for each in recording.exchanges:
            operation = specification.find(each.method, each.host, each.path, each.api_version)
            if operation is not None:
                sent = specification.check_request(operation, each.path, each.query, each.request.headers, each.request.body)
                answered = specification.check_response(operation, each.status, each.response.body)
                found += [(operation, violation) for violation in sent + answered]
    return found


@dataclass(slots=True)
class Report:
    """What became of the recordings, file by file."""

    files: dict[str, list[Result]] = field(default_factory=dict)

    def add(self, name: str, results: list[Result]) -> None:
        """Notes the results of one recording."""
        self.files[name] = results

    def lines(self) -> Iterator[str]:
        """A table, then why anything was refused."""
        width = max(map(len, self.files))
        yield f"{'recording':{width}} in scope  matched  refused  differed | older API  matched | out of scope"
        everything = [result for results in self.files.values() for result in results]
        for name, results in [*sorted(self.files.items()), ("all", everything)]:
            judged = Counter(each.outcome for each in results if each.standing is Standing.JUDGED)
            older = Counter(each.outcome for each in results if each.standing is Standing.OLDER)
            foreign = len(results) - judged.total() - older.total()
            yield (
                f"{name:{width}} {judged.total():8} {judged[Outcome.MATCHED]:8} {judged[Outcome.REFUSED]:8}"
                f" {judged[Outcome.DIFFERED]:9} | {older.total():9} {older[Outcome.MATCHED]:8} | {foreign:12}"
            )
        refused = Counter(reason for each in everything if each.outcome is Outcome.REFUSED for reason in each.reasons)
        for reason, count in refused.most_common():
            yield f"{count} refused: {reason}"


_REPORT = pytest.StashKey[Report]()


def pytest_configure(config: pytest.Config) -> None:
    """Where the results are gathered."""
    config.stash[_REPORT] = Report()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Where the results of replays are gathered."""
    return pytestconfig.stash[_REPORT]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Ends the session with the report."""
    if config.stash[_REPORT].files:
        terminalreporter.section("the embedded Azure against recorded traffic")
        for line in config.stash[_REPORT].lines():
            terminalreporter.write_line(line)
