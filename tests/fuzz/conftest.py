"""The terminal of the tests of the command line, for the fuzz too; and reports of failures that another process can read."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.cli.conftest import terminal

__all__ = ["terminal"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a command has printed and logged may have characters that UTF-8 has not, and they would end the whole run."""
    report = yield
    report.sections = [(name, _sent(text)) for name, text in report.sections]
    if report.failed:
        report.longrepr = _sent(report.longreprtext)
    return report


def _sent(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
