"""Goes through the tokens of a Bicep file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from tests.bicep.lexer import Token
from tests.bicep.syntax import Refused

_T = TypeVar("_T")


class Reader:
    """Where in the tokens we are."""

    def __init__(self, found: tuple[Token, ...]) -> None:
        self.tokens, self.place = found, 0

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def at(self, *values: str) -> bool:
        return self.token.kind in ("symbol", "name") and self.token.value in values

    def at_after_lines(self, *values: str) -> bool:
        """Whether one of these is next, on this line or below; the lines are skipped if so."""
        before = self.place
        self.lines()
        if self.at(*values):
            return True
        self.place = before
        return False

    def take(self, *values: str) -> str | None:
        """The next token, if it is one of these."""
        if not self.at(*values):
            return None
        self.place += 1
        return self.tokens[self.place - 1].value

    def need(self, value: str) -> None:
        if not self.take(value):
            raise self.unexpected(f"{value!r}")

    def unexpected(self, wanted: str) -> Refused:
        what = self.token.value.strip() or self.token.kind
        return Refused(f"line {self.token.line}: {what!r} where {wanted} is expected")

    def name(self) -> str:
        if self.token.kind != "name":
            raise self.unexpected("a name")
        self.place += 1
        return self.tokens[self.place - 1].value

    def lines(self) -> None:
        while self.token.kind == "newline":
            self.place += 1

    def until(self, close: str, each: Callable[[], _T]) -> Iterator[_T]:
        """What stands up to a bracket, one to a line or with commas."""
        self.lines()
        while not self.take(close):
            yield each()
            if not self.take(",") and not self.at(close) and self.token.kind != "newline":
                raise self.unexpected(f"{close!r}")
            self.lines()

    def plain(self) -> str:
        """A text without holes."""
        if self.token.kind == "text":
            match self.token.parts:
                case (str(found),):
                    self.place += 1
                    return found
        raise self.unexpected("a plain text")
