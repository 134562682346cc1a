"""Ends the session with how many of the real compiler's templates ours makes, and what it refuses."""

from __future__ import annotations

import pytest

from tests.bicep import real


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Counts, and names what is refused."""
    passed = [each for each in terminalreporter.getreports("passed") if isinstance(each, pytest.TestReport)]
    found = [value for each in passed for name, value in each.user_properties if name == real.PROPERTY]
    if not found:
        return
    refused = sorted(str(each) for each in found if each != real.MADE)
    terminalreporter.section("Bicep: the real compiler's templates")
    terminalreporter.write_line(f"{len(found) - len(refused)} made to the letter, {len(refused)} refused")
    for line in refused:
        terminalreporter.write_line(f"  {line}")
