"""The runbook: every command in its console blocks is run, in order, and prints the lines that are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import served
from tests.pages import ROOT, Reader, settle, steps

pytestmark = pytest.mark.usefixtures("unmeasured")

RUNBOOK = ROOT / "docs" / "runbook.md"

VAULT_LOST = "\n## The vault is lost\n"
"""The part that `test_runbook_vault.py` types, page by page, where that has happened."""


def test_every_command_prints_what_the_runbook_shows(tmp_path: Path) -> None:
    settle(tmp_path)
    with served(tmp_path):  # faster: no command starts an embedded Azure of its own
        Reader(tmp_path).follow(RUNBOOK.read_text(encoding="utf-8").partition(VAULT_LOST)[0])


def test_the_commands_are_found() -> None:
    commands = [step.command for step in steps(RUNBOOK.read_text(encoding="utf-8"))]
    assert len(commands) > 15
    replacing = "dpsops rotate --replace root-g1 --until draining"
    for wanted in (replacing, "dpsops rotate --compromised --replace root-g2", "dpsops rotate undo"):
        assert wanted in commands


def test_nothing_that_is_pasted_answers_a_question_by_itself() -> None:
    """Whoever pastes a breach is asked first, and names the root."""
    commands = [step.command for step in steps(RUNBOOK.read_text(encoding="utf-8"))]
    assert [command for command in commands if "--yes" in command] == []
    assert [command for command in commands if "--compromised" in command and "--replace root-g" not in command] == []
