"""`dpsops rotate`: from one root to the next, one safe step at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dpsops.cli.connection import connected
from dpsops.cli.exits import of_many
from dpsops.cli.options import Options
from dpsops.cli.rotation_report import picture, rotation_document
from dpsops.errors import Error, InvalidInput, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpsops.workflows.device import Failed
    from dpsops.workflows.rotate import Cut, Report
    from dpsops.workflows.rotation import Phase
    from dpsops.workflows.run import Action, Run

_GRACE = 30

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="""Move to a new root without dropping a device: one safe step each time, from stable to stable.

\b
  stable -> staged -> proven -> overlapping -> reissuing -> promoted -> draining -> retired -> stable

\b
Examples:
  dpsops rotate                          the next step
  dpsops rotate --until draining         as far as it goes before devices have to move
  dpsops rotate --until stable           a whole rotation; it stops where it has to wait for devices
  dpsops rotate status                   where it stands, and whom it waits for
  dpsops rotate undo                     back to the old root, while that strands nobody
  dpsops rotate --compromised            the root's key is not ours alone: cut it off, replace it""",
)

GraceOption = Annotated[
    int,
    typer.Option(
        "--grace",
        min=0,
        max=3650,
        metavar="DAYS",
        help="How long a device that was not seen with its new leaf is waited for; 0: not at all.",
    ),
]


@app.callback()
def rotate(
    context: typer.Context,
    until: Annotated[
        str | None, typer.Option("--until", metavar="PHASE", help="Take steps until this phase, or until devices must move.")
    ] = None,
    grace: GraceOption = _GRACE,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Cut the root off first, with all that it vouched for.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --compromised: do not ask.")] = False,
) -> int:
    """Takes the next step, unless a command follows."""
    if context.invoked_subcommand is not None:
        if until is not None or compromised or yes or grace != _GRACE:
            raise InvalidInput(
                f"an option stands before {context.invoked_subcommand!r}, where it would say nothing",
                f"put it behind: dpsops rotate {context.invoked_subcommand} --help shows which it has",
            )
        return 0
    from dpsops.workflows import rotate as workflow

    options: Options = context.obj
    target = _phase(until) if until is not None else None
    if compromised and until is not None:
        raise InvalidInput("--compromised goes all the way: there is no --until with it", "leave --until away")
    with connected(options) as run:
        if compromised:
            results = workflow.replace_compromised(run, _consent if yes else _asker(run))
        else:
            results = workflow.rotate(run, until=target, grace=timedelta(days=grace))
        done, found = _reported(run, results, timedelta(days=grace))
    return _print_rotated(options, done, found)


def _phase(text: str) -> Phase:
    from dpsops.workflows.rotation import Phase

    names = [phase.value for phase in Phase if phase is not Phase.BREACHED]
    if text not in names:
        raise InvalidInput(f"{text!r} is no phase of a rotation", f"use one of: {', '.join(names)}")
    return Phase(text)


def _consent(cut: Cut) -> None:
    """`--yes` was said. A pipeline that runs again would cut off the root that its first run has made."""
    if cut.replaced:
        raise Refused(
            f"{cut.root} has taken the place of {cut.replaced}, which was compromised: that is done",
            f"if {cut.root} is compromised as well, say so at a terminal, without --yes",
        )


def _asker(run: Run) -> Callable[[Cut], None]:
    name = run.environment.name

    def ask(cut: Cut) -> None:
        if not sys.stdin.isatty():
            raise InvalidInput(
                f"this would cut off {cut.root} of the environment {name!r} and {len(cut.devices)} device(s) with it, and "
                "there is no terminal to ask at",
                "say --yes",
            )
        run.progress("")  # a spinner would draw over the question
        if cut.replaced:
            print(
                f"{cut.root} has taken the place of {cut.replaced}, which was compromised. This is about another breach.",
                file=sys.stderr,
            )
        print(f"{cut.root} leaves the enrollment group and the DPS at once, and cannot come back.", file=sys.stderr)
        shut = f"{len(cut.devices)} device(s) are shut out until they have a new leaf: {', '.join(cut.devices)}"
        print(shut if cut.devices else "No device is shut out by that.", file=sys.stderr)
        print(f"Type the environment's name ({name}) to go on: ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip() != name:
            raise Error("nothing was changed", "the name was not that of the environment")

    return ask


def _reported(run: Run, results: Iterator[Action | Failed], grace: timedelta) -> tuple[list[Action | Failed], Report]:
    """What was done, and where that leads. An error or Ctrl-C in between tells on stderr what was done until then,
    because no later run does."""
    from dpsops.workflows.rotate import report

    done: list[Action | Failed] = []
    try:
        done.extend(results)
        return done, report(run, grace)
    except BaseException:
        run.progress("")  # a spinner would draw over them
        for line in _lines(done):
            print(line, file=sys.stderr)
        raise


def _lines(results: Iterable[Action | Failed]) -> list[str]:
    from dpsops.workflows.device import Failed

    results = list(results)
    return [
        *(f"✓ {each.target}: {each.outcome}" for each in results if not isinstance(each, Failed)),
        *(f"✗ {each.device}: {each.reason}" for each in results if isinstance(each, Failed)),
    ]


def _print_rotated(options: Options, results: Iterable[Action | Failed], found: Report) -> int:
    from dpsops.workflows.device import Failed

    results = list(results)
    failed = [result for result in results if isinstance(result, Failed)]
    done = [result for result in results if not isinstance(result, Failed)]
    document = {
        "changed": bool(done),
        "actions": [asdict(action) for action in done],
        "failed": [asdict(one) for one in failed],
        "rotation": rotation_document(found),
    }
    options.print_result(document, "\n".join([*(_lines(results) or ["Nothing changed."]), "", picture(found)]))
    return of_many(well=bool(done), failed=bool(failed))


@app.command()
def status(context: typer.Context, grace: GraceOption = _GRACE) -> None:
    """Show where the rotation stands, whom it waits for, and what comes next.

    \b
    Examples:
      dpsops rotate status
      dpsops --output json rotate status | jq -r '.rotation.waiting_for[]'
    """
    from dpsops.workflows.rotate import report

    options: Options = context.obj
    with connected(options) as run:
        found = report(run, timedelta(days=grace))
    options.print_result({"rotation": rotation_document(found)}, picture(found))


@app.command()
def undo(context: typer.Context) -> None:
    """Go back to the old root alone, while no device has a leaf of the new one; the new root is disabled, not deleted.

    \b
    Example:
      dpsops rotate undo
    """
    from dpsops.workflows import rotate as workflow

    options: Options = context.obj
    with connected(options) as run:
        done, found = _reported(run, workflow.undo(run), workflow.GRACE)
    _print_rotated(options, done, found)
