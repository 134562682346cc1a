"""`rotate`: from one root to the next, one safe step at a time. `rotation.classify` says which step comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from dpsops.azure.ca_certificates import CaCertificate
from dpsops.errors import Error, Refused
from dpsops.pki.names import device_id
from dpsops.workflows import breach, device, draining, external, generations, prove, root, root_making
from dpsops.workflows.device import Failed, Issued
from dpsops.workflows.generations import View, put_group, tag_root
from dpsops.workflows.root_state import root_name
from dpsops.workflows.rotation import Observed, Phase, Standing, Step, classify, undo_fault
from dpsops.workflows.run import Action, Run

GRACE = timedelta(days=30)
"""How long a device that has not been seen with its new leaf holds up the end of the old root."""

_ORDER = tuple(Phase)


@dataclass(frozen=True, slots=True)
class Report:
    """Where a rotation stands, for people: the generations with their certificates, as far as the vault has them.

    trouble: why no step can be taken; otherwise it is empty. csr_waits: the next root is one that another CA is to sign, and
    has not signed yet.
    """

    standing: Standing
    observed: Observed
    certificates: Mapping[int, x509.Certificate]
    waiting: Waiting
    trouble: str
    csr_waits: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a rotation waits for: devices that were not seen with their new leaf, until `ends` at the latest."""

    devices: tuple[draining.Laggard, ...]
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Cut:
    """What `--compromised` is about to cut off: a root, the devices that are shut out until they have a new leaf, and the
    compromised root that this one has itself replaced, empty where there is none."""

    root: str
    devices: tuple[str, ...]
    replaced: str


def rotate(run: Run, *, until: Phase | None, grace: timedelta) -> Iterator[Action | Failed]:
    """Takes one step, or as many as lead to the phase `until`; yields what was done, and the devices that got no leaf or,
    after a breach, were not reached.

    It ends early where it has to wait for devices. From *stable*, `until` the same is a whole rotation. Raises `Refused`
    where a step would not be safe.
    """
    return _advance(run, until, grace, begun=False)


def _advance(run: Run, until: Phase | None, grace: timedelta, *, begun: bool) -> Iterator[Action | Failed]:
    """The same. begun: a step was taken already, so *stable* is the end of a rotation and not its beginning."""
    while True:
        view = generations.observe(run)
        standing = classify(view.observed)
        if standing.trouble:
            back = "" if undo_fault(view.observed, standing) else ", or undo: dpsops rotate undo"
            raise Refused(standing.trouble, f"enable or restore {root_name(standing.new)} in the vault{back}")
        if until is not None and _has_reached(standing, until, begun=begun):
            return
        if shut := _shut(run, view, standing, grace):
            raise Refused(shut, "find out who has disabled it and why; enable it in the DPS, then run the command again")
        if standing.step is Step.RETIRE and next(_laggards(run, view, standing, grace), None):
            return
        done = list[Action | Failed]()
        for result in _take(run, view, standing):
            done.append(result)
            yield result
        held_up = standing.step is Step.REISSUE and any(isinstance(result, Failed) for result in done)
        if until is None or not done or held_up:
            return
        begun = True


def _has_reached(standing: Standing, until: Phase, *, begun: bool) -> bool:
    """Whether the phase `until` is reached, or *stable*, with which a rotation that has begun is over."""
    if standing.phase is Phase.STABLE:
        return begun
    if standing.phase is Phase.BREACHED or until is Phase.STABLE:
        return False
    if standing.phase is until is Phase.REISSUING:
        return standing.step is not Step.REISSUE
    return _ORDER.index(standing.phase) >= _ORDER.index(until)


def report(run: Run, grace: timedelta) -> Report:
    """Where a rotation stands; changes nothing."""
    view = generations.observe(run)
    standing = classify(view.observed)
    certificates = {
        number: certificate for number in view.kept if (certificate := root.certificate(run, root_name(number))) is not None
    }
    trouble = standing.trouble or _shut(run, view, standing, grace)
    csr_waits = standing.step is Step.STAGE and external.is_awaited(run, root_name(standing.new))
    return Report(standing, view.observed, certificates, waiting(run, view, standing, grace), trouble, csr_waits)


def waiting(run: Run, view: View, standing: Standing, grace: timedelta) -> Waiting:
    """Who holds up the end of the old root. Nobody does before it is draining, nor once it is no longer trusted, nor
    when the time of grace is over."""
    return Waiting(tuple(_laggards(run, view, standing, grace)), _end(view, standing, grace))


def _laggards(run: Run, view: View, standing: Standing, grace: timedelta) -> Iterator[draining.Laggard]:
    """The same, one after the other: who asks only whether there is one need not look at the whole fleet."""
    ends = _end(view, standing, grace)
    return iter(()) if ends is None or ends <= run.now() else draining.laggards(run, standing.new)


def _shut(run: Run, view: View, standing: Standing, grace: timedelta) -> str:
    """Why devices cannot move while they are waited for: no time of grace runs in a group that somebody has disabled.
    Whoever gives none says that they have moved."""
    waits = standing.step in (Step.DRAIN, Step.RETIRE) and standing.old in view.observed.trusted and grace
    if not waits or view.observed.is_open:
        return ""
    return f"the enrollment group {run.environment.group.id} is disabled: no device can move to {root_name(standing.new)}"


def _end(view: View, standing: Standing, grace: timedelta) -> datetime | None:
    since = view.observed.generation(standing.new).draining_since
    if standing.phase is not Phase.DRAINING or since is None or standing.old not in view.observed.trusted:
        return None
    return since + grace


def replace_compromised(run: Run, confirm: Callable[[Cut], None]) -> Iterator[Action | Failed]:
    """Cuts off the oldest root that is trusted, makes the next one and reissues all leaves; yields what was done.

    confirm: is told what is shut out, before anything is changed; it raises to say no. A breach that is being dealt with
    already is taken up, and nobody is asked again. Raises `Refused` where the vault does not have the root.

    The time of grace is not for the compromised root: it counts where somebody else has begun a rotation meanwhile.
    """
    view = generations.observe(run)
    if classify(view.observed).phase is not Phase.BREACHED:
        number = view.observed.trusted[0]
        name, vault = root_name(number), run.environment.vault.name
        if number not in view.kept:
            raise Refused(
                f"{name} is not in the vault {vault}, where it is to be marked as compromised",
                f"recover it: az keyvault certificate recover --vault-name {vault} --name {name}; if it was purged, "
                f"disable the enrollment group {run.environment.group.id} in the DPS by hand",
            )
        confirm(Cut(name, tuple(breach.casualties(run, view, number)), generations.replaced(view, number)))
        yield from breach.condemn(run, view, number)
    yield from _advance(run, Phase.STABLE, GRACE, begun=True)


def undo(run: Run) -> Iterator[Action]:
    """Takes a rotation back to *stable* under the old root; yields what was done. Raises `Refused` where that would
    strand a device.

    The group forgets the new root first, so that no leaf of it is issued any more, then the DPS, then the vault.
    """
    view = generations.observe(run)
    standing = classify(view.observed)
    if fault := undo_fault(view.observed, standing):
        raise Refused(fault, "'dpsops rotate status' shows where it stands; 'dpsops rotate' goes on")
    if standing.new in view.observed.trusted:
        yield from put_group(run, view, standing.old, None)
    yield from generations.put_away(run, view, standing.new)


def _take(run: Run, view: View, standing: Standing) -> Iterator[Action | Failed]:
    match standing.step:
        case Step.STAGE:
            return _stage(run, view, standing)
        case Step.PROVE:
            return _prove(run, root_name(standing.new))
        case Step.OVERLAP:
            return put_group(run, view, standing.old, standing.new)
        case Step.REISSUE:
            return _reissue(run, view, standing)
        case Step.PROMOTE:
            return _promote(run, view, standing)
        case Step.DRAIN:
            return _drain(run, standing)
        case Step.RETIRE:
            return _retire(run, view, standing.new)
        case Step.SETTLE:
            return _settle(run, standing.new)
        case Step.CUT_OFF:
            return breach.cut_off(run, view, standing.old)
        case Step.ADMIT:
            return breach.admit(run, view, standing)
        case Step.READMIT:
            return breach.readmit(run, view, standing)


def _stage(run: Run, view: View, standing: Standing) -> Iterator[Action]:
    """Makes the next root in the vault. Everything that would stop it later is looked at before."""
    name = root_name(standing.new)
    if standing.phase is not Phase.BREACHED:
        _require_startable(run, view, standing)
    for registry, held in view.held:
        prove.require_place(registry, held, name)
    yield from root_making.converge(run, name)


def _require_startable(run: Run, view: View, standing: Standing) -> None:
    old, name = view.observed.generation(standing.old), root_name(standing.old)
    if not view.group.enabled:
        raise Refused(
            f"the enrollment group {run.environment.group.id} is disabled: no device could move to a new root",
            "find out who has disabled it and why; enable it in the DPS, then run the command again",
        )
    if old.not_after is not None and old.not_after <= run.now():
        raise Refused(
            f"{name} ended on {old.not_after:%Y-%m-%d}: the vault's key no longer signs, and no leaf of it is valid any more",
            "there is nothing left to overlap with: 'dpsops rotate --compromised' puts a new root in its place at once",
        )
    root.require(run, name)
    if any(not _is_verified(held.get(name)) for _, held in view.held):
        raise Error(f"{name} is not proven", "run 'dpsops up' first: it proves the root that is in use")


def _is_verified(found: CaCertificate | None) -> bool:
    return found is not None and found.verified


def _prove(run: Run, name: str) -> Iterator[Action]:
    whole = root.require(run, name)
    for registry in run.cloud.registries:
        yield from prove.converge(run, registry, name, whole)


def _reissue(run: Run, view: View, standing: Standing) -> Iterator[Action | Failed]:
    """A leaf of the new root for every device that has another one and is not blocked.

    After a breach whoever got one is let in at once, where another did not and holds up the end.
    """
    new, failed = standing.new, False
    wanted = [one for one in view.fleet if not one.blocked and one.generation != new]
    for number, result in enumerate(device.issue(run, [device_id(one.device) for one in wanted]), 1):
        run.progress(f"reissued {number} of {len(wanted)} leaves")
        if isinstance(result, Failed):
            failed = True
            yield result
        elif isinstance(result, Issued):  # somebody else may have been first
            yield Action("reissue", f"leaf of {result.device}", f"issued by {root_name(new)}")
    if failed and standing.phase is Phase.BREACHED:
        yield from breach.let_in(run, generations.observe(run), standing)


def _promote(run: Run, view: View, standing: Standing) -> Iterator[Action]:
    """The time of grace of a promotion that somebody has taken back by hand is not this one's."""
    if view.observed.generation(standing.new).draining_since is not None:
        tag_root(run, standing.new, {generations.DRAINING_TAG: None})
    yield from put_group(run, view, standing.new, standing.old)


def _drain(run: Run, standing: Standing) -> Iterator[Action]:
    old, new = root_name(standing.old), root_name(standing.new)
    run.progress(f"{old} is draining from now on")
    tag_root(run, standing.new, {generations.DRAINING_TAG: generations.moment(run.now())})
    yield Action("drain", old, f"draining: the devices are to register with their leaf of {new}")


def _retire(run: Run, view: View, new: int) -> Iterator[Action]:
    """The old root leaves the group, then the DPS, and the vault keeps it, disabled. So does any older one."""
    if view.observed.trusted != (new,):
        yield from put_group(run, view, new, None)
    yield from draining.unpin(run, view.fleet)
    for one in view.observed.generations:
        if one.number < new and one.is_remnant:
            yield from generations.put_away(run, view, one.number)


def _settle(run: Run, new: int) -> Iterator[Action]:
    tag_root(run, new, {generations.DRAINING_TAG: None})
    yield Action("settle", f"rotation to {root_name(new)}", "done")
