"""The command line: says what it will make and cost, asks, shows the answers, and says what is left."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsops.cli.exits import Exit
from dpsops.errors import Error, InvalidInput, NotAllowed

if TYPE_CHECKING:
    from azure_facts.answers import Answer
    from dpsops.azure.clients import Clients
    from dpsops.azure.waits import Waiting
    from dpsops.cli.connection import Connection
    from dpsops.settings import Environment

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

_ANYWHERE = "westeurope"
"""A region, where none matters."""


@app.command()
def facts(
    embedded: Annotated[bool, typer.Option("--embedded", help="Ask the embedded Azure, without an account.")] = False,
    region: Annotated[str, typer.Option("--region", help="Where to make the resources.")] = "westeurope",
    name: Annotated[str, typer.Option("--name", help="Part of all names; by default the time.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="The folder for the results; by default azure-facts-NAME.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    remove: Annotated[str, typer.Option("--remove", metavar="NAME", help="Remove what a run that was killed has left.")] = "",
) -> int:
    """Finds out what Azure does where nobody has seen it (docs/first-real-run.md).

    It makes a resource group of its own, asks its questions, and removes what it made.
    """
    from azure_facts import group

    if remove:
        if name or embedded or out:
            raise InvalidInput("--remove takes the name of a run on Azure, and no option beside it but --yes", _removal("NAME"))
        return _remove(remove, yes=yes)
    name = name or group.new_name(datetime.now(UTC))
    with _connected(name, region, embedded=embedded) as azure:
        return _run(azure, out or Path(f"azure-facts-{name}"), embedded=embedded, asks=not (embedded or yes))


def _remove(name: str, *, yes: bool) -> int:
    from azure_facts import group

    with _connected(name, _ANYWHERE, embedded=False) as azure:
        own = azure.run.environment
        if group.exists(azure):
            what = f"the resource group {own.resource_group} and all that is in it, its vault for ever"
        elif group.deleted_vault(azure):
            what = f"the vault {own.vault.name} for ever, which is soft-deleted"
        else:
            return _report([])
        if not yes:
            _confirm(f"this removes {what}")
        return _report(group.remove(azure))


def _run(azure: Connection, folder: Path, *, embedded: bool, asks: bool) -> int:
    from azure_facts import group
    from azure_facts.questions import QUESTIONS
    from azure_facts.run import Results, run
    from azure_facts.scrub import Scrubber
    from azure_facts.tape import Tape

    own, scrubber, results = azure.run.environment, Scrubber(azure.clients.subscription), Results()
    if folder.exists():
        raise InvalidInput(f"{folder} exists already", "choose another --out or --name")
    for former in group.check(azure):
        _say(f"an earlier run has left rg-azure-facts-{former}: {_removal(former)} removes it")
    print(_told(own, "" if embedded else azure.clients.subscription, folder), file=sys.stderr)
    if asks:
        _confirm("this makes what costs money")
    folder.mkdir(parents=True)
    width = max(len(each.name) for each in QUESTIONS)

    def show(answer: Answer) -> None:
        print(f"{answer.question.name:<{width}}  {scrubber.text(answer.line)}", flush=True)

    try:
        run(azure, Tape(folder, scrubber), QUESTIONS, results, show)
    finally:
        (folder / "answers.json").write_text(
            scrubber.text(results.document(QUESTIONS, "embedded" if embedded else own.location)) + "\n", encoding="utf-8"
        )
        _say(f"the answers are in {folder}/answers.json, what went over the wire beside it")
        code = _report(results.left)
    if code == Exit.DONE and not all(each.fact for each in results.answers):
        return Exit.SOME_FAILED
    return code


def _told(own: Environment, subscription: str, folder: Path) -> str:
    """What a run makes. `subscription`: empty for the embedded Azure."""
    cost = "It takes 40 to 60 minutes and costs 1 to 3 euros: the hub for a day, and some hundred operations."
    return f"""\
{f"In the subscription {subscription}" if subscription else "On the embedded Azure"} this makes, and removes at the end:
  resource group  {own.resource_group} in {own.location}, with the tag azure-facts={own.tags["azure-facts"]}
  Key Vault       {own.vault.name} (standard, 7 days of soft delete)
  IoT Hub         {own.hub[0].name} (S1, one unit)
  DPS             {own.dps.name} (S1)
  roles           six built-in ones on these three, for whoever runs this
{cost if subscription else "It takes a minute and costs nothing."} Nothing else is changed.
What goes over the wire is recorded, scrubbed, in {folder}/."""


def _confirm(what: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput(f"{what}, and there is no terminal to ask for confirmation", "pass --yes")
    print(f"azure-facts: {what}. Continue? [y/N]: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Error("declined: nothing was changed", "to continue, run the command again and answer y")


def _report(left: list[str]) -> int:
    for each in left:
        _say(f"left: {each}")
    if not left:
        _say("nothing of the run is left in Azure")
    return Exit.FAILED if left else Exit.DONE


@contextmanager
def _connected(name: str, region: str, *, embedded: bool) -> Iterator[Connection]:
    """Azure, or one embedded Azure that is made for this run, and forgotten after it."""
    from azure_facts import group
    from dpsops.azure.clients import connect
    from dpsops.azure.waits import Waiting
    from dpsops.azure.wire import Wire
    from dpsops.cli.connection import Connection, event_loop
    from dpsops.cli.embedded import variables
    from dpsops.emulator.server import EmbeddedAzure
    from dpsops.model.run import Run

    own, say = group.environment(name, region), _progress()
    waiting = Waiting(say=say)
    with ExitStack() as stack:
        stack.enter_context(waiting.watched())
        if embedded:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="azure-facts-")))
            known = variables(stack.enter_context(EmbeddedAzure(place / "state")))
            clients = connect(own, known, proxied=True, waiting=waiting)
            wire = Wire(known["HTTPS_PROXY"], known["SSL_CERT_FILE"], own.waits, waiting)
        else:
            clients, wire = _signed_in(own, waiting), Wire(waits=own.waits, waiting=waiting)
        stack.callback(clients.close)
        loop = stack.enter_context(event_loop(clients.pool))
        yield Connection(Run(own, lambda: datetime.now(UTC), clients.sleep, loop, progress=say), clients, wire)


def _signed_in(own: Environment, waiting: Waiting) -> Clients:
    """The clients for Azure. There is no settings file that could name the subscription."""
    from dpsops.azure.clients import connect

    try:
        return connect(own, os.environ, waiting=waiting)
    except InvalidInput as error:
        if "names no subscription" not in error.message:
            raise
        raise InvalidInput("there is no subscription", "az login, or set AZURE_SUBSCRIPTION_ID") from error


def _progress() -> Callable[[str], None]:
    """Shows each text once: a wait reports the same text again."""
    last = ""

    def say(text: str) -> None:
        nonlocal last
        if text not in ("", last):
            _say(text)
        last = text

    return say


def _removal(name: str) -> str:
    from azure_facts.run import removal

    return removal(name)


def _say(text: str) -> None:
    print(f"azure-facts: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit code, as `dpsops` does."""
    try:
        result = app(arguments, prog_name="azure-facts", standalone_mode=False)
    except Error as error:
        _say(f"error: {error.line}")
        _say(f"hint: {error.hint}")
        match error:
            case InvalidInput():
                return Exit.WRONG_USE
            case NotAllowed():
                return Exit.NOT_ALLOWED
        return Exit.FAILED
    except (typer.Abort, KeyboardInterrupt):
        result = Exit.INTERRUPTED
    except typer.TyperException as misuse:
        _say(f"error: {misuse.format_message()}")
        _say("hint: make azure-facts ARGUMENTS=--help")
        return Exit.WRONG_USE
    except OSError as error:
        _say(f"error: {error}")
        return Exit.FAILED
    if result == Exit.INTERRUPTED:
        _say("interrupted")
    return result if isinstance(result, int) else 0
