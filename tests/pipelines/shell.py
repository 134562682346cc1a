"""A program: shellcheck over every `run:` of the workflows and actions, with the shell and the options that it has there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.pipelines.reading import ROOT, actions, read, shell_of, steps, workflows

SHELLS = {"": "set -e", "bash": "set -eo pipefail"}
"""What GitHub sets in each. Source: "Workflow syntax for GitHub Actions", `jobs.<job_id>.steps[*].shell`."""

GIVEN = ("GITHUB_ACTION_PATH", "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "RUNNER_TEMP")
"""The variables that GitHub sets and that the scripts use."""


def findings(path: Path) -> list[str]:
    """What shellcheck says of the scripts in a file, each with its place; and each script that holds an expression, because what
    it inserts is run."""
    document, said = read(path), []
    for place, step, job in steps(document):
        if "run" not in step:
            continue
        where = f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name}: {place}"
        if "${{" in step["run"]:
            said.append(f"{where}: an expression in a script; say it in env")
        variables = [*GIVEN, *(name for part in (document, job, step) for name in part.get("env", {}))]
        known = f"read -r {' '.join(variables)}; export {' '.join(variables)}"  # set, but nobody knows to what
        script = f"#!/usr/bin/env bash\n{known}; {SHELLS[shell_of(step, document)]}\n{step['run']}"
        checker = str(Path(sys.executable).parent / "shellcheck")
        done = subprocess.run(
            [checker, "--format", "gcc", "--enable", "all", "--exclude", "SC2250,SC2292", "-"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        said += [f"{where}: {re.sub('^-:', '', line)}" for line in done.stdout.splitlines()]
        assert done.returncode in (0, 1), done.stderr
    return said


if __name__ == "__main__":
    found = [each for path in (*workflows(), *actions()) for each in findings(path)]
    sys.stdout.write("".join(f"{each}\n" for each in found))
    sys.exit(bool(found))
