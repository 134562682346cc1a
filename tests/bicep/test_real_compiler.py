"""What the real Bicep compiler has written, and how far it speaks for today's `bicep/`.

It compiled and formatted `bicep/` as it was once: ours makes the same of the same. Of today's files each part has been seen
in something that both compile to the letter, and each combination of parts but for a few.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from tests.bicep import real
from tests.bicep import syntax as s
from tests.bicep.compiler import FOLDER, compile_file, sources
from tests.bicep.parser import parse
from tests.bicep.test_constructs import REFUSED

UNSEEN = {
    ("Ternary", "condition", "Member"): "a value, where names and calls were seen",
    ("Ternary", "no", "Member"): "the same",
    ("call", "arguments", "Ternary"): "an argument, where each other kind of value was seen",
    ("Item", "of", "call"): "the element of what a function gives, where that of a name's and a part's value was seen",
    ("for", "over", "Member"): "a loop over a part of a parameter, where whole ones were seen",
    ("for with index", "over", "Member"): "the same",
    ("lambda", "body", "!"): "a value, where calls, comparisons and texts were seen",
    ("NullableType", "of", "bool"): "a nullable type, where texts and numbers were seen",
    ("TypeProperty", "type", "array"): "a property of a plain type, where texts and numbers were seen",
    ("TypeProperty", "type", "object"): "the same",
}
"""Combinations in `bicep/` that nothing shows from the real compiler, and why they are as good as seen."""

PLAIN_TYPES = ("string", "int", "bool", "object", "array")

Combination = tuple[str, str, str]


def kind(node: object) -> str:
    """What a node is, as far as it matters for what it becomes."""
    match node:
        case s.Call(of=None):
            return "call"
        case s.Call():
            return "method"
        case s.Binary(operator=operator) | s.Unary(operator=operator):
            return operator
        case s.NamedType(name=name):
            return name if name in PLAIN_TYPES else "named type"
        case s.For(index=index):
            return "for with index" if index else "for"
        case s.Resource(existing=True):
            return "existing"
        case s.Lambda():
            return "lambda"
        case s.Literal(value=value):
            return type(value).__name__
    return type(node).__name__


def names(node: object) -> Iterator[str]:
    """The functions, methods and decorators in a tree, and its kinds of nodes."""
    for each in s.walk(node):
        match each:
            case s.Call(of=of, name=name):
                yield f"{name}()" if of is None else f".{name}()"
            case s.Decorator(name=name):
                yield f"@{name}"
        yield kind(each)


def combinations(node: object, parent: str = "", role: str = "") -> Iterator[Combination]:
    """What stands in what, and as which part of it."""
    if isinstance(node, tuple):
        for each in node:
            yield from combinations(each, parent, role)
    elif is_dataclass(node):
        yield parent, role, kind(node)
        for field in fields(node):
            yield from combinations(getattr(node, field.name), kind(node), field.name)


def seen() -> list[object]:
    """The trees of all that the real compiler compiled, and ours to the letter: other tests see to that."""
    files = sources(real.FOLDER / "constructs") | {f"formatted/{name}": text for name, text in former().items()}
    not_compiled = {"types.bicep", *(f"{name}.bicep" for name in REFUSED)}
    trees: list[object] = [parse(text) for name, text in files.items() if name not in not_compiled]
    known = json.loads((real.FOLDER / "expressions.json").read_text(encoding="utf-8"))["expressions"]
    return trees + [parse(f"var x = {each['bicep']}\n") for each in known]


def former() -> dict[str, str]:
    """The files of `bicep/` as they were when the real compiler compiled and formatted them."""
    return sources(real.FOLDER / "formatted")


@real.needed
def test_ours_makes_of_the_former_files_what_the_real_one_made() -> None:
    ours = json.dumps(compile_file("main.bicep", former()), indent=2)
    assert ours == real.compiled(real.FOLDER / "main.json")


@real.needed
def test_every_part_of_todays_files_has_been_seen() -> None:
    known = {name for tree in seen() for name in names(tree)}
    assert {name: file for file, text in sources().items() for name in names(parse(text)) if name not in known} == {}


@real.needed
def test_every_combination_has_been_seen_but_for_a_few() -> None:
    known = {each for tree in seen() for each in combinations(tree)}
    used = {each for text in sources().values() for each in combinations(parse(text))}
    assert used - known == UNSEEN.keys()


def test_the_template_that_ships_is_not_signed() -> None:
    ours = json.loads((FOLDER / "main.json").read_text(encoding="utf-8"))
    assert ours == real.unsigned(ours)


@real.needed
def test_it_is_the_version_that_ci_runs() -> None:
    signature = json.loads((real.FOLDER / "main.json").read_text(encoding="utf-8"))["metadata"]["_generator"]
    pinned = re.findall(r"^version=(.*)$", (FOLDER.parent / ".ci" / "bicep").read_text(encoding="utf-8"), re.MULTILINE)
    assert [signature["version"].rpartition(".")[0]] == pinned


# how it is written

WRITTEN = sources() | {f"formatted/{name}": text for name, text in former().items()}
"""Today's files, and those that the real formatter wrote: what is said of the ones must be true of the others."""


@pytest.mark.parametrize("file", WRITTEN)
def test_only_what_the_formatter_cannot_break_is_longer_than_a_line(file: str) -> None:
    """120 characters (`formatting.width`). It breaks neither comments nor texts."""
    long = [line.strip() for line in WRITTEN[file].split("\n") if len(line) > 120]
    assert [line for line in long if not re.fullmatch(r"//.*|(@description\(|connectionString: )'.*'\)?", line)] == []


@pytest.mark.parametrize("file", WRITTEN)
def test_it_is_indented_as_the_formatter_does(file: str) -> None:
    found = WRITTEN[file].split("\n")
    assert found.pop() == ""
    assert found[-1] != ""
    assert not re.search(r"\[ *for ", WRITTEN[file]), "a loop begins on a line of its own"
    assert [line for line, indent in zip(found, indents(found), strict=True) if line != " " * indent + line.strip()] == []


def indents(found: list[str]) -> Iterator[int]:
    """How far each line is indented: brackets that open on one line count as one; a choice that is broken counts too."""
    open_: list[tuple[int, int]] = []  # how far the line is indented on which brackets opened, and how many are still open
    for line in found:
        code = re.sub(r"//.*|'(?:\\.|[^'\\])*'", "", line).strip()
        closing = len(code) - len(code.lstrip("])}"))
        indent = (open_[-1][0] + (0 if closing else 2)) if open_ else 0
        choice = 2 if code.startswith(("? ", ": ")) else 0
        yield indent + choice if line else 0
        net = sum(map(code.count, "[({")) - sum(map(code.count, "])}"))
        if net > 0:
            open_.append((indent + 2 * choice, net))
        elif net < 0:
            _, count = open_.pop()
            assert count == -net, line
