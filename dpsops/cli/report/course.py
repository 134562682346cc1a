"""The rotation as steps with the present one marked, and the dates that are ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dpsops.cli.report.pictures import Life
from dpsops.cli.report.words import day, distance
from dpsops.model.root import root_name
from dpsops.model.rotation import GRACE, Phase, Standing, Step, grace_end

if TYPE_CHECKING:
    from dpsops.workflows.status import Status

_PHASES = {
    Phase.STABLE: "one root, and no other is on its way",
    Phase.STAGED: "the next root is in the Key Vault",
    Phase.PROVEN: "the DPS has verified it",
    Phase.OVERLAPPING: "the enrollment group trusts both roots",
    Phase.REISSUING: "devices get new certificates",
    Phase.PROMOTED: "the new root is the primary one",
    Phase.DRAINING: "the old root waits for devices that have not moved",
    Phase.RETIRED: "the old root is out of use",
}

_BREACH = {
    Step.CUT_OFF: "the compromised root is removed at once",
    Step.STAGE: "another root is created",
    Step.PROVE: "the DPS verifies it",
    Step.ADMIT: "the enrollment group trusts it alone",
    Step.REISSUE: "devices get new certificates",
    Step.READMIT: "their identities in the hubs are enabled again",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A phase of a rotation, or a step after a breach. `place`: `past`, `here` or `ahead`."""

    name: str
    meaning: str
    place: str


@dataclass(frozen=True, slots=True)
class Course:
    """The rotation: a sentence, and its stages."""

    sentence: str
    stages: tuple[Stage, ...]
    is_breach: bool


@dataclass(frozen=True, slots=True)
class Date:
    """Something that happens, or has happened, on a day."""

    moment: datetime
    day: str
    distance: str
    text: str
    tone: str


def course(standing: Standing) -> Course:
    """The rotation with its present stage."""
    old, new = root_name(standing.old), root_name(standing.new)
    if standing.phase is Phase.BREACHED:
        here = list(_BREACH).index(standing.step)
        names = tuple((step.value, meaning) for step, meaning in _BREACH.items())
        sentence = f"{old} is compromised, and is being replaced by {new}. The next step: {standing.step}."
        return Course(sentence, _stages(names, here), is_breach=True)
    here = list(_PHASES).index(standing.phase)
    names = tuple((phase.value, meaning) for phase, meaning in _PHASES.items())
    begun = f"A rotation from {old} to {new} is {standing.phase}."
    sentence = "No rotation is under way." if standing.phase is Phase.STABLE else begun
    return Course(f"{sentence} {standing.trouble}".strip(), _stages(names, here), is_breach=False)


def _stages(names: tuple[tuple[str, str], ...], here: int) -> tuple[Stage, ...]:
    places = ("past" if number < here else "here" if number == here else "ahead" for number in range(len(names)))
    return tuple(Stage(name, meaning, place) for (name, meaning), place in zip(names, places, strict=True))


def lives(status: Status) -> tuple[Life, ...]:
    """The roots that are not retired, with the time in which each is valid."""
    warning = timedelta(days=status.environment.root.warn_days)
    root = status.root
    if status.view is None:
        return (Life(root.name, root.not_before, root.not_after, root.not_after - warning),) if root else ()
    starts = {root.generation: root.not_before} if root else {}
    return tuple(
        Life(one.name, starts.get(one.number), one.not_after, one.not_after - warning)
        for one in status.view.observed.generations
        if one.not_after and (one.is_present or one.number in status.view.observed.trusted)
    )


def dates(status: Status, now: datetime) -> tuple[Date, ...]:
    """The dates of the roots, the rotation and the device certificates, in their order."""
    found = sorted(_dates(status, now), key=lambda each: each[0])
    return tuple(Date(moment, day(moment), distance(moment, now), text, tone) for moment, text, tone in found)


def _dates(status: Status, now: datetime) -> Iterator[tuple[datetime, str, str]]:
    days = status.environment.root.warn_days
    for life in lives(status):
        yield life.end, f"{life.root} expires", _tone(life.end, now)
        if status.rotation is None or status.rotation.phase is Phase.STABLE:
            tone = "late" if life.due <= now else ""
            yield life.due, f"a rotation from {life.root} is due ({days} days before it expires)", tone
    if status.view and status.rotation:
        ends = grace_end(status.view.observed, status.rotation, GRACE)
        if ends is not None:
            yield ends, f"the grace period of {GRACE.days} days ends, and {root_name(status.rotation.old)} may be retired", "late"
    if fleet := status.fleet:
        if fleet.first:
            yield fleet.first, "the first valid device certificate expires", ""
        if fleet.last and fleet.last != fleet.first:
            yield fleet.last, "the last device certificate expires", ""


def _tone(end: datetime, now: datetime) -> str:
    return "wrong" if end <= now else ""
