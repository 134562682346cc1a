"""The steps of a planned rotation. Source: Azure DPS, "Roll X.509 device certificates"."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from dpsops.errors import Error, Refused
from dpsops.fleet.stock import FEW, Stock
from dpsops.model.action import Action, Failed, Result
from dpsops.model.device import Issued, Order, Unchanged
from dpsops.model.generations import DRAINING_TAG, View, moment
from dpsops.model.proof import is_verified, require_uploadable
from dpsops.model.root import root_name, rotate_command
from dpsops.model.rotation import Phase, Standing, is_remnant
from dpsops.pki.names import device_id
from dpsops.steps.issue_leaf import LeafIssuer
from dpsops.steps.make_root import make_root
from dpsops.steps.next_root import free_number
from dpsops.steps.prove_root import prove_root
from dpsops.steps.use_root import finished_root, issuer
from dpsops.workflows.rotation import breach
from dpsops.workflows.rotation.parts import Parts, Results


def stage(parts: Parts, view: View, standing: Standing) -> Iterator[Action]:
    """Creates the next root in the vault, after everything was checked that would stop the rotation later."""
    if standing.phase is Phase.BREACHED:
        yield from make_root(parts.run, parts.roots, root_name(free_number(parts.run, parts.roots, view, standing.new)))
        return
    name = root_name(standing.new)
    _require_startable(parts, view, standing)
    for owner, certificates in view.ca_certificates.items():
        require_uploadable(owner, certificates, name)
    yield from make_root(parts.run, parts.roots, name)


def _require_startable(parts: Parts, view: View, standing: Standing) -> None:
    old, name = view.observed.generation(standing.old), root_name(standing.old)
    if not view.group.enabled:
        raise Refused(
            f"the enrollment group {view.group.id} is disabled: no device could move to a new root",
            "find out who disabled it and why; enable it in the DPS, then run the command again",
        )
    if old.not_after is not None and old.not_after <= parts.run.now():
        raise Refused(
            f"{name} expired on {old.not_after:%Y-%m-%d}: its key no longer signs, and all device certificates under it have "
            "expired",
            f"a planned rotation is no longer possible: replace the root at once: {rotate_command(old.number, compromised=True)}",
        )
    finished_root(parts.run, parts.roots, name)
    if any(not is_verified(certificates.get(name)) for certificates in view.ca_certificates.values()):
        raise Error(f"{name} is not verified", "run 'dpsops up' first: it proves possession of the root that is in use")


def prove(parts: Parts, name: str) -> Iterator[Action]:
    """Proves possession of a root's key to each trust store."""
    root = finished_root(parts.run, parts.roots, name)
    for store in parts.stores:
        yield from prove_root(parts.run, parts.roots, store, name, root)


def reissue(parts: Parts, view: View, standing: Standing) -> Iterator[Result | Issued | Unchanged]:
    """Issues a certificate under the new root to every device that has another one and is not blocked; yields what was issued,
    and the devices to which somebody else has just issued one.

    If this fails for a device after a breach, the identities of the others are enabled at once.
    """
    new, failed = standing.new, False
    wanted = [device_id(leaf.device) for leaf in view.leaves if not leaf.blocked and leaf.generation != new]
    find_issuer = partial(issuer, parts.run, parts.roots, parts.dps)
    issuing = LeafIssuer(parts.run, parts.signer, parts.leaves, parts.dps, parts.hubs, find_issuer)
    stock = Stock.read(parts.run, parts.leaves, parts.dps, view.leaves) if len(wanted) > FEW else None
    for result in issuing.issue(wanted, Order.ISSUE, stock):
        failed = failed or isinstance(result, Failed)
        yield result
    if failed and standing.phase is Phase.BREACHED:
        yield from breach.enable_devices(parts, parts.observe(), standing)


def promote(parts: Parts, view: View, standing: Standing) -> Iterator[Action]:
    """Makes the new root the primary. A grace period that was begun before, and undone by hand, is removed."""
    if view.observed.generation(standing.new).draining_since is not None:
        parts.roots.tag(root_name(standing.new), {DRAINING_TAG: None})
    yield from parts.trust(view, standing.new, standing.old)


def drain(parts: Parts, standing: Standing) -> Iterator[Action]:
    """Begins the grace period."""
    old, new = root_name(standing.old), root_name(standing.new)
    parts.run.progress(f"beginning the grace period of {old}")
    parts.roots.tag(new, {DRAINING_TAG: moment(parts.run.now())})
    yield Action("drain", old, f"draining: the devices are to register with their leaf of {new}")


def retire_older(parts: Parts, view: View, new: int) -> Results:
    """Removes the old root from the group, then from the DPS, and disables it in the vault. The same for older roots."""
    if view.observed.trusted != (new,):
        yield from parts.trust(view, new, None)
    if (yield from breach.remove_older_certificates(parts, view, new)):
        return
    for one in view.observed.generations:
        if is_remnant(one, new):
            for cut in breach.cuts(parts, view, one.number) if one.breach else [parts.retire_root(view, one.number)]:
                yield from cut


def settle(parts: Parts, view: View, new: int) -> Iterator[Action | Failed]:
    """Disables what is superseded of the devices' secrets, and ends the rotation if that has not failed for a device."""
    failed = False
    for result in parts.disable_superseded(view):
        failed = failed or isinstance(result, Failed)
        yield result
    if failed:
        return
    parts.roots.tag(root_name(new), {DRAINING_TAG: None})
    yield Action("settle", f"rotation to {root_name(new)}", "done")
