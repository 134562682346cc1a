"""What the conformance tests share, and the report that they end with."""

from __future__ import annotations

import pytest

from tests.conformance import openapi, recordings, report
from tests.conformance.messages import Recording
from tests.conformance.openapi import Operation, Specification, Violation


@pytest.fixture(scope="session")
def specification() -> Specification:
    """Azure's OpenAPI files; skips where they are absent."""
    if not openapi.FOLDER.is_dir():
        pytest.skip(openapi.ABSENT)
    return Specification.load()


@pytest.fixture(scope="session")
def recorded() -> list[Recording]:
    """All recordings; skips where they are absent."""
    if not recordings.FOLDERS:
        pytest.skip(recordings.ABSENT)
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends the session with what became of the recordings."""
    ended = [each for outcome in ("passed", "failed", "xfailed") for each in terminalreporter.getreports(outcome)]
    files = report.gather(each for each in ended if isinstance(each, pytest.TestReport))
    if files:
        terminalreporter.section("the embedded Azure against recorded traffic")
        for line in report.lines(files):
            terminalreporter.write_line(line)
