"""A function of the template language: what it takes, and what is said of arguments that it does not take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.arm.template.values import TemplateError, kind

Kinds = tuple[type, ...]

TEXT, INT, BOOL, ARRAY, OBJECT, NULL = (str,), (int,), (bool,), (list,), (dict,), (type(None),)
SCALAR = (str, int, bool, float)
MANY = (str, list, dict)
ANY = (str, int, bool, float, list, dict, type(None))


@dataclass(frozen=True, slots=True)
class Function:
    """A function: the kinds of its arguments in order, how many of them may be left out, the kinds of any further ones."""

    name: str
    body: Callable[..., Any]
    takes: tuple[Kinds, ...] = ()
    optional: int = 0
    more: Kinds = ()

    def __call__(self, arguments: Sequence[Any]) -> Any:
        """Its value. Raises `TemplateError` for arguments that it does not take."""
        least = len(self.takes) - self.optional
        if len(arguments) < least or (not self.more and len(arguments) > len(self.takes)):
            raise wrong(self.name, f"function requires {least} argument(s) while {len(arguments)} were provided")
        for place, argument in enumerate(arguments):
            kinds = self.takes[place] if place < len(self.takes) else self.more
            if type(argument) not in kinds:
                wanted = ", ".join(kind(each()) for each in kinds)
                raise wrong(self.name, f"argument {place + 1} is of type '{kind(argument)}'; it must be of type '{wanted}'")
        try:
            return self.body(*arguments)
        except (ValueError, ZeroDivisionError, IndexError, OverflowError) as failed:
            raise wrong(self.name, str(failed)) from failed


def wrong(name: str, reason: str) -> TemplateError:
    """What is said of a function that cannot be evaluated."""
    return TemplateError(
        f"Unable to evaluate template language function '{name}': {reason}. "
        f"Please see https://aka.ms/arm-functions/#{name.lower()} for usage details."
    )
