"""Each text of the source that names a command has a case here: it is said, and what it names is pasted."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.hints import Named
from tests.cli.pasted.person import HINTS, hint

FEW = 90
"""So many texts of the source name commands at least: if fewer are found, the search is broken."""

OUT_OF_REACH = {
    (
        "cli/contents.py",
        " (dpsops local serve --listen 127.0.0.1)",
    ): "it serves until it is interrupted, at the ports 443 and 8883, which are the machine's",
    ("model/custom_roles.py", "beside the roles that"): "the description of a role in Azure, which says nothing to anybody who "
    "types: a value, to which no environment is added",
}
"""Texts that nobody can be made to read here, and why."""


CASES = tuple(each for each in sorted(Path(__file__).parent.glob("test_*.py")) if each != Path(__file__))


def cases(path: Path) -> Iterator[ast.FunctionDef]:
    """The cases of a module."""
    for each in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
            yield each


def pasted() -> Iterator[tuple[str, str]]:
    """The module and the fragment of each text that a case pastes."""
    for node in (each for path in CASES for case in cases(path) for each in ast.walk(case)):
        match node:
            case ast.Call(func=ast.Attribute(attr="pastes"), args=[ast.Constant(str(module)), ast.Constant(str(text)), *_]):
                yield module, text


def _hint(module: str, fragment: str) -> Named | None:
    try:
        return hint(module, fragment)
    except AssertionError:
        return None


NAMED = {each: _hint(*each) for each in (*pasted(), *OUT_OF_REACH)}
"""The text that each fragment is of; None if that is not exactly one."""


@pytest.mark.parametrize("text", [pytest.param(each, id=each.place) for each in HINTS])
def test_each_hint_is_pasted(text: Named) -> None:
    assert any((each.module, each.text) == (text.module, text.text) for each in NAMED.values() if each), "no case pastes it"


@pytest.mark.parametrize(("module", "fragment"), NAMED)
def test_each_case_is_about_one_hint(module: str, fragment: str) -> None:
    assert NAMED[module, fragment] == hint(module, fragment)


def test_the_hints_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(HINTS) > FEW
    with capsys.disabled():
        for (module, text), why in OUT_OF_REACH.items():
            sys.stdout.write(f"\nnobody pastes {text!r} of dpsops/{module}: {why}\n")


@pytest.mark.parametrize("path", [pytest.param(each, id=each.stem) for each in CASES])
def test_each_case_does_all_that_it_says(path: Path) -> None:
    """A call behind a branch, or in a case that is left out, would count as one that pastes."""
    for case in cases(path):
        for node in ast.walk(case):
            assert not isinstance(node, ast.IfExp | ast.Try | ast.While | ast.Return), case.name
            assert not (isinstance(node, ast.If) and any(map(_pastes, ast.walk(node)))), case.name
            assert not (isinstance(node, ast.Attribute) and node.attr in ("skip", "skipif", "xfail")), case.name


def _pastes(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "pastes"
