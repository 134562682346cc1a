"""Where a rotation of the root stands: a pure function of what the vault, the DPS, the group and the fleet show.

There is no state file. The table that `classify` is, with P and S for the generations that the enrollment group names
as its primary and secondary, and N for the next one:

    phase        what is there                                               the next step
    stable       P alone, and no whole N                                     stage: make N in the vault
    staged       N whole in the vault                                        prove: upload it to the DPS and prove it
    proven       N verified in the DPS                                       overlap: make it the group's secondary
    overlapping  S is N, and no leaf is N's                                  reissue, or promote where there is no device
    reissuing    S is N, and a leaf is N's                                   reissue the other leaves; then promote
    promoted     P is N, S the old one                                       drain: from now on the time counts
    draining     the same, and N is marked as draining                       retire, once every device was seen
    retired      P alone, the old ones gone, and N still marked              settle: take the mark away
    breached     a generation is marked as breached                          cut off, stage, prove, admit, reissue, readmit

A step that was killed halfway leaves a state of this table too, so the next run takes it up.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from dpsops.errors import Refused
from dpsops.model.root import root_name

GRACE = timedelta(days=30)
"""How long a device that has not been seen with its new leaf holds up the end of the old root."""


class Keeping(enum.Enum):
    """What the vault holds of a generation: none of it, a root that is still being made, a whole one, one that
    somebody has disabled, one that dpsops has retired."""

    ABSENT = "absent"
    MAKING = "in the making"
    WHOLE = "whole"
    DISABLED = "disabled"
    RETIRED = "retired"


class Trust(enum.Enum):
    """What the DPS holds under a generation's name, and the hubs where an environment proves its root to them too;
    where they differ, the least. `STRANGER` is another certificate than the vault's."""

    ABSENT = "absent"
    STRANGER = "another certificate"
    UPLOADED = "uploaded"
    VERIFIED = "verified"


class Breach(enum.StrEnum):
    """How far a compromised root has been dealt with: it is to be cut off, it is, or its devices have a new root."""

    BEGUN = "begun"
    CUT = "cut"
    OVER = "over"


class Phase(enum.StrEnum):
    """The phases of a rotation, in their order; `breached` is a way of its own."""

    STABLE = "stable"
    STAGED = "staged"
    PROVEN = "proven"
    OVERLAPPING = "overlapping"
    REISSUING = "reissuing"
    PROMOTED = "promoted"
    DRAINING = "draining"
    RETIRED = "retired"
    BREACHED = "breached"


_ORDER = tuple(Phase)


class Step(enum.StrEnum):
    """What moves a rotation from one phase to the next."""

    STAGE = "stage"
    PROVE = "prove"
    OVERLAP = "overlap"
    REISSUE = "reissue"
    PROMOTE = "promote"
    DRAIN = "drain"
    RETIRE = "retire"
    SETTLE = "settle"
    CUT_OFF = "cut off"
    ADMIT = "admit"
    READMIT = "readmit"


@dataclass(frozen=True, slots=True)
class Generation:
    """One root. `leaves` counts the devices that are not blocked and whose newest leaf it has signed; `reopen`: the
    breach has shut the group, which is to be opened again."""

    number: int
    keeping: Keeping
    trust: Trust = Trust.ABSENT
    leaves: int = 0
    not_after: datetime | None = None
    draining_since: datetime | None = None
    breach: Breach | None = None
    reopen: bool = False

    @property
    def name(self) -> str:
        """The name of its certificate, in the vault and in the DPS."""
        return root_name(self.number)

    @property
    def is_live(self) -> bool:
        """Whether the vault has it, and nobody has put it away."""
        return self.keeping in (Keeping.MAKING, Keeping.WHOLE, Keeping.DISABLED)

    @property
    def is_remnant(self) -> bool:
        """Whether there is still something of it to be retired."""
        return self.is_live or self.trust is not Trust.ABSENT


@dataclass(frozen=True, slots=True)
class Observed:
    """The generations in their order, and what the enrollment group says: its primary, its secondary or None, and
    whether it lets devices in."""

    generations: tuple[Generation, ...]
    primary: int
    secondary: int | None = None
    is_open: bool = True

    def generation(self, number: int) -> Generation:
        """The generation of a number; one that nobody has is absent."""
        return next((one for one in self.generations if one.number == number), Generation(number, Keeping.ABSENT))

    @property
    def trusted(self) -> tuple[int, ...]:
        """The generations whose leaves the group accepts, the oldest first."""
        return tuple(sorted({self.primary, self.secondary or self.primary}))

    @property
    def next_number(self) -> int:
        """The number of a generation that is yet to be made: none is ever used twice."""
        return max([self.primary, *(one.number for one in self.generations)]) + 1


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rotation stands: its phase, the old and the new generation, the step that comes next. `trouble` says
    why no step can be taken; otherwise it is empty."""

    phase: Phase
    step: Step
    old: int
    new: int
    trouble: str = ""


def classify(observed: Observed) -> Standing:
    """The one phase that a state is in."""
    breached = next((one for one in observed.generations if one.breach in (Breach.BEGUN, Breach.CUT)), None)
    if breached is not None:
        return _after_a_breach(observed, breached)
    if observed.secondary is None or observed.secondary == observed.primary:
        return _with_one_root(observed)
    if observed.secondary > observed.primary:
        return _before_the_promotion(observed, observed.primary, observed.secondary)
    return _after_the_promotion(observed, observed.secondary, observed.primary)


def _with_one_root(observed: Observed) -> Standing:
    primary = observed.generation(observed.primary)
    remnants = [one.number for one in observed.generations if one.number < primary.number and one.is_remnant]
    if remnants:
        step = _until_every_leaf_is_of(observed, primary.number) or Step.RETIRE
        return Standing(Phase.DRAINING, step, remnants[-1], primary.number, _unusable(primary))
    if primary.draining_since is not None:
        gone = max((one.number for one in observed.generations if one.number < primary.number), default=primary.number)
        return Standing(Phase.RETIRED, Step.SETTLE, gone, primary.number)
    new = max((one.number for one in observed.generations if one.number > primary.number and one.is_live), default=None)
    if new is None:
        return Standing(Phase.STABLE, Step.STAGE, primary.number, observed.next_number)
    if (keeping := observed.generation(new).keeping) is not Keeping.WHOLE:
        trouble = (
            f"{root_name(new)} is {keeping.value} in the vault, and would be the next root" if keeping is Keeping.DISABLED else ""
        )
        return Standing(Phase.STABLE, Step.STAGE, primary.number, new, trouble)
    if observed.generation(new).trust is Trust.VERIFIED:
        return Standing(Phase.PROVEN, Step.OVERLAP, primary.number, new)
    return Standing(Phase.STAGED, Step.PROVE, primary.number, new)


def _before_the_promotion(observed: Observed, old: int, new: int) -> Standing:
    begun = observed.generation(new).leaves > 0
    phase = Phase.REISSUING if begun else Phase.OVERLAPPING
    step = _until_every_leaf_is_of(observed, new) or Step.PROMOTE
    return Standing(phase, step, old, new, _unusable(observed.generation(new)))


def _after_the_promotion(observed: Observed, old: int, new: int) -> Standing:
    primary = observed.generation(new)
    phase = Phase.PROMOTED if primary.draining_since is None else Phase.DRAINING
    last = Step.DRAIN if phase is Phase.PROMOTED else Step.RETIRE
    return Standing(phase, _until_every_leaf_is_of(observed, new) or last, old, new, _unusable(primary))


def _after_a_breach(observed: Observed, breached: Generation) -> Standing:
    """The compromised root goes first, whatever else stands where. Then the next one is made, and let in alone."""
    numbers = [one.number for one in observed.generations if one.number > breached.number and one.is_live and one.breach is None]
    new = observed.generation(max(numbers, default=observed.next_number))

    def standing(step: Step) -> Standing:
        return Standing(Phase.BREACHED, step, breached.number, new.number)

    if breached.breach is Breach.BEGUN:
        return standing(Step.CUT_OFF)
    if new.keeping is not Keeping.WHOLE:
        return standing(Step.STAGE)
    if new.trust is not Trust.VERIFIED:
        return standing(Step.PROVE)
    if observed.trusted != (new.number,) or (breached.reopen and not observed.is_open):
        return standing(Step.ADMIT)
    return standing(_until_every_leaf_is_of(observed, new.number) or Step.READMIT)


def _until_every_leaf_is_of(observed: Observed, new: int) -> Step | None:
    """The step that is missing until every device that is not blocked has a leaf of the new root, which devices can use."""
    if observed.generation(new).trust is not Trust.VERIFIED:
        return Step.PROVE
    return Step.REISSUE if any(one.leaves for one in observed.generations if one.number != new) else None


def _unusable(new: Generation) -> str:
    if new.keeping is Keeping.WHOLE:
        return ""
    return f"{new.name} is {new.keeping.value} in the vault, and the enrollment group trusts it"


def undo_fault(observed: Observed, standing: Standing) -> str:
    """Why a rotation cannot be taken back, as a sentence; empty where it can."""
    old, new = observed.generation(standing.old), observed.generation(standing.new)
    if standing.phase is Phase.BREACHED:
        return f"{old.name} is compromised: there is no way back to it"
    if standing.phase is Phase.STABLE and new.keeping is not Keeping.DISABLED:
        return "there is no rotation to take back"
    if standing.phase is Phase.RETIRED or old.number not in observed.trusted:
        return f"{old.name} has left the enrollment group: a device with a leaf of {new.name} knows no other"
    if new.leaves:
        return (
            f"{new.leaves} device(s) have a leaf of {new.name} and may use it already: without that root they would be stranded"
        )
    if old.keeping is not Keeping.WHOLE or old.trust is not Trust.VERIFIED:
        return f"{old.name} is {old.keeping.value} in the vault and {old.trust.value} in the DPS: it can vouch for nobody"
    return ""


def next_step(
    observed: Observed, standing: Standing, until: Phase | None, grace: timedelta, *, begun: bool, group: str
) -> Step | None:
    """The step to be taken now, None where the phase `until` is reached. `begun`: a step was taken already, so *stable* is
    the end of a rotation and not its beginning. Raises `Refused` where no step is safe."""
    if standing.trouble:
        back = "" if undo_fault(observed, standing) else ", or undo: dpsops rotate undo"
        raise Refused(standing.trouble, f"enable or restore {root_name(standing.new)} in the vault{back}")
    if until is not None and _has_reached(standing, until, begun=begun):
        return None
    if shut := why_shut(observed, standing, grace, group):
        raise Refused(shut, "find out who has disabled it and why; enable it in the DPS, then run the command again")
    return standing.step


def _has_reached(standing: Standing, until: Phase, *, begun: bool) -> bool:
    """Whether the phase `until` is reached, or *stable*, with which a rotation that has begun is over."""
    if standing.phase is Phase.STABLE:
        return begun
    if standing.phase is Phase.BREACHED or until is Phase.STABLE:
        return False
    if standing.phase is until is Phase.REISSUING:
        return standing.step is not Step.REISSUE
    return _ORDER.index(standing.phase) >= _ORDER.index(until)


def why_shut(observed: Observed, standing: Standing, grace: timedelta, group: str) -> str:
    """Why devices cannot move while they are waited for: no time of grace runs in a group that somebody has disabled; empty
    where it does. Without a time of grace nobody is waited for."""
    waits = standing.step in (Step.DRAIN, Step.RETIRE) and standing.old in observed.trusted and grace
    if not waits or observed.is_open:
        return ""
    return f"the enrollment group {group} is disabled: no device can move to {root_name(standing.new)}"


def grace_end(observed: Observed, standing: Standing, grace: timedelta) -> datetime | None:
    """Until when devices are waited for; None before the old root is draining, and once it is no longer trusted."""
    since = observed.generation(standing.new).draining_since
    if standing.phase is not Phase.DRAINING or since is None or standing.old not in observed.trusted:
        return None
    return since + grace
