"""The commands that get spoilt answers, and what is there before each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

from cryptography import x509

from dpsops.azure.github import github
from dpsops.azure.waits import Waiting
from dpsops.cli.connection import Connection
from dpsops.cli.report.page import render
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase
from dpsops.workflows import pipeline_setup
from tests.github import REPOSITORY
from tests.workflows.another_ca import certified
from tests.workflows.commands import counted_status, csr, doctor, down, issue_to, merge, rotate, undo, up
from tests.workflows.doing import OTHER, PRESS, over
from tests.workflows.saved import Saved
from tests.workflows.test_answers import COMMANDS
from tests.worlds import World, forget_challenges

NOTHING, READY, REQUESTED, MOVING = "nothing", "ready", "requested", "moving"
"""Before anything is there; with two devices, which are both registered; with a request for a root, which another CA must sign;
with a rotation that has begun."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does, and what is there before it. `long`: it takes as long as all others together, so the short part has
    only the pages and operations of its answers."""

    run: Callable[[Connection], object]
    before: str = READY
    long: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """The world, its states by their names, and the commands by theirs."""

    world: World
    states: Mapping[str, Saved]
    commands: Mapping[str, Command]

    def run(self, name: str) -> None:
        """Runs a command, signed out."""
        command = self.commands[name]
        self.states[command.before].restore()
        forget_challenges()
        self.world.sign_out()
        command.run(self.world.connect())


def commands(issued: tuple[x509.Certificate, x509.Certificate], api: str) -> dict[str, Command]:
    """All commands. `issued`: what the other CA makes of the request for a root, and its own certificate; `api`: GitHub's."""
    certificate, above = issued
    return {name: Command(run, long=name in ("rotate", "compromised")) for name, run in COMMANDS.items()} | {
        "first up": Command(up, NOTHING, long=True),
        "down": Command(down, long=True),
        "down --purge": Command(lambda to: down(to, purge=True), long=True),
        "doctor": Command(doctor, long=True),
        "pipeline setup": Command(lambda to: _set_up(to, api), long=True),
        "root merge": Command(lambda to: merge(to, certificate, [above]), REQUESTED),
        "rotate undo": Command(undo, MOVING),
        "status --report": Command(_report),
    }


def _report(to: Connection) -> None:
    render(counted_status(to), to.run.now(), is_embedded=True, spoken=str)


def _set_up(to: Connection, api: str) -> None:
    with closing(github(REPOSITORY, {"GITHUB_API_URL": api}, to.run.environment.waits, Waiting())) as asked:
        found = pipeline_setup.survey(to.run, to.pipeline_identities, asked)
        list(pipeline_setup.set_up(to.run, to.pipeline_identities, found))
        pipeline_setup.rest(to.run.environment, to.pipeline_identities, found)


def prepare(world: World, saved: Callable[[], Saved], api: str) -> Prepared:
    """Makes the states, from nothing."""
    states = {NOTHING: saved()}
    connection = world.connect()
    up(connection)
    issue_to(connection, PRESS)
    issue_to(connection, OTHER, individual=IndividualSettings())
    over("https", connection)
    states[READY] = saved()
    _, request = csr(world.connect())
    states[REQUESTED] = saved()
    states[READY].restore()
    rotate(world.connect(), Phase.STAGED)
    states[MOVING] = saved()
    return Prepared(world, states, commands(certified(request, connection.run.now()), api))
