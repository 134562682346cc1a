"""The page: everything that it says, and how the template writes it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined

from dpsops import __version__
from dpsops.cli.report import course, fleet, pictures
from dpsops.cli.report.chain import Chain, chain
from dpsops.cli.report.words import Part, between_days, devices, parts
from dpsops.model.census import Wait
from dpsops.model.device import SOON
from dpsops.model.next import FIRST_DEVICE
from dpsops.model.rotation import Phase

if TYPE_CHECKING:
    from dpsops.model.member import WaitingDevice
    from dpsops.workflows.status import Status


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state in one sentence, and what it is in one word: `good`, `late` (something is to be done), `wrong` or `empty`."""

    sentence: str
    detail: str
    tone: str


@dataclass(frozen=True, slots=True)
class Late:
    """The devices that a rotation waits for or has left behind: a heading, what that means, and the first of them."""

    heading: str
    meaning: str
    listed: tuple[WaitingDevice, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Page:
    """What the page says, in the order of the page. `soon`: how many days before its end a device certificate expires soon."""

    environment: str
    is_embedded: bool
    written: str
    version: str
    verdict: Verdict
    facts: tuple[tuple[str, str], ...]
    next: tuple[tuple[Part, ...], ...]
    chain: Chain
    rotation: course.Course | None
    late: Late | None
    lives: pictures.Lives | None
    ends: tuple[pictures.Column, ...]
    dates: tuple[course.Date, ...]
    waits: tuple[fleet.Row, ...]
    roots: tuple[fleet.Row, ...]
    hubs: tuple[fleet.Row, ...]
    ages: tuple[fleet.Row, ...]
    total: int
    unseen: tuple[str, ...]
    soon: int = SOON.days


def render(status: Status, now: datetime, *, is_embedded: bool = False, spoken: Callable[[str], str] = str) -> str:
    """The page as HTML. `spoken`: how a text with commands is written, so that each can be typed as it is."""
    loader = PackageLoader("dpsops.cli.report", ".")
    templates = Templates(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    templates.filters["between_days"] = between_days
    style, _, _ = loader.get_source(templates, "page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    said = page(status, now, spoken, is_embedded=is_embedded)
    return templates.get_template("page.html").render(page=said, style=style, digest=digest)


def page(status: Status, now: datetime, spoken: Callable[[str], str], *, is_embedded: bool) -> Page:
    """Everything that the page says."""
    counted, view = status.fleet, status.view
    return Page(
        environment=status.environment.name,
        is_embedded=is_embedded,
        written=f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        version=__version__,
        verdict=verdict(status),
        facts=tuple(_facts(status)),
        next=tuple(parts(spoken(step)) for step in status.next),
        chain=chain(status),
        rotation=course.course(status.rotation) if status.rotation else None,
        late=_late(status),
        lives=pictures.lives(course.lives(status), now),
        ends=pictures.columns(counted.ends, now, SOON) if counted else (),
        dates=course.dates(status, now),
        waits=fleet.by_wait(counted) if counted else (),
        roots=fleet.by_root(counted, view.observed) if counted and view else (),
        hubs=fleet.by_hub(counted) if counted else (),
        ages=fleet.by_age(counted) if counted else (),
        total=counted.total if counted else status.devices.total,
        unseen=tuple(_unseen(status)),
    )


def is_empty(status: Status) -> bool:
    """Whether nothing exists of the environment."""
    return not status.vaults and status.dps is None and not status.hubs and status.trouble is None


def verdict(status: Status) -> Verdict:
    """The state in one sentence. The first device is no thing that is wrong."""
    if is_empty(status):
        return Verdict("Nothing exists yet.", "The environment is described in its settings, and not created.", "empty")
    if status.rotation and status.rotation.phase is Phase.BREACHED:
        detail = "Its devices cannot register until they have a certificate under another root."
        return Verdict("A root is compromised.", detail, "wrong")
    if status.trouble:
        return Verdict("The root cannot be used.", f"{status.trouble.line}.", "wrong")
    count = sum(step != FIRST_DEVICE for step in status.next)
    detail = " ".join(_detail(status))
    if count:
        return Verdict(f"{count} thing{'' if count == 1 else 's'} to do.", detail, "late")
    return Verdict("Nothing is wrong.", detail, "good")


def _detail(status: Status) -> Iterator[str]:
    """How many of the devices are all right."""
    counted = status.fleet
    if counted is None or not counted.total:
        yield "No device has a certificate yet." if not status.devices.total else ""
        return
    well = counted.waits.get(Wait.NOTHING, 0)
    if well == counted.total:
        yield f"{devices(well)}: {'it is' if well == 1 else 'all are'} registered, with a certificate that is valid for a while."
    else:
        yield f"{well:,} of {devices(counted.total)} wait for nothing."


def _facts(status: Status) -> Iterator[tuple[str, str]]:
    environment = status.environment
    yield "Environment", environment.name
    yield "Resource group", environment.resource_group
    if status.dps:
        yield "ID scope", status.dps.id_scope
    if root := status.root:
        yield "Root", root.subject
        yield "Thumbprint (SHA-256)", root.thumbprint
    yield "Devices", f"{status.devices.total:,}"


def _late(status: Status) -> Late | None:
    counted = status.fleet
    if counted is None or not counted.late or status.view is None:
        return None
    if status.view.observed.has_left_behind:
        heading = f"{devices(counted.late)} left behind"
        meaning = "They cannot register until they have their new certificate."
    else:
        heading = f"{devices(counted.late)} {'has' if counted.late == 1 else 'have'} not moved yet"
        meaning = "They could not register any more if the old root were retired now."
    return Late(heading, meaning, counted.listed, counted.late - len(counted.listed))


def _unseen(status: Status) -> Iterator[str]:
    """What was not read, and what the page therefore does not say."""
    counted = status.fleet
    if is_empty(status):
        return
    if counted is None:
        yield "The devices were not counted one by one, because the environment is not finished, or its root cannot be used."
        return
    if not counted.identities:
        yield (
            "The device identities in the hubs: this identity may not read them. So the page does not say which certificate each "
            "device uses, and for which devices a rotation waits."
        )
    if not counted.enrollments:
        yield (
            "The individual enrollments: this identity may not read them. So a device that is blocked only in the DPS counts as "
            "not blocked."
        )
    if unknown := counted.ages.get(None, 0):
        yield f"The age of {unknown:,} certificate{'' if unknown == 1 else 's'}: the vault does not say when they were stored."
