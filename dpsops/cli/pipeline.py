"""`dpsops pipeline`: how a pipeline signs in to Azure without a stored secret."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from dpsops.cli.asking import ask, planned
from dpsops.cli.connection import connected
from dpsops.cli.embedded import served_variables
from dpsops.cli.exits import Exit
from dpsops.cli.gathering import actions_document, gathered, line
from dpsops.cli.options import Options
from dpsops.cli.plan_summary import plan_summary
from dpsops.cli.summary import Listing, Name, Outputs, Summary, Table
from dpsops.cli.tally import Tally
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dpsops.model.action import Action
    from dpsops.workflows.pipeline_setup import Rest, Setup

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Pipelines: the identities with which the jobs of a repository sign in to Azure, without a stored secret.

\b
  dpsops --env prod pipeline setup --repo octo-org/fleet""",
)


@app.command()
def setup(
    context: typer.Context,
    repo: Annotated[str, typer.Option("--repo", metavar="OWNER/NAME", help="The repository on GitHub.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be made, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before changing anything.")] = False,
) -> int:
    """Make the identities of the pipelines: planner, deployer, issuer and operator. Each has its own role, and trusts the jobs
    of one environment on GitHub alone.

    GitHub is only asked: with GH_TOKEN or GITHUB_TOKEN, or about a public repository with neither. An identity whose environment
    there is not protected trusts nobody; the lines that protect it are printed, and the exit code is 3.

    It can be run again at any time, and changes nothing if nothing is missing. No secret is made.

    \b
    Examples:
      dpsops --env prod pipeline setup --repo octo-org/fleet --dry-run
      dpsops --env prod pipeline setup --repo octo-org/fleet
    """
    from dpsops.azure.github import github
    from dpsops.model.github import repository_name
    from dpsops.workflows import pipeline_setup

    options: Options = context.obj
    repository = repository_name(repo)
    if options.rehearse:
        raise InvalidInput(
            "a rehearsal asks nobody but the embedded Azure, and 'pipeline setup' asks GitHub",
            "to see what it would do, without a rehearsal: "
            f"dpsops --env {shlex.quote(options.env)} pipeline setup --repo {repository} --dry-run",
        )
    with connected(options) as connection:
        run, identities = connection.run, connection.pipeline_identities
        environment = run.environment
        asked = github(repository, os.environ, environment.waits, connection.clients.waiting, proxied=not _proxy_is_embedded())
        with closing(asked):
            found = pipeline_setup.survey(run, identities, asked)
        if run.is_embedded:
            found = replace(found, warnings=(*found.warnings, NOBODY))
        done: list[Action] = []
        if found.steps and not dry_run:
            if not (yes or environment.is_local):
                hint = "pass --yes; to see what it would do: --dry-run"
                ask(run, "pipeline setup", hint, found.planned, found.warnings)
            done = gathered(options, run, pipeline_setup.set_up(run, identities, found), actions_document)
        rest = pipeline_setup.rest(environment, identities, found)
    for warning in found.warnings:
        print(f"dpsops: note: {warning}", file=sys.stderr)
    shown = found.planned if dry_run else tuple(done)
    changes = planned(shown, ()) if dry_run else "\n".join(map(line, shown))
    text = "\n\n".join([changes or "Nothing to do in Azure.", *_by_hand(options.env, found, rest)])
    came = plan_summary(shown) if dry_run else Tally.of(done).summary("Nothing to do in Azure.")
    outputs = Outputs(changed=bool(done), pending=bool(dry_run and found.steps))
    options.print_result(_document(found, rest, shown), text, _summary(came, outputs, found, rest))
    return Exit.SOME_FAILED if found.unprotected else Exit.DONE


NOBODY = (
    "these identities are in the embedded Azure, and nobody in the real one: set no variables of them where jobs sign in to Azure"
)
"""What is said of identities that no job of GitHub could be."""


def _summary(came: Summary, outputs: Outputs, setup: Setup, rest: Rest) -> Summary:
    """What came of it, and what remains to be done by hand."""
    lines = [each for unprotected in setup.unprotected for each in unprotected.commands]
    variables = tuple((each.environment, Name(each.name), Name(each.value)) for each in rest.variables)
    return replace(
        came,
        blocks=(
            *came.blocks,
            Table(("environment on GitHub", "variable", "value (none is secret)"), variables),
            *_listing("The lines that protect the environments on GitHub", lines),
            *_listing("The lines that set the variables", _variable_lines(setup, rest)),
            *_listing("For the settings, so that the plan is the same whoever makes it", rest.settings.splitlines()),
        ),
        outputs=outputs,
        warnings=(*setup.warnings, *filter(None, (rest.again,))),
        errors=tuple(
            f"the environment {each.environment} on GitHub is not protected, so its identity does not trust it: "
            f"{'; '.join(each.reasons)}"
            for each in setup.unprotected
        ),
    )


def _listing(title: str, lines: Sequence[str]) -> tuple[Listing, ...]:
    return (Listing(title, "\n".join(lines)),) if lines else ()


def _proxy_is_embedded() -> bool:
    """Whether the variables name the proxy of the embedded Azure, which leads nowhere else."""
    served = served_variables()
    return served is not None and served["HTTPS_PROXY"] in (os.environ.get("HTTPS_PROXY"), os.environ.get("https_proxy"))


def _document(setup: Setup, rest: Rest, actions: tuple[Action, ...]) -> dict[str, object]:
    return {
        "changed": any(action.outcome != "planned" for action in actions),
        "actions": [action.document() for action in actions],
        "notes": list(setup.warnings),
        "repository": setup.repository.full_name,
        "identities": [
            {
                "identity": each.role.holder,
                "name": each.name,
                "github_environment": each.demand.environment,
                "trusted": bool(each.credentials),
                "client_id": there.client if there else None,
                "principal_id": there.principal if there else None,
            }
            for each in setup.identities
            for there in [rest.identities.get(each.name)]
        ],
        "variables": [asdict(each) for each in rest.variables],
        "settings": rest.settings or None,
        "missing": [asdict(each) for each in setup.unprotected],
        "commands": [
            *(each for unprotected in setup.unprotected for each in unprotected.commands),
            *_variable_lines(setup, rest),
        ],
    }


def _variable_lines(setup: Setup, rest: Rest) -> list[str]:
    return [each.command(setup.repository) for each in rest.variables]


def _by_hand(name: str, setup: Setup, rest: Rest) -> list[str]:
    """What remains to be done, in parts."""
    parts = [
        "\n".join(
            [
                f"✗ The environment {each.environment} on GitHub is not protected, so its identity does not trust it:",
                *(f"    {reason}" for reason in each.reasons),
                *(each.commands and ["  This protects it; then run the command again:"]),
                *(f"    {command}" for command in each.commands),
            ]
        )
        for each in setup.unprotected
    ]
    if lines := _variable_lines(setup, rest):
        parts.append(
            "\n".join(["The variables of the environments on GitHub (none is secret):", *(f"    {each}" for each in lines)])
        )
    if rest.settings:
        settings = "\n".join(f"    {each}" for each in rest.settings.splitlines())
        parts.append(f"In infra/{name}.toml, so that the plan is the same whoever makes it:\n{settings}")
    if rest.again:
        parts.append(rest.again)
    return parts
