"""The commands that dpsops names: every one in its source, and those in a text, cut out as a person would paste them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "dpsops"

VALUES = {
    "' '.join(outdated[:_NAMED])": "press-07 press-08",
    "' --compromised' if compromised else ''": " --compromised",
    "_command(found)": "dpsops rotate --replace root-g1",
    "_next_command(found)": "dpsops rotate --replace root-g1",
    "context.invoked_subcommand": "status",
    "continuation(standing)": "dpsops rotate --replace root-g1",
    "cut.root": "root-g1",
    "device": "press-07",
    "either": "dpsops rotate --compromised --replace root-g1, or dpsops rotate --compromised --replace root-g2",
    "environment.name": "prod",
    "left.command": "dpsops rotate --replace root-g1",
    "member.leaf.device": "press-07",
    "name": "root-g1",
    "partially[0]": "press-07",
    "repository": "octo-org/fleet",
    "result.device": "press-07",
    "root_name(old)": "root-g1",
    "rotate_command(facts.generation)": "dpsops rotate --replace root-g1",
    "rotate_command(named, compromised=True)": "dpsops rotate --compromised --replace root-g1",
    "rotate_command(number, compromised=True)": "dpsops rotate --compromised --replace root-g1",
    "rotate_command(observed.primary)": "dpsops rotate --replace root-g1",
    "rotate_command(old.number, compromised=True)": "dpsops rotate --compromised --replace root-g1",
    "rotate_command(signing.number)": "dpsops rotate --replace root-g1",
    "rotate_command(standing.old)": "dpsops rotate --replace root-g1",
    "shlex.quote(options.env)": "prod",
    "snapshot": "clean",
}
"""What the placeholders of the commands in the source may be."""

_BEGIN, _REST = r"\bdpsops (?:--(?:env|output) [\w-]+ |--rehearse )*", r"(?:(?! then\b| &&| \|)[^'`,;:()\n«])*«?"


@dataclass(frozen=True, slots=True)
class Named:
    """A text of the source that names a command, and where it is. `pattern`: every text that it can become."""

    module: str
    line: int
    text: str
    pattern: str

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"dpsops/{self.module}:{self.line}"


def commands(text: str, words: frozenset[str]) -> list[str]:
    """The commands in a text that begin with one of these words, each as a person would paste it."""
    return [found[0].strip() for found in re.finditer(rf"{_BEGIN}(?:{'|'.join(map(re.escape, words))})\b{_REST}", text)]


def named(words: frozenset[str]) -> Iterator[Named]:
    """Every text in the source of dpsops that names a command which begins with one of these words, except docstrings and the
    pages of `--help`."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in _texts(tree):
            text = _written(node)
            if commands(text, words):
                yield Named(path.relative_to(SOURCE).as_posix(), node.lineno, text, _pattern(node))


def _texts(tree: ast.Module) -> Iterator[ast.Constant | ast.JoinedStr]:
    left_out: set[ast.expr | ast.stmt] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr():  # a docstring
                left_out.add(node.value)
            case ast.keyword(arg="help"):
                left_out.add(node.value)
            case ast.JoinedStr():
                left_out.update(node.values)
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        if is_text and node not in left_out:
            assert isinstance(node, ast.Constant | ast.JoinedStr)
            yield node


def _written(node: ast.Constant | ast.JoinedStr) -> str:
    """The text, with a value for each of its placeholders; an unknown one is in angle quotation marks."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(each.value) if isinstance(each, ast.Constant) else _value(each) for each in node.values)


def _pattern(node: ast.Constant | ast.JoinedStr) -> str:
    """The regular expression of the texts that this one can become."""
    parts = [node] if isinstance(node, ast.Constant) else node.values
    return "".join(re.escape(str(each.value)) if isinstance(each, ast.Constant) else ".*?" for each in parts)


def _value(node: ast.expr) -> str:
    assert isinstance(node, ast.FormattedValue)
    name = ast.unparse(node.value)
    return VALUES.get(name, f"«{name}»".replace("dpsops ", "…"))  # a text in it is a text of its own
