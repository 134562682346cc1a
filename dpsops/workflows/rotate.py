"""`rotate`: from one root to the next, one safe step at a time; with `--compromised`, from a root whose key others may use.

`model.rotation` decides the next step, `model.replacement` whether there is one to take. After a breach, nothing under the
compromised root may stay usable: it is removed from the group and from whatever else trusts it, and every device identity that
was registered under it is disabled. The tag `breach` on the root says how far this is done. It is written first, so that every
later run begins by cutting the root off. Source: Azure DPS, "Roll X.509 device certificates".
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error, Refused
from dpsops.model.action import Action, Failed, Note, Remains, Result
from dpsops.model.device import Issued, Order
from dpsops.model.generations import (
    ADMITTED_TAG,
    DRAINING_TAG,
    LEFT,
    LEFT_TAG,
    REOPEN,
    REOPEN_TAG,
    REPLACED_TAG,
    View,
    moment,
    replaced_root,
)
from dpsops.model.proof import is_verified, require_uploadable
from dpsops.model.replacement import Cut, Left, Way, compromised_root, continuation, has_begun, is_due, stay, way
from dpsops.model.root import BREACH_TAG, CsrRequested, RootProperties, root_name, rotate_command
from dpsops.model.rotation import (
    GRACE,
    Breach,
    Phase,
    Standing,
    Step,
    classify,
    grace_end,
    is_remnant,
    next_step,
    sound_beside,
    undo_fault,
    undone,
)
from dpsops.model.run import Run
from dpsops.pki.names import device_id
from dpsops.steps.cut_root import names_in, remove_certificates, shut_enrollments
from dpsops.steps.hub_identities import affected_devices, disable_identities, reenable_identities
from dpsops.steps.issue_leaf import LeafIssuer
from dpsops.steps.make_root import make_root
from dpsops.steps.next_root import free_number, require_way_back
from dpsops.steps.observe_generations import observe_generations
from dpsops.steps.prove_root import prove_root
from dpsops.steps.put_group import change_group, trust_roots
from dpsops.steps.retire_root import disable_root, retire_root
from dpsops.steps.use_root import finished_root, issuer
from dpsops.steps.waiting_devices import unpin, waiting_devices

Results = Iterator[Result]


@dataclass(frozen=True, slots=True)
class Rotation:
    """The parts of Azure that a rotation touches."""

    run: Run
    roots: RootVault
    leaves: LeafVault
    dps: Dps
    hubs: Hubs
    stores: tuple[TrustStore, ...]
    every_store: Callable[[], Sequence[TrustStore]]

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
        view = self._observe()
        standing = classify(view.observed)
        signing = view.observed.generation(view.observed.primary)
        due = is_due(signing.not_after, self.run.environment.root.warn_days, self.run.now())
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
        view = self._observe()
        number, what = compromised_root(view.observed, classify(view.observed), replace)
        name, vault = root_name(number), self.run.environment.vault.name
        if number not in view.roots:
            raise Refused(
                f"{name} cannot be marked as compromised: it is not in the vault {vault}",
                f"recover it: az keyvault certificate recover --vault-name {vault} --name {name}; if it was purged, "
                f"disable the enrollment group {view.group.id} in the DPS by hand",
            )
        if what is Way.BEGIN:
            require_way_back(view, number)
            sound = sound_beside(view.observed, number)
            affected = affected_devices(self.run, self.leaves, self.dps, self.hubs, view.leaves, number, sound)
            confirm(Cut(name, tuple(affected), replaced_root(view, number)))
            yield from self._mark_compromised(view, number)
        if what is not Way.NOTHING:
            yield from self._advance(self._observe(), Phase.STABLE, GRACE, stay, begun=True)
        if what is not Way.BEGIN:  # a run before this one may have left something that can be cut off now
            swept = [result for cut in self._cuts(view, number) for result in cut]
            yield from swept
            if what is Way.NOTHING and not swept:
                yield Note(f"{name} is replaced and cut off everywhere: nothing of it is left to do")

    def undo(self) -> Results:
        """Undoes a rotation, back to *stable* under the old root; yields what was done, or a note if it is undone already. Raises
        `Refused` if a device may need the new root, or if there was no rotation.

        The new root is removed from the group first, so that it issues no more certificates, then from the DPS; then it is
        disabled in the vault. If a device has got a certificate under it in the meantime, the group trusts it again. If the next
        root is only a request of `root csr`, the request is dropped.
        """
        view = self._observe()
        standing = classify(view.observed)
        name = root_name(standing.new)
        if not has_begun(view.observed, standing) and isinstance(self.roots.state(name, self.run.now()), CsrRequested):
            self.roots.drop_request(name)
            yield Action("drop", f"request for {name}", "dropped")
            return
        if fault := undo_fault(view.observed, standing):
            if gone := undone(view.observed, standing):
                yield Note(f"the rotation to {gone} is undone: nothing of it is left to do")
                return
            more = "" if standing.phase is Phase.STABLE else f"; to go on: {continuation(standing)}"
            raise Refused(fault, f"'dpsops rotate status' shows the state of the rotation{more}")
        if standing.new in view.observed.trusted:
            yield from self._trust(view, standing.old, None)
            again = self._observe()
            if again.observed.generation(standing.new).leaves:
                yield from self._trust(again, standing.old, standing.new)
                raise Refused(
                    f"a device has got a certificate under {root_name(standing.new)} in the meantime and may use it already",
                    f"'dpsops rotate status' shows the state of the rotation; to go on: {continuation(standing)}",
                )
        yield from self._retire_root(view, standing.new)

    def _advance(
        self, view: View, until: Phase | None, grace: timedelta, leave: Callable[[Left], None], *, begun: bool
    ) -> Results:
        """Takes steps, the first one in the state `view`. begun: a step was taken already, so *stable* is the end of a rotation
        and not its beginning. What a step could not do is yielded once."""
        told, first = set[Result](), classify(view.observed)
        while True:
            standing = classify(view.observed)
            if begun and first.phase is not Phase.BREACHED and self._is_over(view, standing, first.old):
                return  # what there is now, somebody else has begun
            step = next_step(view.observed, standing, until, grace, begun=begun, group=view.group.id)
            if step is None or (step is Step.RETIRE and not self._may_retire(view, standing, grace, leave)):
                return
            done = list[Result]()
            for result in self._take(step, view, standing):
                done.append(result)
                if result not in told:
                    yield result
            told.update(result for result in done if not isinstance(result, Action))
            awaited = step in (Step.REISSUE, Step.RETIRE, Step.READMIT)
            incomplete = (awaited and any(isinstance(result, Failed) for result in done)) or (
                step is Step.RETIRE and any(isinstance(result, Remains) for result in done)
            )
            if until is None or not done or incomplete:
                return
            begun = True
            view = self._observe()

    def _is_over(self, view: View, standing: Standing, old: int) -> bool:
        return way(view.observed, standing, old, due=False) is Way.NOTHING

    def _observe(self) -> View:
        return observe_generations(self.run, self.roots, self.leaves, self.dps, self.stores)

    def _may_retire(self, view: View, standing: Standing, grace: timedelta, leave: Callable[[Left], None]) -> bool:
        """Whether the old root may be retired: no device is waited for, or the grace period is over and it was confirmed that the
        devices are left behind. During the grace period, the first device that is found is enough."""
        ends = grace_end(view.observed, standing, grace)
        if ends is None:
            return True
        waiting = waiting_devices(self.run, self.leaves, self.dps, self.hubs, standing.new)
        if ends > self.run.now():
            return next(waiting, None) is None
        if devices := tuple(waiting):
            old, new = root_name(standing.old), root_name(standing.new)
            days = f" --grace {grace.days}" if grace != GRACE else ""
            leave(Left(old, new, devices, f"{rotate_command(standing.old)}{days}"))
            self.roots.tag(new, {LEFT_TAG: LEFT})
        return True

    def _take(self, step: Step, view: View, standing: Standing) -> Results:
        match step:
            case Step.STAGE:
                return self._stage(view, standing)
            case Step.PROVE:
                return self._prove(root_name(standing.new))
            case Step.OVERLAP:
                return self._trust(view, standing.old, standing.new)
            case Step.REISSUE:
                return self._reissue(view, standing)
            case Step.PROMOTE:
                return self._promote(view, standing)
            case Step.DRAIN:
                return self._drain(standing)
            case Step.RETIRE:
                return self._retire(view, standing.new)
            case Step.SETTLE:
                return self._settle(standing.new)
            case Step.CUT_OFF:
                return self._cut_off(view, standing.old)
            case Step.ADMIT:
                return self._admit(view, standing)
            case Step.READMIT:
                return self._readmit(view, standing)

    def _stage(self, view: View, standing: Standing) -> Iterator[Action]:
        """Creates the next root in the vault, after everything was checked that would stop the rotation later."""
        if standing.phase is Phase.BREACHED:
            yield from make_root(self.run, self.roots, root_name(free_number(self.run, self.roots, view, standing.new)))
            return
        name = root_name(standing.new)
        self._require_startable(view, standing)
        for owner, certificates in view.ca_certificates.items():
            require_uploadable(owner, certificates, name)
        yield from make_root(self.run, self.roots, name)

    def _require_startable(self, view: View, standing: Standing) -> None:
        old, name = view.observed.generation(standing.old), root_name(standing.old)
        if not view.group.enabled:
            raise Refused(
                f"the enrollment group {view.group.id} is disabled: no device could move to a new root",
                "find out who disabled it and why; enable it in the DPS, then run the command again",
            )
        if old.not_after is not None and old.not_after <= self.run.now():
            raise Refused(
                f"{name} expired on {old.not_after:%Y-%m-%d}: its key no longer signs, and all device certificates under it have "
                "expired",
                "a planned rotation is no longer possible: replace the root at once: "
                f"{rotate_command(old.number, compromised=True)}",
            )
        finished_root(self.run, self.roots, name)
        if any(not is_verified(certificates.get(name)) for certificates in view.ca_certificates.values()):
            raise Error(f"{name} is not verified", "run 'dpsops up' first: it proves possession of the root that is in use")

    def _prove(self, name: str) -> Iterator[Action]:
        root = finished_root(self.run, self.roots, name)
        for store in self.stores:
            yield from prove_root(self.run, self.roots, store, name, root)

    def _trust(self, view: View, primary: int, secondary: int | None) -> Iterator[Action]:
        return trust_roots(self.run, self.dps, view.group, primary, secondary)

    def _retire_root(self, view: View, number: int) -> Iterator[Action]:
        return retire_root(self.run, self.roots, self.stores, view, number)

    def _reissue(self, view: View, standing: Standing) -> Results:
        """Issues a certificate under the new root to every device that has another one and is not blocked.

        If this fails for a device after a breach, the identities of the others are enabled at once.
        """
        new, failed = standing.new, False
        wanted = [device_id(leaf.device) for leaf in view.leaves if not leaf.blocked and leaf.generation != new]
        find_issuer = partial(issuer, self.run, self.roots, self.dps)
        issuing = LeafIssuer(self.run, self.roots, self.leaves, self.dps, self.hubs, find_issuer)
        for number, result in enumerate(issuing.issue(wanted, Order.ISSUE), 1):
            self.run.progress(f"reissued {number} of {len(wanted)} device certificates")
            if isinstance(result, Failed):
                failed = True
                yield result
            elif isinstance(result, Issued):  # else somebody else has just issued it
                yield Action("reissue", f"leaf of {result.device}", f"issued by {root_name(new)}")
        if failed and standing.phase is Phase.BREACHED:
            yield from self._enable_devices(self._observe(), standing)

    def _promote(self, view: View, standing: Standing) -> Iterator[Action]:
        """Makes the new root the primary. A grace period that was begun before, and undone by hand, is removed."""
        if view.observed.generation(standing.new).draining_since is not None:
            self.roots.tag(root_name(standing.new), {DRAINING_TAG: None})
        yield from self._trust(view, standing.new, standing.old)

    def _drain(self, standing: Standing) -> Iterator[Action]:
        old, new = root_name(standing.old), root_name(standing.new)
        self.run.progress(f"beginning the grace period of {old}")
        self.roots.tag(new, {DRAINING_TAG: moment(self.run.now())})
        yield Action("drain", old, f"draining: the devices are to register with their leaf of {new}")

    def _retire(self, view: View, new: int) -> Results:
        """Removes the old root from the group, then from the DPS, and disables it in the vault. The same for older roots."""
        if view.observed.trusted != (new,):
            yield from self._trust(view, new, None)
        if (yield from self._unpin(view, new)):
            return
        for one in view.observed.generations:
            if is_remnant(one, new):
                for cut in self._cuts(view, one.number) if one.breach else [self._retire_root(view, one.number)]:
                    yield from cut

    def _settle(self, new: int) -> Iterator[Action]:
        self.roots.tag(root_name(new), {DRAINING_TAG: None})
        yield Action("settle", f"rotation to {root_name(new)}", "done")

    def _mark_compromised(self, view: View, number: int) -> Iterator[Action]:
        """Marks the root as compromised. From now on every run first cuts it off."""
        alone = view.observed.trusted == (number,)
        reopen = REOPEN if alone and view.group.enabled else None
        self.roots.tag(root_name(number), {BREACH_TAG: Breach.BEGUN, REOPEN_TAG: reopen})
        yield Action("condemn", f"root {root_name(number)}", "marked as compromised")

    def _cut_off(self, view: View, number: int) -> Results:
        """Removes the root from the group, from everything else that trusts it, and disables it in the vault, and every device
        identity under it. If a cut fails, the others are made nevertheless. Raises the first error at the end.

        If the group trusts no other root, it is disabled, because its primary must never be empty.
        """
        faults, remains = list[Error](), False
        sound = sound_beside(view.observed, number)
        for cut in (
            self._leave_group(view, number),
            *self._cuts(view, number),
            disable_identities(self.run, self.leaves, self.dps, self.hubs, view.leaves, number, sound),
        ):
            try:
                for result in cut:
                    remains |= isinstance(result, Remains)
                    yield result
            except Error as error:
                faults.append(error)
        if faults:
            raise faults[0]
        self.roots.tag(root_name(number), {BREACH_TAG: Breach.CUT})
        outcome = "cut off, but for what could not be removed" if remains else "cut off: nothing trusts it any more"
        yield Action("cut off", f"root {root_name(number)}", outcome)

    def _leave_group(self, view: View, number: int) -> Iterator[Action]:
        others = [other for other in view.observed.trusted if other != number]
        if others and number in view.observed.trusted:
            yield from self._trust(view, others[-1], None)
        elif not others and view.group.enabled and root_name(number) in view.ca_certificates[self.stores[0].owner]:
            # without the certificate nobody can register, and DPS takes no group that refers to it, not even a disabled one
            yield change_group(self.dps, replace(view.group, enabled=False), "disabled: no device can register")

    def _cuts(self, view: View, number: int) -> tuple[Results, ...]:
        """The removal of a root from other enrollments, and from the trust store of the DPS and of every hub, also under other
        names, and its end in the vault: each is tried, whatever becomes of the others."""
        root = view.roots.get(number)
        if root is None:
            return (self._retire_root(view, number),)  # only its name in a trust store is known
        names = names_in(view.ca_certificates[self.stores[0].owner], root)
        return (
            shut_enrollments(self.run, self.dps, root, names),
            self._remove_certificates(root),
            disable_root(self.run, self.roots, view, number),
        )

    def _remove_certificates(self, root: RootProperties) -> Results:
        yield from remove_certificates(self.run, self.hubs, self.every_store(), root)

    def _admit(self, view: View, standing: Standing) -> Iterator[Action]:
        """Makes the group trust only the new root, and enables it again if the breach has disabled it."""
        name = root_name(standing.new)
        wanted = replace(view.group, primary=name, secondary="")
        if view.observed.generation(standing.old).reopen:
            yield change_group(self.dps, replace(wanted, enabled=True), f"open again, and trusts {name} alone")
        else:
            yield change_group(self.dps, wanted, f"trusts {name} alone")

    def _enable_devices(self, view: View, standing: Standing) -> Generator[Action | Failed, None, bool]:
        """Enables the identities of the devices with a certificate under the new root, and removes the older certificates from
        their individual enrollments; returns whether that failed for an enrollment."""
        yield from reenable_identities(self.run, self.dps, self.hubs, view.leaves, standing.old, standing.new)
        return (yield from self._unpin(view, standing.new))

    def _unpin(self, view: View, new: int) -> Generator[Action | Failed, None, bool]:
        """Removes certificates under other roots from the individual enrollments; returns whether that failed for a device,
        whose enrollment then still accepts another certificate."""
        failed = False
        for result in unpin(self.leaves, self.dps, [leaf for leaf in view.leaves if leaf.generation == new]):
            failed = failed or isinstance(result, Failed)
            yield result
        return failed

    def _readmit(self, view: View, standing: Standing) -> Results:
        """Enables the devices again. This is the last step after a breach."""
        old, new = root_name(standing.old), root_name(standing.new)
        if (yield from self._enable_devices(view, standing)):
            return
        self.roots.tag(new, {DRAINING_TAG: None, ADMITTED_TAG: view.group.changed_at or None})
        self.roots.tag(old, {BREACH_TAG: Breach.OVER, REOPEN_TAG: None, REPLACED_TAG: new})
        yield Action("settle", f"replacement of {old} by {new}", "done")
