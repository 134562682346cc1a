"""The pages for people: their blocks of code, and a reader who types what is in them.

A block `console` is typed: each command after `$`, in order. Each line that is shown is printed, and others may be between
them; with `<!-- typed: to the letter -->` above the block, nothing else is printed. An ellipsis stands for any text. A block of
a shell that is not typed has `<!-- not typed: REASON -->` above it.
"""

from __future__ import annotations

import difflib
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<marker>(?:not )?typed): (?P<reason>.+?) -->\n+)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_LETTER = "to the letter"


@dataclass(frozen=True, slots=True)
class Step:
    """A command that is typed, and the lines that are shown after it. `is_exact`: it prints no other ones."""

    command: str
    shown: tuple[str, ...] = ()
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page. `untyped`: why nobody types it; empty if it is typed."""

    language: str
    text: str
    untyped: str
    is_exact: bool

    @property
    def steps(self) -> list[Step]:
        """The commands, unless nobody types them."""
        if self.language != "console" or self.untyped:
            return []
        return [Step(each["command"], tuple(each["shown"].splitlines()), self.is_exact) for each in _COMMAND.finditer(self.text)]


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page."""
    for found in _BLOCK.finditer(text):
        untyped = found["reason"] if found["marker"] == "not typed" else ""
        yield Block(found["language"], found["text"], untyped, found["marker"] == "typed" and found["reason"] == _LETTER)


def steps(text: str) -> list[Step]:
    """Each command that is typed, in order."""
    return [step for block in blocks(text) for step in block.steps]


def pattern(shown: str) -> re.Pattern[str]:
    """A shown line as a pattern: an ellipsis matches anything."""
    return re.compile(".*".join(re.escape(part) for part in shown.split("…")) + r"\s*")


_ANOTHER_TIME = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"\b[0-9A-Fa-f]{64}\b"), "SHA-256"),
    (re.compile(r"\b[0-9A-Fa-f]{40}\b"), "SHA-1 OR SERIAL"),
    (re.compile(r"(?<=/secrets/)([\w-]+)/[0-9a-f]{32}\b"), r"\1/VERSION"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "OBJECT ID"),
    (re.compile(r"\b0ne00[0-9A-F]{6}\b"), "ID SCOPE"),
    (re.compile(r"(?<=http://127\.0\.0\.1:)\d+"), "PORT"),
    (re.compile(r"\b\d+(\.\d+)? (?=s\b)"), "SECONDS "),
)


def normal(line: str) -> str:
    """A line without what is another one each time: times, thumbprints, serial numbers, ID scopes, ports."""
    for found, instead in _ANOTHER_TIME:
        line = found.sub(instead, line)
    return line.rstrip()


def same_order(lines: Sequence[str]) -> list[str]:
    """The lines, each without what is another one each time. Devices are worked on at the same time, so neighbours that differ in
    the device alone come in any order: here, in that of their IDs."""
    groups = groupby(map(normal, lines), key=lambda line: re.sub(r"\bpress-\d\d\b", "DEVICE", line))
    return [line for _, group in groups for line in sorted(group)]


@dataclass(slots=True)
class Reader:
    """Somebody who types commands, one after the other, in one shell. `stand_ins`: where stand-ins for programs are."""

    directory: Path
    stand_ins: tuple[Path, ...] = ()
    variables: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        path = os.pathsep.join(map(str, (*self.stand_ins, Path(sys.executable).parent, os.environ["PATH"])))
        mine = ("DPSOPS", "AZURE_", "GITHUB_", "GH_")  # the machine's own must not matter
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith(mine)} | {"PATH": path}

    def follow(self, text: str) -> None:
        """Types each command of a page. Raises `AssertionError` if one fails, or prints something else than is shown."""
        for step in steps(text):
            self.take(step)

    def take(self, step: Step) -> None:
        """Types one command. A target of make is only looked up: it installs, or takes minutes."""
        if step.command.startswith("make "):
            assert re.search(rf"^{re.escape(step.command.split()[1])}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
            return
        out, err = self.type(step.command)
        if step.is_exact:
            found, wanted = same_order(out), same_order(step.shown)
            assert found == wanted, "\n".join([step.command, *difflib.unified_diff(wanted, found, lineterm="")])
            return
        printed = iter([*out, *err])
        for line in step.shown:  # each is printed, in this order; other lines may be between them
            wanted_line = pattern(normal(line))
            is_there = any(wanted_line.fullmatch(normal(each)) for each in printed)
            assert is_there, "\n".join([step.command, f"did not print: {line}", *out, *err])

    def type(self, command: str) -> tuple[list[str], list[str]]:
        """Runs a command, and returns the lines of stdout and stderr. A question is answered with yes, or with the name of the
        environment. The port of a server may be taken here, so it is any free one."""
        command = command.replace("dpsops local serve", "dpsops local serve --port 0")
        ours, theirs = pty.openpty()
        os.write(ours, f"{_answer(command, self.variables)}\n".encode())
        after = self.directory / ".typed"
        try:
            done = subprocess.run(
                ["bash", "-c", f'{command}\ncode=$?; env -0 > "$AFTER"; exit $code'],
                cwd=self.directory, env=self.variables | {"AFTER": str(after)}, stdin=theirs, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if after.exists():  # a variable that is exported stays
            pairs = (each.partition("=") for each in after.read_text(encoding="utf-8").split("\0") if each)
            self.variables = {name: value for name, _, value in pairs if name != "AFTER"}
            after.unlink()
        return done.stdout.splitlines(), done.stderr.splitlines()


def _answer(command: str, variables: Mapping[str, str]) -> str:
    if command.endswith(" up"):
        return "y"
    found = re.search(r"--env[ =]([\w-]+)", command)
    return found[1] if found else variables.get("DPSOPS_ENV", "local")


def settle(directory: Path, *names: str) -> None:
    """Puts the settings of environments into a directory; without a name, those of the embedded Azure."""
    (directory / "infra").mkdir(exist_ok=True)
    for name in names or ("local",):
        settings = (ROOT / "infra" / f"{name}.toml").read_text(encoding="utf-8")
        quick = settings.replace("RSA-3072", "EC-P256")  # it is faster
        (directory / "infra" / f"{name}.toml").write_text(quick, encoding="utf-8")
