"""The expression language of ARM templates: text to syntax tree, and back.

Source: "Template syntax and expressions" and "Template functions" of the Resource Manager documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Literal:
    """A quoted string or a whole number. There are no other literals: true, false and null are functions."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; that of a template itself is named `namespace.function`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """`of.name`."""

    of: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """`of[key]`."""

    of: Expression
    key: Expression


Expression = Literal | Call | Member | Item

_TOKEN = re.compile(
    r"\s*(?:(?P<Literal>'(?:[^']|'')*')|(?P<Integer>-?\d+)|(?P<Identifier>[A-Za-z_$][A-Za-z0-9_$]*)"
    r"|(?P<LeftParenthesis>\()|(?P<RightParenthesis>\))|(?P<LeftSquareBracket>\[)|(?P<RightSquareBracket>\])"
    r"|(?P<Comma>,)|(?P<Dot>\.)|(?P<EndOfData>$))"
)


_LONGEST = 24_576
"""Characters of an expression ("ARM template best practices", Template limits)."""

_DEEPEST = 64
"""Calls and accessors inside one another (stricter guess)."""


class InvalidExpression(Exception):
    """Text in brackets that is no expression; the message is Resource Manager's."""


@lru_cache(4096)
def read(text: str) -> Expression | str:
    """What a string of a template stands for: an expression in square brackets, or itself.

    `[[...]` is how a template writes a string that begins with a bracket and ends with one.
    """
    if not (text.startswith("[") and text.endswith("]")):
        return text
    if text.startswith("[["):
        return text[1:]
    if len(text) > _LONGEST:
        raise InvalidExpression(f"The language expression length limit exceeded. Limit: '{_LONGEST}' and actual: '{len(text)}'.")
    return parse(text[1:-1])


def parse(text: str) -> Expression:
    """The syntax tree of an expression, without its brackets. Raises `InvalidExpression`."""
    tokens = _Tokens(text)
    tree = _expression(tokens, level=1)
    tokens.take("EndOfData")
    return tree


def render(expression: Expression) -> str:
    """The expression as text, without brackets; `parse` reads it back."""
    match expression:
        case Literal(str(value)):
            return "'" + value.replace("'", "''") + "'"
        case Literal(value):
            return str(value)
        case Call(name, arguments):
            return f"{name}({', '.join(map(render, arguments))})"
        case Member(of, name):
            return f"{render(of)}.{name}"
        case Item(of, key):
            return f"{render(of)}[{render(key)}]"


def calls(expression: Expression) -> Iterator[Call]:
    """Every function call in an expression, the outer ones first, but none inside a lambda, which is not called yet."""
    match expression:
        case Call(_, arguments):
            yield expression
            for argument in arguments if expression.name.lower() != "lambda" else ():
                yield from calls(argument)
        case Member(of, _):
            yield from calls(of)
        case Item(of, key):
            yield from calls(of)
            yield from calls(key)


class _Tokens:
    """The tokens of one expression, taken from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self.kind = self.text = ""
        self._advance()

    def take(self, kind: str) -> str:
        """The next token, which must be of this kind."""
        if self.kind != kind:
            raise self.unexpected(kind)
        text = self.text
        self._advance()
        return text

    def unexpected(self, wanted: str) -> InvalidExpression:
        return InvalidExpression(
            f"Unable to parse language expression '{self._text}': expected token '{wanted}' and actual '{self.kind}'."
        )

    def _advance(self) -> None:
        match = _TOKEN.match(self._text, self._position)
        if match is None or match.lastgroup is None:
            at = self._position
            message = f"Unable to parse language expression '{self._text}': unexpected character '{self._text[at:].strip()[:1]}'."
            raise InvalidExpression(message)
        self.kind, self.text, self._position = match.lastgroup, match[match.lastgroup], match.end()


def _expression(tokens: _Tokens, *, level: int) -> Expression:
    _require_shallow(level)
    tree = _primary(tokens, level)
    while tokens.kind in ("Dot", "LeftSquareBracket"):
        level += 1
        _require_shallow(level)
        if tokens.kind == "Dot":
            tokens.take("Dot")
            tree = Member(tree, tokens.take("Identifier"))
        else:
            tokens.take("LeftSquareBracket")
            tree = Item(tree, _expression(tokens, level=level))
            tokens.take("RightSquareBracket")
    return tree


def _require_shallow(level: int) -> None:
    if level > _DEEPEST:
        raise InvalidExpression("The language expression is nested too deeply.")


def _primary(tokens: _Tokens, level: int) -> Expression:
    match tokens.kind:
        case "Literal":
            return Literal(tokens.take("Literal")[1:-1].replace("''", "'"))
        case "Integer":
            return Literal(int(tokens.take("Integer")))
        case _:
            name = tokens.take("Identifier")
            if tokens.kind == "Dot":
                tokens.take("Dot")
                name = f"{name}.{tokens.take('Identifier')}"
            tokens.take("LeftParenthesis")
            arguments: list[Expression] = []
            while tokens.kind != "RightParenthesis":
                if arguments:
                    tokens.take("Comma")
                arguments.append(_expression(tokens, level=level + 1))
            tokens.take("RightParenthesis")
            return Call(name, tuple(arguments))
