"""`dpsops up` and `plan`: the complete environment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsops.cli import files
from dpsops.cli.asking import ask, planned
from dpsops.cli.connection import connected, root_thumbprint
from dpsops.cli.exits import Exit
from dpsops.cli.gathering import actions_document, gathered, print_done
from dpsops.cli.options import Options
from dpsops.cli.plan_summary import plan_summary
from dpsops.cli.summary import Outputs

if TYPE_CHECKING:
    from dpsops.model.plan import Plan
    from dpsops.model.run import Run


def up(
    context: typer.Context,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="Do exactly this plan, or refuse.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before changing anything.")] = False,
    relink: Annotated[
        bool, typer.Option("--relink", help="Link the hubs to the DPS anew, after the key of a hub was regenerated.")
    ] = False,
) -> None:
    """Create what is missing: vault, hubs, DPS and roles; the root; its proof of possession in DPS; the enrollment group.

    It can be run again at any time: it continues from the present state, and changes nothing if nothing is missing.

    \b
    Examples:
      dpsops up
      dpsops --env prod plan --out prod.plan && dpsops --env prod up --plan prod.plan
    """
    from dpsops.model.plan import Plan
    from dpsops.workflows.up import up as converge

    options: Options = context.obj
    told: list[str] = []
    approved = Plan.read(files.read(plan, "plan", "make one: dpsops plan --out FILE"), str(plan)) if plan else None
    with connected(options) as connection:
        asks = not (yes or approved or connection.run.environment.is_local)
        confirm = _asker(connection.run) if asks else _consent

        def confirmed(plan: Plan) -> None:
            options.tell(plan_summary(plan.actions, is_folded=True))
            confirm(plan)

        steps = converge(
            connection.run,
            connection.deployments,
            connection.roots,
            connection.dps,
            connection.stores,
            approved=approved,
            confirm=confirmed,
            relink=relink,
            tell=told.append,
        )
        done = gathered(options, connection.run, steps, actions_document)
        root = root_thumbprint(options, connection)
    for note in told:
        print(f"dpsops: note: {note}", file=sys.stderr)
    print_done(options, done, "nothing is missing", Outputs(pending=False, root_thumbprint=root), told)


def _consent(plan: Plan) -> None:
    """The embedded Azure and an approved plan need no confirmation."""


def _asker(run: Run) -> Callable[[Plan], None]:
    hint = "pass --yes, or approve a plan: dpsops plan --out FILE, then dpsops up --plan FILE"
    return lambda plan: ask(run, "up", hint, plan.actions, plan.notes)


def plan(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the plan for 'up --plan'.")] = None,
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="Exit with 10 if changes are pending.")] = False,
) -> int:
    """Show what 'up' would do, each property before and after, and change nothing.

    \b
    Examples:
      dpsops plan
      dpsops --env prod plan --out prod.plan --detailed-exitcode
    """
    import json

    from dpsops.workflows.plan import plan as make

    options: Options = context.obj
    with connected(options) as connection:
        made = make(connection.run, connection.deployments, connection.roots, connection.dps, connection.stores)
    if out is not None:
        files.write(out, "plan", json.dumps(made.document(), indent=2) + "\n")
    actions = [action.document() for action in made.actions]
    document = {"changed": bool(actions), "actions": actions} | ({"notes": list(made.notes)} if made.notes else {})
    outputs = Outputs(changed=False, pending=bool(actions))
    summary = plan_summary(made.actions, made.notes, outputs)
    options.print_result(document, planned(made.actions, made.notes) or "Nothing to do.", summary)
    return Exit.CHANGES_PENDING if detailed_exitcode and made.actions else Exit.DONE
