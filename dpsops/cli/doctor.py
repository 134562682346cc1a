"""`dpsops doctor`: whether this identity can do all of this, before anything is touched."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli.connection import connected
from dpsops.cli.exits import Exit
from dpsops.cli.options import Options
from dpsops.cli.summary import Name, Outputs, Summary, Table
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from dpsops.model.checkup import Finding
    from dpsops.workflows.doctor import Checkup


def doctor(
    context: typer.Context,
    command: Annotated[
        str, typer.Option("--for", metavar="COMMAND", help='Check what one command needs, such as "device issue".')
    ] = "",
) -> None:
    """Check whether this identity can do all of this, before anything is touched. Changes nothing.

    \b
    Examples:
      dpsops doctor
      dpsops doctor --for rotate
      dpsops --output json doctor | jq '.checks[] | select(.outcome == "failed")'
    """
    from dpsops.azure.examination import Examination
    from dpsops.model import checkup
    from dpsops.workflows.doctor import Doctor

    options: Options = context.obj
    commands = _commands(command)
    with connected(options) as to:
        found = Doctor(to.run, Examination(to.clients), to.deployments, to.roots, to.stores, to.wire).examine(commands)
    options.print_result(_document(found), _text(found), _summary(found))
    if checkup.is_failed(found.findings):
        raise typer.Exit(Exit.NOT_ALLOWED if checkup.lacks_rights(found.findings) else Exit.FAILED)


def _commands(words: str) -> tuple[str, ...]:
    """The commands to check: all, or those that a person names."""
    from dpsops.model import needs

    if not words:
        return tuple(needs.NEEDS)
    found = needs.chosen(words)
    if not found:
        typed = [name for name in needs.NEEDS if "," not in name]
        raise InvalidInput(f"there is nothing to check for {words!r}", f"it is one of: {', '.join(typed)}")
    return found


def _document(found: Checkup) -> dict[str, Any]:
    return {
        "identity": {"id": found.who.object_id, "type": found.who.kind} if found.who else None,
        "tenant": found.tenant,
        "signed_in_by": found.means,
        "subscription": found.subscription,
        "commands": list(found.commands),
        "checks": [asdict(each) for each in found.findings],
    }


def _text(found: Checkup) -> str:
    from dpsops.model.checkup import Outcome

    rows = [(each.outcome.value, each.check, each.subject, each.detail) for each in found.findings]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for row, finding in zip(rows, found.findings, strict=True):
        lines.append("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))
        if finding.hint and finding.outcome is not Outcome.OK:
            lines.append(f"{' ' * (widths[0] + 2)}-> {finding.hint}")
    return "\n".join([*lines, "", _count(found)])


def _count(found: Checkup) -> str:
    from dpsops.model.checkup import Outcome

    counts = {each: sum(finding.outcome is each for finding in found.findings) for each in Outcome}
    return ", ".join(f"{number} {outcome.value}" for outcome, number in counts.items() if number)


def _summary(found: Checkup) -> Summary:
    """The checks that are not well in a table, each of them a warning; how many the others are."""
    from dpsops.model.checkup import Outcome

    bad = [each for each in found.findings if each.outcome is not Outcome.OK]
    rows = tuple((each.outcome.value, each.check, Name(each.subject), each.detail, Name(each.hint)) for each in bad)
    table = (Table(("outcome", "check", "subject", "what", "next"), rows),) if rows else ()
    warnings = tuple(map(_warning, (each for each in bad if each.outcome is Outcome.FAILED)))
    return Summary(_count(found), table, Outputs(changed=False), warnings)


def _warning(finding: Finding) -> str:
    return f"{finding.subject}: {finding.detail}: {finding.hint}"
