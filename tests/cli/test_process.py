"""dpsops as a process: signals, streams that are closed or full, and different terminals."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.terminal import LOCAL, SOURCE, Terminal, served


def test_an_interrupted_command_prints_a_message(terminal: Terminal, tmp_path: Path) -> None:
    terminal("plan")
    (tmp_path / "infra" / "local.toml").write_text(f"{LOCAL}\n[embedded]\noperation_seconds = 3600")
    command = [sys.executable, "-m", "dpsops", "--verbose", "up"]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | SOURCE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "operationStatuses" not in process.stderr.readline():  # after that it waits
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        *_, last = process.stderr.read().splitlines()
    assert last == "dpsops: interrupted; completed steps stay done, run the command again to continue"
    assert process.returncode == 130


def test_an_interrupt_in_an_exec_is_handled_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(
        "from dpsops.cli import main\ndef app(*_, **__): exec('raise KeyboardInterrupt')\n"
        "app.params = []\nmain.command_line = lambda: app\nmain.run()\n"
    )
    command = [sys.executable, "-m", "interrupted"]
    result = subprocess.run(command, cwd=tmp_path, env=os.environ | SOURCE, capture_output=True, text=True, check=False)
    assert result.stderr == "dpsops: interrupted; completed steps stay done, run the command again to continue\n"
    assert result.returncode == 130


def test_an_interrupt_during_the_imports_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    command = [sys.executable, "-m", "dpsops", "up"]
    path = os.environ | {"PYTHONPATH": f"{tmp_path}:{SOURCE['PYTHONPATH']}"}
    result = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (130, "dpsops: interrupted before anything was done\n")


ENDING = """
import os
from dpsops.azure import provisioning
from dpsops.cli.main import run
bounded = provisioning._bounded
def end(*given):
    bounded(*given)
    os.kill(os.getpid(), {number:d})
    raise AssertionError
provisioning._bounded = end
run()
"""
"""Registers, and gets a signal when the device SDK's threads have a connection."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_key_stays_in_a_file_after_a_signal(terminal: Terminal, tmp_path: Path, number: signal.Signals) -> None:
    terminal("up")
    terminal("device", "issue", "press-07")
    (places := tmp_path / "places").mkdir()
    (tmp_path / "ending.py").write_text(ENDING.format(number=number))
    command = [sys.executable, "-m", "ending", "device", "register", "press-07"]
    variables = os.environ | SOURCE | {"TMPDIR": str(places)}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert list(places.iterdir()) == []
    if number is signal.SIGKILL:
        assert done.returncode == -number
        return
    assert done.returncode == 128 + number
    *progress, last = done.stderr.splitlines()
    assert last == "dpsops: interrupted; completed steps stay done, run the command again to continue"
    assert all(line.startswith("dpsops: ") for line in progress)  # nothing of the SDK's threads


def test_a_signal_ends_the_process_whatever_its_blocks_wait_for(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(
        "import os, signal, threading\nfrom dpsops.cli import main\nmain._ENDING_SECONDS = 0.1\n"
        "def app(*_, **__):\n    try:\n        os.kill(os.getpid(), signal.SIGTERM)\n        raise AssertionError\n"
        "    finally:\n        threading.Event().wait()\napp.params = []\nmain.command_line = lambda: app\nmain.run()\n"
    )
    command = [sys.executable, "-m", "waiting"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | SOURCE, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, b"")


def test_the_spinner_is_hidden_during_the_question(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "infra" / "dev.toml").write_text(LOCAL.replace("-local", "-dev"))
    with served(tmp_path):
        found = {name: value for name, value in terminal.json("local", "env").items() if name.isupper()}
        variables = os.environ | SOURCE | found | {"TERM": "xterm-256color"}
        outside, inside = pty.openpty()
        command = [sys.executable, "-m", "dpsops", "--env", "dev", "up"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=variables, stdin=inside, stdout=subprocess.PIPE, stderr=inside
        ) as process:
            os.close(inside)
            shown = b""
            while b"Do this to 'dev' on the embedded Azure? [y/N]: " not in shown:
                shown += os.read(outside, 65536)
            os.write(outside, b"n\n")
            rest = read_until_closed(outside)
    assert b"+ create resource group rg-dpsops-dev" in shown
    assert b"\x1b[" in shown
    assert b"\x1b[" not in rest
    assert b"dpsops: error: declined: no further change was made" in rest
    assert process.returncode == 1


def read_until_closed(terminal: int) -> bytes:
    """Reads a terminal until it is closed; Linux reports that as EIO."""
    shown = b""
    with suppress(OSError):
        while some := os.read(terminal, 65536):
            shown += some
    os.close(terminal)
    return shown


def test_a_result_that_cannot_be_written_is_an_error(terminal: Terminal, tmp_path: Path) -> None:
    terminal("plan")
    command = [sys.executable, "-m", "dpsops", "--output", "json", "status"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | SOURCE, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "dpsops: error: No space left on device" in done.stderr


def test_what_was_done_is_shown_if_the_disk_of_the_result_is_full(terminal: Terminal, tmp_path: Path) -> None:
    terminal("up")
    for command, said in (
        (["device", "issue", "press-07"], "✓ press-07: valid until"),
        (["root", "csr", "--out", "/dev/full"], ""),
    ):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "dpsops", *command],
                cwd=tmp_path, env=os.environ | SOURCE, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 1
        assert said in done.stderr
        assert "dpsops: hint: check disk space and permissions, then run the command again: it continues" in done.stderr


@pytest.mark.parametrize(("closed", "code"), [("<&-", 2), ("2>&-", 2), (">&-", 0)])
def test_a_closed_stream_counts_as_empty(terminal: Terminal, tmp_path: Path, closed: str, code: int) -> None:
    (tmp_path / "infra" / "dev.toml").write_text(LOCAL.replace("-local", "-dev"))
    with served(tmp_path):
        found = {name: value for name, value in terminal.json("local", "env").items() if name.isupper()}
        command = f'"{sys.executable}" -m dpsops --env dev {"plan" if code == 0 else "up"} {closed}'
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=os.environ | SOURCE | found, capture_output=True, text=True, check=False
        )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_a_terminal_without_a_tick_gets_a_question_mark(terminal: Terminal, tmp_path: Path) -> None:
    terminal("up")
    command = [sys.executable, "-m", "dpsops", "device", "issue", "press-07"]
    ascii_only = os.environ | SOURCE | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=tmp_path, env=ascii_only, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("? press-07: valid until ")


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("kind", "wanted"), [("xterm-256color", b"\x1b["), ("dumb", b"dpsops: creating the enrollment group")])
def test_progress_on_a_terminal_is_a_spinner_and_never_in_the_result(tmp_path: Path, kind: str, wanted: bytes) -> None:
    outside, inside = pty.openpty()
    variables = os.environ | SOURCE | {"TERM": kind}
    command = [sys.executable, "-m", "dpsops", "up"]
    with subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, stderr=inside) as process:
        os.close(inside)
        shown = read_until_closed(outside)  # while it runs, because the buffer of a terminal is small
        out, _ = process.communicate()
    assert process.returncode == 0
    assert wanted in shown
    assert (b"\x1b[" in shown) == (kind != "dumb")
    assert b"\x1b[" not in out
    assert out.decode().splitlines()[-1] == "✓ enrollment group devices: created"


def test_a_refusal_over_mqtt_prints_only_two_lines(terminal: Terminal, tmp_path: Path) -> None:
    """The device SDK has threads that would print errors at the end if the client was not disconnected."""
    terminal("up")
    terminal("device", "issue", "press-07")
    terminal("device", "block", "press-07")
    command = [sys.executable, "-m", "dpsops", "device", "register", "press-07"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines[1:]] == ["error", "hint"]
