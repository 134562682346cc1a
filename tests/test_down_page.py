"""The page on removing an environment: every command in its console blocks is run, and prints the lines that are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import served
from tests.test_runbook import ROOT, follow, settle, steps

pytestmark = pytest.mark.usefixtures("unmeasured")

PAGE = ROOT / "docs" / "down.md"


def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [command for command, _ in steps(text)][-1] == "dpsops down"
    settle(tmp_path)
    with served(tmp_path):
        follow(text, tmp_path)
