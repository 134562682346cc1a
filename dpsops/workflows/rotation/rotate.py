"""`rotate`, and `rotate --compromised`: one safe step after the other.

`model.rotation` decides the next step, `model.replacement` whether there is one to take. The mark of a compromised root is
written first, so that every later run begins by cutting the root off. Source: Azure DPS, "Roll X.509 device certificates".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from dpsops.errors import Refused
from dpsops.model.action import Action, Failed, Note, Remains, Result
from dpsops.model.device import Issued, Unchanged
from dpsops.model.generations import LEFT, LEFT_TAG, View, replaced_root
from dpsops.model.replacement import Cut, Left, Way, compromised_root, is_due, stay, way
from dpsops.model.root import root_name, rotate_command
from dpsops.model.rotation import GRACE, Phase, Standing, Step, classify, grace_end, next_step, sound_beside
from dpsops.steps.hub_identities import affected_devices
from dpsops.steps.next_root import require_way_back
from dpsops.steps.waiting_devices import waiting_devices
from dpsops.workflows.rotation import breach, planned
from dpsops.workflows.rotation.fleet import Fleet
from dpsops.workflows.rotation.parts import Parts, Results

_FINAL = (Step.RETIRE, Step.READMIT)
"""Before these steps the devices are listed anew: what was issued since by somebody else must not be missed."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation of the root, in the parts of Azure that it touches."""

    parts: Parts

    def rotate(
        self, *, until: Phase | None, grace: timedelta, replace: int | None = None, leave: Callable[[Left], None] = stay
    ) -> Results:
        """Takes one step, or all steps to the phase `until`; yields what was done, the devices that got no certificate or, after
        a breach, whose identity could not be changed, and a note if nothing is to be done.

        replace: the generation of the root that is to go; None: that of the rotation that has begun, or that is due. leave:
        called before devices are left behind, after the grace period; it raises an error to decline.

        It stops early if it has to wait for devices. From *stable* until *stable* is a complete rotation. Raises `Refused` if
        a step would not be safe.
        """
        view = self.parts.observe()
        standing = classify(view.observed)
        signing = view.observed.generation(view.observed.primary)
        due = is_due(signing.not_after, self.parts.run.environment.root.warn_days, self.parts.run.now())
        match way(view.observed, standing, replace, due=due):
            case Way.NOTHING if replace is None:
                until_when = f", and is valid until {signing.not_after:%Y-%m-%d}" if signing.not_after else ""
                yield Note(
                    f"no rotation is due: {signing.name} signs{until_when}; to replace it now: {rotate_command(signing.number)}"
                )
            case Way.NOTHING:
                yield Note(f"{root_name(replace or 0)} is replaced and retired: nothing of it is left to do")
            case _:
                yield from self._advance(view, until, grace, leave, begun=False)

    def replace_compromised(self, confirm: Callable[[Cut], None], replace: int | None = None) -> Results:
        """Cuts off a root, creates the next one unless an older one is still trusted, and reissues the device certificates;
        yields what was done, and what could not be cut off.

        replace: the generation of the compromised root; None: the one that signs. confirm: called with what will be cut off,
        before anything is changed; it raises an error to decline. If the breach was begun already, it is continued, and confirm
        is not called. Raises `Refused` if the vault does not have the root, or if something would be in the way of the next root.

        The compromised root has no grace period. It is needed only if somebody else has begun a rotation in the meantime.
        """
        view = self.parts.observe()
        number, what = compromised_root(view.observed, classify(view.observed), replace)
        name, vault = root_name(number), self.parts.run.environment.vault.name
        if number not in view.roots:
            raise Refused(
                f"{name} cannot be marked as compromised: it is not in the vault {vault}",
                f"recover it: az keyvault certificate recover --vault-name {vault} --name {name}; if it was purged, "
                f"disable the enrollment group {view.group.id} in the DPS by hand",
            )
        if what is Way.BEGIN:
            require_way_back(view, number)
            sound = sound_beside(view.observed, number)
            affected = affected_devices(
                self.parts.run, self.parts.leaves, self.parts.dps, self.parts.hubs, view.leaves, number, sound
            )
            confirm(Cut(name, tuple(affected), replaced_root(view, number)))
            yield from breach.mark_compromised(self.parts, view, number)
        if what is not Way.NOTHING:
            yield from self._advance(self.parts.observe(view.leaves), Phase.STABLE, GRACE, stay, begun=True)
        if what is not Way.BEGIN:  # a run before this one may have left something that can be cut off now
            swept = [result for cut in breach.cuts(self.parts, view, number) for result in cut]
            yield from swept
            if what is Way.NOTHING and not swept:
                yield Note(f"{name} is replaced and cut off everywhere: nothing of it is left to do")

    def _advance(
        self, view: View, until: Phase | None, grace: timedelta, leave: Callable[[Left], None], *, begun: bool
    ) -> Results:
        """Takes steps, the first one in the state `view`. begun: a step was taken already, so *stable* is the end of a rotation
        and not its beginning. What a step could not do is yielded once."""
        told, first, fleet = set[Result](), classify(view.observed), Fleet(view.leaves, fresh=not begun)
        while True:
            standing = classify(view.observed)
            if begun and first.phase is not Phase.BREACHED and self._is_over(view, standing, first.old):
                return  # what there is now, somebody else has begun
            step = next_step(view.observed, standing, until, grace, begun=begun, group=view.group.id)
            if step in _FINAL and not fleet.fresh:
                view = self.parts.observe()
                fleet = Fleet(view.leaves, fresh=True)
                continue
            if step is None or (step is Step.RETIRE and not self._may_retire(view, standing, grace, leave)):
                return
            done = list[Result]()
            for result in fleet.follow(self._take(step, view, standing)):
                done.append(result)
                if result not in told:
                    yield result
            told.update(result for result in done if not isinstance(result, Action))
            awaited = step in (Step.REISSUE, Step.RETIRE, Step.READMIT, Step.SETTLE)
            incomplete = (awaited and any(isinstance(result, Failed) for result in done)) or (
                step is Step.RETIRE and any(isinstance(result, Remains) for result in done)
            )
            if until is None or not done or incomplete:
                return
            begun = True
            view = self.parts.observe(fleet.newest)
            fleet.fresh = fleet.newest is None

    def _is_over(self, view: View, standing: Standing, old: int) -> bool:
        return way(view.observed, standing, old, due=False) is Way.NOTHING

    def _may_retire(self, view: View, standing: Standing, grace: timedelta, leave: Callable[[Left], None]) -> bool:
        """Whether the old root may be retired: no device is waited for, or the grace period is over and it was confirmed that the
        devices are left behind. During the grace period, the first device that is found is enough."""
        ends = grace_end(view.observed, standing, grace)
        if ends is None:
            return True
        parts = self.parts
        waiting = waiting_devices(parts.run, parts.leaves, parts.dps, parts.hubs, view.leaves, standing.new)
        if ends > self.parts.run.now():
            return next(waiting, None) is None
        if devices := tuple(sorted(waiting)):
            old, new = root_name(standing.old), root_name(standing.new)
            days = f" --grace {grace.days}" if grace != GRACE else ""
            leave(Left(old, new, devices, f"{rotate_command(standing.old)}{days}"))
            self.parts.roots.tag(new, {LEFT_TAG: LEFT})
        return True

    def _take(self, step: Step, view: View, standing: Standing) -> Iterator[Result | Issued | Unchanged]:
        match step:
            case Step.STAGE:
                return planned.stage(self.parts, view, standing)
            case Step.PROVE:
                return planned.prove(self.parts, root_name(standing.new))
            case Step.OVERLAP:
                return self.parts.trust(view, standing.old, standing.new)
            case Step.REISSUE:
                return planned.reissue(self.parts, view, standing)
            case Step.PROMOTE:
                return planned.promote(self.parts, view, standing)
            case Step.DRAIN:
                return planned.drain(self.parts, standing)
            case Step.RETIRE:
                return planned.retire_older(self.parts, view, standing.new)
            case Step.SETTLE:
                return planned.settle(self.parts, view, standing.new)
            case Step.CUT_OFF:
                return breach.cut_off(self.parts, view, standing.old)
            case Step.ADMIT:
                return breach.admit(self.parts, view, standing)
            case Step.READMIT:
                return breach.readmit(self.parts, view, standing)
