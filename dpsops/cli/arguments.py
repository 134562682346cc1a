"""A command line before it is parsed: its command, and its global options wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from dpsops.errors import InvalidInput


class Parameter(Protocol):
    """An option or an argument, as Typer has it."""

    opts: list[str]
    is_eager: bool
    expose_value: bool


class Command(Protocol):
    """A command or a group of commands, as Typer has it."""

    params: list[Parameter]
    epilog: str | None
    callback: Callable[..., object] | None


@dataclass(frozen=True, slots=True)
class Given:
    """What a command line gives. words: those of the command, such as `device issue`. options: the global options in their order,
    each with its value; a flag has an empty one, and None is a value that is missing. rest: everything else in its order."""

    words: tuple[str, ...]
    options: tuple[tuple[str, str | None], ...]
    rest: tuple[str, ...]

    def last(self, name: str) -> str:
        """The value of a global option that holds; empty if it is not given."""
        return next((value or "" for option, value in reversed(self.options) if option == name), "")

    def arranged(self) -> list[str]:
        """The command line with the global options before the command. Raises `InvalidInput` if one has no value, or two
        different ones."""
        found: dict[str, str] = {}
        for name, value in self.options:
            if value is None:
                raise InvalidInput(f"the option {name} needs a value", "dpsops --help shows what it may be")
            if found.setdefault(name, value) != value:
                raise InvalidInput(f"{name} is given as {found[name]!r} and as {value!r}", f"pass {name} once")
        return [*(f"{name}={value}" if value else name for name, value in found.items()), *self.rest]


def read(arguments: Iterable[str], tree: object) -> Given:
    """Reads a command line as the parser of `tree` does, but goes on behind what it would refuse: an error has to be printed in
    the format that was asked for. What an option of a command is given, and what is behind `--`, is no option."""
    words: list[str] = []
    options: list[tuple[str, str | None]] = []
    left: list[str] = []
    common = {name: _takes_value(option) for option in global_options(tree) for name in option.opts}
    command, rest = tree, iter(arguments)
    for each in rest:
        name, equals, value = each.partition("=")
        if each == "--":
            left.extend([each, *rest])
        elif name in common:
            options.append((name, (value if equals else next(rest, None)) or None if common[name] else value))
        else:
            left.append(each)
            if each in _with_value(command):
                left.extend(given for given in [next(rest, None)] if given is not None)
            elif found := _below(command).get(each):
                words.append(each)
                command = found
    return Given(tuple(words), tuple(options), tuple(left))


def global_options(tree: object) -> list[Parameter]:
    """The options of all commands: those at the top that do nothing of their own, unlike `--version`."""
    return [each for each in cast("Command", tree).params if each.expose_value and not each.is_eager]


def every(command: object) -> Iterator[Command]:
    """The commands below a command."""
    for each in _below(command).values():
        yield cast("Command", each)
        yield from every(each)


def _below(command: object) -> dict[str, object]:
    return getattr(command, "commands", {})


def _with_value(command: object) -> Iterator[str]:
    return (name for option in getattr(command, "params", ()) if _takes_value(option) for name in option.opts)


def _takes_value(option: Parameter) -> bool:
    return getattr(option, "param_type_name", "") == "option" and not getattr(option, "is_flag", True)
