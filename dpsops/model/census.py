"""The fleet, counted in one pass: by root, by the age of the certificates, by hub, and by what each device waits for.

The table behind `Wait`; the first row that applies decides, so each device is counted once:

    wait            it is so if
    blocked         the device is blocked, in the vault or in the DPS
    left behind     the last rotation has not waited for it, and it has not come back since
    expired         its newest certificate has expired, or has no expiry date
    refused         its last registration has failed
    breach          it has not registered since a compromised root was replaced
    never           it is assigned to no hub
    new             it has last registered with another certificate than its newest
    expiring        its newest certificate expires soon (`SOON`)
    nothing         none of these
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dpsops.model.member import Member, WaitingDevice
from dpsops.model.resources import registry_host
from dpsops.model.waiting import is_over

NAMED = 20
"""How many devices are named for each thing that devices wait for."""

LISTED = 1000
"""How many devices are listed that a rotation waits for, or has left behind."""

AGES = (timedelta(days=30), timedelta(days=90), timedelta(days=180), timedelta(days=365))
"""The ends of the bins for the ages of certificates; one more is for those that are older."""

WEEK = timedelta(days=7)


class Wait(enum.Enum):
    """What a device waits for: the most urgent last, but for `BLOCKED`, which waits for a person."""

    NOTHING = "nothing"
    EXPIRING = "expiring"
    NEW = "new"
    NEVER = "never"
    BREACH = "breach"
    REFUSED = "refused"
    EXPIRED = "expired"
    LEFT_BEHIND = "left behind"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Fleet:
    """The devices, counted. `roots`: by the generation of the root; `hubs`: by the host name of the hub (`registry_host`);
    `ages`: by the bins of `AGES`, with None where the vault does not say; `ends`: by the weeks until the certificate expires,
    from 0 (below are those that have expired, None has those without an expiry date); blocked devices are not among these two.
    `first` and `last`: when the first and the last valid certificate expires.

    `named`: the first devices for each wait, sorted. `listed`: the first devices that a rotation waits for or has left behind, of
    `late` in all. `identities`: whether this identity may read the device identities in the hubs: if not, nobody knows who
    is late, or has registered with which certificate. `enrollments`: the same for the individual enrollments.
    """

    total: int
    waits: Mapping[Wait, int]
    roots: Mapping[int, int]
    hubs: Mapping[str, int]
    ages: Mapping[int | None, int]
    ends: Mapping[int | None, int]
    first: datetime | None = None
    last: datetime | None = None
    named: Mapping[Wait, tuple[str, ...]] = field(default_factory=dict)
    listed: tuple[WaitingDevice, ...] = ()
    late: int = 0
    identities: bool = True
    enrollments: bool = True


@dataclass(slots=True)
class Census:
    """Counts devices, each as it is read. `new`: the generation of the root to which the last rotation has moved the devices, if
    it has left some behind. `identities`, `enrollments`: as in `Fleet`."""

    now: datetime
    new: int | None = None
    identities: bool = True
    enrollments: bool = True
    _total: int = 0
    _waits: Counter[Wait] = field(default_factory=Counter)
    _roots: Counter[int] = field(default_factory=Counter)
    _hubs: Counter[str] = field(default_factory=Counter)
    _ages: Counter[int | None] = field(default_factory=Counter)
    _ends: Counter[int | None] = field(default_factory=Counter)
    _first: datetime | None = None
    _last: datetime | None = None
    _named: dict[Wait, set[str]] = field(default_factory=dict)
    _open: dict[str, Wait] = field(default_factory=dict)

    def passed(self, members: Iterable[Member]) -> Iterator[Member]:
        """The same devices, each counted as it passes."""
        for member in members:
            self.add(member)
            yield member

    def add(self, member: Member) -> None:
        """Counts one device."""
        leaf, wait = member.leaf, self._wait(member)
        self._total += 1
        self._waits[wait] += 1
        self._roots[leaf.generation] += 1
        if member.hub:
            self._hubs[registry_host(member.hub)] += 1
        if self.new is not None and not is_over(member, self.new):
            self._open[leaf.device] = wait
        self._name(wait, leaf.device)
        if member.blocked:
            return
        self._ages[None if leaf.stored is None else sum(self.now - leaf.stored >= end for end in AGES)] += 1
        self._ends[None if leaf.not_after is None else (leaf.not_after - self.now) // WEEK] += 1
        if leaf.not_after is not None and leaf.is_valid(self.now):
            self._first = min(self._first or leaf.not_after, leaf.not_after)
            self._last = max(self._last or leaf.not_after, leaf.not_after)

    def leave_behind(self, device: WaitingDevice) -> None:
        """Counts a device anew that the last rotation has left behind, if that has left any; not one that is in no vault."""
        before = self._open.pop(device.device, None)
        if before is not None:
            self._waits[before] -= 1
            self._waits[Wait.LEFT_BEHIND] += 1
            self._named.get(before, set[str]()).discard(device.device)
            self._name(Wait.LEFT_BEHIND, device.device)

    def fleet(self, late: Sequence[WaitingDevice]) -> Fleet:
        """What was counted. `late`: the devices that a rotation waits for or has left behind, sorted."""
        return Fleet(
            total=self._total,
            waits=+self._waits,
            roots=self._roots,
            hubs=self._hubs,
            ages=self._ages,
            ends=self._ends,
            first=self._first,
            last=self._last,
            named={wait: tuple(sorted(names)) for wait, names in self._named.items()},
            listed=tuple(late[:LISTED]),
            late=len(late),
            identities=self.identities,
            enrollments=self.enrollments,
        )

    def _name(self, wait: Wait, device: str) -> None:
        if wait is not Wait.NOTHING and len(names := self._named.setdefault(wait, set())) < NAMED:
            names.add(device)

    def _wait(self, member: Member) -> Wait:
        if member.blocked:
            return Wait.BLOCKED
        if not member.leaf.is_valid(self.now):
            return Wait.EXPIRED
        if member.failure:
            return Wait.REFUSED
        if member.waits_for_new_leaf:
            return Wait.BREACH
        if not member.hub:
            return Wait.NEVER
        if self.identities and not member.uses_newest_leaf:
            return Wait.NEW
        return Wait.EXPIRING if member.expires_soon else Wait.NOTHING
