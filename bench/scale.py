"""How long a fleet takes under Azure's limits: run by `python -m bench.scale`.

Without arguments it prints the tables of `docs/scale.md`. With `--devices` it prints every job for one fleet. Nothing is sent and
nothing is measured: each device takes its turn at each limit, and chance spreads the devices as a hash does.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from bench import jobs
from bench.flow import Flow, Time, arithmetic, simulate
from bench.jobs import SIGNATURES, SKUS, Job, Setup

_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_SEED = 1
_VAULTS = {1: "one vault", 5: "five vaults", 6: "six vaults", 14: "fourteen vaults"}

_ROUTES = (
    Setup(0),
    Setup(0, root="RSA-4096", hsm=True),
    Setup(0, vaults=5),
    Setup(0, vaults=6),
    Setup(0, vaults=6, hsm=True),
    Setup(0, vaults=6, root="RSA-3072"),
    Setup(0, vaults=6, root="RSA-3072", hsm=True),
    Setup(0, vaults=6, root="RSA-4096"),
    Setup(0, vaults=14, subscriptions=3),
)
_SHARDED = (
    Setup(0, vaults=5),
    Setup(0, vaults=5, shards=4),
    Setup(0, vaults=5, shards=16),
    Setup(0, vaults=6),
    Setup(0, vaults=6, shards=4),
    Setup(0, vaults=6, shards=16),
)


def main(words: Sequence[str]) -> None:
    """Prints the tables of the document, or those of the fleet that the arguments describe."""
    chosen = _arguments(words)
    for line in tables() if chosen is None else one_fleet(chosen):
        print(line)


def tables() -> Iterator[str]:
    """The lines of the document's tables, with an empty line after each table."""
    yield from _table("issue: a signature and a secret for each device", [(route(each), jobs.issue, each) for each in _ROUTES])
    yield from _table("other jobs, with six vaults and an EC root", list(_others()))
    yield from _shares()
    yield from _cores()


def one_fleet(setup: Setup) -> Iterator[str]:
    """Every job for one fleet: as each device takes its turn, by arithmetic, the limit that holds it back, and requests."""
    yield f"{setup.devices:,} devices, {route(setup)}, {hubs(setup)}:"
    yield ""
    yield "| job | simulated | by arithmetic | held back by | requests |"
    yield "|---|---|---|---|---|"
    for job in _every(setup):
        told = held(job)
        yield f"| {job.name} | {_duration(simulated(job))} | {_duration(told.seconds)} | {told.by} | {job.requests():,} |"


def held(job: Job) -> Time:
    """By arithmetic: the seconds of all phases, and what holds back the longest."""
    slowest = [max(map(arithmetic, phase), key=lambda time: time.seconds) for phase in job.phases]
    return Time(sum(time.seconds for time in slowest), max(slowest, key=lambda time: time.seconds).by)


def simulated(job: Job) -> float:
    """Seconds, with devices spread by chance: the same chance each time."""
    return sum(max(map(_by_chance, phase)) for phase in job.phases)


@cache  # the jobs have many flows in common
def _by_chance(flow: Flow) -> float:
    return simulate(flow, chance=random.Random(_SEED))  # noqa: S311


def route(setup: Setup) -> str:
    """A setup in words: its vaults, the key of its root, its processes."""
    places = _VAULTS.get(setup.vaults, f"{setup.vaults} vaults")
    if setup.subscriptions > 1:
        places += f" in {setup.subscriptions} subscriptions or regions"
    processes = f", {setup.shards} shards" if setup.shards > 1 else ""
    return f"{places}, {setup.root}{' in an HSM' if setup.hsm else ''}{processes}"


def hubs(setup: Setup) -> str:
    """The hubs of a setup in words."""
    units = "unit" if setup.units == 1 else "units"
    return f"{setup.hubs} hub{'s' if setup.hubs > 1 else ''} {setup.sku}, {setup.units} {units}"


def _every(setup: Setup) -> Iterator[Job]:
    yield jobs.issue(setup)
    yield jobs.renew(setup)
    yield jobs.look(setup)
    for counted in (1, 100):
        yield jobs.cut_off(setup, counted=counted)
    yield jobs.register(setup)
    yield jobs.register_counted(setup)
    yield jobs.rotation(setup)
    for counted in (1, 100):
        yield jobs.breach(setup, counted=counted)


_Row = tuple[str, Callable[[Setup], Job], Setup]


def _others() -> Iterator[_Row]:
    yield "renew, or reissue in a rotation", jobs.renew, Setup(0, vaults=6)
    yield "register again", jobs.register, Setup(0, vaults=6)
    on_hubs: tuple[tuple[str, Callable[[Setup], Job]], ...] = (
        ("... if a hub counts it as an operation", jobs.register_counted),
        ("list, or rotate status", jobs.look),
        ("cut-off in a breach, if a bulk call counts once", lambda setup: jobs.cut_off(setup, counted=1)),
        ("... if it counts once a device", lambda setup: jobs.cut_off(setup, counted=100)),
        ("a whole rotation", jobs.rotation),
        ("a whole breach, if a bulk call counts once", lambda setup: jobs.breach(setup, counted=1)),
        ("... if it counts once a device", lambda setup: jobs.breach(setup, counted=100)),
    )
    for name, make in on_hubs:
        for setup in (Setup(0, vaults=6), Setup(0, vaults=6, units=10), Setup(0, vaults=6, sku="S3")):
            yield f"{name}: {hubs(setup)}", make, setup


def _table(title: str, rows: Sequence[_Row]) -> Iterator[str]:
    yield f"| {title} | {' | '.join(f'{size:,}' for size in _SIZES)} | held back by |"
    yield "|---" * (len(_SIZES) + 2) + "|"
    for name, make, setup in rows:
        made = [make(replace(setup, devices=size)) for size in _SIZES]
        yield f"| {name} | {' | '.join(_duration(simulated(job)) for job in made)} | {held(made[-1]).by} |"
    yield ""


def _shares() -> Iterator[str]:
    """What part of the ceiling is reached until the last device is done, where a hash spreads the devices."""
    yield f"| share of the ceiling of 150 leaves a second | {' | '.join(f'{size:,}' for size in _SIZES)} |"
    yield "|---" * (len(_SIZES) + 1) + "|"
    for setup in _SHARDED:
        made = [jobs.issue(replace(setup, devices=size)) for size in _SIZES]
        yield f"| {route(setup)} | {' | '.join(f'{held(job).seconds / simulated(job):.0%}' for job in made)} |"
    yield ""


def _cores() -> Iterator[str]:
    """From how many processes on this program is not what holds back, by its CPU time for a leaf."""
    costs = (0.001, 0.002, 0.004)
    yield f"| leaves a second | {' | '.join(f'{1000 * cost:.0f} ms of CPU a leaf' for cost in costs)} |"
    yield "|---" * (len(costs) + 1) + "|"
    for ceiling, what in ((30, "one vault"), (150, "one subscription and region"), (400, "one EC root")):
        yield f"| {ceiling}, {what} | {' | '.join(f'{ceiling * cost:.0%} of a core' for cost in costs)} |"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and unit == "h"):
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _arguments(words: Sequence[str]) -> Setup | None:
    """The fleet that is asked for; None: the document's."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__, allow_abbrev=False)
    parser.add_argument("--devices", type=_count, help="how many; without it, the tables of docs/scale.md")
    parser.add_argument("--vaults", type=_count, help="for the devices' secrets")
    parser.add_argument("--subscriptions", type=_count, help="pairs of subscription and region that the vaults are in")
    parser.add_argument("--root", choices=SIGNATURES, help="the root's key")
    parser.add_argument("--hsm", action="store_true", help="the root's key is in an HSM")
    parser.add_argument("--shards", type=_count, help="processes, each on a core of its own")
    parser.add_argument("--hubs", type=_count, help="all alike")
    parser.add_argument("--sku", choices=SKUS, help="of the hubs")
    parser.add_argument("--units", type=_count, help="of each hub")
    parser.add_argument("--cpu", type=_seconds, help="seconds of a core for a leaf")
    parser.add_argument("--latency", type=_seconds, help="seconds until a request is answered")
    parser.add_argument("--in-flight", type=_count, help="devices at a time in one process")
    given = {name: value for name, value in vars(parser.parse_args(words)).items() if value}
    if not given:
        return None
    if "devices" not in given:
        parser.error("name the number of devices with --devices")
    return replace(Setup(0), **given)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("give a whole number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 60:
        raise argparse.ArgumentTypeError("give seconds, more than 0 and at most 60")
    return seconds


if __name__ == "__main__":
    main(sys.argv[1:])
