"""`rotate`: from one root to the next, one safe step at a time; with `--compromised`, from a root that is not ours alone.

`model.rotation` says which step comes next. In a breach nothing that the root has signed for may stay: the root leaves the
group and the DPS, and every hub identity that was registered under it is disabled. The tag `breach` on the root says how far
this has come. Source: Azure DPS, "Roll X.509 device certificates".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error, Refused
from dpsops.model.action import Action, Failed
from dpsops.model.device import Issued, Order
from dpsops.model.generations import DRAINING_TAG, REOPEN, REOPEN_TAG, REPLACED_TAG, View, moment, replaced
from dpsops.model.proof import is_verified, require_place
from dpsops.model.root import BREACH_TAG, root_name
from dpsops.model.rotation import GRACE, Breach, Phase, Standing, Step, classify, grace_end, next_step, undo_fault
from dpsops.model.run import Run
from dpsops.pki.names import device_id
from dpsops.steps.hub_identities import affected_devices, disable_identities, readmit_identities
from dpsops.steps.issue_leaf import issue_leaves
from dpsops.steps.make_root import make_root
from dpsops.steps.observe_generations import observe_generations
from dpsops.steps.prove_root import prove_root
from dpsops.steps.put_group import change_group, trust_roots
from dpsops.steps.retire_root import retire_root
from dpsops.steps.use_root import issuer, whole_root
from dpsops.steps.waiting_devices import unpin, waiting_devices

Results = Iterator[Action | Failed]


@dataclass(frozen=True, slots=True)
class Cut:
    """What `--compromised` is about to cut off: a root, the devices that are shut out until they have a new leaf, and the
    compromised root that this one has itself replaced, empty where there is none."""

    root: str
    devices: tuple[str, ...]
    replaced: str


@dataclass(frozen=True, slots=True)
class Rotation:
    """The parts of Azure that a rotation touches."""

    run: Run
    roots: RootVault
    leaves: LeafVault
    dps: Dps
    hubs: Hubs
    stores: tuple[TrustStore, ...]

    def rotate(self, *, until: Phase | None, grace: timedelta) -> Results:
        """Takes one step, or as many as lead to the phase `until`; yields what was done, and the devices that got no leaf
        or, after a breach, were not reached.

        It ends early where it has to wait for devices. From *stable*, `until` the same is a whole rotation. Raises
        `Refused` where a step would not be safe.
        """
        return self._advance(until, grace, begun=False)

    def replace_compromised(self, confirm: Callable[[Cut], None]) -> Results:
        """Cuts off the oldest root that is trusted, makes the next one and reissues all leaves; yields what was done.

        confirm: is told what is shut out, before anything is changed; it raises to say no. A breach that is being dealt
        with already is taken up, and nobody is asked again. Raises `Refused` where the vault does not have the root.

        The time of grace is not for the compromised root: it counts where somebody else has begun a rotation meanwhile.
        """
        view = self._observe()
        if classify(view.observed).phase is not Phase.BREACHED:
            number = view.observed.trusted[0]
            name, vault = root_name(number), self.run.environment.vault.name
            if number not in view.roots:
                raise Refused(
                    f"{name} is not in the vault {vault}, where it is to be marked as compromised",
                    f"recover it: az keyvault certificate recover --vault-name {vault} --name {name}; if it was purged, "
                    f"disable the enrollment group {view.group.id} in the DPS by hand",
                )
            affected = affected_devices(self.run, self.dps, self.hubs, view.leaves, number)
            confirm(Cut(name, tuple(affected), replaced(view, number)))
            yield from self._mark_compromised(view, number)
        yield from self._advance(Phase.STABLE, GRACE, begun=True)

    def undo(self) -> Iterator[Action]:
        """Takes a rotation back to *stable* under the old root; yields what was done. Raises `Refused` where that would
        strand a device.

        The group forgets the new root first, so that no leaf of it is issued any more, then the DPS, then the vault.
        """
        view = self._observe()
        standing = classify(view.observed)
        if fault := undo_fault(view.observed, standing):
            raise Refused(fault, "'dpsops rotate status' shows where it stands; 'dpsops rotate' goes on")
        if standing.new in view.observed.trusted:
            yield from self._trust(view, standing.old, None)
        yield from self._retire_root(view, standing.new)

    def _advance(self, until: Phase | None, grace: timedelta, *, begun: bool) -> Results:
        """begun: a step was taken already, so *stable* is the end of a rotation and not its beginning."""
        while True:
            view = self._observe()
            standing = classify(view.observed)
            step = next_step(view.observed, standing, until, grace, begun=begun, group=view.group.id)
            if step is None or (step is Step.RETIRE and self._must_wait(view, standing, grace)):
                return
            done = list[Action | Failed]()
            for result in self._take(step, view, standing):
                done.append(result)
                yield result
            held_up = step is Step.REISSUE and any(isinstance(result, Failed) for result in done)
            if until is None or not done or held_up:
                return
            begun = True

    def _observe(self) -> View:
        return observe_generations(self.run, self.roots, self.leaves, self.dps, self.stores)

    def _must_wait(self, view: View, standing: Standing, grace: timedelta) -> bool:
        """Whether a device holds up the end of the old root: it is enough to find the first one."""
        ends = grace_end(view.observed, standing, grace)
        if ends is None or ends <= self.run.now():
            return False
        return next(waiting_devices(self.run, self.leaves, self.dps, self.hubs, standing.new), None) is not None

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
        """Makes the next root in the vault. Everything that would stop it later is looked at before."""
        name = root_name(standing.new)
        if standing.phase is not Phase.BREACHED:
            self._require_startable(view, standing)
        for owner, held in view.held.items():
            require_place(owner, held, name)
        yield from make_root(self.run, self.roots, name)

    def _require_startable(self, view: View, standing: Standing) -> None:
        old, name = view.observed.generation(standing.old), root_name(standing.old)
        if not view.group.enabled:
            raise Refused(
                f"the enrollment group {view.group.id} is disabled: no device could move to a new root",
                "find out who has disabled it and why; enable it in the DPS, then run the command again",
            )
        if old.not_after is not None and old.not_after <= self.run.now():
            raise Refused(
                f"{name} ended on {old.not_after:%Y-%m-%d}: the vault's key no longer signs, and no leaf of it is valid any more",
                "there is nothing left to overlap with: 'dpsops rotate --compromised' puts a new root in its place at once",
            )
        whole_root(self.run, self.roots, name)
        if any(not is_verified(held.get(name)) for held in view.held.values()):
            raise Error(f"{name} is not proven", "run 'dpsops up' first: it proves the root that is in use")

    def _prove(self, name: str) -> Iterator[Action]:
        root = whole_root(self.run, self.roots, name)
        for store in self.stores:
            yield from prove_root(self.run, self.roots, store, name, root)

    def _trust(self, view: View, primary: int, secondary: int | None) -> Iterator[Action]:
        return trust_roots(self.run, self.dps, view.group, primary, secondary)

    def _retire_root(self, view: View, number: int) -> Iterator[Action]:
        return retire_root(self.run, self.roots, self.stores, view, number)

    def _reissue(self, view: View, standing: Standing) -> Results:
        """A leaf of the new root for every device that has another one and is not blocked.

        After a breach a device that got one is let in at once, where another did not and holds up the end.
        """
        new, failed = standing.new, False
        wanted = [device_id(leaf.device) for leaf in view.leaves if not leaf.blocked and leaf.generation != new]
        signing = issuer(self.run, self.roots, self.dps)
        results = issue_leaves(self.run, self.roots, self.leaves, self.dps, signing, wanted, Order.ISSUE)
        for number, result in enumerate(results, 1):
            self.run.progress(f"reissued {number} of {len(wanted)} leaves")
            if isinstance(result, Failed):
                failed = True
                yield result
            elif isinstance(result, Issued):  # somebody else may have been first
                yield Action("reissue", f"leaf of {result.device}", f"issued by {root_name(new)}")
        if failed and standing.phase is Phase.BREACHED:
            yield from self._let_in(self._observe(), standing)

    def _promote(self, view: View, standing: Standing) -> Iterator[Action]:
        """The time of grace of a promotion that somebody has taken back by hand is not this one's."""
        if view.observed.generation(standing.new).draining_since is not None:
            self.roots.tag(root_name(standing.new), {DRAINING_TAG: None})
        yield from self._trust(view, standing.new, standing.old)

    def _drain(self, standing: Standing) -> Iterator[Action]:
        old, new = root_name(standing.old), root_name(standing.new)
        self.run.progress(f"{old} is draining from now on")
        self.roots.tag(new, {DRAINING_TAG: moment(self.run.now())})
        yield Action("drain", old, f"draining: the devices are to register with their leaf of {new}")

    def _retire(self, view: View, new: int) -> Iterator[Action]:
        """The old root leaves the group, then the DPS, and the vault keeps it, disabled. So does any older one."""
        if view.observed.trusted != (new,):
            yield from self._trust(view, new, None)
        yield from unpin(self.leaves, self.dps, view.leaves)
        for one in view.observed.generations:
            if one.number < new and one.is_remnant:
                yield from self._retire_root(view, one.number)

    def _settle(self, new: int) -> Iterator[Action]:
        self.roots.tag(root_name(new), {DRAINING_TAG: None})
        yield Action("settle", f"rotation to {root_name(new)}", "done")

    def _mark_compromised(self, view: View, number: int) -> Iterator[Action]:
        """From here on every later run cuts the root off first."""
        alone = view.observed.trusted == (number,)
        reopen = REOPEN if alone and view.group.enabled else None
        self.roots.tag(root_name(number), {BREACH_TAG: Breach.BEGUN, REOPEN_TAG: reopen})
        yield Action("condemn", f"root {root_name(number)}", "marked as compromised")

    def _cut_off(self, view: View, number: int) -> Results:
        """Takes the root out of the group and the DPS, disables it in the vault, and disables every identity under it.

        A group that trusts no other root is disabled, because its primary must never be empty.
        """
        others = [other for other in view.observed.trusted if other != number]
        if others and number in view.observed.trusted:
            yield from self._trust(view, others[-1], None)
        elif not others and view.group.enabled:
            yield change_group(self.dps, replace(view.group, enabled=False), "shut: no device can register")
        try:
            yield from self._retire_root(view, number)
        except Refused:  # another certificate is in the way: the identities do not wait for it
            yield from disable_identities(self.run, self.dps, self.hubs, view.leaves, number)
            raise
        yield from disable_identities(self.run, self.dps, self.hubs, view.leaves, number)
        self.roots.tag(root_name(number), {BREACH_TAG: Breach.CUT})
        yield Action("cut off", f"root {root_name(number)}", "vouches for nobody any more")

    def _admit(self, view: View, standing: Standing) -> Iterator[Action]:
        """The new root is the only one that the group trusts; a group that the breach has disabled is enabled again."""
        name = root_name(standing.new)
        wanted = replace(view.group, primary=name, secondary="")
        if view.observed.generation(standing.old).reopen:
            yield change_group(self.dps, replace(wanted, enabled=True), f"open again, and trusts {name} alone")
        else:
            yield change_group(self.dps, wanted, f"trusts {name} alone")

    def _let_in(self, view: View, standing: Standing) -> Results:
        """Enables the identities of the devices that have a leaf of the new root; the individual enrollments forget the
        leaves of the old one."""
        yield from readmit_identities(self.run, self.dps, self.hubs, view.leaves, standing.old, standing.new)
        moved = [leaf for leaf in view.leaves if leaf.generation == standing.new and not leaf.blocked]
        yield from unpin(self.leaves, self.dps, moved)

    def _readmit(self, view: View, standing: Standing) -> Results:
        """Lets the devices in again; then it is over."""
        old, new = root_name(standing.old), root_name(standing.new)
        yield from self._let_in(view, standing)
        self.roots.tag(new, {DRAINING_TAG: None})
        self.roots.tag(old, {BREACH_TAG: Breach.OVER, REOPEN_TAG: None, REPLACED_TAG: new})
        yield Action("settle", f"replacement of {old} by {new}", "done")
