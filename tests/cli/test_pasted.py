"""Hints that are really pasted: each works on the environment that it came from, and none on another."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dpsops.cli.commands import SENTENCES
from tests.cli.hints import commands
from tests.cli.runner import Job
from tests.cli.terminal import LOCAL, Terminal, served
from tests.cli.test_hints import ADDRESSED, GIVEN


class Person:
    """Somebody who works on `prod`, and pastes what the last command has named."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.said = ""

    def __call__(self, *words: str) -> int:
        """Runs a command, and returns its exit code. Each command that it names must be about `prod`."""
        code, out, err = self.terminal(*words)
        self.said = out + err
        for each in commands(self.said, ADDRESSED):
            assert each.startswith("dpsops --env prod ") or "--help" in each, self.said
        return code

    def pastes(self, wanted: str) -> int:
        """Pastes what was named, with something for its placeholders, and returns its exit code."""
        found = commands(self.said, ADDRESSED)
        assert f"dpsops --env prod {wanted}" in found, self.said
        return self(*("--env", "prod"), *(GIVEN.get(word, word) for word in shlex.split(wanted)))


@pytest.fixture
def person(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody in a directory whose `prod` is on an embedded Azure that is served elsewhere."""
    (tmp_path / "infra" / "prod.toml").write_text(LOCAL)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with served(elsewhere), monkeypatch.context() as there:
        there.chdir(elsewhere)
        for name, value in terminal.json("local", "env").items():
            if name.isupper():
                monkeypatch.setenv(name, value)
        there.chdir(tmp_path)
        yield Person(terminal)
    assert not (tmp_path / ".dpsops").exists(), "a command was about local"


def test_from_nothing_to_a_device(person: Person) -> None:
    assert person("--env", "prod", "root", "show") == 1
    assert person.pastes("status") == 0
    assert person.pastes("up") == 2, "there is no terminal to ask"
    assert person.pastes("plan --out FILE") == 0
    assert person("--env", "prod", "up") == 2
    assert person.pastes("up --plan FILE") == 0
    assert person("--env", "prod", "status") == 0
    assert person.pastes("device issue ID") == 0
    assert person("--env", "prod", "device", "register", "press-08", "--transport", "https") == 1
    assert person.pastes("device issue press-08") == 0
    assert person("--env", "prod", "device", "renew", "press-08") == 0
    assert person.pastes("device renew press-08 --again") == 0
    assert person("--env", "prod", "device", "block", "press-08") == 0
    assert person("--env", "prod", "device", "show", "press-08") == 0
    assert person.pastes("device unblock press-08") == 0
    assert person("--env", "prod", "device", "register", "press-08", "--bundle", "press-08.pem") == 2
    assert person.pastes("status") == 0


def test_a_rotation_from_hint_to_hint(person: Person) -> None:
    assert person("--env", "prod", "up", "--yes") == 0
    assert person("--env", "prod", "device", "issue", "press-07") == 0
    assert person("--env", "prod", "rotate", "--replace", "g1") == 2
    assert person.pastes("rotate status") == 0
    assert person("--env", "prod", "rotate", "--replace", "root-g1") == 0
    assert person.pastes("rotate --replace root-g1") == 0
    assert person("--env", "prod", "status") == 0
    assert person.pastes("rotate --replace root-g1") == 0
    assert person("--env", "prod", "rotate", "undo") == 0


def test_a_root_of_another_ca(person: Person) -> None:
    assert person("--env", "prod", "up", "--yes") == 0
    assert person("--env", "prod", "root", "export", "--out", "root.pem") == 0
    assert person("--env", "prod", "root", "merge", "root.pem", "root.pem") == 1
    assert person.pastes("root csr") == 0
    assert person("--env", "prod", "rotate", "status") == 0
    assert "dpsops --env prod root merge CERT CHAIN: root-g2 waits" in person.said
    assert person("--env", "prod", "rotate", "--replace", "root-g1") == 1
    assert person.pastes("rotate undo") == 0


def test_a_breach_and_a_blocked_device(person: Person) -> None:
    assert person("--env", "prod", "up", "--yes") == 0
    assert person("--env", "prod", "device", "issue", "press-07") == 0
    assert person("--env", "prod", "rotate", "--compromised", "--replace", "root-g1", "--yes") == 0
    assert person("--env", "prod", "rotate", "--compromised", "--yes") == 1
    assert person.pastes("rotate --compromised --replace root-g2 --yes") == 0
    assert person("--env", "prod", "device", "block", "press-07") == 0
    assert person("--env", "prod", "device", "register", "press-07", "--transport", "https") == 1
    assert person.pastes("device show ID") == 0
    assert person.pastes("device unblock press-07") == 0


def test_json_and_the_runner_are_told_the_same(person: Person, job: Job) -> None:
    for words in (
        "status",
        "plan",
        "up --yes",
        "device list",
        "rotate status",
        "device issue press-07",
        "rotate --replace root-g1",
    ):
        job.begin()
        code, out, err = person.terminal("--env", "prod", "--output", "json", *words.split())
        assert code == 0, err
        for name, text in sentences(json.loads(out)):
            if name in SENTENCES:
                assert all(each.startswith("dpsops --env prod ") for each in commands(text, ADDRESSED)), (name, text)
            else:
                assert not commands(text, ADDRESSED), f"{name} is not among the sentences: {text}"
        for each in commands(err + job.page.replace("&#45;", "-"), ADDRESSED):
            assert each.startswith("dpsops --env prod ") or f"## ✅ {each}" in job.page or f"## ⚠️ {each}" in job.page, each


def sentences(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each text of a document, with the name of its member."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for each in value:
            yield from sentences(each, name)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from sentences(each, key)
