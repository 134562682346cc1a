"""The terminal as a fixture, and the signals that end a command."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.azure.transport import Transport
from tests.cli.runner import Job
from tests.cli.terminal import LOCAL, Terminal
from tests.documents import SEEN


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Enables SIGINT and SIGHUP, which a background job of a script, or a job under nohup, ignores. The commands that the tests
    start and interrupt would ignore them too."""
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupt or signal.SIG_DFL)
    signal.signal(signal.SIGHUP, hang_up or signal.SIG_DFL)


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> Iterator[Terminal]:
    """A terminal in an empty directory with quick settings for `local`."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):  # the machine's own sign-in and proxies must not matter
        if name == "DPSOPS_ENV" or name.startswith("AZURE_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(Transport, "sleep", lambda *_: None)  # no wait is needed: the embedded Azure has finished at once
    monkeypatch.setattr("dpsops.azure.clients.pause", lambda _: asyncio.sleep(0))
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "local.toml").write_text(LOCAL)
    found = Terminal(capsys)
    yield found
    request.node.user_properties.append((SEEN, sorted(found.seen)))


@pytest.fixture
def job(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A step of a job on GitHub Actions."""
    return Job(tmp_path_factory.mktemp("runner"), monkeypatch)
