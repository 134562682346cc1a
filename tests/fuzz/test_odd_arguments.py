"""Every command with arguments that nobody should give: it says what is wrong, with an exit code that is documented.

The commands and their options are read from the command line itself, so that a new one cannot be forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer

from dpsops.cli.exits import Exit
from dpsops.cli.main import app
from tests.cli.terminal import LOCAL, Terminal
from tests.fuzz.profile import SEED, TIMES

pytestmark = pytest.mark.usefixtures("unmeasured")

BLOCKING = ("local serve",)
"""Without an error these go on until they are ended."""

AT_ONCE = 80

TEXTS = (
    "",
    " ",
    "-",
    "--",
    "---",
    "-x",
    "=",
    ".",
    "..",
    "/",
    "//",
    "a/../b",
    "\\",
    "'",
    '"',
    "%s",
    "%",
    "{}",
    "{0}",
    "$HOME",
    "*",
    "?",
    "#",
    "##[error]",
    "::error::x",
    "@file",
    "null",
    "None",
    "true",
    "0",
    "-1",
    "00",
    "1e9",
    "nan",
    "inf",
    "-inf",
    "9" * 30,
    "9" * 5000,
    "0x10",
    "1_000",
    "\u0661",
    "\u00bd",
    "press-07",
    "PRESS-07",
    "press 07",
    "press-07 ",
    "press\t07",
    "press\n07",
    "a\r\nb",
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\x85",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\u0130",
    "\u00df",
    "\ud800",
    "\udcff",
    "\U0010ffff",
    "\N{SNOWMAN}",
    "e\u0301",
    "a" * 128,
    "a" * 129,
    "a" * 100_000,
    "-" * 128,
    "a" + "." * 127,
    "CON",
    "root-g1",
    "root-g0",
    "root-g-1",
    "root-g" + "9" * 30,
    "root-g01",
    "ROOT-G1",
    "https://example.com",
    "file:///etc/passwd",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/proc/self/mem",
    "infra",
    "infra/local.toml",
    "no/such/file",
    "/" + "a" * 300,
    "a" * 300,
    "9999-99-99",
    "P1D",
    "1/0",
    "0/0",
    "1/2",
    "2/1",
    "-1/2",
    "1/" + "9" * 30,
    "a/b",
    "1.5",
    "1,2",
)


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command, with its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, each in inner.items():
        yield from commands(each, (*words, name))


ALL = [each for each in commands(typer.main.get_command(app)) if " ".join(each[0]) not in BLOCKING]
WITHOUT_COMMAND = {"--help", "--install-completion", "--show-completion"}
"""With one of these no command runs. The second writes into the home directory."""

GLOBAL = typer.main.get_command(app).params


def drawn(chance: Random) -> list[str]:
    """A command with some of its options and arguments, each with an odd value, or now and then with a good one."""
    words, command = chance.choice(ALL)
    given = [*_some(chance, GLOBAL, 0.1), *words, *_some(chance, command.params, 0.5)]
    if chance.random() < 0.1:
        given.insert(chance.randrange(len(given) + 1), chance.choice(TEXTS))
    return given


def _some(chance: Random, parameters: list[Any], share: float) -> Iterator[str]:
    for each in parameters:
        if each.param_type_name == "argument":
            yield from (_text(chance) for _ in range(chance.choice((0, 1, 1, 1, 2))))
        elif chance.random() < share and not WITHOUT_COMMAND.intersection(each.opts):
            yield each.opts[0]
            if not each.is_flag:
                yield _text(chance)


def _text(chance: Random) -> str:
    return "press-07" if chance.random() < 0.3 else chance.choice(TEXTS)


@pytest.fixture
def before(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A directory with an environment, where nothing is read from the terminal."""
    assert terminal("up")[0] == 0
    assert terminal("device", "issue", "press-07")[0] == 0
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield terminal


def test_odd_arguments(before: Terminal) -> None:
    chance = Random(SEED)  # noqa: S311
    wrong: list[str] = []
    for _ in range(AT_ONCE * TIMES):
        arguments = drawn(chance)
        shown = " ".join(ascii(each if len(each) < 200 else f"{each[:20]}...{len(each)}") for each in arguments)
        Path("infra/local.toml").write_text(LOCAL)  # one command may have written over it
        try:
            code, out, err = before(*arguments)
        except (Exception, SystemExit) as defect:
            wrong.append(f"{shown}: {defect!r}"[:600])
            continue
        if code not in set(Exit) - {Exit.INTERRUPTED}:
            wrong.append(f"{shown}: exit code {code}")
        if "Traceback" in err or not all(line.isprintable() for line in err.split("\n")) or len(err) > 20_000:
            wrong.append(f"{shown}: {err[:300]!r}")
        if not all(line.isprintable() for line in out.split("\n")):
            wrong.append(f"{shown}: prints {out[:300]!r}")
        if code not in (Exit.DONE, Exit.CHANGES_PENDING) and not err.strip():
            wrong.append(f"{shown}: exit code {code} without a word")
    assert not wrong, "\n".join(wrong)
