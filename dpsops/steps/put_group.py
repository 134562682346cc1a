"""The enrollment group: creating it, changing it to match the settings, and setting the roots that it trusts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dpsops.azure.dps import Dps
from dpsops.errors import Changed, Refused
from dpsops.model import enrollment
from dpsops.model.action import Action
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.root import root_name
from dpsops.model.run import Run


def converge_group(run: Run, dps: Dps, primary: str) -> Iterator[Action]:
    """Creates the group, or changes it to match the settings with the etag that was read; yields what was done. A new group
    trusts `primary`."""
    observed = dps.group()
    linked = dps.facts().linked
    provisioning = enrollment.wanted(run.environment, linked)
    for action in enrollment.plan(observed, run.environment, linked):
        run.progress(f"{'creating' if observed is None else 'changing'} the enrollment group {run.environment.group.id}")
        if observed is None:
            dps.create_group(primary, provisioning)
            yield Action(action.action, action.target, "created")
        else:
            dps.put_group(replace(observed, provisioning=provisioning))
            yield Action(action.action, action.target, "modified")


def trust_roots(run: Run, dps: Dps, group: EnrollmentGroup, primary: int, secondary: int | None) -> Iterator[Action]:
    """Sets the roots that the group trusts; yields what was done. The primary is never empty.

    Raises `Refused` if somebody else has changed the group in the meantime, unless they set the same roots.
    """
    names = [root_name(primary)] + ([] if secondary is None else [root_name(secondary)])
    words = " and ".join(names)
    run.progress(f"setting the trusted roots of the enrollment group {group.id}: {words}")
    wanted = replace(group, primary=names[0], secondary=names[1] if len(names) > 1 else "")
    try:
        yield change_group(dps, wanted, f"trusts {words}")
    except Changed:
        _require_same(dps, group.id, tuple(names))


def change_group(dps: Dps, wanted: EnrollmentGroup, outcome: str) -> Action:
    """Changes the group, with the etag that was read."""
    dps.put_group(wanted)
    return Action("modify", f"enrollment group {wanted.id}", outcome)


def _require_same(dps: Dps, group: str, names: tuple[str, ...]) -> None:
    """Raises `Refused` unless somebody else has set the same roots."""
    found = dps.group()
    trusted = tuple(root_name(number) for number in found.trusted()) if found else ()
    if found is None or trusted != names:
        when = found.changed_at[:19] if found else ""
        raise Refused(
            f"somebody else has changed the enrollment group {group} in the meantime"
            f"{f' ({when} UTC)' if when else ''}: it now trusts {' and '.join(trusted) or 'no root'}",
            "'dpsops rotate status' shows the state of the rotation; run the command again to continue from there",
        )
