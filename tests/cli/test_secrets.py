"""No key, token, signature or password in what any command prints, tells GitHub, writes, or gives to another program; and what
holds a key is its owner's alone.

The commands are those of `test_actions_commands.STORY`, which has to have all; with `--verbose`, and with Azure's SDKs at DEBUG.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.cli.main import app
from tests.cli.runner import Job
from tests.cli.terminal import Terminal, served
from tests.cli.test_actions_commands import NO_RESULT, SERVED, STORY, command_of, words
from tests.github import REPOSITORY
from tests.github import served as github_served
from tests.pipelines.secrecy import secrets_in
from tests.workflows.another_ca import certified

pytestmark = pytest.mark.usefixtures("unmeasured")

PASSWORD = "a-password-of-a-pfx"
PRIVATE = ("out", ".dpsops")
"""The folders of what holds keys: bundles, and the embedded Azure."""

_AUDITS: list[list[str]] = []
"""Where the arguments of programs are kept while a test watches. A hook can never be removed."""


class Births:
    """The modes that files have when they are made, and directories are made with, by their paths. A file's is looked at as soon
    as anything else happens, such as a change of its mode."""

    def __init__(self) -> None:
        self.modes: dict[Path, int] = {}
        self._made: list[Path] = []

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An event of the interpreter (`sys.addaudithook`)."""
        made, self._made = self._made, []
        for path in made:
            with suppress(OSError):
                self.modes.setdefault(path, stat.S_IMODE(path.stat().st_mode))
        if event == "open" and isinstance(arguments[0], str | bytes) and arguments[2] & os.O_CREAT:
            path = Path(os.fsdecode(arguments[0])).absolute()
            self._made += [] if os.path.lexists(path) else [path]
        elif event == "os.mkdir":
            self.modes.setdefault(Path(os.fsdecode(arguments[0])).absolute(), arguments[1])


_BIRTHS: list[Births] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _BIRTHS:
        _BIRTHS[0].see(event, arguments)
    if not _AUDITS:
        return
    if event == "subprocess.Popen" or event in ("os.exec", "os.posix_spawn"):
        _AUDITS[0].append(" ".join(map(str, arguments[1])))


sys.addaudithook(_audit)


@pytest.fixture
def started() -> Iterator[list[str]]:
    """The arguments of every program that is started."""
    found: list[str] = []
    _AUDITS.append(found)
    yield found
    _AUDITS.clear()


@pytest.fixture
def births() -> Iterator[Births]:
    """The modes with which files and directories are made."""
    found = Births()
    _BIRTHS.append(found)
    yield found
    _BIRTHS.clear()


@pytest.fixture
def loud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything is logged, and a new file is everybody's unless the program says otherwise."""
    monkeypatch.setenv("AZURE_LOG_LEVEL", "DEBUG")
    names = (
        "",
        "azure",
        "azure.core.pipeline.policies.http_logging_policy",
        "azure.identity",
        "msal",
        "urllib3",
        "aiohttp",
        "requests",
    )
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    mask = os.umask(0)
    yield
    os.umask(mask)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


STEPS = (*STORY[:11], "device export press-08 --to out --pfx --password-file password", *STORY[11:])


@pytest.mark.usefixtures("loud")
def test_no_secret_leaves_by_any_way(
    terminal: Terminal, job: Job, started: list[str], births: Births, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o600)
    seen: set[str] = set()
    told: dict[str, str] = {}

    def run(line: str) -> None:
        job.begin()
        code, out, err = terminal("--verbose", "--output", "json", *line.split())
        assert code == 0, f"{line}: {err[-600:]}"
        seen.add(command_of(line))
        masked = re.compile(rf"::add-mask::{re.escape(PASSWORD)}")
        outputs = job.output.read_text(encoding="utf-8")
        told[line] = masked.sub("", out) + masked.sub("", err) + job.page + outputs

    for line in STEPS:
        if line.startswith("root merge"):
            made, issuer = certified(x509.load_pem_x509_csr((tmp_path / "root.csr").read_bytes()), datetime.now(UTC))
            (tmp_path / "root.pem").write_bytes(made.public_bytes(Encoding.PEM))
            (tmp_path / "company.pem").write_bytes(issuer.public_bytes(Encoding.PEM))
        run(line)
    with github_served("local") as github:
        monkeypatch.setenv("GITHUB_API_URL", github.address)
        run(f"pipeline setup --repo {REPOSITORY}")
    with served(tmp_path):
        job.begin()
        (secret,) = re.findall(r"AZURE_CLIENT_SECRET=['\"]?([^'\"\s;]+)", terminal("local", "env")[1])
        for line in SERVED:
            run(line)
        seen.add("local env")  # it prints the secret of the embedded Azure: that is what it is for, and GitHub is told to mask it
    for line in ("init prod", "local stop", "local reset"):
        if line == "local reset":
            _require_private(tmp_path)
        run(line)
    assert "Request URL: 'https://" in told["up"], "the SDKs log nothing"
    found = {line: list(secrets_in(text, (PASSWORD, secret))) for line, text in told.items()}
    assert {line: kinds for line, kinds in found.items() if kinds} == {}
    public = ("password", "root.pem", "company.pem", ".dpsops/.gitignore", "infra", "infra/prod.toml")
    shown = {str(path.relative_to(tmp_path)): oct(mode) for path, mode in births.modes.items() if mode & 0o077}
    assert {name: mode for name, mode in shown.items() if name not in public} == {}
    assert {tmp_path / "out", tmp_path / ".dpsops" / "azure.sqlite", tmp_path / "root.csr"} <= set(births.modes)
    assert list(secrets_in("\n".join(started), (PASSWORD, secret))) == []
    assert set(words(typer.main.get_command(app))) - NO_RESULT == seen, "a command has no place in this story"


def _require_private(folder: Path) -> None:
    """Only the folders for it have keys, and nobody else can read a file there."""
    for path in folder.rglob("*"):
        if not path.is_file() or path.name == "password":
            continue
        inside = path.relative_to(folder).parts[0] in PRIVATE
        holds_key = b"PRIVATE KEY" in path.read_bytes() or path.suffix == ".pfx"
        assert inside or not list(secrets_in(path.read_text(encoding="utf-8", errors="replace"), (PASSWORD,))), path
        assert not holds_key or stat.S_IMODE(path.stat().st_mode) == 0o600, path
