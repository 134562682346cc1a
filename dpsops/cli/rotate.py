"""`dpsops rotate`: from one root to the next, one safe step at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dpsops.cli.connection import Connection, connected
from dpsops.cli.exits import of_many
from dpsops.cli.gathering import gathered, line, show
from dpsops.cli.options import Options
from dpsops.cli.rotation_report import picture, rotation_document
from dpsops.errors import Error, InvalidInput, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpsops.model.action import Action, Failed
    from dpsops.model.rotation import Phase
    from dpsops.model.rotation_report import RotationReport
    from dpsops.model.run import Run
    from dpsops.workflows.rotate import Cut, Rotation

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

    options: Options = context.obj
    target = _phase(until) if until is not None else None
    if compromised and until is not None:
        raise InvalidInput("--compromised goes all the way: there is no --until with it", "leave --until away")
    with connected(options) as connection:
        if compromised:
            results = _rotation(connection).replace_compromised(_consent if yes else _asker(connection.run))
        else:
            results = _rotation(connection).rotate(until=target, grace=timedelta(days=grace))
        done, found = _reported(connection, results, timedelta(days=grace))
    return _print_rotated(options, done, found)


def _rotation(connection: Connection) -> Rotation:
    from dpsops.workflows.rotate import Rotation

    return Rotation(connection.run, connection.roots, connection.leaves, connection.dps, connection.hubs, connection.stores)


def _phase(text: str) -> Phase:
    from dpsops.model.rotation import Phase

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


def _reported(
    connection: Connection, results: Iterator[Action | Failed], grace: timedelta
) -> tuple[list[Action | Failed], RotationReport]:
    """What was done, and where that leads. An error or Ctrl-C in either tells on stderr what was done until then."""
    done = gathered(connection.run, results)
    try:
        return done, _status(connection, grace)
    except BaseException:
        show(connection.run, done)
        raise


def _status(connection: Connection, grace: timedelta) -> RotationReport:
    from dpsops.workflows.rotate_status import rotation_status

    return rotation_status(
        connection.run, connection.roots, connection.leaves, connection.dps, connection.hubs, connection.stores, grace
    )


def _print_rotated(options: Options, results: list[Action | Failed], found: RotationReport) -> int:
    from dpsops.model.action import Failed

    failed = [result for result in results if isinstance(result, Failed)]
    done = [result for result in results if not isinstance(result, Failed)]
    document = {
        "changed": bool(done),
        "actions": [asdict(action) for action in done],
        "failed": [asdict(one) for one in failed],
        "rotation": rotation_document(found),
    }
    lines = [*map(line, done), *map(line, failed)] or ["Nothing changed."]
    options.print_result(document, "\n".join([*lines, "", picture(found)]))
    return of_many(well=bool(done), failed=bool(failed))


@app.command()
def status(context: typer.Context, grace: GraceOption = _GRACE) -> None:
    """Show where the rotation stands, whom it waits for, and what comes next.

    \b
    Examples:
      dpsops rotate status
      dpsops --output json rotate status | jq -r '.rotation.waiting_for[]'
    """
    options: Options = context.obj
    with connected(options) as connection:
        found = _status(connection, timedelta(days=grace))
    options.print_result({"rotation": rotation_document(found)}, picture(found))


@app.command()
def undo(context: typer.Context) -> None:
    """Go back to the old root alone, while no device has a leaf of the new one; the new root is disabled, not deleted.

    \b
    Example:
      dpsops rotate undo
    """
    from dpsops.model.rotation import GRACE

    options: Options = context.obj
    with connected(options) as connection:
        done, found = _reported(connection, _rotation(connection).undo(), GRACE)
    _print_rotated(options, done, found)
