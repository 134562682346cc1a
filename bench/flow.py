"""What passes limits one after the other: how long it takes by arithmetic, and how long where each device takes its turn.

A limit lets an operation begin each 1 / rate seconds, so it is reached from below and nothing is refused. Azure counts in windows
of ten seconds or a minute, and would take the operations of the first window at once: a fleet that fits in one is faster.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

_SIMULATED = 20_000
"""Units that are simulated at most: of a larger fleet each stands for several, and the time is multiplied. What is not multiplied
rightly is one latency at the begin and the end of the run."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate` operations a second at each of `places` (vaults, hubs, processes), among which the devices are spread."""

    name: str
    rate: float
    places: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """What a unit does: `cost` operations that count towards a limit, and then `latency` seconds until the answer is there."""

    limit: Limit
    cost: int = 1
    latency: float = 0.0


@dataclass(frozen=True, slots=True)
class Flow:
    """`count` units (devices, pages, calls), each of which takes these steps; each process has `in_flight` of them begun.

    `spread`: among how many places the devices are spread, whichever limit has most.
    `requests`: for each unit.
    """

    what: str
    count: int
    steps: tuple[Step, ...]
    in_flight: int
    processes: int = 1
    requests: int = 1

    @property
    def spread(self) -> int:
        """The most places of a limit, but for processes."""
        return max(step.limit.places for step in self.steps)


@dataclass(frozen=True, slots=True)
class Time:
    """How long in seconds, and the name of the limit that holds it back."""

    seconds: float
    by: str


def arithmetic(flow: Flow) -> Time:
    """The closed form, for devices that are spread evenly: all but one wait for the slowest limit, and one passes alone."""
    if not flow.count:
        return Time(0.0, "nothing")
    latency = sum(step.latency for step in flow.steps)
    times = {f"devices in flight ({flow.in_flight})": latency * math.ceil(flow.count / flow.in_flight / flow.processes)}
    for step in flow.steps:
        waiting = math.ceil(flow.count / step.limit.places) - 1
        times[step.limit.name] = waiting * step.cost / step.limit.rate + latency
    by = max(times, key=lambda name: times[name])
    return Time(times[by], by)


def simulate(flow: Flow, *, chance: random.Random | None = None) -> float:
    """Seconds until the last unit is done, if each process has its share of each limit and its share of the devices.

    `chance` spreads the devices as a hash does: over the processes, and over the places. None: evenly, in turn.
    """
    if not flow.count:
        return 0.0
    loads = _loads(flow.count, flow.processes * flow.spread, chance)
    each = [loads[process :: flow.processes] for process in range(flow.processes)]
    scale = max(1.0, flow.count / _SIMULATED)
    return max(_one_process(flow, _turns(load, scale, chance)) for load in each) * scale


def _loads(count: int, cells: int, chance: random.Random | None) -> list[int]:
    """How many of `count` fall into each cell: evenly, or by a hash (a multinomial draw, each cell in turn by the normal law)."""
    if chance is None:
        return [count // cells + (cell < count % cells) for cell in range(cells)]
    loads, left = [], count
    for cell in range(cells, 0, -1):
        share = 1 / cell
        drawn = left if cell == 1 else round(chance.gauss(left * share, math.sqrt(left * share * (1 - share))))
        loads.append(min(left, max(0, drawn)))
        left -= loads[-1]
    return loads


def _turns(loads: Sequence[int], scale: float, chance: random.Random | None) -> list[int]:
    """The place of each unit, in the order in which a process comes to them."""
    scaled = [round(load / scale) for load in loads]
    if chance is not None:
        turns = [place for place, load in enumerate(scaled) for _ in range(load)]
        chance.shuffle(turns)
        return turns
    return [place for row in range(max(scaled)) for place, load in enumerate(scaled) if row < load]


def _one_process(flow: Flow, turns: Sequence[int]) -> float:
    """Seconds until one process is done. An event is that a unit asks for a step, and the earliest has its turn first."""
    free = [[0.0] * step.limit.places for step in flow.steps]
    gaps = [step.cost / step.limit.rate * flow.processes for step in flow.steps]
    begun = min(flow.in_flight, len(turns))
    events = [(0.0, unit, 0) for unit in range(begun)]
    now = 0.0
    while events:
        now, unit, step = heapq.heappop(events)
        if step < len(flow.steps):
            place = turns[unit] % len(free[step])
            begin = max(now, free[step][place])
            free[step][place] = begin + gaps[step]
            heapq.heappush(events, (begin + flow.steps[step].latency, unit, step + 1))
        elif begun < len(turns):
            heapq.heappush(events, (now, begun, 0))
            begun += 1
    return now
