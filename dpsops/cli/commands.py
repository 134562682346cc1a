"""The commands that a text names, each with the environment that it is about: what is pasted from a hint works on the environment
of the command that has given it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO

from dpsops.errors import visible

if TYPE_CHECKING:
    from dpsops.cli.told import Told

SENTENCES = frozenset({"detail", "hint", "message", "next", "notes", "outcome", "reason", "trouble", "warning"})
"""The members of JSON documents that are written for people. Every other member is a value, and stays as it is."""


def addressed(text: str, words: Sequence[str], commands: Collection[str]) -> str:
    """A text in which each of the commands has the words, such as `--env prod`, right behind `dpsops`.

    A command that names its environment, or asks for its help, stays as it is. So does everything in double quotation marks: it
    is a value of JSON, such as the description of a role.
    """
    if not words or "dpsops " not in text:
        return text
    found = _pattern(frozenset(commands))
    return found.sub(lambda each: f"{each[0]}{' '.join(words)} " if each[0] == "dpsops " else each[0], text)


@lru_cache(maxsize=1)
def _pattern(commands: frozenset[str]) -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, commands)))
    return re.compile(
        r'"(?:[^"\\\n]|\\.)*"'
        rf"|(?<![\w=./-])dpsops (?=(?:{names})(?![\w-]))(?![^'`,;:()\n]*--(?:env|help)\b)"
    )


@dataclass(frozen=True, slots=True)
class Address:
    """The words that lead a command to an environment, and the commands that need them."""

    words: tuple[str, ...] = ()
    commands: frozenset[str] = frozenset()

    def text(self, text: str) -> str:
        """A text for people."""
        return addressed(text, self.words, self.commands)

    def document(self, value: Any, *, is_sentence: bool = False) -> Any:
        """A JSON document: only what is written for people changes."""
        match value:
            case str() if is_sentence:
                return self.text(value)
            case list() | tuple():
                return [self.document(each, is_sentence=is_sentence) for each in value]
            case dict():
                return {name: self.document(each, is_sentence=name in SENTENCES) for name, each in value.items()}
        return value


NOWHERE = Address()
"""No environment is known yet, or a command needs no word to find it."""


class AddressedStream:
    """A stream for people: whatever is written to it is addressed, as soon as it is known to which environment; and nothing in
    it, such as the name of a file, is a command for the terminal. `stream`: where it leads, for what moves the cursor itself."""

    def __init__(self, stream: TextIO, told: Told) -> None:
        self.stream = stream
        self._told = told

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Writes a text. Raises `TypeError` for bytes: Typer finds out by that what a stream takes."""
        if not isinstance(text, str):
            raise TypeError("a stream of text")
        self.stream.write(visible(self._told.address.text(text)))
        return len(text)
