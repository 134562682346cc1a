"""What dpsops names as a next step: each command that a text names is about the environment from which it came. The folder
`pasted` types them all."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from dpsops.cli.arguments import every, read
from dpsops.cli.commands import Address, addressed
from dpsops.cli.main import command_line
from dpsops.cli.told import Told
from tests.cli.hints import commands, named

FIRST = frozenset(getattr(command_line(), "commands", {}))
"""The commands that are not below another."""

WITHOUT_ENVIRONMENT = {"init", "local"}
ADDRESSED = FIRST - WITHOUT_ENVIRONMENT
"""Those that are about an environment."""

PROD = Address(("--env", "prod"), ADDRESSED)


def parsed(line: str) -> Told:
    """What the command line of dpsops makes of a command: it is read completely, but nothing is done. Raises what it raises."""
    told = Told()
    commands: Any = command_line()
    for each in every(commands):
        each.callback = lambda **_: None
    program, *words = shlex.split(line)
    assert program == "dpsops"
    commands(read(words, commands).arranged(), standalone_mode=False, obj=told)
    return told


def test_the_hints_of_the_source_are_found() -> None:
    assert {each.text for each in named(ADDRESSED)} >= {
        "dpsops up",
        "dpsops device issue ID",
        "dpsops rotate --compromised --replace root-g1",
    }
    assert {each.text for each in named(frozenset({"local"}))} >= {"stop it: dpsops local stop"}


@pytest.mark.parametrize(
    ("text", "pasted"),
    [
        ("dpsops up", "dpsops --env prod up"),
        ("run 'dpsops up' first", "run 'dpsops --env prod up' first"),
        ("dpsops plan --out FILE, then dpsops up", "dpsops --env prod plan --out FILE, then dpsops --env prod up"),
        ("`dpsops device issue ID`", "`dpsops --env prod device issue ID`"),
        ("dpsops status --output json", "dpsops --env prod status --output json"),
        ("dpsops status --env dev, or dpsops status", "dpsops status --env dev, or dpsops --env prod status"),
        ("'dpsops rotate status --help' shows them", None),
        ("stop it: dpsops local stop", None),
        ("make one: dpsops init prod", None),
        ("dpsops --env dev up", None),
        ("dpsops --help", None),
        ("dpsops plans nothing, and dpsops up-to-date is no command", None),
        ("CN=dpsops root root G1, of an environment that is named so", None),
        ('description: "what \'dpsops up\' assigns" -> "what dpsops up assigns"', None),
    ],
)  # fmt: skip
def test_a_command_gets_its_environment_and_nothing_else_does(text: str, pasted: str | None) -> None:
    assert PROD.text(text) == (pasted or text)
    assert PROD.text(PROD.text(text)) == (pasted or text)
    assert Address((), ADDRESSED).text(text) == text


def test_several_words_are_put_before_the_command() -> None:
    assert addressed("dpsops up", ("--env", "prod", "--rehearse"), ["up"]) == "dpsops --env prod --rehearse up"


def test_of_a_document_only_sentences_change() -> None:
    said = "dpsops up"
    document = {"device": said, "changes": [{"path": said, "before": {"notes": 1, "text": said}, "warning": said}],
                "next": [said], "notes": (said, said), "failed": [{"device": said, "reason": said}], "at": 3}  # fmt: skip
    there = "dpsops --env prod up"
    assert PROD.document(document) == {
        "device": said, "changes": [{"path": said, "before": {"notes": 1, "text": said}, "warning": there}],
        "next": [there], "notes": [there, there], "failed": [{"device": said, "reason": there}], "at": 3,
    }  # fmt: skip


def test_every_command_of_the_program_is_one_or_the_other() -> None:
    told = parsed("dpsops --env prod status")
    assert told.address == PROD
    for name in FIRST:
        assert (told.address.text(f"dpsops {name}") != f"dpsops {name}") == (name not in WITHOUT_ENVIRONMENT)


@pytest.mark.parametrize(
    ("variable", "words", "wanted"),
    [
        (None, [], ()),
        (None, ["--env", "local"], ()),
        ("", [], ()),
        ("local", [], ()),
        ("prod", [], ("--env", "prod")),
        ("prod", ["--env", "local"], ("--env", "local")),
        ("prod", ["--env", "dev"], ("--env", "dev")),
        (None, ["--env", "dev"], ("--env", "dev")),
        (None, ["--env", "'a b'"], ("--env", "'a b'")),
    ],
)
def test_the_environment_is_named_unless_local_is_chosen_anyway(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, words: list[str], wanted: tuple[str, ...]
) -> None:
    monkeypatch.delenv("DPSOPS_ENV", raising=False)
    if variable is not None:
        monkeypatch.setenv("DPSOPS_ENV", variable)
    assert parsed(" ".join(["dpsops", *words, "status"])).address.words == wanted


def test_a_cut_command_is_what_a_person_would_paste() -> None:
    text = "make one: dpsops plan --out FILE, then 'dpsops up --plan FILE'; dpsops rotate undo (dpsops status) or dpsops up\nthen"
    assert commands(text, FIRST) == [
        "dpsops plan --out FILE", "dpsops up --plan FILE", "dpsops rotate undo", "dpsops status", "dpsops up",
    ]  # fmt: skip
    assert commands("what an operator of dpsops needs; it is dpsops: status; dpsops upward", FIRST) == []
    assert commands("dpsops --env prod --output json up: it", FIRST) == ["dpsops --env prod --output json up"]
