"""What a breach does: nothing under the compromised root may stay usable, and the way back.

The root is removed from the group and from whatever else trusts it, and every device identity that was registered under it is
disabled. The tag `breach` on the root says how far this is done.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from dpsops.errors import Error
from dpsops.model.action import Action, Failed, Remains
from dpsops.model.generations import ADMITTED_TAG, DRAINING_TAG, REOPEN, REOPEN_TAG, REPLACED_TAG, View
from dpsops.model.root import BREACH_TAG, RootProperties, root_name
from dpsops.model.rotation import Breach, Standing, sound_beside
from dpsops.steps.cut_root import names_in, remove_certificates, shut_enrollments
from dpsops.steps.hub_identities import disable_identities, reenable_identities
from dpsops.steps.put_group import change_group
from dpsops.steps.retire_root import disable_root
from dpsops.steps.waiting_devices import unpin
from dpsops.workflows.rotation.parts import Parts, Results


def mark_compromised(parts: Parts, view: View, number: int) -> Iterator[Action]:
    """Marks the root as compromised. From now on every run first cuts it off."""
    alone = view.observed.trusted == (number,)
    reopen = REOPEN if alone and view.group.enabled else None
    parts.roots.tag(root_name(number), {BREACH_TAG: Breach.BEGUN, REOPEN_TAG: reopen})
    yield Action("condemn", f"root {root_name(number)}", "marked as compromised")


def cut_off(parts: Parts, view: View, number: int) -> Results:
    """Removes the root from the group, from everything else that trusts it, and disables it in the vault, and every device
    identity under it. If a cut fails, the others are made nevertheless. Raises the first error at the end.

    If the group trusts no other root, it is disabled, because its primary must never be empty.
    """
    faults, remains = list[Error](), False
    sound = sound_beside(view.observed, number)
    for cut in (
        _leave_group(parts, view, number),
        *cuts(parts, view, number),
        disable_identities(parts.run, parts.leaves, parts.dps, parts.hubs, view.leaves, number, sound),
    ):
        try:
            for result in cut:
                remains |= isinstance(result, Remains)
                yield result
        except Error as error:
            faults.append(error)
    if faults:
        raise faults[0]
    parts.roots.tag(root_name(number), {BREACH_TAG: Breach.CUT})
    outcome = "cut off, but for what could not be removed" if remains else "cut off: nothing trusts it any more"
    yield Action("cut off", f"root {root_name(number)}", outcome)


def _leave_group(parts: Parts, view: View, number: int) -> Iterator[Action]:
    others = [other for other in view.observed.trusted if other != number]
    if others and number in view.observed.trusted:
        yield from parts.trust(view, others[-1], None)
    elif not others and view.group.enabled and root_name(number) in view.ca_certificates[parts.stores[0].owner]:
        # without the certificate nobody can register, and DPS takes no group that refers to it, not even a disabled one
        yield change_group(parts.dps, replace(view.group, enabled=False), "disabled: no device can register")


def cuts(parts: Parts, view: View, number: int) -> tuple[Results, ...]:
    """The removal of a root from other enrollments, and from the trust store of the DPS and of every hub, also under other
    names, and its end in the vault: each is tried, whatever becomes of the others."""
    root = view.roots.get(number)
    if root is None:
        return (parts.retire_root(view, number),)  # only its name in a trust store is known
    names = names_in(view.ca_certificates[parts.stores[0].owner], root)
    return (
        shut_enrollments(parts.run, parts.dps, root, names),
        _remove_certificates(parts, root),
        disable_root(parts.run, parts.roots, view, number),
    )


def _remove_certificates(parts: Parts, root: RootProperties) -> Results:
    yield from remove_certificates(parts.run, parts.hubs, parts.every_store(), root)


def admit(parts: Parts, view: View, standing: Standing) -> Iterator[Action]:
    """Makes the group trust only the new root, and enables it again if the breach has disabled it."""
    name = root_name(standing.new)
    wanted = replace(view.group, primary=name, secondary="")
    if view.observed.generation(standing.old).reopen:
        yield change_group(parts.dps, replace(wanted, enabled=True), f"open again, and trusts {name} alone")
    else:
        yield change_group(parts.dps, wanted, f"trusts {name} alone")


def enable_devices(parts: Parts, view: View, standing: Standing) -> Generator[Action | Failed, None, bool]:
    """Enables the identities of the devices with a certificate under the new root, and removes the older certificates from
    their individual enrollments; returns whether that failed for an enrollment."""
    yield from reenable_identities(parts.run, parts.dps, parts.hubs, view.leaves, standing.old, standing.new)
    return (yield from remove_older_certificates(parts, view, standing.new))


def remove_older_certificates(parts: Parts, view: View, new: int) -> Generator[Action | Failed, None, bool]:
    """Removes certificates under other roots from the individual enrollments; returns whether that failed for a device,
    whose enrollment then still accepts another certificate."""
    failed = False
    for result in unpin(parts.run, parts.leaves, parts.dps, [leaf for leaf in view.leaves if leaf.generation == new]):
        failed = failed or isinstance(result, Failed)
        yield result
    return failed


def readmit(parts: Parts, view: View, standing: Standing) -> Results:
    """Enables the devices again. This is the last step after a breach."""
    old, new = root_name(standing.old), root_name(standing.new)
    if (yield from enable_devices(parts, view, standing)):
        return
    # the identities have these thumbprints now, so nothing accepts an older certificate any more
    held = {leaf.device: leaf.thumbprint for leaf in view.leaves if leaf.generation == standing.new and not leaf.blocked}
    failed = False
    for result in parts.disable_superseded(view, held):
        failed = failed or isinstance(result, Failed)
        yield result
    if failed:
        return
    parts.roots.tag(new, {DRAINING_TAG: None, ADMITTED_TAG: view.group.changed_at or None})
    parts.roots.tag(old, {BREACH_TAG: Breach.OVER, REOPEN_TAG: None, REPLACED_TAG: new})
    yield Action("settle", f"replacement of {old} by {new}", "done")
