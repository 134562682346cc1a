"""Runs the conformance suite against every mutant: `python -m tests.mutants.run [NAME ...]`.

First without a fault, which shows, too, in which tests each fault would change anything: a test in which it does not is
the same test with it and without. Then these tests alone, for each mutant, to the first that fails. Two processes at a time.

Exits with 1 where fewer than nine in ten are noticed, with 2 where the suite fails without a fault or cannot run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance import openapi, recordings
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutants import Mutant
from tests.mutants.plugin import DORMANT, OUTSIDE

_SUITE = ("tests/conformance", "--ignore-glob=*/test_*_judges.py", "--ignore-glob=*/test_exchanges.py")
"""Without the tests of the judges themselves, whose recordings are made up."""

_REPLAY = "tests/conformance/test_replay.py"
"""Half of the work."""

_SLOWEST = "tests/conformance/test_breakage.py"
"""Is asked last."""

_PROCESSES = 2
_PASSED, _FAILED = 0, 1
"""Exit codes of pytest."""


class Unable(Exception):
    """There is nothing to be learned from this run; the message says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: the test that noticed it, or how many it showed in and none did."""

    mutant: Mutant
    noticed_by: str = ""
    shown_in: int = 0

    @property
    def told(self) -> str:
        """In words."""
        if self.noticed_by:
            return self.noticed_by
        return f"SURVIVED in {self.shown_in} tests" if self.shown_in else "NEVER SHOWED"


def main(names: Sequence[str]) -> int:
    """Runs all mutants or those named, prints what became of them, and returns the exit code."""
    unknown = set(names) - {each.name for each in MUTANTS}
    if unknown:
        sys.exit(f"There is no mutant {', '.join(sorted(unknown))}.")
    chosen = [each for each in MUTANTS if not names or each.name in names]
    try:
        verdicts = _judge(chosen)
    except Unable as reason:
        print(f"make mutants: {reason}", file=sys.stderr)
        return 2
    noticed = sum(bool(each.noticed_by) for each in verdicts)
    print(f"noticed {noticed} of {len(verdicts)}")
    return 0 if noticed * 10 >= len(verdicts) * 9 else 1


def _judge(chosen: Sequence[Mutant]) -> list[Verdict]:
    if not recordings.FOLDERS or not openapi.FOLDER.is_dir():
        raise Unable("it needs the recordings (DPSOPS_RECORDINGS) and Azure's OpenAPI files (DPSOPS_AZURE_API)")
    with ThreadPoolExecutor(_PROCESSES) as pool:
        seen = _merged(pool.map(_shown, ([_REPLAY], [*_SUITE, f"--ignore={_REPLAY}"])))
    width = max(len(each.name) for each in chosen)
    verdicts = []
    with ThreadPoolExecutor(_PROCESSES) as pool:
        for verdict in pool.map(lambda each: _verdict(each, seen.get(each.name, [])), chosen):
            mutant = verdict.mutant
            print(f"{mutant.name:{width}}  {mutant.service.value:16}  {mutant.kind.value:15}  {verdict.told}", flush=True)
            verdicts.append(verdict)
    return verdicts


def _shown(tests: Sequence[str]) -> dict[str, list[str]]:
    """Runs tests without a fault: in which of them each would show."""
    code, found, output = _pytest(DORMANT, tests)
    if code != _PASSED:
        raise Unable(f"the conformance suite fails without a fault:\n{output}")
    seen: dict[str, list[str]] = found["seen"]
    return seen


def _merged(parts: Iterable[dict[str, list[str]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in parts:
        for name, tests in part.items():
            found.setdefault(name, []).extend(tests)
    return found


def _verdict(mutant: Mutant, tests: Sequence[str]) -> Verdict:
    if not tests:
        return Verdict(mutant)
    quickest = sorted(tests, key=lambda each: each.startswith(_SLOWEST))
    code, found, output = _pytest(mutant.name, _SUITE if OUTSIDE in tests else quickest)
    if code not in (_PASSED, _FAILED) or mutant.name not in found["seen"]:
        raise Unable(f"the run with {mutant.name} went wrong:\n{output}")
    return Verdict(mutant, found["failed"][0] if code == _FAILED else "", len(tests))


def _pytest(mutant: str, tests: Sequence[str]) -> tuple[int, Any, str]:
    """Exit code, report and output of one run, to the first failure."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["-x", "-q", "-p", "tests.mutants.plugin", "-p", "no:cacheprovider"]
        options += ["--mutant", mutant, "--mutants-report", str(report)]
        command = [sys.executable, "-m", "pytest", *options, *tests]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = json.loads(report.read_text()) if report.is_file() else {"seen": {}, "failed": []}
        return done.returncode, found, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
