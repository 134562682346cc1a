"""`dpsops down`: what goes, the question for the environment's name, and what is left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli.connection import connected
from dpsops.cli.exits import Exit
from dpsops.cli.gathering import actions_document, gathered
from dpsops.cli.options import Options, timestamp
from dpsops.cli.summary import Cell, Name, Outputs, Summary, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dpsops.model.action import Action
    from dpsops.model.removal import Kept, Removal, SoftDeleted
    from dpsops.settings import Environment


def down(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the environment's name.")] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also purge the deleted vaults, for ever, where their protection allows it.")
    ] = False,
) -> int:
    """Remove what 'dpsops up' has made: DPS, hubs, vaults, and the resource group if nothing else is in it.

    It shows what goes, and asks for the environment's name. What dpsops did not make stays, and so does a resource that holds
    anything of somebody else's: it is named, and the exit code is 3. A vault stays soft-deleted for its days. A run that was
    interrupted is completed by the next one.

    \b
    Examples:
      dpsops down
      dpsops --env dev down --yes --purge
    """
    from dpsops.cli.asking import ask_for_name
    from dpsops.workflows import down as workflow

    options: Options = context.obj
    with connected(options) as connection:
        run, looking = connection.run, connection.looking
        planned = workflow.survey(run, looking, purge=purge)
        removal = planned.removal
        if removal.actions and not (yes or run.environment.is_local):
            ask_for_name(run, "down", "pass --yes", "\n".join(_planned(removal)))
        done = gathered(options, run, workflow.down(run, looking, planned), actions_document)
        deleted = workflow.soft_deleted(run, looking, removal)
    document = (
        actions_document(done)
        | {
            "kept": [{"name": each.name, "type": each.type, "reason": each.reason} for each in removal.kept],
            "soft_deleted": [_document(each) for each in deleted],
        }
        | ({"notes": list(removal.notes)} if removal.notes else {})
    )
    text = "\n".join([*(_done(done) or ["Nothing to remove."]), *_left(run.environment, removal, deleted)])
    options.print_result(document, text, _summary(removal, done, deleted))
    if removal.is_complete:
        return Exit.DONE
    is_kept = any(each.is_ours for each in removal.kept)
    print(f"dpsops: hint: {_KEPT if is_kept else _PROTECTED}", file=sys.stderr)
    return Exit.SOME_FAILED


_KEPT = (
    "see what it is; to remove a resource with all that is in it: az resource delete --ids ID; a group: az group delete "
    "--name NAME"
)
_PROTECTED = "wait until Azure purges the vault, or give the next environment another vault name"


def _planned(removal: Removal) -> Iterator[str]:
    """What goes and what stays, before the question."""
    for part in removal.parts:
        if part.is_ending:
            counts = ["is being removed already"]
        else:
            counts = [*part.contents.counts, *([f"stays soft-deleted for {part.days} days"] if part.days else [])]
        yield f"- remove {part.target}: {', '.join(counts) or 'empty'}"
        yield from (f"- remove its diagnostic setting {name}" for name in part.logs)
    if removal.removes_group:
        yield f"- remove the resource group {removal.group.rpartition('/')[2]}"
    for name, _ in removal.purged:
        yield f"- purge the vault {name}: nobody can recover its roots and keys after that"
    for name in removal.protected:
        yield f"! the vault {name} cannot be purged: its purge protection is on; it stays soft-deleted"
    yield from (_stays(each) for each in removal.kept)
    yield from (f"note: {note}" for note in removal.notes)


def _done(done: Sequence[Action]) -> list[str]:
    return [f"✓ {action.target}: {action.outcome}" for action in done]


def _left(environment: Environment, removal: Removal, deleted: Sequence[SoftDeleted]) -> Iterator[str]:
    yield from (_stays(each) for each in removal.kept)
    from dpsops.model.removal import GROUP

    has_group = any(each.type == GROUP for each in removal.kept)
    made = "" if has_group else f"az group create --name {environment.resource_group} --location {environment.location}; "
    yield from (f"= {_kept_for_a_while(each, made)}" for each in deleted)


def _stays(each: Kept) -> str:
    return f"= {each.type}/{each.name} stays: {each.reason}"


def _kept_for_a_while(each: SoftDeleted, group: str) -> str:
    """What the next `up` meets: it needs the name. `group`: what makes the resource group again, if it is gone."""
    until = f" until {timestamp(each.until)}" if each.until else ""
    purge = f"or purge it, for ever: az keyvault purge --name {each.name}" if each.purgeable else "nobody can purge it before"
    back = f"{group}az keyvault recover --name {each.name}"
    return f"the vault {each.name} is soft-deleted{until}; before the next 'dpsops up', recover it: {back}; {purge}"


def _document(each: SoftDeleted) -> dict[str, Any]:
    return {"name": each.name, "until": each.until, "purgeable": each.purgeable}


def _summary(removal: Removal, done: Sequence[Action], deleted: Sequence[SoftDeleted]) -> Summary:
    rows: list[tuple[Cell, ...]] = [(each.action, Name(each.target), each.outcome) for each in done]
    rows += [("keep", Name(f"{each.type}/{each.name}"), Name(each.reason)) for each in removal.kept]
    rows += [("keep", f"deleted vault {each.name}", timestamp(each.until) if each.until else "") for each in deleted]
    lead = f"{len(done)} removed, {len(removal.kept)} kept." if done else "Nothing to remove."
    return Summary(
        lead=lead,
        blocks=(Table(("action", "target", "outcome"), tuple(rows)),) if rows else (),
        outputs=Outputs(changed=bool(done), pending=not removal.is_complete),
        warnings=(*(_stays(each).removeprefix("= ") for each in removal.kept if each.is_ours), *removal.notes),
    )
