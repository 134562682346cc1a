"""Kills every command at every request, and says the same words again: `python -m tests.crash.run [NAME ...]`.

Each command runs once undisturbed. Then, for each of its requests, a real process is killed (SIGKILL) at that request, before it
is done or after, in the state from before. The second run must end well, and what is then in the embedded Azure, and what each
device can do, must be the same.
Two workers at a time. Prints a table, and what was lost; exits with 1 if anything was.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import DeviceId
from tests.crash.judge import Outcome, commit, files, registers, state
from tests.crash.place import Deadly, copied, empty, served
from tests.crash.processes import Parent
from tests.crash.table import COMMANDS, Command, Stage
from tests.worlds import World

_WORKERS = 2
_LATER = 1800.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command's beginning, saved in a directory; its undisturbed outcome, and how many requests that took."""

    index: int
    saved: Path
    stored: dict[DeviceId, DeviceCredential]
    outcome: Outcome
    requests: int

    @property
    def command(self) -> Command:
        """The command."""
        return COMMANDS[self.index]


@dataclass(frozen=True, slots=True)
class Loss:
    """What was lost after a kill at a request (from 1)."""

    command: str
    request: int
    work_done: bool
    what: str

    @property
    def told(self) -> str:
        """In words."""
        when = "after it was done" if self.work_done else "before it was done"
        return f"{self.command}: killed at request {self.request}, {when}: {self.what}"


class Worker:
    """Runs commands, each in the same directory, from one parent."""

    def __init__(self, folder: Path) -> None:
        self._parent = Parent()
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._begun: dict[Callable[[Stage], None], tuple[Path, dict[DeviceId, DeviceCredential]]] = {}

    def close(self) -> None:
        """Ends the parent."""
        self._parent.close()

    def prepare(self, index: int) -> Prepared:
        """Brings about the state in which a command begins, and runs it undisturbed."""
        command, place = COMMANDS[index], self._folder / "place"
        if command.prepare not in self._begun:
            self._begun[command.prepare] = self._begin(command.prepare)
        saved, stored = self._begun[command.prepare]
        copied(saved, place)
        with served(place, later=_LATER) as (world, deadly):
            code, said = self._parent.run(command.words, place)
            requests = deadly.requests
            assert code == 0, f"{command.name}: {said}"
            outcome = self._outcome(place, world, command, stored)
        wanted = {f"{name}, fetched": "assigned" for name in command.admitted}
        assert {name: outcome.devices[name] for name in wanted} == wanted, f"{command.name}: {outcome.devices}"
        assert not any(outcome.devices[f"{name}, fetched"] == "assigned" for name in command.refused), command.name
        return Prepared(index, saved, stored, outcome, requests)

    def _begin(self, prepare: Callable[[Stage], None]) -> tuple[Path, dict[DeviceId, DeviceCredential]]:
        """The place in which commands begin, and what the devices there have stored."""
        saved = self._folder / prepare.__name__
        empty(saved)
        with served(saved) as (world, _):
            stage = Stage(self._parent, saved, world)
            prepare(stage)
        return saved, stage.stored

    def kill(self, prepared: Prepared, request: int, *, work_done: bool) -> Loss | None:
        """Kills a command at a request, and runs it again: what is lost, or None."""
        command, place = prepared.command, self._folder / "place"
        copied(prepared.saved, place)
        with served(place, later=_LATER) as (world, deadly):
            deadly.arm(request, work_done=work_done)
            code, _ = self._parent.run(command.words, place, deadly.victim.put)
            if code != -9:
                return Loss(command.name, request, work_done, f"it was not killed, but ended with {code}")
        with served(place, later=_LATER) as (world, deadly):
            what = self._again(place, world, deadly, prepared)
        return Loss(command.name, request, work_done, what) if what else None

    def _again(self, place: Path, world: World, deadly: Deadly, prepared: Prepared) -> str:
        code, said = self._parent.run(prepared.command.said_again, place)
        if code != 0:
            errors = [line for line in said.splitlines() if "error: " in line or "Error" in line or line.startswith("✗")]
            return f"the second run ended with {code}: {' '.join(errors[:2])}"
        return prepared.outcome.differs(self._outcome(place, world, prepared.command, prepared.stored))

    def _outcome(self, place: Path, world: World, command: Command, stored: dict[DeviceId, DeviceCredential]) -> Outcome:
        documents = state(place) + files(place)
        return Outcome(documents, registers(world, stored, (*command.admitted, *command.refused)))


_worker: Worker | None = None


def _begin(folder: Path) -> None:
    global _worker  # noqa: PLW0603  # a process of a pool has no other place
    _worker = Worker(folder)


def _prepare(index: int) -> Prepared:
    assert _worker is not None
    return _worker.prepare(index)


def _kill(given: tuple[Prepared, int, bool]) -> Loss | None:
    assert _worker is not None
    prepared, request, work_done = given
    return _worker.kill(prepared, request, work_done=work_done)


def boundaries(prepared: Prepared) -> Iterable[tuple[Prepared, int, bool]]:
    """Every request of a command, twice."""
    return [(prepared, request, done) for request in range(1, prepared.requests + 1) for done in (False, True)]


def main(names: Sequence[str]) -> int:
    """Kills all commands or those named, prints the table, and returns the exit code."""
    if unknown := set(names) - {each.name for each in COMMANDS}:
        sys.exit(f"There is no command {', '.join(sorted(unknown))}.")
    chosen = [index for index, each in enumerate(COMMANDS) if not names or each.name in names]
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    losses: list[Loss] = []
    print(f"At the commit {commit()}:\n\n| command | boundaries | lost |\n|---|---|---|", flush=True)
    try:
        with ProcessPoolExecutor(_WORKERS, mp_context=get_context("fork"), initializer=_begin, initargs=(folder,)) as pool:
            total = 0
            for prepared in list(pool.map(_prepare, chosen)):
                began = time.monotonic()
                found = list(pool.map(_kill, boundaries(prepared)))
                lost = [each for each in found if each]
                losses += lost
                total += len(found)
                print(f"| `{prepared.command.name}` | {len(found)} | {len(lost)} |", flush=True)
                print(f"{prepared.command.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                for loss in lost:
                    print(loss.told, file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"| all | {total} | {len(losses)} |")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
