"""`dpsops rotate`: from one root to the next, one safe step at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli.connection import Connection, connected
from dpsops.cli.exits import Exit, of_many
from dpsops.cli.gathering import actions_document, gathered, line, show
from dpsops.cli.options import Options
from dpsops.cli.rotation_report import rotation_document, rotation_summary, rotation_text
from dpsops.cli.tally import Tally
from dpsops.errors import Error, InvalidInput, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpsops.model.action import Result
    from dpsops.model.replacement import Cut, Left
    from dpsops.model.rotation import Phase
    from dpsops.model.rotation_report import RotationReport
    from dpsops.model.run import Run
    from dpsops.workflows.rotation.parts import Parts
    from dpsops.workflows.rotation.rotate import Rotation

_GRACE = 30

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="""Move all devices to a new root without losing one: one safe step each time, from stable to stable.

\b
  stable -> staged -> proven -> overlapping -> reissuing -> promoted -> draining -> retired -> stable

\b
A rotation begins if the root expires soon, or if the root that is to go is named. The same words, said again at any time, mean
the same rotation.

\b
Examples:
  dpsops rotate                                         take the next step, if a rotation has begun or is due
  dpsops rotate --replace root-g1                       replace root-g1: take the next step
  dpsops rotate --replace root-g1 --until draining      take all steps before the devices must move
  dpsops rotate --replace root-g1 --until stable        complete the rotation; it stops if it has to wait for devices
  dpsops rotate status                                  show the phase, and the devices that it waits for
  dpsops rotate undo                                    go back, while no device has a certificate under the new root
  dpsops rotate --compromised --replace root-g1         cut off a root whose key others may use, and replace it""",
)

GraceOption = Annotated[
    int,
    typer.Option(
        "--grace",
        min=0,
        max=3650,
        metavar="DAYS",
        help="How long to wait for devices that have not registered with their new certificate; 0: do not wait.",
    ),
]


@app.callback()
def rotate(
    context: typer.Context,
    until: Annotated[
        str | None, typer.Option("--until", metavar="PHASE", help="Take steps until this phase, or until devices must move.")
    ] = None,
    grace: GraceOption = _GRACE,
    replace: Annotated[
        str | None,
        typer.Option("--replace", metavar="ROOT", help="The root that is to go, as in root-g1, also if it is not due."),
    ] = None,
    compromised: Annotated[bool, typer.Option("--compromised", help="First cut off the root and all devices under it.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before the root is cut off, or before devices are left behind.")
    ] = False,
) -> int:
    """Takes the next step, unless a subcommand follows."""
    if context.invoked_subcommand is not None:
        if until is not None or replace is not None or compromised or yes or grace != _GRACE:
            raise InvalidInput(
                f"an option before {context.invoked_subcommand!r} has no effect",
                f"put options after the command: 'dpsops rotate {context.invoked_subcommand} --help' shows them",
            )
        return 0

    options: Options = context.obj
    target = _phase(until) if until is not None else None
    number = _root(replace) if replace is not None else None
    if compromised and until is not None:
        raise InvalidInput("--compromised takes all steps, so --until is not possible", "remove --until")
    with connected(options) as connection:
        if compromised:
            confirm = (_consent if number is None else _accept) if yes else _asker(connection.run)
            results = _rotation(connection).replace_compromised(confirm, number)
        else:
            leave = _accept if yes else _leaver(connection.run)
            results = _rotation(connection).rotate(until=target, grace=timedelta(days=grace), replace=number, leave=leave)
        done, found = _reported(options, connection, results, timedelta(days=grace))
    return _print_rotated(options, done, found)


def _rotation(connection: Connection) -> Rotation:
    from dpsops.workflows.rotation.rotate import Rotation

    return Rotation(_parts(connection))


def _parts(connection: Connection) -> Parts:
    from dpsops.workflows.rotation.parts import Parts

    return Parts(
        connection.run,
        connection.roots,
        connection.signer,
        connection.leaves,
        connection.dps,
        connection.hubs,
        connection.stores,
        connection.every_store,
    )


def _phase(text: str) -> Phase:
    from dpsops.model.rotation import Phase

    names = [phase.value for phase in Phase if phase is not Phase.BREACHED]
    if text not in names:
        raise InvalidInput(f"{text!r} is not a phase of a rotation", f"use one of: {', '.join(names)}")
    return Phase(text)


def _root(text: str) -> int:
    from dpsops.model.replacement import named_root

    return named_root(text)


def _accept(_: object) -> None:
    """`--yes` was passed, and what is meant is clear."""


def _consent(cut: Cut) -> None:
    """`--yes` was passed, and no root was named. A pipeline that runs a second time must not cut off the root that its first run
    has created."""
    if cut.replaced:
        raise Refused(
            f"{cut.root} has already replaced the compromised root {cut.replaced}",
            f"if {cut.root} is compromised too: dpsops rotate --compromised --replace {cut.root} --yes",
        )


def _asker(run: Run) -> Callable[[Cut], None]:
    name = run.environment.name

    def ask(cut: Cut) -> None:
        if not sys.stdin.isatty():
            raise InvalidInput(
                f"this would cut off {cut.root} of the environment {name!r} and {len(cut.devices)} device(s), and there is no "
                "terminal to ask for confirmation",
                "pass --yes",
            )
        run.progress("")  # a spinner would draw over the question
        if cut.replaced:
            print(
                f"{cut.root} has already replaced the compromised root {cut.replaced}. Continue only if it is compromised too.",
                file=sys.stderr,
            )
        print(f"{cut.root} is removed from the enrollment group and the DPS at once, and cannot be used again.", file=sys.stderr)
        affected = f"{len(cut.devices)} device(s) cannot connect until they have a new certificate: {', '.join(cut.devices)}"
        print(affected if cut.devices else "No device is affected.", file=sys.stderr)
        _ask_for(name, "nothing was changed")

    return ask


def _leaver(run: Run) -> Callable[[Left], None]:
    from dpsops.model.replacement import stay

    def ask(left: Left) -> None:
        if not sys.stdin.isatty():
            stay(left)
        run.progress("")  # a spinner would draw over the question
        print(f"{len(left.devices)} device(s) have not registered with a certificate under {left.new}:", file=sys.stderr)
        for device in left.devices:
            print(f"  {device.device}  {device.reason}", file=sys.stderr)
        print(f"The grace period is over. If {left.root} is retired now, they can no longer register.", file=sys.stderr)
        _ask_for(run.environment.name, "no device is left behind")

    return ask


def _ask_for(name: str, declined: str) -> None:
    """Asks for the name of the environment. Raises `Error` for anything else."""
    print(f"Type the name of the environment ({name}) to continue: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != name:
        raise Error(f"declined: {declined}", f"to continue, type the name of the environment: {name}")


def _reported(
    options: Options, connection: Connection, results: Iterator[Result], grace: timedelta
) -> tuple[list[Result], RotationReport | None]:
    """What was done, and the status after it. After an error or Ctrl-C, what was done until then is printed on stderr.

    What was done stays done if only the status cannot be read: then a note says so.
    """
    from dpsops.model.action import Note

    done = gathered(options, connection.run, results, _document)
    try:
        return done, _status(connection, grace)
    except Error as error:
        return [*done, Note(f"the state of the rotation could not be read: {error.line}; to see it: dpsops rotate status")], None
    except BaseException:
        show(options, connection.run, done)
        raise


def _status(connection: Connection, grace: timedelta) -> RotationReport:
    from dpsops.workflows.rotate_status import rotation_status

    return rotation_status(
        connection.run, connection.roots, connection.leaves, connection.dps, connection.hubs, connection.stores, grace
    )


def _document(results: Sequence[Result], found: RotationReport | None = None) -> dict[str, Any]:
    from dpsops.model.action import Action, Failed, Note, Remains

    return {
        **actions_document([each for each in results if isinstance(each, Action)]),
        "failed": [asdict(each) for each in results if isinstance(each, Failed)],
        "remaining": [asdict(each) for each in results if isinstance(each, Remains)],
        "notes": [each.text for each in results if isinstance(each, Note)],
        "rotation": rotation_document(found) if found else None,
    }


def _print_rotated(options: Options, results: list[Result], found: RotationReport | None) -> int:
    from dpsops.model.action import Action, Failed, Note, Remains

    done = [result for result in results if isinstance(result, Action)]
    failed = [result for result in results if isinstance(result, Failed)]
    remaining = [result for result in results if isinstance(result, Remains)]
    notes = [result for result in results if isinstance(result, Note)]
    lines = [*map(line, done), *map(line, failed), *map(line, remaining)] or ["Nothing changed."]
    report = ["", rotation_text(found)] if found else []
    if found:
        options.tell(rotation_summary(found))
    text = "\n".join([*lines, *(line(note) for note in notes), *report])
    options.print_result(_document(results, found), text, Tally.of(results).summary("Nothing changed."))
    if remaining:
        return Exit.SOME_FAILED
    return of_many(succeeded=bool(done), failed=bool(failed))


@app.command()
def status(context: typer.Context, grace: GraceOption = _GRACE) -> None:
    """Show the phase of the rotation, the devices that it waits for, and the next step.

    \b
    Examples:
      dpsops rotate status
      dpsops rotate status --output json | jq -r '.rotation.waiting_for[]'
    """
    options: Options = context.obj
    with connected(options) as connection:
        found = _status(connection, timedelta(days=grace))
    summary = rotation_summary(found)
    shown = replace(summary, outputs=replace(summary.outputs, changed=False))
    options.print_result({"rotation": rotation_document(found)}, rotation_text(found), shown)


@app.command()
def undo(context: typer.Context) -> None:
    """Undo a rotation, while no device has a certificate under the new root. The new root is disabled, not deleted.

    \b
    Example:
      dpsops rotate undo
    """
    from dpsops.model.rotation import GRACE
    from dpsops.workflows.rotation import undo as workflow

    options: Options = context.obj
    with connected(options) as connection:
        done, found = _reported(options, connection, workflow.undo(_parts(connection)), GRACE)
    _print_rotated(options, done, found)
