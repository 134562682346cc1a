"""The commands of `dpsops`. Each is imported when it is needed, because help, completion and a wrong word need none of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from dpsops.cli.arguments import every, global_options


class Entry(NamedTuple):
    """A command or a group of commands: its name, what it is for, and where it is (in a module of `dpsops.cli`)."""

    name: str
    purpose: str
    module: str
    attribute: str


ENTRIES = (
    Entry("init", "Write the settings of a new environment.", "init", "init"),
    Entry("up", "Create what is missing of an environment.", "up", "up"),
    Entry("plan", "Show what 'up' would do, and change nothing.", "up", "plan"),
    Entry("status", "Show what exists, and what to do next.", "status", "status"),
    Entry("doctor", "Check whether this identity can do all of this.", "doctor", "doctor"),
    Entry("down", "Remove what 'up' has made, and leave the rest.", "down", "down"),
    Entry("root", "The root certificate.", "root", "app"),
    Entry("device", "The devices, their certificates and registrations.", "device", "app"),
    Entry("rotate", "Move all devices to a new root without losing one.", "rotate", "app"),
    Entry("pipeline", "The identities of the pipelines of a repository.", "pipeline", "app"),
    Entry("local", "The embedded Azure, as a server for other clients.", "local", "app"),
)


class Commands(Mapping[str, Any]):
    """The commands by their names. Each names the global options in its help; for a shell that completes a line they are its
    own."""

    def __init__(self, common: list[Any]) -> None:
        self._common = common
        self._entries = {entry.name: entry for entry in ENTRIES}
        self._imported: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._imported:
            self._imported[name] = self._with_common(_imported(self._entries[name]))
        return self._imported[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _with_common(self, command: Any) -> Any:
        named = f"Global options, here or before the command: {', '.join(each.opts[0] for each in self._common)}."
        for each in (command, *every(command)):
            each.epilog = named
            if "_DPSOPS_COMPLETE" in os.environ:
                each.params.extend(self._common)
        return command


def _imported(entry: Entry) -> Any:
    """The command as the parser has it."""
    found = getattr(import_module(f"dpsops.cli.{entry.module}"), entry.attribute)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    holder.callback()(_hold)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=entry.name)
    else:
        holder.command(entry.name)(found)
    return getattr(typer.main.get_command(holder), "commands")[entry.name]  # noqa: B009


def _hold() -> None:
    """Nothing: with it, a group of one command stays a group."""


class CommandTree(TyperGroup):
    """`dpsops` itself: its options, and the commands below it."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands(global_options(self))  # type: ignore[assignment]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Writes the list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.purpose) for entry in ENTRIES])
