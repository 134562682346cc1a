"""The arithmetic of limits and its simulation, beside values that were worked out by hand."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bench import jobs
from bench.flow import Flow, Limit, Step, Time, arithmetic, simulate
from bench.jobs import Job, Setup

pytestmark = pytest.mark.usefixtures("unmeasured")

SETUPS = [
    Setup(0),
    Setup(0, root="RSA-4096", hsm=True, hubs=2),
    Setup(0, vaults=5, sku="S3"),
    Setup(0, vaults=5, shards=16, units=10),
    Setup(0, vaults=6, root="RSA-3072"),
    Setup(0, vaults=15, subscriptions=3),
    Setup(0, vaults=15, subscriptions=3, cpu=0.005, shards=2),
    Setup(0, vaults=15, subscriptions=3, in_flight=16),
]


def flow(count: int, *steps: Step, in_flight: int = 1000, processes: int = 1) -> Flow:
    return Flow("tests", count, steps, in_flight, processes)


def both(given: Flow) -> tuple[float, float]:
    return arithmetic(given).seconds, simulate(given)


def test_one_limit() -> None:
    # begun at 0, 0.5, ... 4.5 s, and each takes half a second
    assert both(flow(10, Step(Limit("a", 2), latency=0.5))) == (5.0, 5.0)


def test_the_slower_of_two_limits_is_named() -> None:
    slow, fast = Step(Limit("slow", 1), latency=0.25), Step(Limit("fast", 4), latency=0.25)

    for steps in ((slow, fast), (fast, slow)):
        assert arithmetic(flow(5, *steps)).by == "slow"
        assert both(flow(5, *steps)) == (4.5, 4.5)


def test_operations_that_count_many_times() -> None:
    # three calls of 100 operations, at 100 a minute: at 0, 60 and 120 s
    assert both(flow(3, Step(Limit("a", 100 / 60), cost=100))) == (120.0, 120.0)


def test_places_work_beside_each_other() -> None:
    assert both(flow(10, Step(Limit("a", 1, places=5), latency=0.5))) == (1.5, 1.5)


def test_what_is_in_flight_bounds_the_rate() -> None:
    # five at a time for a second each
    given = flow(100, Step(Limit("a", 1_000_000), latency=1.0), in_flight=5)

    assert arithmetic(given) == Time(20.0, "devices in flight (5)")
    assert simulate(given) == pytest.approx(20, rel=0.01)


def test_processes_share_each_limit() -> None:
    # each begins one in two seconds: at 0, 2, 4, 6 and 8 s
    assert simulate(flow(10, Step(Limit("a", 1)), processes=2)) == 8.0


def test_nothing_to_do() -> None:
    assert both(flow(0, Step(Limit("a", 1), latency=1.0))) == (0.0, 0.0)


def test_the_fullest_place_is_the_last() -> None:
    class Lopsided(random.Random):
        def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
            return mu + 100

    # of 1,000 devices 600 in one vault and 400 in the other, one a second
    assert simulate(flow(1000, Step(Limit("a", 1, places=2))), chance=Lopsided()) == 599.0


def test_few_in_flight_wait_for_a_place_while_others_are_free() -> None:
    given = flow(10_000, Step(Limit("a", 30, places=5), latency=0.1))
    few, many = (simulate(replace(given, in_flight=each), chance=random.Random(1)) for each in (20, 1000))  # noqa: S311

    assert few > 1.1 * many


@pytest.mark.parametrize("devices", [1_000, 10_000, 100_000, 1_000_000])
@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: f"{setup.vaults}-{setup.shards}-{setup.root}-{setup.in_flight}")
def test_the_simulation_agrees_with_the_arithmetic(setup: Setup, devices: int) -> None:
    fleet = replace(setup, devices=devices)
    made: list[Job] = [jobs.issue(fleet), jobs.look(fleet), jobs.cut_off(fleet, counted=100), jobs.register_counted(fleet)]

    for each in (flow for job in made for phase in job.phases for flow in phase):
        assert simulate(each) == pytest.approx(arithmetic(each).seconds, rel=0.01), each.what
