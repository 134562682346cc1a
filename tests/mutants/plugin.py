"""A plugin for pytest: runs the tests against a mutant, or finds out which tests any of the mutants would show in.

`--mutant NAME` puts in one fault, `--mutant dormant` none, but tells of each; into `--mutants-report FILE` goes
what became of the run: `{"seen": {mutant: [tests in which it showed]}, "failed": [tests]}`.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.faulty import faulty

DORMANT = "dormant"
OUTSIDE = "outside of any test"


class Watch:
    """Which test is running, in which tests each fault has shown, and which have failed."""

    def __init__(self, report: Path) -> None:
        self._report = report
        self._running = OUTSIDE
        self._seen: dict[str, dict[str, None]] = {}
        self._failed: dict[str, None] = {}

    def shows(self, mutant: str) -> None:
        """Notes that a mutant has shown in the test that is running."""
        self._seen.setdefault(mutant, {})[self._running] = None

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._running = nodeid

    def pytest_runtest_logfinish(self) -> None:
        """It has ended."""
        self._running = OUTSIDE

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of it has ended."""
        if report.failed:
            self._failed[report.nodeid] = None

    def pytest_sessionfinish(self) -> None:
        """All have."""
        found = {"seen": {name: list(tests) for name, tests in self._seen.items()}, "failed": list(self._failed)}
        self._report.write_text(json.dumps(found))


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    parser.addoption("--mutant", choices=[DORMANT, *(each.name for each in MUTANTS)])
    parser.addoption("--mutants-report", type=Path)


def pytest_configure(config: pytest.Config) -> None:
    """Puts the faults in, until the end."""
    name, report = config.getoption("--mutant"), config.getoption("--mutants-report")
    if name is None:
        return
    watch = Watch(report)
    config.pluginmanager.register(watch)
    faults = ExitStack()
    for mutant in MUTANTS:
        if name in (DORMANT, mutant.name):
            faults.enter_context(faulty(mutant, partial(watch.shows, mutant.name), dormant=name == DORMANT))
    config.add_cleanup(faults.close)
