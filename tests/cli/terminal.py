"""A terminal for the tests of the command line: it runs commands, and returns exit code and output."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dpsops.cli.embedded import STATE_DIRECTORY
from dpsops.cli.main import main
from tests.documents import Place, judge

LOCAL = """
location = "westeurope"
resource_group = "rg-dpsops-local"
[vault]
name = "kv-dpsops-local"
[dps]
name = "dps-dpsops-local"
[[hub]]
name = "iot-dpsops-local"
[root]
key = "EC-P256"
"""

SOURCE = {"PYTHONPATH": str(Path(__file__).parents[2])}
"""The variable with which another process finds this dpsops."""


_STANDING: dict[str, TemporaryDirectory[str]] = {}
"""What `up` left in the directory of the state, by the settings."""


class Terminal:
    """Runs commands in a directory and returns their output."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.seen: set[Place] = set()

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr. What is JSON fits its schema."""
        self._capture.readouterr()
        code = main(list(arguments))
        printed = self._capture.readouterr()
        self.seen |= judge(arguments, printed.out)
        return code, printed.out, printed.err

    def stand(self) -> None:
        """What `up` makes of an empty directory: of all tests of a process with the same settings, it runs in the first."""
        assert not STATE_DIRECTORY.exists()
        settings = Path("infra", "local.toml").read_text(encoding="utf-8")
        if kept := _STANDING.get(settings):
            shutil.copytree(kept.name, STATE_DIRECTORY)
            return
        code, _, err = self("up")
        assert code == 0, err
        _STANDING[settings] = TemporaryDirectory()
        shutil.copytree(STATE_DIRECTORY, _STANDING[settings].name, dirs_exist_ok=True)

    def json(self, *arguments: str) -> dict[str, Any]:
        """The JSON document of a command, which must succeed."""
        code, out, err = self("--output", "json", *arguments)
        assert code == 0, err
        document: dict[str, Any] = json.loads(out)
        assert document["schema_version"] == 1
        assert document["environment"] == "local"
        return document


def assert_error(result: tuple[int, str, str], code: int, *words: str) -> None:
    """Requires an error: its exit code, nothing on stdout, an error line and a hint line, and these words on stderr."""
    assert result[0] == code
    assert result[1] == ""
    last = [line for line in result[2].splitlines() if line.startswith(("dpsops: error: ", "dpsops: hint: "))]
    assert [line.split(": ")[1] for line in last] == ["error", "hint"]
    assert "Traceback" not in result[2]
    for word in words:
        assert word in result[2]


def error_document(terminal: Terminal, *arguments: str, code: int) -> dict[str, Any]:
    """The document of a command that must fail, with its error. stderr must have the same for people."""
    found, out, err = terminal(*arguments)
    assert found == code, err
    document: dict[str, Any] = json.loads(out)
    assert list(document)[:3] == ["schema_version", "environment", "error"]
    assert document["schema_version"] == 1
    assert set(document["error"]) - {"registration"} == {"code", "message", "hint"}
    lines = " ".join(re.sub(r"^dpsops: (?:error:|hint:)?", "", each).strip() for each in err.splitlines())
    assert " ".join(document["error"]["message"].split()) in " ".join(lines.split())
    assert document["error"]["hint"] in lines
    return document


def assert_error_free(result: tuple[int, str, str], words: str) -> None:
    """Requires success, with these words in the result."""
    assert result[0] == 0, result[2]
    assert words in result[1]


@contextmanager
def served(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs `dpsops local serve` as another process."""
    command = [sys.executable, "-m", "dpsops", "local", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=directory, env=os.environ | SOURCE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            assert "the embedded Azure is at http://127.0.0.1:" in server.stderr.readline()
            yield server
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            finally:
                server.kill()  # if it did not stop, the test fails and does not hang
