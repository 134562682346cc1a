"""The geometry of the pictures: where each thing is, in percent of the width, so that a picture fits any page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dpsops.cli.report.words import day
from dpsops.model.census import WEEK

_WIDTHS = (1, 2, 4, 13, 26, 52, 104, 208)
"""How many weeks a column may have."""

_COLUMNS = 14
_TICKS = 5
_YEARS = (1, 2, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Life:
    """When a root is valid: from `start` (None: not known) to `end`; a rotation is due from `due`."""

    root: str
    start: datetime | None
    end: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """The life of a root: its left end and its width, and where the time begins in which a rotation is due."""

    root: str
    left: float
    width: float
    due_left: float
    due_width: float
    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis, with its label."""

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class Lives:
    """The lives of the roots on one axis."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    now: float


@dataclass(frozen=True, slots=True)
class Column:
    """The device certificates that expire within some weeks: its place and its height in percent; from when to when. `soon`: it
    begins within the time in which a certificate expires soon; `is_past`: these have expired."""

    left: float
    width: float
    height: float
    count: int
    label: str
    title: str
    soon: bool = False
    is_past: bool = False


def lives(roots: Sequence[Life], now: datetime) -> Lives | None:
    """The picture of the roots' lives; None if there is no root."""
    if not roots:
        return None
    known = [root.start for root in roots if root.start is not None]
    begin, end = min([now, *known]), max([now + timedelta(days=365), *(root.end for root in roots)])
    span = end - begin

    def at(moment: datetime) -> float:
        return round(100 * min(max((moment - begin) / span, 0), 1), 2)

    bars = []
    for root in roots:
        left, right = at(root.start or begin), at(root.end)
        due = max(left, at(root.due))
        text = f"{root.root}: {f'{day(root.start)} to ' if root.start else 'until '}{day(root.end)}"
        bars.append(Bar(root.root, left, round(right - left, 2), due, round(max(right - due, 0), 2), text))
    return Lives(tuple(bars), tuple(_years(begin, end, at)), at(now))


def _years(begin: datetime, end: datetime, at: Callable[[datetime], float]) -> Iterator[Tick]:
    count = end.year - begin.year
    step = next((each for each in _YEARS if count / each <= _TICKS), 50)
    for year in range(begin.year + 1, end.year + 1):
        place = at(datetime(year, 1, 1, tzinfo=UTC))
        if year % step == 0 and place <= 100:
            yield Tick(place, str(year))


def columns(ends: Mapping[int | None, int], now: datetime, soon: timedelta) -> tuple[Column, ...]:
    """The picture of the device certificates' ends, from `Fleet.ends`: a column for those that have expired, if there are any,
    and then one for each few weeks until the last."""
    weeks = {week: count for week, count in ends.items() if week is not None}
    if not weeks:
        return ()
    last = max([0, *weeks])
    width = next((each for each in _WIDTHS if last // each < _COLUMNS), last)
    counts = [0] * (last // width + 1)
    for week, count in weeks.items():
        if week >= 0:
            counts[week // width] += count
    expired = sum(count for week, count in weeks.items() if week < 0)
    shown = [(expired, now, "expired", "have expired")] if expired else []
    for number, count in enumerate(counts):
        begin, end = now + number * width * WEEK, now + (number + 1) * width * WEEK
        label = f"{begin:%d %b}" if width < 26 else f"{begin:%b %Y}"
        shown.append((count, begin, label, f"expire from {day(begin)} to {day(end - timedelta(days=1))}"))
    most, share = max(expired, *counts, 1), 100 / len(shown)
    return tuple(
        Column(
            left=round((place + 0.06) * share, 2),
            width=round(0.88 * share, 2),
            height=round(100 * count / most, 2),
            count=count,
            label=label,
            title=title,
            soon=begin < now + soon,
            is_past=label == "expired",
        )
        for place, (count, begin, label, title) in enumerate(shown)
    )
