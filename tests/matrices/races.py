"""Runs every pair of commands that change something at once: `python -m tests.matrices.races [--first NAME] [--second NAME]
[--offsets N] [--at N]`.

The second command runs between two requests of the first one, at boundaries that are spread over all of them, and in the state in
which the first one begins. Then nobody who should register may be refused, what `status` says must be what is there, and what it
says to do next must put it right. Prints a table, and what was lost or not true; exits with 1 if anything was.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.crash.judge import commit, registers
from tests.crash.table import Command
from tests.matrices.commands import CHANGING, MERGING
from tests.matrices.faults import Bench, Prepared, bench
from tests.matrices.place import Ran
from tests.matrices.sight import Sight, look
from tests.matrices.words import untrue

_WORKERS = 2
OFFSETS = 5
_ROUNDS = 10
"""So often what `status` says to do next is done, until nothing is left."""

_GRACE_SECONDS = 31 * 86400.0
"""Longer than the grace period of a rotation."""

_COMMAND = re.compile(r"dpsops ([a-z][^:,;()']*)")
_DENIED = re.compile(r"assign the role '([^']+)', .* on the IoT Hub (\S+) and")
_SHOWING = (("rotate", "status"), ("device", "list"))


@dataclass(frozen=True, slots=True)
class Race:
    """The first command, interrupted by the second one before its request of this number (from 1)."""

    first: int
    second: int
    at: int


@dataclass(frozen=True, slots=True)
class Raced:
    """What came of it: whether the second one ran at all, how both ended, and what was lost or not true."""

    race: Race
    happened: bool
    codes: tuple[int, int]
    lost: tuple[str, ...]

    @property
    def told(self) -> Iterator[str]:
        """In words."""
        names = [CHANGING[each].name for each in (self.race.first, self.race.second)]
        for what in self.lost:
            yield f"{names[0]} | {names[1]} before request {self.race.at} {self.codes}: {what}"


class Track(Bench):
    """Where two commands run at once."""

    def run(self, race: Race) -> Raced:
        """Runs a command, interrupted by another one, and looks at what is there then."""
        prepared, rival = self.prepare(race.first), self.prepare(race.second)
        place = self.place
        place.restore(prepared.moment, rival.moment)
        other: list[Ran] = []
        lost: list[str] = []

        def interrupt(number: int) -> None:
            if number - begun == race.at and not other:
                other.append(place.beside(CHANGING[race.second].words))
                lost.extend(place.untrue(other[0]))

        begun = place.network.carried
        place.network.before = interrupt
        ran = place.ran(CHANGING[race.first].words)
        place.network.before = lambda _: None
        both = [ran, *other]
        numbers = [race.first, race.second][: len(both)]
        merging = [CHANGING[number] in MERGING for number in numbers]
        lost += [what for wrong_use, each in zip(merging, both, strict=True) for what in untrue(each, wrong_use=wrong_use)]
        if other and "down" not in CHANGING[race.second].words:
            lost += place.untrue(ran, other[0].out)
        if other:
            lost += self._judge(prepared, [(CHANGING[race.first], ran), (CHANGING[race.second], other[0])])
        return Raced(race, bool(other), (ran.code, other[0].code if other else -1), tuple(lost))

    def _judge(self, prepared: Prepared, done: Sequence[tuple[Command, Ran]]) -> Iterator[str]:
        place = self.place
        if any(command.words[0] == "down" for command, _ in done):
            yield from self._left_by_down(piped=any(command.words[0] == "pipeline" for command, _ in done))
            return
        refusing = {name for command, _ in done for name in command.refused}
        cut = any(set(command.words) & {"--compromised", "stable", "--remove-key"} for command, _ in done)
        if not cut:
            can = registers(place.world(), prepared.stored, ())
            for name, able in can.items():
                if able != "assigned" == prepared.able[name] and not any(name.startswith(each) for each in refusing):
                    yield f"{name}: {able}"
        status, sight = self._status(), self._look()
        yield from contradictions(status, sight)
        for _ in range(_ROUNDS):
            steps = [words for step in status["next"] if (words := taken(step, sight.devices))]
            if not steps:
                break
            for words in steps:
                yield from untrue(place.ran(words))
            place.clock.advance(_GRACE_SECONDS)
            sight = self._look()
            status = self._status()
        else:
            yield f"what is next does not end: {status['next']}"
        yield from (f"in the end {each}, and next is {status['next']}" for each in self._look().wrong)

    def _left_by_down(self, *, piped: bool) -> Iterator[str]:
        """What remains although it was said again that the environment is to go. piped: `pipeline setup` has made something that
        may stay, and keeps the group."""
        again = self.place.ran(("down",))
        if denied := _DENIED.search(again.err):  # a hub that the other command has just made, and to which it gave no role yet
            self.place.assign(denied[1], f"microsoft.devices/iothubs/{denied[2]}")
            again = self.place.ran(("down",))
        yield from untrue(again)
        if again.code not in ((0, 3) if piped else (0,)):
            yield f"down, said again, ends with {again.code}: {again.said}"
        for each in self.place.resources():
            if not (piped and each.lower().startswith("microsoft.managedidentity/")):
                yield f"down was said again, and there is {each}"

    def _look(self) -> Sight:
        return look(self.place.world(), self.place.directory)

    def _status(self) -> dict[str, list[str]]:
        ran = self.place.ran(("--output", "json", "status"))
        found: dict[str, list[str]] = json.loads(ran.out) if ran.code == 0 else {"next": [f"status failed: {ran.said}"]}
        return found


def contradictions(status: dict[str, list[str]], sight: Sight) -> Iterator[str]:
    """What is wrong, though `status` says nothing of it."""
    if not status["next"]:
        yield from (f"status says nothing, and {each}" for each in sight.wrong)


def taken(step: str, devices: Sequence[str]) -> tuple[str, ...]:
    """The words of the command in a step, for these devices where it names none; none if it only shows something."""
    found = _COMMAND.search(step)
    if found is None:
        return ()
    words = tuple(found[1].split(" or ")[0].split())
    if words[:2] in _SHOWING or ("ID" in words and not devices):
        return ()
    words = tuple(each for word in words for each in (devices if word == "ID" else (word,)))
    return (*words, "--yes") if words[0] in ("rotate", "up") and not {"--yes", "undo"} & set(words) else words


def offsets(requests: int, wanted: int) -> list[int]:
    """Boundaries that are spread over the requests, the first and the last one among them."""
    if requests <= wanted:
        return list(range(1, requests + 1))
    return sorted({1 + round(number * (requests - 1) / (wanted - 1)) for number in range(wanted)})


def _raced(folder: Path, wanted: int, places: Sequence[int], pairs: Sequence[tuple[int, int]]) -> list[Raced]:
    found = []
    with bench(folder, Track) as there:
        for first, second in pairs:
            for at in places or offsets(there.prepare(first).ran.requests, wanted):
                raced = there.run(Race(first, second, at))
                for line in raced.told:
                    print(line, file=sys.stderr, flush=True)
                found.append(raced)
    return found


def _named(names: Sequence[str]) -> list[int]:
    """The commands of these names; all, if there are none."""
    return [number for number, each in enumerate(CHANGING) if not names or each.name in names]


def main(arguments: Sequence[str]) -> int:
    """Runs all pairs, or those with the commands that are named; prints the table, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrices.races", description="Two commands at once.")
    parser.add_argument("--offsets", type=int, default=OFFSETS)
    for which in ("first", "second"):
        parser.add_argument(f"--{which}", action="append", choices=[each.name for each in CHANGING], default=[])
    parser.add_argument("--at", action="append", type=int, default=[], help="before which requests, from 1; else spread over all")
    given = parser.parse_args(arguments)
    chosen, others = _named(given.first), _named(given.second)
    pairs = [(first, second) for first in chosen for second in others]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="races-") as folder:
        parts = [pairs[number::_WORKERS] for number in range(_WORKERS)]
        with ProcessPoolExecutor(_WORKERS, get_context("fork")) as pool:
            found = [each for part in pool.map(partial(_raced, Path(folder), given.offsets, given.at), parts) for each in part]
    print(f"At the commit {commit()}:\n")
    print("| first | races | both ended well | one was refused | lost or not true |\n|---|---|---|---|---|")
    for name, these in [
        *((f"`{CHANGING[first].name}`", [each for each in found if each.race.first == first]) for first in chosen),
        ("all", found),
    ]:
        raced = [each for each in these if each.happened]
        well = sum(1 for each in raced if each.codes == (0, 0))
        print(f"| {name} | {len(raced)} | {well} | {len(raced) - well} | {sum(1 for each in raced if each.lost)} |")
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return 1 if any(each.lost for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
