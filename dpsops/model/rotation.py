"""The phase of a rotation of the root: a pure function of the state of the vault, the DPS, the group and the devices.

There is no state file. The table behind `classify`, with P and S for the primary and the secondary generation of the
enrollment group, and N for the next generation:

    phase        state in Azure                                              the next step
    stable       P only, and no finished N                                   stage: create N in the vault
    staged       N finished in the vault                                     prove: upload it to the DPS, prove possession
    proven       N verified in the DPS                                       overlap: make it the group's secondary
    overlapping  S is N, and no device has a certificate under N             reissue; promote if there is no device
    reissuing    S is N, and a device has a certificate under N              reissue to the other devices; then promote
    promoted     P is N, and S the old root                                  drain: the grace period begins
    draining     the same, and N has the tag `draining`                      retire, when no device is waiting any more
    retired      P only, the old roots retired, and N still has the tag      settle: remove the tag
    breached     a generation is marked as compromised                       cut off, stage, prove, admit, reissue, readmit;
                                                                             no new root if an older one is still trusted

A step that was interrupted leaves one of these states too, so the next run continues from it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dpsops.errors import Refused
from dpsops.model.root import BREACH_OVER, root_name

GRACE = timedelta(days=30)
"""How long the old root stays trusted for devices that have not registered with their new certificate."""


class VaultState(enum.Enum):
    """The state of a generation in the vault. DISABLED: by somebody else; RETIRED: disabled by dpsops at the end of a rotation.
    The values are those of `--output json`; people read `text`."""

    ABSENT = "absent"
    CREATING = "in the making"
    FINISHED = "whole"
    DISABLED = "disabled"
    RETIRED = "retired"

    @property
    def text(self) -> str:
        """The state in words: `root-g2 is ...`."""
        return {VaultState.CREATING: "being created", VaultState.FINISHED: "finished"}.get(self, self.value)


class Trust(enum.Enum):
    """The state of a generation in the trust store of the DPS, and of the hubs if the environment proves its root to them too:
    the earliest of the states if they differ. `OTHER` is a certificate that is not the vault's."""

    ABSENT = "absent"
    OTHER = "another certificate"
    UPLOADED = "uploaded"
    VERIFIED = "verified"


class Breach(enum.StrEnum):
    """How far the replacement of a compromised root is: it must be cut off, it is cut off, or its devices have a new root."""

    BEGUN = "begun"
    CUT = "cut"
    OVER = BREACH_OVER


class Phase(enum.StrEnum):
    """The phases of a rotation, in their order; `breached` is outside of this order."""

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
    """The steps of a rotation, from one phase to the next."""

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
    """One root. `leaves` counts the devices that are not blocked and have their newest certificate under it; `reopen`: the
    breach has disabled the group, which must be enabled again; `second_names`: under which other names a trust store has it;
    `left_behind`: whether its predecessor was retired though a device had not registered with its new certificate."""

    number: int
    in_vault: VaultState
    trust: Trust = Trust.ABSENT
    leaves: int = 0
    not_after: datetime | None = None
    draining_since: datetime | None = None
    breach: Breach | None = None
    reopen: bool = False
    second_names: tuple[str, ...] = ()
    left_behind: bool = False

    @property
    def name(self) -> str:
        """The name of its certificate, in the vault and in the DPS."""
        return root_name(self.number)

    @property
    def is_present(self) -> bool:
        """Whether it is in the vault, and not retired."""
        return self.in_vault in (VaultState.CREATING, VaultState.FINISHED, VaultState.DISABLED)

    @property
    def needs_retiring(self) -> bool:
        """Whether some part of it, in the vault or in a trust store, must still be retired. Only a compromised root is removed
        under its other names: somebody may use any other root as they like."""
        return self.is_present or self.trust is not Trust.ABSENT or bool(self.breach and self.second_names)

    @property
    def is_sound(self) -> bool:
        """Whether devices may rely on it: finished, verified, and not compromised."""
        return self.in_vault is VaultState.FINISHED and self.trust is Trust.VERIFIED and self.breach is None


@dataclass(frozen=True, slots=True)
class Observed:
    """The generations in their order, and the state of the enrollment group: its primary, its secondary or None, whether it is
    enabled, and when it was last changed, by the clock of DPS (None if DPS does not say)."""

    generations: tuple[Generation, ...]
    primary: int
    secondary: int | None = None
    group_enabled: bool = True
    group_changed: datetime | None = field(default=None, compare=False)

    def generation(self, number: int) -> Generation:
        """The generation with this number; an unknown one is absent."""
        return next((one for one in self.generations if one.number == number), Generation(number, VaultState.ABSENT))

    @property
    def trusted(self) -> tuple[int, ...]:
        """The generations that the group trusts, the oldest first."""
        return tuple(sorted({self.primary, self.secondary or self.primary}))

    @property
    def has_left_behind(self) -> bool:
        """Whether the last rotation is over, and has left devices behind."""
        return len(self.trusted) == 1 and self.generation(self.primary).left_behind

    @property
    def next_number(self) -> int:
        """The number for the next generation. No number is ever used twice."""
        return max([self.primary, *(one.number for one in self.generations)]) + 1


@dataclass(frozen=True, slots=True)
class Standing:
    """The status of a rotation: its phase, the next step, the old and the new generation. `trouble` says why no step can be
    taken; otherwise it is empty."""

    phase: Phase
    step: Step
    old: int
    new: int
    trouble: str = ""


def classify(observed: Observed) -> Standing:
    """The status of a rotation in this state: exactly one phase."""
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
    remnants = [one.number for one in observed.generations if is_remnant(one, primary.number)]
    if remnants:
        step = _until_all_reissued(observed, primary.number) or Step.RETIRE
        return Standing(Phase.DRAINING, step, remnants[-1], primary.number, _unusable(primary))
    if primary.draining_since is not None:
        retired = max((one.number for one in observed.generations if one.number < primary.number), default=primary.number)
        return Standing(Phase.RETIRED, Step.SETTLE, retired, primary.number)
    new = max((one.number for one in observed.generations if one.number > primary.number and one.is_present), default=None)
    if new is None:
        return Standing(Phase.STABLE, Step.STAGE, primary.number, observed.next_number)
    if (in_vault := observed.generation(new).in_vault) is not VaultState.FINISHED:
        is_disabled = in_vault is VaultState.DISABLED
        trouble = f"the next root, {root_name(new)}, is disabled in the vault" if is_disabled else ""
        return Standing(Phase.STABLE, Step.STAGE, primary.number, new, trouble)
    if observed.generation(new).trust is Trust.VERIFIED:
        return Standing(Phase.PROVEN, Step.OVERLAP, primary.number, new)
    return Standing(Phase.STAGED, Step.PROVE, primary.number, new)


def is_remnant(one: Generation, current: int) -> bool:
    """Whether something is left of a root that the group no longer trusts: of an older one, or of a compromised one."""
    return (one.number < current or (one.breach is not None and one.number != current)) and one.needs_retiring


def _before_the_promotion(observed: Observed, old: int, new: int) -> Standing:
    begun = observed.generation(new).leaves > 0
    phase = Phase.REISSUING if begun else Phase.OVERLAPPING
    step = _until_all_reissued(observed, new) or Step.PROMOTE
    return Standing(phase, step, old, new, _unusable(observed.generation(new)))


def _after_the_promotion(observed: Observed, old: int, new: int) -> Standing:
    primary = observed.generation(new)
    phase = Phase.PROMOTED if primary.draining_since is None else Phase.DRAINING
    last = Step.DRAIN if phase is Phase.PROMOTED else Step.RETIRE
    return Standing(phase, _until_all_reissued(observed, new) or last, old, new, _unusable(primary))


def _after_a_breach(observed: Observed, breached: Generation) -> Standing:
    """First the compromised root is cut off, in whatever state the rest is. Then the group trusts only one other root: one that
    it trusts already, also if that is older, else the next one, which is created first."""
    new = observed.generation(_replacement(observed, breached.number))

    def standing(step: Step) -> Standing:
        return Standing(Phase.BREACHED, step, breached.number, new.number)

    if breached.breach is Breach.BEGUN:
        return standing(Step.CUT_OFF)
    if new.in_vault is not VaultState.FINISHED:
        return standing(Step.STAGE)
    if new.trust is not Trust.VERIFIED:
        return standing(Step.PROVE)
    if observed.trusted != (new.number,) or (breached.reopen and not observed.group_enabled):
        return standing(Step.ADMIT)
    return standing(_until_all_reissued(observed, new.number) or Step.READMIT)


def _replacement(observed: Observed, breached: int) -> int:
    """The generation whose certificates the devices of a compromised root get."""
    trusted = [number for number in observed.trusted if number != breached]
    usable = (VaultState.CREATING, VaultState.FINISHED)
    newer = [
        one.number for one in observed.generations if one.number > breached and one.in_vault in usable and one.breach is None
    ]
    if trusted and trusted[-1] < breached and observed.generation(trusted[-1]).is_sound:
        return trusted[-1]
    return max(newer, default=observed.next_number)


def sound_beside(observed: Observed, breached: int) -> frozenset[int]:
    """The generations whose certificates stay valid when a compromised root is cut off: newer ones, and one that the enrollment
    group trusts beside it."""
    return frozenset(
        one.number
        for one in observed.generations
        if one.number != breached and one.breach is None and (one.number > breached or one.number in observed.trusted)
    )


def _until_all_reissued(observed: Observed, new: int) -> Step | None:
    """The step that is missing until every device that is not blocked has a certificate under the new root, and the DPS (and
    the hubs, if configured) have verified that root."""
    if observed.generation(new).trust is not Trust.VERIFIED:
        return Step.PROVE
    return Step.REISSUE if any(one.leaves for one in observed.generations if one.number != new) else None


def _unusable(new: Generation) -> str:
    if new.in_vault is VaultState.FINISHED:
        return ""
    return f"{new.name} is {new.in_vault.text} in the vault, but the enrollment group trusts it"


def undo_fault(observed: Observed, standing: Standing) -> str:
    """Why a rotation cannot be undone, as a sentence; empty if it can be undone."""
    old, new = observed.generation(standing.old), observed.generation(standing.new)
    if standing.phase is Phase.BREACHED:
        return f"{old.name} is compromised and must not be used again"
    if standing.phase is Phase.STABLE and new.in_vault is not VaultState.DISABLED:
        return "there is no rotation to undo"
    if standing.phase is Phase.RETIRED or old.number not in observed.trusted:
        return f"the enrollment group no longer trusts {old.name}: devices may depend on {new.name}"
    if new.leaves:
        return (
            f"{new.leaves} device(s) have a certificate under {new.name} and may use it already: "
            "without that root they could not register"
        )
    if old.in_vault is not VaultState.FINISHED or old.trust is not Trust.VERIFIED:
        return f"{old.name} cannot be used: it is {old.in_vault.text} in the vault and {old.trust.value} in the DPS"
    return ""


def half_undone(observed: Observed) -> tuple[int, ...]:
    """The generations that an interrupted undo has left in a trust store: retired, newer than what the group trusts. A run that
    was at work at the same time may have uploaded one again."""
    newest = observed.trusted[-1]
    return tuple(
        one.number
        for one in observed.generations
        if one.number > newest and one.in_vault is VaultState.RETIRED and one.breach is None and one.trust is not Trust.ABSENT
    )


def undone(observed: Observed, standing: Standing) -> str:
    """The name of the root to which a rotation was undone last, if none has begun since; empty if there is none."""
    if standing.phase is not Phase.STABLE:
        return ""
    newer = [one for one in observed.generations if one.number > standing.old and one.in_vault is VaultState.RETIRED]
    return (
        max(newer, key=lambda one: one.number).name
        if newer and not any(one.breach or one.needs_retiring for one in newer)
        else ""
    )


def next_step(
    observed: Observed, standing: Standing, until: Phase | None, grace: timedelta, *, begun: bool, group: str
) -> Step | None:
    """The step to be taken now, or None if the phase `until` is reached. `begun`: a step was taken already, so *stable* is
    the end of a rotation and not its beginning. Raises `Refused` if no step is safe."""
    if standing.trouble:
        undo = "" if undo_fault(observed, standing) else ", or undo the rotation: dpsops rotate undo"
        raise Refused(standing.trouble, f"enable or recover {root_name(standing.new)} in the vault{undo}")
    if until is not None and _has_reached(standing, until, begun=begun):
        return None
    if trouble := disabled_group_trouble(observed, standing, grace, group):
        raise Refused(trouble, "find out who disabled it and why; enable it in the DPS, then run the command again")
    return standing.step


def _has_reached(standing: Standing, until: Phase, *, begun: bool) -> bool:
    """Whether the phase `until` is reached, or *stable*, which ends a rotation that has begun."""
    if standing.phase is Phase.STABLE:
        return begun
    if standing.phase is Phase.BREACHED or until is Phase.STABLE:
        return False
    if standing.phase is until is Phase.REISSUING:
        return standing.step is not Step.REISSUE
    return _ORDER.index(standing.phase) >= _ORDER.index(until)


def disabled_group_trouble(observed: Observed, standing: Standing, grace: timedelta, group: str) -> str:
    """Why waiting devices cannot move: somebody has disabled the group. The grace period must not pass during that time. Empty if
    the group is enabled, or if no device is waited for (no grace period)."""
    waits = standing.step in (Step.DRAIN, Step.RETIRE) and standing.old in observed.trusted and grace
    if not waits or observed.group_enabled:
        return ""
    return f"the enrollment group {group} is disabled: no device can move to {root_name(standing.new)}"


def grace_end(observed: Observed, standing: Standing, grace: timedelta) -> datetime | None:
    """When the grace period ends; None if the old root is not draining yet, or is no longer trusted.

    It begins again with every change of the enrollment group. Somebody may have disabled the group, and no device could move
    until it was enabled, which is such a change.
    """
    since = observed.generation(standing.new).draining_since
    if standing.phase is not Phase.DRAINING or since is None or standing.old not in observed.trusted:
        return None
    changed = observed.group_changed if grace else None
    return max(since, changed or since) + grace
