"""A plan for somebody who looks at a run of a pipeline: each property before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dpsops.cli.asking import shown
from dpsops.cli.summary import UNKNOWN, Cell, Name, Outputs, Summary, Table

if TYPE_CHECKING:
    from dpsops.model.action import Action


def plan_summary(
    actions: Sequence[Action], notes: Sequence[str] = (), outputs: Outputs = UNKNOWN, *, is_folded: bool = False
) -> Summary:
    """What would be done. What a change takes away is a warning, and so are the notes. is_folded: the actions are hidden at
    first, unless one changes something that exists."""
    planned = f"{len(actions)} action{'' if len(actions) == 1 else 's'} planned"
    changes = any(action.changes for action in actions)
    header = ("", "action", "target", "property", "before", "after") if changes else ("", "action", "target")
    rows = tuple(row[: len(header)] for row in _rows(actions))
    return Summary(
        lead=f"{planned}." if actions else "Nothing to do.",
        blocks=(Table(header, rows, folded=planned if is_folded and not changes else ""),),
        outputs=outputs,
        warnings=(
            *(f"{action.target}: {each.path}: {each.warning}" for action in actions for each in action.changes if each.warning),
            *notes,
        ),
    )


def _rows(actions: Sequence[Action]) -> Iterator[tuple[Cell, ...]]:
    for action in actions:
        mark, verb, target = "~" if action.changes else "+", action.action, Name(action.target)
        if not action.changes:
            yield mark, verb, target, "", "", ""
        for number, each in enumerate(action.changes):
            named: tuple[Cell, ...] = (mark, verb, target) if number == 0 else ("", "", "")
            warned = Name(f"! {each.path}") if each.warning else Name(each.path)
            yield *named, warned, Name(shown(each.before)), Name(shown(each.after))
