"""The runbook: every command in its console blocks is run, in order, and prints the lines that are shown."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import served

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).parents[1]
RUNBOOK = ROOT / "docs" / "runbook.md"

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VAULT_LOST = "\n## The vault is lost\n"
"""The part that `test_runbook_vault.py` types, page by page, where that has happened."""

_COMMAND = re.compile(r"^\$ (?P<command>.*)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)


def steps(text: str) -> list[tuple[str, list[str]]]:
    """Each command in the console blocks of a text, with the lines that are shown after it."""
    blocks = "".join(block[1] for block in _BLOCK.finditer(text))
    return [(step["command"], step["shown"].splitlines()) for step in _COMMAND.finditer(blocks)]


def pattern(shown: str) -> re.Pattern[str]:
    """A shown line as a pattern: an ellipsis matches anything."""
    return re.compile(".*".join(re.escape(part) for part in shown.split("…")) + r"\s*")


def at_a_terminal(command: str, directory: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a command for somebody who answers a question with the name of the environment."""
    ours, theirs = pty.openpty()
    os.write(ours, b"local\n")
    try:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=directory, env=variables, stdin=theirs, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)


def settle(directory: Path) -> None:
    """Puts the settings of the embedded Azure into a directory."""
    (directory / "infra").mkdir()
    settings = (ROOT / "infra" / "local.toml").read_text(encoding="utf-8")
    (directory / "infra" / "local.toml").write_text(settings.replace("RSA-3072", "EC-P256"), encoding="utf-8")  # it is faster


def follow(text: str, directory: Path, *binaries: Path) -> None:
    """Types each command of a text, and asserts that it prints what is shown. `binaries`: where else programs are."""
    path = os.pathsep.join(map(str, (*binaries, Path(sys.executable).parent, os.environ["PATH"])))
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DPSOPS")} | {"PATH": path}
    for command, shown in steps(text):
        done = at_a_terminal(command, directory, variables)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        printed = iter(done.stdout.splitlines())
        for line in shown:  # each is printed, in this order; other lines may be between them
            assert any(pattern(line).fullmatch(each) for each in printed), f"{command}\ndid not print: {line}\n{done.stdout}"


def test_every_command_prints_what_the_runbook_shows(tmp_path: Path) -> None:
    settle(tmp_path)
    with served(tmp_path):  # faster: no command starts an embedded Azure of its own
        follow(RUNBOOK.read_text(encoding="utf-8").partition(VAULT_LOST)[0], tmp_path)


def test_the_commands_are_found() -> None:
    commands = [command for command, _ in steps(RUNBOOK.read_text(encoding="utf-8"))]
    assert len(commands) > 15
    replacing = "dpsops rotate --replace root-g1 --until draining"
    for wanted in (replacing, "dpsops rotate --compromised --replace root-g2", "dpsops rotate undo"):
        assert wanted in commands


def test_nothing_that_is_pasted_answers_a_question_by_itself() -> None:
    """Whoever pastes a breach is asked first, and names the root."""
    commands = [command for command, _ in steps(RUNBOOK.read_text(encoding="utf-8"))]
    assert [command for command in commands if "--yes" in command] == []
    assert [command for command in commands if "--compromised" in command and "--replace root-g" not in command] == []


@pytest.mark.parametrize(("line", "printed"), [("a … c", "a bb c"), ("✓ x: until …", "✓ x: until 2027"), ("same", "same")])
def test_an_ellipsis_matches_anything(line: str, printed: str) -> None:
    assert pattern(line).fullmatch(printed)
    assert not pattern(line).fullmatch(f"{printed[:-1]}?" if "…" not in line[-1:] else printed[1:])
