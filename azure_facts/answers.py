"""Questions, and what comes of asking them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

from dpsops.cli.connection import Connection


class Fact(Protocol):
    """What a question has found out: a dataclass, of which each question has its own."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def line(self) -> str:
        """The fact in one line, for people."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about Azure. `name` is also that of its cassette; `ask` may raise anything: then it is not answered."""

    name: str
    text: str
    ask: Callable[[Connection], Fact]


@dataclass(frozen=True, slots=True)
class Answer:
    """The fact, or why there is none."""

    question: Question
    fact: Fact | None
    why: str = ""

    @property
    def line(self) -> str:
        """The answer in one line."""
        return self.fact.line if self.fact else f"not answered: {self.why}"

    def document(self) -> dict[str, object]:
        """The answer as JSON has it."""
        return {
            "question": self.question.name,
            "text": self.question.text,
            "line": self.line,
            "fact": asdict(self.fact) if self.fact else None,
            "not_answered": self.why or None,
        }


class NotClear(Exception):
    """What was seen answers neither yes nor no. The message is one clause."""


def yes_or_no(found: bool) -> str:
    """For a line."""
    return "yes" if found else "no"
