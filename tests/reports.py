"""Environments as `status` finds them, made up: for the tests of the report, which need no Azure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from dpsops.azure.dps import DpsFacts
from dpsops.azure.hub import HubFacts
from dpsops.errors import Refused
from dpsops.model.census import Census, Fleet
from dpsops.model.device import Leaf
from dpsops.model.enrollment import EnrollmentGroup, wanted
from dpsops.model.generations import View
from dpsops.model.member import Member, WaitingDevice
from dpsops.model.next import DeviceCounts
from dpsops.model.root_facts import RootFacts
from dpsops.model.rotation import Breach, Generation, Observed, Trust, VaultState, classify
from dpsops.pki.names import DeviceId
from dpsops.settings import Environment
from dpsops.workflows.status import Status
from tests.worlds import environment

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
SETTINGS = environment(hub=[{"name": "iot-plant-north"}, {"name": "iot-plant-south"}])
HOSTS = ("iot-plant-north.azure-devices.net", "iot-plant-south.azure-devices.net")


def member(
    number: int,
    generation: int = 1,
    *,
    name: str = "",
    age: int = 20,
    left: int = 345,
    uses: str = "newest",
    failure: str = "",
    blocked: bool = False,
    stored: bool = True,
    admitted: str = "",
) -> Member:
    """A device: its certificate is `age` days old and valid for `left` more; `uses`: its `newest` certificate, an `older` one, or
    `none`, because it has never registered."""
    device, thumbprint = name or f"press-{number:05}", f"{number + 1:064X}"
    leaf = Leaf(
        device,
        thumbprint,
        generation,
        NOW + timedelta(days=left),
        blocked,
        stored=NOW - timedelta(days=age) if stored else None,
        before=(),
    )
    used = {"newest": thumbprint, "older": "0" * 64, "none": ""}[uses]
    return Member(
        leaf,
        leaf.expires_soon(NOW),
        "" if uses == "none" else "2026-02-20T08:00:00.0000000Z",
        "" if uses == "none" else HOSTS[number % 3 == 0],
        failure,
        used,
        uses != "none",
        "",
        admitted,
    )


def counted(members: Iterable[Member], late: Sequence[WaitingDevice] = (), new: int | None = None, *, seen: bool = True) -> Fleet:
    """The devices, counted. `new`: the root that the last rotation has moved them to; `seen`: the identity may read all."""
    census = Census(NOW, new, identities=seen, enrollments=seen)
    for each in members:
        census.add(each)
    for device in late:
        census.leave_behind(device)
    return census.fleet(sorted(late))


def mixed(count: int) -> Iterable[Member]:
    """A healthy fleet: most devices are well, some are to be renewed, and a few need somebody."""
    for number in range(count):
        age, left = (number * 37) % 330, 365 - (number * 37) % 330
        if number % 97 == 5:
            yield member(number, age=age, left=left, uses="none")
        elif number % 61 == 3:
            yield member(number, age=age, left=left, uses="older")
        elif number % 211 == 7:
            yield member(number, age=380, left=-15)
        elif number % 251 == 9:
            yield member(number, age=age, left=left, blocked=True)
        else:
            yield member(number, age=age, left=left)


def root(generation: int, start: datetime = NOW - 2 * YEAR, *, subject: str = "") -> RootFacts:
    """A root that is valid for ten years."""
    name = f"root-g{generation}"
    text = subject or f"CN=dpsops factory root G{generation},O=Example Presses"
    return RootFacts(generation, name, text, "AB12" * 16, "01", start, start + 10 * YEAR, "RSA", 3072, 0, False, True)


def one(number: int, leaves: int = 0, end: datetime = NOW + 8 * YEAR, state: VaultState = VaultState.FINISHED) -> Generation:
    """A generation that the DPS has verified."""
    return Generation(number, state, Trust.VERIFIED if state is VaultState.FINISHED else Trust.ABSENT, leaves, end)


def status(
    observed: Observed,
    fleet: Fleet,
    steps: Sequence[str] = (),
    facts: RootFacts | None = None,
    settings: Environment = SETTINGS,
) -> Status:
    """An environment in which everything exists."""
    primary, secondary = f"root-g{observed.primary}", f"root-g{observed.secondary}" if observed.secondary else ""
    group = EnrollmentGroup("devices", primary, secondary, enabled=observed.group_enabled, provisioning=wanted(settings), etag="")
    return Status(
        environment=settings,
        vaults=(settings.vault,),
        dps=DpsFacts(settings.dps.name, "0ne00AB12CD", settings.dps.host, frozenset()),
        hubs=tuple(HubFacts(hub.name, hub.host) for hub in settings.hub),
        next=tuple(steps),
        root=facts or root(observed.primary),
        group=group,
        rotation=classify(observed),
        devices=DeviceCounts(fleet.total, 0, 0),
        view=View(observed, group, (), {}, {}),
        fleet=fleet,
    )


def empty() -> Status:
    """Nothing exists."""
    return Status(SETTINGS, (), None, (), ("dpsops up",))


def fresh() -> Status:
    """What the first `up` leaves."""
    start = NOW - timedelta(days=1)
    observed = Observed((one(1, 0, start + 10 * YEAR),), 1)
    return status(observed, counted(()), ("dpsops device issue ID",), root(1, start))


def healthy() -> Status:
    """A fleet of 1,000, of which a few need somebody."""
    return status(
        Observed((one(1, 996),), 1),
        counted(mixed(1000)),
        (
            "87 device(s) have a certificate that has expired or expires within 30 days: dpsops device renew ID",
            "the log is off: dpsops up",
        ),
    )


def all_well() -> Status:
    """A fleet with which nothing is wrong."""
    return status(Observed((one(1, 240),), 1), counted(member(number, age=number, left=365 - number) for number in range(240)))


def rotating() -> Status:
    """In the middle of a rotation: the new root is the primary one, and the old one waits for devices."""
    new = Generation(2, VaultState.FINISHED, Trust.VERIFIED, 1000, NOW + 10 * YEAR, draining_since=NOW - timedelta(days=9))
    members = [member(number, 2, age=9, left=356, uses="older" if number % 6 == 0 else "newest") for number in range(1000)]
    late = [
        WaitingDevice(DeviceId(each.leaf.device), "last registered with an older certificate")
        for each in members
        if not each.uses_newest_leaf
    ]
    observed = Observed((one(1, 0, NOW + timedelta(days=80)), new), 2, 1)
    step = "a rotation to root-g2 is under way (draining): dpsops rotate --replace root-g1"
    return status(observed, counted(members, late), (step,), root(2, NOW - timedelta(days=12)))


def breached() -> Status:
    """While a compromised root is being replaced."""
    old = Generation(1, VaultState.RETIRED, Trust.ABSENT, 412, NOW + 4 * YEAR, breach=Breach.CUT)
    observed = Observed((old, one(2, 588, NOW + 10 * YEAR)), 2)
    members = [
        member(
            number, 1 if number < 412 else 2, age=100 if number < 412 else 0, left=300, uses="older" if number % 2 else "newest"
        )
        for number in range(1000)
    ]
    step = "root-g1 is compromised and is being replaced: dpsops rotate --compromised --replace root-g1"
    return status(observed, counted(members), (step,), root(2, NOW - timedelta(days=1)))


def left_behind(count: int = 37) -> Status:
    """After a rotation that has left devices behind."""
    new = Generation(2, VaultState.FINISHED, Trust.VERIFIED, 1000, NOW + 10 * YEAR, left_behind=True)
    members = [member(number, 2, age=40, left=325, uses="older" if number < count else "newest") for number in range(1000)]
    late = [WaitingDevice(DeviceId(each.leaf.device), "last registered with an older certificate") for each in members[:count]]
    step = (
        f"{count} device(s) were left behind by the last rotation, and cannot register until they have their new certificate: "
        "dpsops rotate status"
    )
    facts = root(2, NOW - timedelta(days=45))
    observed = Observed((one(1, 0, state=VaultState.RETIRED), new), 2)
    return status(observed, counted(members, late, 2), (step,), facts)


def half_blind() -> Status:
    """For an identity that may read neither the device identities nor the individual enrollments."""
    step = "the individual enrollments were not compared with the vault, because this identity may not read them"
    members = [member(number, age=number % 200, left=365 - number % 200, stored=number % 5 > 0) for number in range(300)]
    return status(Observed((one(1, 300),), 1), counted(members, seen=False), (step,))


def troubled() -> Status:
    """With a root that cannot be used."""
    trouble = Refused("the root root-g1 is disabled", "find out why; if it may be used, enable its version in the vault")
    sound = fresh()
    return Status(SETTINGS, sound.vaults, sound.dps, sound.hubs[:1], (trouble.hint,), None, trouble, sound.group)


HOSTILE = '<script>alert("1")</script>&\'"<img src=x onerror=alert(2)>'
"""What nobody may run: as a name where Azure takes any text, such as the subject of a root that another CA has signed."""


def hostile() -> Status:
    """With markup wherever a text can come from outside, and with the longest names."""
    settings = environment(hub=[{"name": f"iot-{'north' * 9}"}, *({"name": f"iot-hub-{number}"} for number in range(30))])
    members = [member(number, name=f"{'x' * 120}{number:08}", uses="none") for number in range(30)]
    members.insert(0, member(99, name=HOSTILE, uses="none"))
    late = [WaitingDevice(DeviceId(members[1].leaf.device), HOSTILE)]
    new = Generation(2, VaultState.FINISHED, Trust.VERIFIED, 31, NOW + 10 * YEAR, left_behind=True)
    names = " ".join(each.leaf.device for each in members[:10])
    steps = (f"{HOSTILE} is odd: dpsops device issue {names} --individual", f"{HOSTILE}: dpsops up")
    facts = root(2, subject=f"CN={HOSTILE}")
    return status(Observed((one(1, 0, state=VaultState.RETIRED), new), 2), counted(members, late, 2), steps, facts, settings)


SCENES: dict[str, Callable[[], Status]] = {
    "empty": empty,
    "fresh": fresh,
    "healthy": healthy,
    "all well": all_well,
    "rotating": rotating,
    "breached": breached,
    "left behind": left_behind,
    "half blind": half_blind,
    "troubled": troubled,
    "hostile": hostile,
}
