"""Chance in the embedded Azure, all of it from one seed: the same seed, the same thing and the same moment, the same outcome."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chances:
    """What is left to chance. `seed` stands for a whole course of events: a test that names it can be repeated."""

    seed: int = 0

    def draw(self, *what: object) -> float:
        """A number from 0 to below 1, for the thing (and, if it is to change with time, the moment) that is named."""
        return self._of(what).random()

    def shuffled(self, items: Iterable[T], *what: object) -> list[T]:
        """The items in an order of chance, for what is named."""
        found = list(items)
        self._of(what).shuffle(found)
        return found

    def _of(self, what: tuple[object, ...]) -> random.Random:
        return random.Random("/".join(map(str, (self.seed, *what))))  # noqa: S311 - nothing here is a secret
