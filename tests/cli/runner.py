"""GitHub's runner, as far as it reads what a step prints and writes, and a reader of Markdown.

Sources: `ActionCommand.cs` and `FileCommandManager.cs` of actions/runner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

REGISTERED = {"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "save-state",
              "set-env", "set-output", "stop-commands", "warning"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Command:
    """A command that the runner has found in a line."""

    name: str
    properties: tuple[tuple[str, str], ...]
    data: str


def commands(printed: str) -> list[Command]:
    """The commands in what a step has printed. .NET ends a line at a line feed and at a carriage return."""
    return [found for line in re.split(r"[\r\n]", printed) for found in _command(line)]


def _command(line: str) -> Iterator[Command]:
    begun = line.lstrip()
    if begun.startswith("::") and (end := begun.find("::", 2)) >= 0:
        name, _, rest = begun[2:end].partition(" ")
        if name.lower() in REGISTERED:
            pairs = (each.partition("=") for each in rest.split(",") if each)
            properties = tuple((key, unescaped(value, {"%3A": ":", "%2C": ","})) for key, _, value in pairs)
            yield Command(name, properties, unescaped(begun[end + 2 :], {}))
            return
    at = line.find("##[")
    if at >= 0 and (end := line.find("]", at)) >= 0 and (name := line[at + 3 : end].partition(" ")[0]).lower() in REGISTERED:
        yield Command(name, (), line[end + 1 :])


def unescaped(text: str, more: dict[str, str]) -> str:
    """What the runner makes of a value."""
    for token, character in ({"%0D": "\r", "%0A": "\n"} | more | {"%25": "%"}).items():
        text = text.replace(token, character)
    return text


def outputs(text: str) -> dict[str, str]:
    """The outputs in a file. Raises `ValueError` as the runner fails the step."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, equals, value = line.partition("=")
        begin, heredoc, delimiter = line.partition("<<")
        if equals and (not heredoc or len(name) < len(begin)):
            found[name] = value
        elif heredoc and begin and delimiter:
            values = list(iter(lambda: next(lines, None), delimiter))
            if None in values:
                raise ValueError(f"no delimiter {delimiter}")
            found[begin] = "\n".join(filter(None, values))
        else:
            raise ValueError(line)
    return found


def tables(markdown: str) -> list[list[list[str]]]:
    """The tables of a page: rows of cells, the header first, as a reader sees them."""
    found: list[list[list[str]]] = []
    opened = False
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            opened = True
        elif token.type == "inline" and opened:
            found[-1][-1].append("".join(map(_shown, token.children or [])))
            opened = False
    return found


def _shown(token: Token) -> str:
    if token.type == "html_inline":
        assert token.content in ("<code>", "</code>", "<br>"), token.content
        return "\n" if token.content == "<br>" else ""
    assert token.type in ("text", "text_special"), f"markup: {token.type}"
    return token.content


class Job:
    """A step of a job: the files that the runner has made for it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.summary, self.output = folder / "summary.md", folder / "output"
        self._variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
        }
        self._patch = patch
        self.begin()

    def begin(self) -> None:
        """Begins a step: its files are empty."""
        self.summary.write_text("")
        self.output.write_text("")
        for name, value in self._variables.items():
            self._patch.setenv(name, value)

    def end(self) -> None:
        """From now on no runner runs what is run."""
        for name in self._variables:
            self._patch.delenv(name, raising=False)

    @property
    def page(self) -> str:
        """The summary of the step."""
        return self.summary.read_text(encoding="utf-8")

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the step."""
        return outputs(self.output.read_text(encoding="utf-8"))
