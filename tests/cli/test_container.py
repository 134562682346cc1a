"""The image of the embedded Azure and its examples: what can be held of them without a container engine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from tests.cli.terminal import Terminal

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def instructions() -> list[tuple[str, str]]:
    """Those of the Containerfile, in order, each in one line."""
    lines = [line for line in (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n", " ", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def example(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


def dpsops_words(script: str) -> list[list[str]]:
    """The words behind `dpsops` of each command of a script."""
    found = re.findall(r"dpsops ((?:(?![|>&#)'\n]).)+)", script)
    return [shlex.split(each) for each in found]


def test_nobody_runs_it_and_it_writes_into_one_folder() -> None:
    last = [rest for name, rest in instructions() if name == "USER"]
    assert last == ["65532:65532"]
    assert dict(instructions())["VOLUME"] == dict(instructions())["WORKDIR"] == "/azure"
    assert "--require-hashes" in next(rest for name, rest in instructions() if name == "RUN")


def test_it_serves_everyone_who_reaches_it_and_says_whether_it_does(terminal: Terminal) -> None:
    found = dict(instructions())
    assert found["ENTRYPOINT"] == '["dpsops"]'
    assert found["CMD"] == '["local", "serve", "--listen", "0.0.0.0"]'
    assert terminal("local", "serve", "--help")[0] == 0
    assert found["EXPOSE"].split() == ["443", "8883", "8043"]
    assert "http://127.0.0.1:8043/ca.pem" in found["HEALTHCHECK"]


def test_what_is_built_from_is_what_the_file_copies() -> None:
    kept = {line.removeprefix("!") for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    copied = next(rest for name, rest in instructions() if name == "COPY").split()[:-1]
    assert kept == set(copied) == {"requirements-runtime.lock", "dist/*.whl"}
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def test_the_compose_example_has_a_name_for_each_host_of_the_environment(terminal: Terminal) -> None:
    service = example("compose.yaml")["services"]["azure"]
    terminal.stand()
    assert service["networks"]["default"]["aliases"] == terminal.json("local", "show")["hosts"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert all(each.startswith("127.0.0.1:") for each in service["ports"]), "nobody outside of this machine reaches it"


def test_the_commands_of_the_examples_are_some(terminal: Terminal) -> None:
    scripts = [(EXAMPLES / name).read_text(encoding="utf-8") for name in ("compose.yaml", "embedded-azure.workflow.yaml")]
    said = [words for script in scripts for words in dpsops_words(script)]
    assert len(said) > 6
    for words in said:
        assert terminal(*words, "--help")[0] == 0, words
