"""How far a command is, as a person reads it."""

from __future__ import annotations

from dataclasses import replace

from dpsops.fleet.count import Count, duration
from dpsops.model.run import Run
from tests.worlds import BEGINNING, environment, idle_loop


def test_the_line_has_the_rate_the_limit_and_the_time_that_is_left() -> None:
    said, seconds = list[str](), 0.0
    quiet = Run(environment(), lambda: BEGINNING, lambda _: None, idle_loop())
    count = Count(replace(quiet, count=said.append, held_back=lambda: "queries of iot-press"), "issued", 3000, lambda: seconds)
    for _ in range(600):
        seconds += 1 / 32
        count.add()
    assert said[-1] == "████░░░░░░░░░░░░░░░░ issued 600 of 3,000, 32.0 a second, held back by the queries of iot-press, 1:15 left"
    assert len(said) == 150, "not for every device"
    count.end()
    assert said[-1] == ""


def test_times_for_people() -> None:
    assert [duration(each) for each in (0, 59.6, 3599, 3723)] == ["0:00", "1:00", "59:59", "1:02:03"]
