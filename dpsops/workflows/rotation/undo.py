"""`rotate undo`: back to the old root, unless a device may need the new one."""

from __future__ import annotations

from collections.abc import Iterator

from dpsops.errors import Changed, Refused
from dpsops.model.action import Action, Note
from dpsops.model.generations import View
from dpsops.model.replacement import continuation, has_begun
from dpsops.model.root import CsrRequested, root_name
from dpsops.model.rotation import Phase, Standing, VaultState, classify, half_undone, undo_fault, undone
from dpsops.steps.retire_root import disable_root, remove_root
from dpsops.workflows.rotation.parts import Parts, Results

_ATTEMPTS = 3
"""So often the group is written again if somebody else changes it."""


def undo(parts: Parts) -> Results:
    """Undoes a rotation, back to *stable* under the old root; yields what was done, or a note if it is undone already. Raises
    `Refused` if a device or another run may need the new root, or if there was no rotation.

    An undo that was interrupted is completed. If the next root is only a request of `root csr`, the request is dropped.
    """
    view = parts.observe()
    standing = classify(view.observed)
    name = root_name(standing.new)
    if not has_begun(view.observed, standing) and isinstance(parts.roots.state(name, parts.run.now()), CsrRequested):
        parts.roots.drop_request(name)
        yield Action("drop", f"request for {name}", "dropped")
        return
    left = half_undone(view.observed)
    fault = undo_fault(view.observed, standing)
    if fault and not left:
        if gone := undone(view.observed, standing):
            yield Note(f"the rotation to {gone} is undone: nothing of it is left to do")
            return
        more = "" if standing.phase is Phase.STABLE else f"; to go on: {continuation(standing)}"
        raise Refused(fault, f"'dpsops rotate status' shows the state of the rotation{more}")
    for number in left if fault else (*left, standing.new):
        yield from _take_back(parts, view, standing, number)


def _take_back(parts: Parts, view: View, standing: Standing, number: int) -> Iterator[Action]:
    """The root leaves the group first, so that it issues no more certificates, and is disabled in the vault, so that no rotation
    goes on with it. Then it leaves the trust stores.

    Another run may have read all that before. So the group is written once more as it is: whoever has read it before that can
    no longer write it, and whoever reads it later sees that the root is retired.
    """
    if number in view.observed.trusted:
        yield from parts.trust(view, standing.old, None)
    yield from disable_root(parts.run, parts.roots, view, number)
    again = parts.observe()
    for attempt in range(1, _ATTEMPTS + 1):
        if number in again.observed.trusted or again.observed.generation(number).leaves:
            yield from _go_back(parts, view, again, standing, number)
        try:
            parts.dps.put_group(again.group)
            break
        except Changed:
            if attempt == _ATTEMPTS:
                raise
            again = parts.observe()
    yield from remove_root(parts.run, parts.stores, again, number)


def _go_back(parts: Parts, view: View, again: View, standing: Standing, number: int) -> Iterator[Action]:
    """Lets the root be used again, and raises `Refused`: another run has gone on with it."""
    name = root_name(number)
    if view.observed.generation(number).in_vault is VaultState.FINISHED:
        parts.roots.reinstate(name)
        yield Action("enable", f"root {name}", "enabled again in the vault")
    if again.observed.trusted == (standing.old,):
        yield from parts.trust(again, standing.old, number)
    raise Refused(
        f"a device has got a certificate under {name} in the meantime and may use it already"
        if again.observed.generation(number).leaves
        else f"somebody else goes on with the rotation to {name} at the same time",
        f"'dpsops rotate status' shows the state of the rotation; to go on: {continuation(standing)}",
    )
