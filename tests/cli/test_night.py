"""What somebody sees who waits: each thing that is done, how long it has taken, and never ten seconds of nothing."""

from __future__ import annotations

import io
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from dpsops.azure import waits
from dpsops.azure.exchange import Connections
from dpsops.azure.transport import Transport
from dpsops.cli.gathering import Finished
from dpsops.cli.main import main
from dpsops.cli.options import Options, Output, progress
from dpsops.cli.told import Told
from dpsops.model.action import Action
from tests.cli.terminal import LOCAL, Terminal

VAULT, HUB, DPS = (
    f"Microsoft.{each}: created"
    for each in (
        "KeyVault/vaults/kv-dpsops-local",
        "Devices/IotHubs/iot-dpsops-local",
        "Devices/provisioningServices/dps-dpsops-local",
    )
)


@pytest.fixture
def slow(terminal: Terminal, tmp_path: Path) -> Terminal:
    """A terminal to an embedded Azure in which a resource takes a moment."""
    (tmp_path / "infra" / "local.toml").write_text(f"{LOCAL}[embedded]\noperation_seconds = 0.3\n")
    return terminal


def test_each_resource_is_shown_as_soon_as_it_is_done(slow: Terminal) -> None:
    code, out, err = slow("up")
    assert code == 0
    shown = [found[1] for line in err.splitlines() if (found := re.fullmatch(r"dpsops: (✓ .*) \(0:00:\d\d\)", line))]
    assert sorted(shown) == sorted(out.splitlines())  # each once
    deploying, *rest = err.partition("dpsops: deploying what is missing")[2].splitlines()
    assert "minutes" in deploying
    role = next(place for place, line in enumerate(rest) if "assigned" in line)
    assert {each for line in rest[:role] for each in (VAULT, HUB, DPS) if each in line} == {VAULT, HUB, DPS}
    assert err.index(VAULT) < err.index(DPS) < err.index("Key Vault Certificates Officer")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("up", f"✓ {VAULT}"),
        ("rotate --replace root-g1", "✓ root root-g2: checked and sealed"),
        ("device block press-07", "✓ enrollment press-07: "),
        ("down", "✓ Microsoft.KeyVault/vaults/kv-dpsops-local: removed"),
    ],
)
def test_on_a_terminal_what_was_done_is_shown_once(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, words: str, line: str
) -> None:
    if words != "up":
        terminal.stand()
        terminal("device", "issue", "press-07")
    monkeypatch.setenv("TERM", "dumb")
    for each in (sys.stdout, sys.stderr):
        monkeypatch.setattr(each, "isatty", lambda: True)
    code, out, err = terminal(*words.split())
    assert code == 0
    assert (line in out, line in err) == (False, True)
    assert all(f"dpsops: {each} (0:00:" not in err for each in out.splitlines())
    assert not out.startswith("\n")


def test_an_interrupt_lists_what_there_is_by_then(slow: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    shows, sent, ended = Finished.__call__, threading.Event(), threading.Event()

    def interrupts(self: Finished, action: Action) -> None:
        shows(self, action)
        if action.target.startswith("Microsoft.KeyVault") and not sent.is_set():
            sent.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            ended.wait(30)

    monkeypatch.setattr(Finished, "__call__", interrupts)
    code, out, err = slow("up")
    ended.set()
    assert (code, out) == (130, "")
    listed = [line for line in err.splitlines() if line.startswith("✓ ")]
    assert listed[:2] == ["✓ resource group rg-dpsops-local: created", f"✓ {VAULT}"]
    assert listed[-1] == "✓ deployment dpsops-local: goes on in Azure by itself"
    assert DPS not in err
    assert err.splitlines()[-1] == "dpsops: interrupted; completed steps stay done, run the command again to continue"


def test_an_interrupt_while_a_finished_deployment_is_shown_lists_all_of_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    shows, sent = Finished.__call__, list[str]()

    def interrupts(self: Finished, action: Action) -> None:
        shows(self, action)
        if action.target.startswith("Microsoft.KeyVault") and not sent:
            sent.append(action.target)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Finished, "__call__", interrupts)
    code, out, err = terminal("up")
    assert (code, out) == (130, "")
    listed = [line for line in err.splitlines() if line.startswith("✓ ")]
    assert listed[0] == "✓ resource group rg-dpsops-local: created"
    assert {each for line in listed for each in (VAULT, HUB, DPS) if each in line} == {VAULT, HUB, DPS}
    assert any("Key Vault Certificates Officer" in line for line in listed)
    assert len(listed) == len(set(listed))
    assert terminal("up")[0] == 0


def test_a_rotation_shows_its_steps_and_no_device(terminal: Terminal) -> None:
    terminal("up")
    terminal("device", "issue", "press-07")
    _, _, err = terminal("rotate", "--replace", "root-g1", "--until", "draining")
    assert re.search(r"dpsops: ✓ root root-g2: checked and sealed \(0:00:\d\d\)\n", err)
    assert "dpsops: ✓ leaf of press-07" not in err
    _, _, err = terminal("device", "block", "press-07")
    assert re.search(r"dpsops: ✓ .*press-07.* \(0:00:\d\d\)\n", err)


class Night:
    """A clock that a request moves on, and what was shown when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.look: Callable[[], None] = lambda: None
        self.shown = [0.0]

    def pass_by(self, seconds: float) -> None:
        """Lets time go by, second after second, as the thread that looks does."""
        for _ in range(int(seconds)):
            self.now += 1
            self.look()

    def longest_silence(self) -> float:
        """The longest time in which nothing was shown."""
        times = [*self.shown, self.now]
        return max(after - before for before, after in pairwise(times))


class Screen(io.StringIO):
    """Standard error, with the time of each line."""

    def __init__(self, night: Night) -> None:
        super().__init__()
        self._night = night

    def write(self, text: str) -> int:
        """Notes when it was."""
        self._night.shown.append(self._night.now)
        return super().write(text)


@pytest.fixture
def night(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    """Every answer takes 25 seconds, and every pause as long as it is."""
    terminal("up")
    night = Night()
    waiting_ = waits.Waiting

    @contextmanager
    def unwatched() -> Iterator[None]:
        yield

    def waiting(**options: Any) -> waits.Waiting:
        made = waiting_(now=lambda: night.now, **options)
        night.look = made.look
        return made

    answers, asks = HTTPAdapter.send, Connections.__call__

    def late(self: HTTPAdapter, *arguments: Any, **options: Any) -> Any:
        night.pass_by(25)
        return answers(self, *arguments, **options)

    async def late_too(self: Connections, *arguments: Any) -> Any:
        night.pass_by(25)
        return await asks(self, *arguments)

    async def pause(seconds: float) -> None:
        night.pass_by(seconds)

    monkeypatch.setattr(waits.Waiting, "watched", lambda _: unwatched())
    monkeypatch.setattr("dpsops.azure.waits.Waiting", waiting)
    monkeypatch.setattr("dpsops.cli.connection.progress", partial(progress, now=lambda: night.now))
    monkeypatch.setattr(HTTPAdapter, "send", late)
    monkeypatch.setattr(Connections, "__call__", late_too)
    monkeypatch.setattr(Transport, "sleep", lambda self, seconds: night.pass_by(self.waiting.pause(seconds)))
    monkeypatch.setattr("dpsops.azure.clients.pause", pause)
    yield night
    night.look = lambda: None


@pytest.mark.parametrize(
    "line",
    [
        *("plan", "status", "up", "device issue press-07 press-08", "device list", "root show", "root prove"),
        *("rotate --replace root-g1 --until draining", "rotate status", "device block press-09"),
        "--rehearse up",
    ],
)
def test_nothing_is_silent_for_more_than_ten_seconds(night: Night, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(sys, "stderr", Screen(night))
    main(line.split())
    assert night.now > 60
    assert night.longest_silence() <= 10


def test_nothing_is_said_while_somebody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    with progress(Options("local", Output.text, False, Told()), now=lambda: clock[0]) as shown:
        for text in ("reading the roots", ""):
            shown.say(text)
            clock[0] += 30
            shown.still()
            shown.still()
        shown.say("creating the vault")
        clock[0] += 9
        shown.still()
        shown.keep("✓ vault: created")
        clock[0] += 9
        shown.still()
    assert capsys.readouterr().err.splitlines() == [
        "dpsops: reading the roots",
        "dpsops: reading the roots (30 seconds)",
        "dpsops: creating the vault",
        "dpsops: ✓ vault: created",
    ]
