"""What is printed after a failure that nobody expected: where it was, and nothing of what it says, which may be a token."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from requests.exceptions import InvalidHeader

from dpsops.azure.exchange import Connections
from dpsops.azure.transport import Transport
from dpsops.cli import ending
from dpsops.cli.main import run
from tests.cli.terminal import Terminal
from tests.cli.test_actions_commands import STORY
from tests.cli.test_secrets import loud
from tests.github import REPOSITORY
from tests.github import served as github_served
from tests.workflows.another_ca import certified

__all__ = ["loud"]

pytestmark = pytest.mark.usefixtures("unmeasured")

TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyzABCD"
PLACES = (2, 4, 8, 13)
"""The number of the request that fails in one of the runs of a command, and all after it; in the others it is the first one, and
the first one of those that do not sign in."""


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the entry point changes in its process is undone."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def printed(words: list[str], capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> str:
    """What a process prints that runs a command."""
    patch.setattr(sys, "argv", ["dpsops", *words])
    capture.readouterr()
    try:
        run()
    except SystemExit:
        pass
    except Exception:
        sys.excepthook(*sys.exc_info())  # as the interpreter does
    return "".join(capture.readouterr())


KINDS = (RuntimeError, TypeError, OSError, InvalidHeader, ValueError, KeyError)


def breaking(patch: pytest.MonkeyPatch, number: int, kind: type[Exception]) -> None:
    """The request of this number, and all after it, fail with a message that is a token. The first one is a sign-in; of the
    others none fails, because azure-identity writes what fails there into an error of its own."""
    requests = count(1 if number else 0)
    send, ask = Transport.send, Connections.__call__

    def sent(self: Transport, request: Any, **options: Any) -> Any:
        if number and "://login." in request.url:
            return send(self, request, **options)
        if next(requests) >= number:
            raise kind(f"cannot send {TOKEN}")
        return send(self, request, **options)

    async def asked(self: Connections, *arguments: Any) -> Any:
        if next(requests) >= number:
            raise kind(f"cannot ask {TOKEN}")
        return await ask(self, *arguments)

    patch.setattr(Transport, "send", sent)
    patch.setattr(Connections, "__call__", asked)


@pytest.mark.usefixtures("process", "loud")
def test_no_command_shows_the_message_of_a_defect(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    shown: list[str] = []
    with github_served("local") as github:
        monkeypatch.setenv("GITHUB_API_URL", github.address)
        for turn, line in enumerate((*STORY, f"pipeline setup --repo {REPOSITORY}")):
            if line.startswith("root merge"):
                made, issuer = certified(x509.load_pem_x509_csr((tmp_path / "root.csr").read_bytes()), datetime.now(UTC))
                (tmp_path / "root.pem").write_bytes(made.public_bytes(Encoding.PEM))
                (tmp_path / "company.pem").write_bytes(issuer.public_bytes(Encoding.PEM))
            words = ["--verbose", *line.split()]
            for number, kind in (
                (0, KINDS[turn % len(KINDS)]),
                (1, RuntimeError),
                (PLACES[turn % len(PLACES)], KINDS[turn % len(KINDS)]),
            ):
                with monkeypatch.context() as patch:
                    breaking(patch, number, kind)
                    shown.append(printed(words, capsys, patch))
            assert terminal(*words)[0] == 0, line
    logged = (record.getMessage() for record in caplog.records if record.name.startswith("dpsops"))
    leaks = sorted({line for each in (*shown, *logged) for line in each.splitlines() if TOKEN in line})
    assert not leaks, "\n".join(leaks)
    assert sum("builtins.RuntimeError (its message is not shown" in each for each in shown) >= len(STORY)


def test_a_trace_has_every_exception_and_the_place_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    def inner() -> None:
        raise KeyError(TOKEN)

    try:
        try:
            inner()
        except KeyError as cause:
            raise ExceptionGroup(TOKEN, [ValueError(TOKEN)]) from cause
    except ExceptionGroup as group:
        ending.show_trace(type(group), group, group.__traceback__)
    err = capsys.readouterr().err
    kinds = [line.partition(" ")[0] for line in err.splitlines() if line.endswith("it may hold a secret)")]
    assert kinds == ["builtins.KeyError", "builtins.ValueError", "builtins.ExceptionGroup"]
    assert "in inner" in err
    assert f"raise KeyError({TOKEN!r})" not in err
    assert TOKEN not in err
