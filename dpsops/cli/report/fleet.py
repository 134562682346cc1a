"""The fleet as bars: by root, by the age of the certificates, by hub, and by what each device waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dpsops.model.census import NAMED, Fleet, Wait
from dpsops.model.device import SOON
from dpsops.model.root import root_name
from dpsops.model.rotation import Observed

_WAITS = {
    Wait.NOTHING: ("nothing", "their newest certificate is in use, and valid for a while"),
    Wait.EXPIRING: ("to be renewed", f"their certificate expires within {SOON.days} days"),
    Wait.NEW: ("to register with their newest certificate", "they last registered with another one"),
    Wait.NEVER: ("to register for the first time", "no hub is assigned to them"),
    Wait.BREACH: ("to come back after the breach", "they have not registered since"),
    Wait.REFUSED: ("a registration that succeeds", "their last one has failed"),
    Wait.EXPIRED: ("a new certificate", "theirs has expired"),
    Wait.LEFT_BEHIND: ("a new certificate, brought to them", "the last rotation has left them behind"),
    Wait.BLOCKED: ("a decision", "they are blocked, and cannot register"),
}

_TONES = {Wait.NOTHING: "good", Wait.BLOCKED: "off", Wait.EXPIRED: "wrong", Wait.LEFT_BEHIND: "wrong", Wait.REFUSED: "wrong"}

_HUBS = 12
"""How many hubs have a bar."""

_AGES = ("less than 30 days", "30 to 89 days", "90 to 179 days", "180 to 364 days", "a year or more")


_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Row:
    """A bar: its label and what it means, the number of devices, its length in percent of the longest, and the names of the first
    devices. `more`: how many are not named."""

    label: str
    note: str
    count: int
    length: float
    tone: str = "plain"
    names: tuple[str, ...] = ()
    more: int = 0


def by_wait(fleet: Fleet) -> tuple[Row, ...]:
    """The devices by what they wait for; the first names of each."""
    found = [(wait, fleet.waits[wait]) for wait in Wait if fleet.waits.get(wait)]
    most = _most(dict(found))
    return tuple(_waiting(fleet, wait, count, most) for wait, count in found)


def _waiting(fleet: Fleet, wait: Wait, count: int, most: int) -> Row:
    label, note = _WAITS[wait]
    if wait is Wait.NOTHING and not fleet.identities:
        note = "their newest certificate is valid for a while; which one they use was not read"
    names = fleet.named.get(wait, ())[:NAMED]
    return Row(label, note, count, _length(count, most), _TONES.get(wait, "late"), names, count - len(names) if names else 0)


def by_root(fleet: Fleet, observed: Observed) -> tuple[Row, ...]:
    """The devices by the root of their newest certificate, blocked devices too."""
    return tuple(
        Row(
            root_name(number) if number else "no root of dpsops",
            "trusted" if number in observed.trusted else "not trusted",
            count,
            _length(count, _most(fleet.roots)),
            "plain" if number in observed.trusted else "wrong",
        )
        for number, count in sorted(fleet.roots.items())
    )


def by_hub(fleet: Fleet) -> tuple[Row, ...]:
    """The devices by the hub that each is assigned to, the most first, and those that are assigned to none."""
    hubs = sorted(fleet.hubs.items(), key=lambda each: (-each[1], each[0]))
    none = fleet.total - sum(fleet.hubs.values())
    most = max(none, _most(fleet.hubs))
    rows = [Row(host.partition(".")[0], "", count, _length(count, most)) for host, count in hubs[:_HUBS]]
    if rest := sum(count for _, count in hubs[_HUBS:]):
        rows.append(Row(f"{len(hubs) - _HUBS} more hubs", "", rest, _length(rest, most)))
    return (*rows, Row("no hub", "", none, _length(none, most), "off")) if none else tuple(rows)


def by_age(fleet: Fleet) -> tuple[Row, ...]:
    """The devices that are not blocked, by the time since their newest certificate was stored."""
    return tuple(_aged(fleet)) if fleet.ages else ()


def _aged(fleet: Fleet) -> Iterator[Row]:
    most = _most(fleet.ages)
    for number, label in enumerate(_AGES):
        yield Row(label, "", fleet.ages.get(number, 0), _length(fleet.ages.get(number, 0), most))
    if unknown := fleet.ages.get(None, 0):
        yield Row("not known", "the vault does not say", unknown, _length(unknown, most), "off")


def _most(counts: Mapping[_Key, int]) -> int:
    return max(counts.values(), default=0)


def _length(count: int, most: int) -> float:
    """The length of a bar: one that is not nothing can be seen."""
    return round(max(100 * count / most, 0.6), 2) if count and most else 0
