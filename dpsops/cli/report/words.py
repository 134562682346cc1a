"""How a report writes counts, dates and commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_COMMANDS = "up|plan|status|root|device|rotate|pipeline|local|doctor|down|init"
_COMMAND = re.compile(rf"dpsops (?:-|(?:{_COMMANDS})\b)[^,;:'()]*")
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sentence: words, or a command that somebody can type."""

    text: str
    is_command: bool = False


def parts(text: str) -> tuple[Part, ...]:
    """A sentence, with the commands in it apart from the words."""
    found = list[Part]()
    end = 0
    for match in _COMMAND.finditer(text):
        found += [Part(text[end : match.start()]), Part(match[0].rstrip(), is_command=True)]
        end = match.start() + len(match[0].rstrip())
    return tuple(part for part in (*found, Part(text[end:])) if part.text)


def between_days(text: str) -> list[str]:
    """A text, cut before and after each date in it: every second piece is a date, which nothing should break."""
    return _DAY.split(text)


def devices(count: int) -> str:
    """A number of devices."""
    return f"{count:,} device{'' if count == 1 else 's'}"


def day(moment: datetime) -> str:
    """A date in UTC, as in 2026-03-01."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def distance(moment: datetime, now: datetime) -> str:
    """How far away a date is, in the largest unit of which there are two: in 3 days, in 9 years, 2 months ago."""
    days = (moment - now).total_seconds() / 86400
    size = abs(days)
    if size < 1:
        return "within a day" if days >= 0 else "in the last 24 hours"
    units = ((365.25, "year"), (30.44, "month"))
    count, unit = next(((round(size / length), unit) for length, unit in units if size >= 2 * length), (int(size), "day"))
    text = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {text}" if days > 0 else f"{text} ago"
