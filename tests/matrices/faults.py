"""Runs every command among faults of every kind: `python -m tests.matrices.faults [--seed N] [--command NAME] [--kind NAME]`.

Each command runs once undisturbed. Then, for each kind of faults at two rates, and for all kinds mixed, it runs from the same
state among them; it is run again until it ends well, first among such faults and then without. Nothing is lost if what is then in
the embedded Azure and in files is the same, and the same devices register, also in between; and what each run has said was true.
Prints a table, and what was lost; exits with 1 if anything was. The same seed makes the same faults.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import TypeVar
from unittest.mock import patch

from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import DeviceId
from tests.crash.judge import Outcome, commit, files, plain, registers, state
from tests.crash.table import Command, Stage
from tests.github import served as github_served
from tests.matrices.commands import ASKING_ONCE, COMMANDS, READING, UNSEEN
from tests.matrices.kinds import KINDS, Kind, Trouble
from tests.matrices.place import Moment, Place, Ran, opened
from tests.matrices.words import untrue

RATES = (0.1, 0.3)
MIXED = "mixed"
_WORKERS = 2
_HOUR_SECONDS = 3600
"""A rate is the part of an hour in which a role is late."""
_AMONG_FAULTS = 8
"""So often a command is run again among faults that pass, at the lower rate, until it must have ended well."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command's beginning; its undisturbed outcome, and what it then says."""

    command: Command
    moment: Moment
    stored: dict[DeviceId, DeviceCredential]
    able: dict[str, str]
    outcome: Outcome
    ran: Ran

    @property
    def reads(self) -> bool:
        """Whether the command changes nothing."""
        return self.command in READING

    def different(self, ran: Ran) -> Iterator[str]:
        """What a run says that is not what the undisturbed one says."""
        if any(words in ran.out for words in UNSEEN):
            return
        expected, found = plain(self.ran.out), plain(ran.out)
        if expected != found:
            lines = [*(f"+ {line}" for line in found - expected), *(f"- {line}" for line in expected - found)]
            yield f"it says something else: {' '.join(lines)}"


@dataclass(frozen=True, slots=True)
class Cell:
    """What is tried: a command among faults of one kind, or mixed (None), at a rate."""

    command: int
    kind: int | None
    rate: float
    seed: int

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds."""
        return KINDS if self.kind is None else (KINDS[self.kind],)

    @property
    def kind_name(self) -> str:
        """The name of the kind."""
        return MIXED if self.kind is None else KINDS[self.kind].name


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it: how many faults there were, how many runs it took until one ended well (0: the last one of all did not),
    whether that was among faults, what was lost or untrue, and how many seconds a run took at most."""

    cell: Cell
    hits: int
    runs: int
    among: bool
    lost: tuple[str, ...]
    seconds: float


class Bench:
    """Tries commands in one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._begun: dict[Callable[[Stage], None], tuple[Moment, dict[DeviceId, DeviceCredential]]] = {}
        self._prepared: dict[int, Prepared] = {}
        self._blank = place.moment()

    def prepare(self, index: int) -> Prepared:
        """Brings about the state in which a command begins, and runs it undisturbed."""
        if found := self._prepared.get(index):
            return found
        command = COMMANDS[index]
        if command.prepare not in self._begun:
            self.place.restore(self._blank)
            stage = Stage(self.place, self.place.directory, self.place.world())
            command.prepare(stage)
            self._begun[command.prepare] = self.place.moment(), stage.stored
        moment, stored = self._begun[command.prepare]
        self.place.restore(moment)
        able = registers(self.place.world(), stored, ())
        self.place.restore(moment)
        ran = self.place.ran(command.words)
        assert ran.code == 0, f"{command.name}: {ran.said}{ran.traceback}"
        self._prepared[index] = Prepared(command, moment, stored, able, self._outcome(command, stored), ran)
        return self._prepared[index]

    def attempt(self, cell: Cell) -> Tried:
        """Runs a command among faults, and again until it ends well."""
        prepared = self.prepare(cell.command)
        place, command = self.place, prepared.command
        place.restore(prepared.moment)
        random = Random(f"{cell.seed} {command.name} {cell.kind_name} {cell.rate}")  # noqa: S311
        lost: list[str] = []
        trouble = self._trouble(cell.kinds, cell.rate, random)
        ran = place.ran(command.words)
        runs, said = 1, [ran]
        lost += [*untrue(ran), *place.untrue(ran)]
        passing = command.name not in ASKING_ONCE and all(kind.passing for kind in cell.kinds)
        while ran.code != 0 and passing and runs < _AMONG_FAULTS:
            again = self._trouble(cell.kinds, min(RATES), random)
            ran = place.ran(command.said_again)
            trouble.hits += again.hits
            runs += 1
            said.append(ran)
            lost += [*untrue(ran), *place.untrue(ran)]
        place.calm()
        among = ran.code == 0
        if not among:
            lost += self._stranded(prepared)
            ran = place.ran(command.said_again)
            runs += 1
            lost += [*untrue(ran), *place.untrue(ran)]
            if passing:
                lost.append(f"it did not end well among such faults: {said[-1].said}")
        if ran.code != 0:
            lost.append(f"the run without faults ended with {ran.code}: {ran.said}")
        elif prepared.reads:
            lost += prepared.different(ran)
        else:
            lost += filter(None, [prepared.outcome.differs(self._outcome(command, prepared.stored))])
        hits, longest = trouble.hits + trouble.late.denied, max(each.seconds for each in said)
        return Tried(cell, hits, 0 if ran.code else runs, among, tuple(lost), longest)

    def _trouble(self, kinds: tuple[Kind, ...], rate: float, random: Random) -> Trouble:
        self.place.calm()
        trouble = Trouble(self.place.azure, kinds, rate, random)
        self.place.network.meddle = trouble.meddle
        if roles := [kind.late for kind in kinds if kind.late]:
            trouble.late = self.place.delay(random.choice(roles), rate * _HOUR_SECONDS)
        trouble.reach_devices()
        return trouble

    def _stranded(self, prepared: Prepared) -> Iterator[str]:
        """The devices that could register before and can afterwards, but cannot in between."""
        can = registers(self.place.world(), prepared.stored, ())
        for name, before in prepared.able.items():
            if before == prepared.outcome.devices[name] == "assigned" != can[name]:
                yield f"in between, {name}: {can[name]}"

    def _outcome(self, command: Command, stored: dict[DeviceId, DeviceCredential]) -> Outcome:
        able = registers(self.place.world(), stored, (*command.admitted, *command.refused))
        return Outcome(state(self.place.directory, repeated=False) + files(self.place.directory), able)


_Bench = TypeVar("_Bench", bound=Bench)


@contextmanager
def bench(folder: Path, kind: type[_Bench]) -> Iterator[_Bench]:
    """A bench in a new folder, until the block ends; a GitHub is there too."""
    with ExitStack() as stack:
        github = stack.enter_context(github_served("local"))
        place = stack.enter_context(opened(Path(tempfile.mkdtemp(dir=folder)) / "place"))
        stack.enter_context(patch.dict("os.environ", {"GITHUB_API_URL": github.address}))
        yield kind(place)


def _tried(folder: Path, wanted: Sequence[Cell]) -> list[Tried]:
    with bench(folder, Bench) as found:
        return [_shown(found.attempt(cell)) for cell in wanted]


def _shown(tried: Tried) -> Tried:
    for what in tried.lost:
        name = COMMANDS[tried.cell.command].name
        print(f"{name}: {tried.cell.kind_name} at {tried.cell.rate:.0%}: {what}", file=sys.stderr, flush=True)
    return tried


def cells(seed: int, commands: Iterable[int], kinds: Iterable[int | None], rates: Sequence[float] = RATES) -> list[Cell]:
    """The cells of a matrix."""
    wanted = list(kinds)
    return [Cell(command, kind, rate, seed) for command in commands for kind in wanted for rate in rates]


def main(arguments: Sequence[str]) -> int:
    """Tries all, or what is named; prints the table, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrices.faults", description="Every command among faults.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", action="append", choices=[each.name for each in COMMANDS], default=[])
    parser.add_argument("--kind", action="append", choices=[*(each.name for each in KINDS), MIXED], default=[])
    given = parser.parse_args(arguments)
    commands = [number for number, each in enumerate(COMMANDS) if not given.command or each.name in given.command]
    kinds: list[int | None] = [number for number, each in enumerate(KINDS) if not given.kind or each.name in given.kind]
    if not given.kind or MIXED in given.kind:
        kinds.append(None)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        wanted = cells(given.seed, commands, kinds)
        parts = [wanted[number::_WORKERS] for number in range(_WORKERS)]
        with ProcessPoolExecutor(_WORKERS, get_context("fork")) as pool:
            found = [each for part in pool.map(partial(_tried, Path(folder)), parts) for each in part]
    print(f"At the commit {commit()}, with the seed {given.seed}:\n")
    for line in [*table("command", found, lambda each: COMMANDS[each.cell.command].name), "",
                 *table("kind of faults", found, lambda each: each.cell.kind_name)]:  # fmt: skip
        print(line)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return 1 if any(each.lost for each in found) else 0


def table(title: str, found: Sequence[Tried], group: Callable[[Tried], str]) -> Iterator[str]:
    """A table of what was tried, in groups."""
    yield f"| {title} | tried | with a fault | at first | at a rerun among faults | without faults | lost | longest, s |"
    yield "|---|---|---|---|---|---|---|---|"
    groups = list(dict.fromkeys(map(group, found)))
    for name in [*groups, "all"]:
        these = [each for each in found if name in (group(each), "all")]
        first = sum(1 for each in these if each.runs == 1)
        among = sum(1 for each in these if each.runs > 1 and each.among)
        last = sum(1 for each in these if each.runs > 1 and not each.among)
        lost, longest = sum(1 for each in these if each.lost), round(max(each.seconds for each in these))
        numbers = (len(these), sum(1 for each in these if each.hits), first, among, last, lost, longest)
        yield f"| {name if name == 'all' else f'`{name}`'} | {' | '.join(map(str, numbers))} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
