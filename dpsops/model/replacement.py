"""Which root a rotation replaces: whether one may begin, one that has begun goes on, or nothing of it is left to do.

`rotate --replace root-gN` means the same rotation however often it is said; the first row that applies decides:

    the root that is named                                                   what is done
    unknown in the vault, in DPS and hubs                                    refused
    marked as compromised, its replacement not over                          goes on
    the old root of the rotation that has begun, or not retired entirely     goes on
    retired, or its breach is over                                           nothing is left to do
    another one than the one that signs, or the new root of a rotation       refused
    the one that signs, and no rotation has begun                            a rotation begins

Without a name, a rotation that has begun goes on, and one begins only within the warning time ([root] warn_days).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from dpsops.errors import InvalidInput, Refused
from dpsops.model.member import WaitingDevice
from dpsops.model.root import generation_of, root_name, rotate_command
from dpsops.model.rotation import Breach, Observed, Phase, Standing, Trust, VaultState

SHOWN = 50
"""How many devices an error names."""


@dataclass(frozen=True, slots=True)
class Left:
    """The devices that a rotation would leave behind: they have not registered with a certificate under the new root `new`, and
    could not register any more after `root` was retired. `command`: the one that leaves them behind."""

    root: str
    new: str
    devices: tuple[WaitingDevice, ...]
    command: str


def stay(left: Left) -> None:
    """Leaves no device behind: raises `Refused`, with the devices."""
    shown = [f"{each.device} ({each.reason})" for each in left.devices[:SHOWN]]
    more = len(left.devices) - len(shown)
    raise Refused(
        f"{len(left.devices)} device(s) have not registered with a certificate under {left.new}, and could not register any more "
        f"without {left.root}: {', '.join(shown)}{f' and {more} more' if more else ''}",
        f"let them register first, or leave them behind: {left.command} --yes",
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """What `--compromised` will cut off: a root, the affected devices, which cannot connect until they have a new certificate,
    and the compromised root that this root has itself replaced (empty if there is none)."""

    root: str
    devices: tuple[str, ...]
    replaced: str


class Way(enum.Enum):
    """What a call of `rotate` does: it goes on with what has begun, begins a rotation, or has nothing to do."""

    GO_ON = "go on"
    BEGIN = "begin"
    NOTHING = "nothing"


def named_root(text: str) -> int:
    """The generation of a root that somebody names. Raises `InvalidInput` for a text that is not the name of a root."""
    if (number := generation_of(text)) is None:
        raise InvalidInput(
            f"{text!r} is not the name of a root", "a root has a name as root-g1: 'dpsops rotate status' lists them"
        )
    return number


def continuation(standing: Standing) -> str:
    """The command for the next step of a rotation."""
    return rotate_command(standing.old, compromised=standing.phase is Phase.BREACHED)


def is_due(not_after: datetime | None, warn_days: int, now: datetime) -> bool:
    """Whether a root expires within the warning time, so that a rotation should begin."""
    return not_after is not None and not_after - now <= timedelta(days=warn_days)


def way(observed: Observed, standing: Standing, named: int | None, *, due: bool) -> Way:
    """What a call of `rotate` does. `named`: the generation that it names; `due`: whether a rotation is due. Raises `Refused`
    for a root that cannot be replaced now."""
    if named is None:
        return Way.GO_ON if has_begun(observed, standing) else Way.BEGIN if due else Way.NOTHING
    _require_known(observed, named)
    root = observed.generation(named)
    if root.breach in (Breach.BEGUN, Breach.CUT):
        return Way.GO_ON
    if _is_under_way(observed, standing, named):
        return Way.GO_ON
    if _is_over(observed, named):
        return Way.NOTHING
    if has_begun(observed, standing):
        raise Refused(
            f"{root.name} cannot be replaced now: {root_name(standing.old)} is being replaced by {root_name(standing.new)}",
            f"finish that first: {continuation(standing)}; "
            f"if {root.name} is compromised: {rotate_command(named, compromised=True)}",
        )
    if named != observed.primary:
        raise Refused(
            f"{root.name} is not the root that signs device certificates: that is {root_name(observed.primary)}",
            f"to replace that one: {rotate_command(observed.primary)}",
        )
    return Way.BEGIN


def compromised_root(observed: Observed, standing: Standing, named: int | None) -> tuple[int, Way]:
    """The generation that `--compromised` replaces, and what is to be done about it. Raises `Refused` if no root is named and
    the enrollment group trusts two: either may be the one whose key others may use."""
    if named is None:
        if standing.phase is Phase.BREACHED:
            return standing.old, Way.GO_ON
        if len(observed.trusted) > 1:
            either = ", or ".join(rotate_command(number, compromised=True) for number in observed.trusted)
            raise Refused(
                f"the enrollment group trusts {' and '.join(map(root_name, observed.trusted))}, and only one of them is meant",
                f"name the one whose key others may use: {either}",
            )
        return observed.primary, Way.BEGIN
    _require_known(observed, named)
    match observed.generation(named).breach:
        case Breach.OVER if not observed.generation(named).needs_retiring:
            return named, Way.NOTHING
        case None:
            return named, Way.BEGIN
        case _:
            return named, Way.GO_ON


def has_begun(observed: Observed, standing: Standing) -> bool:
    """Whether a rotation or the replacement of a compromised root has begun: at the latest when the next root has a key."""
    return standing.phase is not Phase.STABLE or observed.generation(standing.new).is_present


def _is_under_way(observed: Observed, standing: Standing, number: int) -> bool:
    """Whether a rotation of this root has begun and is not over. The group may trust the root no longer."""
    if standing.phase is Phase.BREACHED or not has_begun(observed, standing):
        return False
    if number == standing.old or number >= standing.new:
        return number == standing.old
    return number in observed.trusted or observed.generation(number).needs_retiring or standing.phase is Phase.RETIRED


def _is_over(observed: Observed, number: int) -> bool:
    root = observed.generation(number)
    return number not in observed.trusted and root.in_vault is VaultState.RETIRED and not root.needs_retiring


def _require_known(observed: Observed, number: int) -> None:
    """Raises `Refused` for a number that no part of Azure knows as a root: nobody can say that it ever was one."""
    root = observed.generation(number)
    if root.in_vault is VaultState.ABSENT and root.trust is Trust.ABSENT and number not in observed.trusted:
        present = ", ".join(one.name for one in observed.generations if one.in_vault is not VaultState.ABSENT)
        raise Refused(f"the vault has no root {root.name}", f"it has {present or 'none'}: dpsops rotate status")
