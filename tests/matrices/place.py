"""A directory in which commands run in this process, on the embedded Azure and on a clock that moves only when somebody waits.

The command line is the real one. What it is given instead of a machine is the network and the clock.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, chdir, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from math import inf
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import NAMESPACE_OID, uuid5

from dpsops.azure.clients import Clients
from dpsops.azure.pool import Pool
from dpsops.azure.removals import Removals
from dpsops.azure.sign_in import sign_in
from dpsops.azure.transport import Transport, new_session
from dpsops.azure.waits import Waiting
from dpsops.cli.embedded import STATE_DIRECTORY, announced
from dpsops.cli.main import main
from dpsops.emulator import rbac
from dpsops.emulator.chances import Chances
from dpsops.emulator.identity import tokens
from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.keyvault import material
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Clock, Meter, Timings
from dpsops.settings import Environment, load
from tests.crash.place import SETTINGS
from tests.key_stock import KeyStock
from tests.matrices.late import Late
from tests.matrices.network import Adapter, Network, Sender, undisturbed
from tests.matrices.rows import untrue_rows
from tests.workflows.identities import role_named
from tests.workflows.saved import Saved
from tests.worlds import BEGINNING, World, embedded_world, forget_challenges

TIMINGS = Timings(operation=4, certificate=12, role=35, deletion=15)
"""Slow enough that each wait of a command is one."""

_KEYS = KeyStock().module()


class Wound(Clock):
    """A clock that stands still, and can be set."""

    def __init__(self) -> None:
        super().__init__(frozen_at=BEGINNING.timestamp())

    def set(self, now: float) -> None:
        """Sets the clock."""
        self.advance(now - self.now())


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command: exit code, stdout, stderr, the traceback if it ended with one, and the seconds that passed."""

    code: int
    out: str
    err: str
    traceback: str
    seconds: float
    requests: int

    @property
    def said(self) -> str:
        """The lines that say what went wrong."""
        wrong = ("dpsops: error: ", "dpsops: hint: ", "✗")
        return " ".join(line for line in (self.out + self.err).splitlines() if line.startswith(wrong))


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of a place: the documents of the embedded Azure, the files, and the time."""

    saved: Saved
    files: Path
    now: float


class Place:
    """A directory in which commands run. `network`: what they reach Azure over; `azure`: what is there."""

    def __init__(self, directory: Path, embedded: EmbeddedAzure, clock: Wound) -> None:
        self.directory = directory
        self.embedded = embedded
        self.azure = embedded.azure
        self.clock = clock
        self.network = Network(self.azure, self._pass)
        self.late = Late()
        self._waiting: list[Waiting] = []
        self._moments = 0

    def run(self, words: Sequence[str], *_: object) -> tuple[int, str]:
        """Runs dpsops with these words: the exit code and stderr."""
        ran = self.ran(words)
        return ran.code, ran.err + ran.traceback

    def ran(self, words: Sequence[str]) -> Ran:
        """Runs dpsops with these words."""
        out, err = io.StringIO(), io.StringIO()
        begun, carried, waiting = self.clock.now(), self.network.carried, len(self._waiting)
        forget_challenges()
        code, trouble = 1, ""
        self.azure.timings = replace(TIMINGS, operation=0.0) if "mqtt" in words else TIMINGS  # the device SDK waits in real time
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(list(words))
            except Exception:
                trouble = traceback.format_exc()
        del self._waiting[waiting:]
        passed = self.clock.now() - begun
        return Ran(code, out.getvalue(), err.getvalue(), trouble, passed, self.network.carried - carried)

    def untrue(self, ran: Ran, beside: str = "") -> Iterator[str]:
        """The rows of a result that are not so. beside: the result of another run, which may have changed things since."""
        return untrue_rows(ran.out, self.directory, self.clock.now(), beside)

    def beside(self, words: Sequence[str]) -> Ran:
        """Runs another command between two requests of one, whose event loop is running in this thread."""
        before, self.network.before = self.network.before, lambda _: None
        try:
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(self.ran, words).result()
        finally:
            self.network.before = before

    def world(self) -> World:
        """The embedded Azure for whoever looks at it, past the network."""
        return embedded_world(self.embedded, load("local", self.directory / "infra"), direct=True)

    def assign(self, role: str, resource: str) -> None:
        """Gives dpsops a role of this name on a resource, by type and name in lower case, an hour ago."""
        scope = f"{self.world().connect().clients.group}/providers/{resource}".lower()
        given = {"principal": OPERATOR.object_id, "role": role_named(role), "scope": scope, "created": self.clock.now() - 3600}
        with self.azure.database.transaction() as state:
            name = uuid5(NAMESPACE_OID, f"{role} {scope}")
            state.put(ASSIGNMENT, f"{scope}/providers/microsoft.authorization/roleassignments/{name}", given)

    def resources(self) -> list[str]:
        """What is in the resource group, as types and names."""
        return [f"{each.type}/{each.name}" for each in Removals(self.world().connect().clients).listed()]

    def moment(self) -> Moment:
        """Saves the present state."""
        self._moments += 1
        files = self.directory.parent / f"{self.directory.name}-{self._moments}"
        shutil.copytree(self.directory, files, ignore=shutil.ignore_patterns(str(STATE_DIRECTORY)))
        return Moment(Saved.of(self.directory), files, self.clock.now())

    def restore(self, moment: Moment, *others: Moment) -> None:
        """Restores a state; with the files of other ones, if they are given."""
        for each in self.directory.iterdir():
            if each.name != str(STATE_DIRECTORY):
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        for one in (*others, moment):
            shutil.copytree(one.files, self.directory, dirs_exist_ok=True)
        moment.saved.restore()
        self.clock.set(moment.now)
        self.azure.meter, self.azure.chances = Meter(), Chances()
        self.calm()

    def delay(self, role: str, seconds: float) -> Late:
        """Lets the role of this name take effect in so many seconds, and not before."""
        self.late = Late(role_named(role), self.clock.now() + seconds)
        return self.late

    def calm(self) -> None:
        """Ends all faults."""
        self.late = Late()
        self.azure.faults.clear()
        self.network.meddle = undisturbed

    def _pass(self, seconds: float) -> None:
        """Passes seconds in which nothing comes, and shows the wait as the thread that watches it would."""
        until = self.clock.now() + seconds
        while (left := until - self.clock.now()) > 0:
            self.clock.advance(min(1.0, left))
            for waiting in self._waiting[-1:]:
                waiting.show()

    def connect(
        self,
        environment: Environment,
        variables: Mapping[str, str],
        *,
        proxied: bool = False,
        waiting: Waiting | None = None,
        share: float = 1.0,
    ) -> Clients:
        """The clients of a command, in the place of `dpsops.azure.clients.connect`."""
        waiting = waiting or Waiting()
        waiting.now = self.clock.now
        self._waiting.append(waiting)
        session = new_session()
        session.trust_env = False
        session.mount("https://", Adapter(self.network))
        transport = _Moved(self.clock, environment.waits, waiting, session=session)
        signed_in = sign_in(environment, variables, transport)
        sender = Sender(self.network, environment.waits.answer_seconds)

        async def sleep(seconds: float) -> None:
            self.clock.advance(seconds)

        def pool(credential: Any, roles: Any) -> Pool:
            return Pool(sender, credential, environment.waits, roles, self.clock.now, sleep, share, paced=False, waiting=waiting)

        return Clients(environment, signed_in.subscription, signed_in.credential, transport, pool)


class _Moved(Transport):
    """A transport that moves the clock instead of waiting."""

    def __init__(self, clock: Clock, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._clock = clock

    def sleep(self, duration: float) -> None:
        """Moves the clock."""
        self._clock.advance(self.waiting.pause(duration))


@contextmanager
def opened(directory: Path, settings: str = SETTINGS) -> Iterator[Place]:
    """A place, until the block ends: its embedded Azure runs, and all commands of this process run on its clock."""
    (directory / "infra").mkdir(parents=True)
    (directory / "infra" / "local.toml").write_text(settings)
    clock = Wound()

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            """The time of the place."""
            return datetime.fromtimestamp(clock.now(), tz or UTC)

    with ExitStack() as stack:
        stack.enter_context(chdir(directory))
        stack.enter_context(patch.dict(os.environ))
        for name in [name for name in os.environ if name.startswith(("AZURE_", "DPSOPS_", "GITHUB_"))]:
            del os.environ[name]
        for module in (material, tokens):
            stack.enter_context(patch.object(module, "rsa", _KEYS))
        embedded = stack.enter_context(EmbeddedAzure(STATE_DIRECTORY, clock=clock, timings=TIMINGS))
        stack.enter_context(announced(embedded))
        place, delay = Place(directory, embedded, clock), rbac._delay
        for name, put in (
            ("dpsops.azure.clients.connect", place.connect),
            ("dpsops.cli.connection.datetime", Now),
            ("dpsops.azure.waits.Waiting.watched", lambda *_: nullcontext()),
            ("dpsops.emulator.rbac._delay", lambda world, key: inf if place.late.holds_back(world, key) else delay(world, key)),
        ):
            stack.enter_context(patch(name, put))
        stack.enter_context(patch.object(time, "time", clock.now))
        yield place
