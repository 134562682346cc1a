"""The reports that the tests of Bicep end with: of the compiler's templates, and of the evaluator's values."""

from __future__ import annotations

import pytest

from tests.bicep import real
from tests.bicep.evaluations import gather, lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends the session with the counts, and names what is refused."""
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    reports = [each for each in ended if isinstance(each, pytest.TestReport)]
    if templates := [value for each in reports for name, value in each.user_properties if name == real.PROPERTY]:
        refused = sorted(str(each) for each in templates if each != real.MADE)
        terminalreporter.section("Bicep: the real compiler's templates")
        terminalreporter.write_line(f"{len(templates) - len(refused)} made to the letter, {len(refused)} refused")
        for line in refused:
            terminalreporter.write_line(f"  {line}")
    if found := gather(reports):
        terminalreporter.section("the embedded Azure against Bicep's evaluator")
        for line in lines(found):
            terminalreporter.write_line(line)
