"""A Bicep file as tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.bicep.syntax import Refused

_SKIPPED = re.compile(r"[ \t\r]+|//[^\n]*|/\*.*?\*/|#(?:disable|restore)[^\n]*", re.DOTALL)
_TOKEN = re.compile(
    r"(?P<newline>\n)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>\d+)"
    r"|(?P<symbol>\.\.\.|\.\?|::|=>|==|!=|=~|!~|<=|>=|&&|\|\||\?\?|\[\?|[\[\]{}().,:?=!<>+\-*/%|@])"
)
_PLAIN = re.compile(r"[^'\\$]+|\$(?!\{)")
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]+)\}|(.))")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", "$": "$"}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is newline, name, number, symbol, text or end; the holes of a text are tokens of their own."""

    kind: str
    value: str
    line: int
    parts: tuple[str | tuple[Token, ...], ...] = ()


def tokens(text: str) -> tuple[Token, ...]:
    """All tokens of a file."""
    return _Lexer(text).until_brace(nested=False)


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def line(self) -> int:
        return self.text.count("\n", 0, self.place) + 1

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.place)
        if found:
            self.place = found.end()
        return found

    def until_brace(self, nested: bool) -> tuple[Token, ...]:
        """The tokens up to the end, or to the brace that closes a hole, which is left."""
        found: list[Token] = []
        depth = 0
        while True:
            while self.match(_SKIPPED):
                pass
            line = self.line()
            if self.place == len(self.text) or (nested and depth == 0 and self.text[self.place] == "}"):
                return (*found, Token("end", "", line))
            if self.text[self.place] == "'":
                found.append(Token("text", "", line, self.string()))
                continue
            match = self.match(_TOKEN)
            if match is None:
                raise Refused(f"line {line}: {self.text[self.place]!r}")
            depth += {"{": 1, "}": -1}.get(match[0], 0)
            found.append(Token(match.lastgroup or "", match[0], line))

    def string(self) -> tuple[str | tuple[Token, ...], ...]:
        """The parts of the text that begins here."""
        if self.text.startswith("'''", self.place):
            end = self.text.index("'''", self.place + 3)
            raw = self.text[self.place + 3 : end]
            self.place = end + 3
            return (raw.removeprefix("\n"),)
        self.place += 1
        parts: list[str | tuple[Token, ...]] = []
        plain = ""
        while not self.text.startswith("'", self.place):
            if self.text.startswith("${", self.place):
                self.place += 2
                parts += [plain, self.until_brace(nested=True)]
                plain = ""
                self.place += 1
            elif escape := self.match(_ESCAPE):
                plain += chr(int(escape[1], 16)) if escape[1] else _ESCAPES[escape[2]]
            elif match := self.match(_PLAIN):
                plain += match[0]
            else:
                raise Refused(f"line {self.line()}: a text without an end")
        self.place += 1
        return (*parts, plain)
