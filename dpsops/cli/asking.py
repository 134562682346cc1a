"""What a person reads before something is changed, and the question whether to do it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dpsops.errors import Error, InvalidInput

if TYPE_CHECKING:
    from dpsops.model.action import Action
    from dpsops.model.run import Run


def planned(actions: Iterable[Action], notes: Iterable[str]) -> str:
    """Each action, with each property before and after, and what to know of it all; empty if there is nothing."""
    lines: list[str] = []
    for action in actions:
        lines.append(f"{'~' if action.changes else '+'} {action.action} {action.target}")
        for each in action.changes:
            lines.append(f"    {each.path}: {shown(each.before)} -> {shown(each.after)}")
            if each.warning:
                lines.append(f"    ! {each.warning}")
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def shown(value: object) -> str:
    """A value of a property, as JSON."""
    return "(none)" if value is None else json.dumps(value)


def ask_for_name(run: Run, command: str, hint: str, what: str) -> None:
    """Asks for the name of the environment, which nobody types by habit, before `what` is done. `hint`: what to do without a
    terminal. Raises an error if it is declined, or if there is nobody to ask."""
    name = run.environment.name
    require_terminal(name, command, hint)
    run.progress("")  # a spinner would draw over the question
    print(what, file=sys.stderr)
    print(f"Type the name of the environment to remove it{_where(run)} ({name}): ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != name:
        raise Error("declined: nothing was removed", f"to continue, run the command again and type {name}")


def require_terminal(name: str, command: str, hint: str) -> None:
    """Raises `InvalidInput` if there is nobody to ask."""
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"'{command}' would change the environment {name!r}, and there is no terminal to ask for confirmation", hint
        )


def ask(run: Run, command: str, hint: str, actions: Iterable[Action], notes: Iterable[str]) -> None:
    """Asks whether to do this to the environment. `hint`: what to do without a terminal. Raises an error if it is declined, or
    if there is nobody to ask."""
    name = run.environment.name
    require_terminal(name, command, hint)
    run.progress("")  # a spinner would draw over the question
    print(planned(actions, notes), file=sys.stderr)
    print(f"Do this to {name!r}{_where(run)}? [y/N]: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Error("declined: no further change was made", "to continue, run the command again and answer y")


def _where(run: Run) -> str:
    return " on the embedded Azure" if run.is_embedded else ""
