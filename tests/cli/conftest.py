"""The terminal as a fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import LOCAL, Terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal in an empty directory with quick settings for `local`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DPSOPS_ENV", raising=False)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "local.toml").write_text(LOCAL)
    return Terminal(capsys)
