"""A command line before it is parsed: its command, and its global options wherever they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GLOBAL = ("--env", "--output", "--verbose")
"""The options of every command."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a command line gives. words: those of the command, such as `device issue`. options: the global options in their order,
    each with its value; a flag has an empty one, and so has an option whose value is missing."""

    words: tuple[str, ...]
    options: tuple[tuple[str, str], ...]

    def last(self, name: str) -> str:
        """The value of a global option that holds; empty if it is not given."""
        return next((value for option, value in reversed(self.options) if option == name), "")


def read(arguments: Iterable[str], command: object) -> Given:
    """Reads a command line as the parser of `command` does, but goes on behind what it would refuse: an error has to be printed
    in the format that was asked for. What an option of a command is given, and what is behind `--`, is no option."""
    words: list[str] = []
    options: list[tuple[str, str]] = []
    taken = _with_value(command)
    known = taken
    rest = iter(arguments)
    for each in rest:
        name, equals, value = each.partition("=")
        commands: Mapping[str, object] = getattr(command, "commands", {})
        if each == "--":
            break
        if name in GLOBAL:
            needs = name in known and not equals
            options.append((name, next(rest, "") if needs else value))
        elif each in taken:
            next(rest, None)
        elif each in commands:
            words.append(each)
            command = commands[each]
            taken = _with_value(command)
    return Given(tuple(words), tuple(options))


def _with_value(command: object) -> frozenset[str]:
    """The options of a command that are given a value."""
    return frozenset(
        name
        for option in getattr(command, "params", ())
        if getattr(option, "param_type_name", "") == "option" and not getattr(option, "is_flag", True)
        for name in option.opts
    )
