"""JSON as Resource Manager reads it in the body of a deployment: with comments, bare names of members, and line breaks in
strings, as the template files are that clients send on. It remembers where each object began.

Source: a recording of Azure's CLI, which sends a template as its author wrote it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dpsops.emulator.documents import parse_json

_SPACE = re.compile(r"(?:[ \t\r\n]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BARE = re.compile(r"[A-Za-z_$][\w$]*")
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_DEEPEST = 64
_DECLARATIONS = tuple(("properties", "template", section) for section in ("parameters", "outputs"))


class Located(dict[str, Any]):
    """The declaration of a parameter or an output, and where its first brace stands: `line` and `column`, from 1."""

    line = 0
    column = 0


def parse(text: str) -> Any:
    """The document. Raises `ValueError`."""
    document = _plain(_Reader(text).document(), ())
    parse_json(json.dumps(document))  # what is forbidden in every document is forbidden here
    return document


def _plain(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_plain(each, (*path, "")) for each in value]
    if not isinstance(value, Located):
        return value
    found = {key: _plain(each, (*path, key)) for key, each in value.items()}
    if path[:-1] not in _DECLARATIONS:
        return found
    located = Located(found)
    located.line, located.column = value.line, value.column
    return located


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> Any:
        value = self._value(0)
        self._skip()
        if self._at < len(self._text):
            raise self._wrong("the end")
        return value

    def _value(self, level: int) -> Any:
        if level > _DEEPEST:
            raise ValueError(f"the document has more than {_DEEPEST} levels")
        self._skip()
        match self._text[self._at : self._at + 1]:
            case "{":
                return self._object(level)
            case "[":
                return self._array(level)
            case '"':
                return self._string()
            case _:
                return json.loads(self._take(_SCALAR, "a value"))

    def _object(self, level: int) -> Located:
        found = Located()
        before = self._text[: self._at]
        found.line, found.column = before.count("\n") + 1, self._at - (before.rfind("\n") + 1) + 1
        self._at += 1
        while not self._ends("}", bool(found)):
            name = self._string() if self._text[self._at] == '"' else self._take(_BARE, "a name")
            self._skip()
            self._expect(":")
            found[name] = self._value(level + 1)
        return found

    def _array(self, level: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while not self._ends("]", bool(found)):
            found.append(self._value(level + 1))
        return found

    def _ends(self, bracket: str, begun: bool) -> bool:
        self._skip()
        if self._text.startswith(bracket, self._at):
            self._at += 1
            return True
        if begun:
            self._expect(",")
            self._skip()
        if self._at >= len(self._text):
            raise self._wrong(bracket)
        return False

    def _string(self) -> str:
        return str(json.loads(self._take(_STRING, "a string"), strict=False))

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _take(self, pattern: re.Pattern[str], what: str) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self._wrong(what)
        self._at = match.end()
        return match[0]

    def _expect(self, sign: str) -> None:
        if not self._text.startswith(sign, self._at):
            raise self._wrong(sign)
        self._at += 1

    def _wrong(self, wanted: str) -> ValueError:
        line = self._text.count("\n", 0, self._at) + 1
        return ValueError(f"{wanted} expected in line {line}")
