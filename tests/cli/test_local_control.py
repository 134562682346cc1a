"""The embedded Azure in the hands of a test: snapshots, the clock and faults, while it is served and at rest."""

from __future__ import annotations

import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from dpsops.cli.embedded import announced
from dpsops.cli.local_control import read_duration
from dpsops.emulator.server import EmbeddedAzure
from dpsops.errors import InvalidInput
from tests.cli.terminal import Terminal, assert_error, error_document, served

MANAGEMENT = "https://management.azure.com/subscriptions?api-version=2022-12-01"
_ENDPOINT = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
SIGN_IN = f"https://login.microsoftonline.com/common/discovery/instance?authorization_endpoint={_ENDPOINT}"


@contextmanager
def client(terminal: Terminal) -> Iterator[requests.Session]:
    """A client of the embedded Azure that is served."""
    found = terminal.json("local", "env")
    with requests.Session() as session:
        session.trust_env = False
        session.proxies, session.verify = {"https": found["HTTPS_PROXY"]}, found["SSL_CERT_FILE"]
        yield session


def devices(terminal: Terminal) -> int:
    """How many devices there are."""
    return len(terminal.json("device", "list")["devices"])


@pytest.mark.parametrize("is_served", [True, False])
def test_everything_is_what_it_was(terminal: Terminal, tmp_path: Path, is_served: bool) -> None:
    assert terminal("up")[0] == 0

    def work() -> None:
        assert terminal.json("local", "snapshot", "clean") == {
            "schema_version": 1, "environment": "local", "changed": True, "snapshot": "clean",
        }  # fmt: skip
        assert terminal("device", "issue", "press-07")[0] == 0
        assert devices(terminal) == 1
        assert terminal("local", "clock", "advance", "400d")[0] == 0
        assert terminal("local", "restore", "clean") == (0, "", "")
        assert devices(terminal) == 0
        assert terminal.json("local", "clock")["ahead_seconds"] == 0
        assert terminal("up")[1] == "Nothing changed: nothing is missing.\n"

    if is_served:
        with served(tmp_path):
            work()
            assert_error(terminal("local", "reset"), 1, "is being served")
    else:
        work()
    assert terminal("local", "restore", "clean")[0] == 0  # one that was taken of a server too
    assert terminal.json("local", "reset")["changed"] is True
    assert not (tmp_path / ".dpsops").exists()


@pytest.mark.parametrize("is_served", [True, False])
def test_a_message_waits_for_a_device(terminal: Terminal, tmp_path: Path, is_served: bool) -> None:
    assert terminal("up")[0] == 0
    assert terminal("device", "issue", "press-07")[0] == 0
    assert terminal("device", "register", "press-07", "--transport", "https")[0] == 0

    def work() -> None:
        sent = terminal.json("local", "send", "press-07", "réboot", "--property", "kind=a=b")
        assert (sent["changed"], sent["device"]) == (True, "press-07")
        assert terminal("local", "send", "press-07", "again", "--hub", sent["hub"]) == (0, "", "")
        (first, second) = terminal.json("local", "show")["messages"]
        assert {first["body"], second["body"]} == {"réboot", "again"}

    if is_served:
        with served(tmp_path):
            work()
    else:
        work()


@pytest.mark.parametrize(
    ("given", "code", "words", "hint"),
    [
        (("press-08", "hi"), 1, "no hub has a device press-08", "dpsops local show"),
        (("press-07", "hi", "--hub", "other"), 1, "there is no hub other", "dpsops local show"),
        (("press-07", "hi", "--property", "kind"), 2, "not NAME=VALUE", "kind=settings"),
        (("press-07", "hi", "--property", "a=1", "--property", "a=2"), 2, "given twice", "kind=settings"),
    ],
)
def test_a_message_that_cannot_be_sent(terminal: Terminal, given: tuple[str, ...], code: int, words: str, hint: str) -> None:
    assert terminal("up")[0] == 0
    assert_error(terminal("local", "send", *given), code, words, hint)


def test_the_time_of_a_server_goes_on_when_it_is_served_again(terminal: Terminal, tmp_path: Path) -> None:
    with served(tmp_path):
        code, out, _ = terminal("local", "clock")
        assert (code, len(out)) == (0, len("2026-11-28T17:43:39Z\n"))
        assert terminal("local", "clock", "advance", "1d1h1m1s")[1].endswith(" (1 day, 1:01:01 ahead)\n")
        assert terminal.json("local", "clock", "set", "2031-01-01T01:00:00+01:00")["now"] == "2031-01-01T00:00:00Z"
        with client(terminal) as session:
            assert " Jan 2031 " in session.get(SIGN_IN, timeout=10).headers["Date"]
    with served(tmp_path), client(terminal) as session:
        assert " Jan 2031 " in session.get(SIGN_IN, timeout=10).headers["Date"]
        assert terminal.json("local", "clock")["now"].startswith("2031-01-01T00:")
    assert terminal.json("local", "clock")["ahead_seconds"] > 86_400


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (("set", "2020-01-01T00:00:00Z"), "only goes forward"),
        (("advance", "999999d"), "beyond the year 3000"),
        (("set", "9999-12-31T23:59:59Z"), "beyond the year 3000"),
    ],
)
def test_the_clock_goes_forward_and_not_too_far(terminal: Terminal, moved: tuple[str, str], words: str) -> None:
    assert terminal("status")[0] == 0
    assert_error(terminal("local", "clock", *moved), 1, words, "restore a snapshot")
    assert terminal.json("local", "clock")["ahead_seconds"] == 0


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "1d 2h", "1h1d", "1w", "٣s", "1" * 30 + "s"])
def test_a_duration_that_is_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no duration"):
        read_duration(text)
    assert (read_duration("1h30m"), read_duration("400d"), read_duration("0s")) == (5400, 34_560_000, 0)


@pytest.mark.parametrize("text", ["2031-01-01", "2031-01-01T00:00:00", "tomorrow", "1", ""])
def test_a_time_that_is_none(terminal: Terminal, text: str) -> None:
    assert_error(terminal("local", "clock", "set", text), 2, "is no time with its zone", "2031-01-01T00:00:00Z")


def test_requests_fail_as_they_are_told_to(terminal: Terminal, tmp_path: Path) -> None:
    with served(tmp_path), client(terminal) as session:

        def status(url: str = MANAGEMENT) -> int:
            return session.get(url, timeout=10).status_code

        assert terminal("local", "fault", "list")[1] == "no faults\n"
        assert terminal("local", "fault", "add", "throttle", "--service", "management", "--times", "2", "--seconds", "7")[0] == 0
        assert status(SIGN_IN) == 200
        throttled = session.get(MANAGEMENT, timeout=10)
        assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
        assert terminal.json("local", "fault", "list")["faults"] == [
            {"kind": "throttle", "service": "management", "times": 2, "rate": 1.0, "seconds": 7, "hits": 1}
        ]
        assert terminal("local", "fault", "list")[1] == "throttle  management    1 of 2\n"
        assert [status(), status()] == [429, 401]
        assert terminal("local", "fault", "list")[1] == "no faults\n"
        assert terminal("local", "fault", "add", "refuse")[0] == 0
        assert [status(), status()] == [503, 401]
        for kind in ("drop", "lose"):
            assert terminal("local", "fault", "add", kind, "--service", "sign-in")[0] == 0
            assert status() == 401
            with pytest.raises(requests.ConnectionError):
                status(SIGN_IN)
        found = terminal.json("local", "fault", "add", "refuse", "--rate", "0.5")
        assert (found["faults"][0]["times"], found["faults"][0]["service"]) == (None, None)
        assert 60 < [status() for _ in range(200)].count(503) < 140
        assert terminal("local", "fault", "list")[1].startswith("refuse    all services  rate 0.5, ")
        assert terminal.json("local", "fault", "clear")["changed"] is True
        assert terminal("local", "fault", "clear")[:2] == (0, "nothing to lift\n")
        assert status() == 401


def test_an_answer_is_late_and_no_other_is(terminal: Terminal, tmp_path: Path) -> None:
    with served(tmp_path), client(terminal) as session:
        assert terminal("local", "fault", "add", "delay", "--service", "management", "--seconds", "3600")[0] == 0
        with pytest.raises(requests.ReadTimeout):
            session.get(MANAGEMENT, timeout=0.5)
        assert session.get(SIGN_IN, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("throttle", "--times", "1", "--rate", "0.5"), "pass one of them"),
        (("drop", "--seconds", "3"), "leave it out"),
        (("throttle", "--rate", "nan"), "--rate"),
        (("delay", "--seconds", "nan"), "--seconds"),
        (("explode",), "throttle"),
        (("drop", "--service", "storage"), "vault"),
        (("drop", "--times", "0"), "--times"),
        (("drop", "--rate", "1.1"), "--rate"),
    ],
)
def test_a_fault_that_is_none(terminal: Terminal, words: tuple[str, ...], hint: str) -> None:
    assert_error(terminal("local", "fault", "add", *words), 2, hint)


def test_nothing_is_made_where_nothing_is(terminal: Terminal, tmp_path: Path) -> None:
    for line in (["snapshot", "clean"], ["restore", "clean"], ["clock"], ["clock", "advance", "1s"]):
        assert_error(terminal("local", *line), 1, "there is no embedded Azure in this directory", "dpsops up")
    for line in (["list"], ["clear"], ["add", "drop"]):
        assert_error(terminal("local", "fault", *line), 1, "no embedded Azure is served", "dpsops local serve --detach")
    assert not (tmp_path / ".dpsops").exists()


@pytest.mark.parametrize("is_served", [True, False])
def test_a_snapshot_that_cannot_be_restored(terminal: Terminal, tmp_path: Path, is_served: bool) -> None:
    assert terminal("status")[0] == 0

    def work() -> None:
        assert_error(terminal("local", "restore", "clean"), 1, "no snapshot 'clean'", "take it: dpsops local snapshot clean")
        assert_error(terminal("local", "snapshot", "../clean"), 2, "cannot be named '../clean'", "another name")
        assert_error(terminal("local", "restore", "../azure"), 2, "cannot be named", "another name")
        assert terminal("local", "snapshot", "clean")[0] == 0
        assert terminal("local", "snapshot", "before")[0] == 0
        assert_error(terminal("local", "restore", "after"), 1, "no snapshot 'after'", "there are: before, clean")
        (tmp_path / ".dpsops" / "snapshots" / "clean.sqlite").write_bytes(b"nonsense" * 1000)
        assert_error(terminal("local", "restore", "clean"), 1, "cannot be read", "dpsops local snapshot clean")
        assert terminal("status")[0] == 0

    if is_served:
        with served(tmp_path):
            work()
    else:
        work()


def ask(directory: Path, line: bytes) -> Any:
    """What the server answers to a line."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(directory / ".dpsops" / "control.sock"))
        connection.sendall(line)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    return json.loads(answer) if answer else None


def test_only_its_owner_can_ask_and_only_what_there_is(terminal: Terminal, tmp_path: Path) -> None:
    with served(tmp_path):
        control = tmp_path / ".dpsops" / "control.sock"
        assert (stat.S_ISSOCK(control.stat().st_mode), stat.S_IMODE(control.stat().st_mode)) == (True, 0o600)
        assert stat.S_IMODE(control.parent.stat().st_mode) == 0o700
        for line in (b"no JSON", b"[]", b"{}", b'{"do": "explode"}', b'{"do": "advance", "seconds": "1"}', b'{"do": "snapshot"}',
                     b'{"do": "fault", "kind": "x", "service": "", "times": 1, "rate": 1, "seconds": 1}', b"\xff"):  # fmt: skip
            assert ask(tmp_path, line + b"\n")["reason"] == "version", line
        assert ask(tmp_path, b'{"do": "advance", "seconds": NaN}\n')["reason"] == "time"
        assert ask(tmp_path, b"x" * 100_000) is None
        assert ask(tmp_path, b'{"do": "faults"}\n') == {"done": []}
        port = int(terminal.json("local", "env")["HTTPS_PROXY"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as proxy:  # never over TCP
            proxy.sendall(b'{"do": "faults"}\n\r\n\r\n')
            assert b"done" not in proxy.recv(4096)


def test_a_silent_question_does_not_keep_a_server_from_stopping(terminal: Terminal, tmp_path: Path) -> None:
    with served(tmp_path) as server, socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(tmp_path / ".dpsops" / "control.sock"))
        began = time.monotonic()
        assert terminal("local", "stop")[0] == 0
        server.wait(10)
        assert time.monotonic() - began < 9


def test_where_no_socket_can_be_it_serves_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".dpsops" / "control.sock").mkdir(parents=True)
    with EmbeddedAzure(tmp_path / ".dpsops") as azure, announced(azure, tmp_path / ".dpsops"):
        assert "warning: no local snapshot, restore, clock and fault while it is served: " in capsys.readouterr().err
        azure.snapshot("clean")
        azure.restore("clean")


def test_a_socket_goes_with_its_server(tmp_path: Path) -> None:
    place = tmp_path / ".dpsops"
    for _ in range(2):
        with EmbeddedAzure(place) as azure, announced(azure, place):
            assert (place / "control.sock").is_socket()
        assert not (place / "control.sock").exists()
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(place / "control.sock"))  # what a killed server leaves


def test_a_server_that_does_not_answer_is_said_to_take_no_commands(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("status")[0] == 0
    with served(tmp_path):
        (tmp_path / ".dpsops" / "control.sock").unlink()
        found = error_document(terminal, "--output", "json", "local", "clock", code=1)["error"]
        assert found["hint"] == "stop it: dpsops local stop"
        assert "takes no commands" in found["message"]
        assert terminal("status")[0] == 0


def test_two_snapshots_at_once_are_both_whole(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("up")[0] == 0
    with served(tmp_path):
        answers: list[Any] = []
        line = b'{"do": "snapshot", "name": "clean"}\n'
        threads = [threading.Thread(target=lambda: answers.append(ask(tmp_path, line))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [{"done": None}] * 4
        assert terminal("local", "restore", "clean")[0] == 0
    assert terminal("up")[1] == "Nothing changed: nothing is missing.\n"
