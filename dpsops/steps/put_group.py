"""The enrollment group: making it what the settings want, and which roots it trusts."""

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
    """Makes the group what it should be, under the etag that was observed; yields what was done. A new group trusts
    `primary`."""
    observed = dps.group()
    provisioning = enrollment.wanted(run.environment)
    for action in enrollment.plan(observed, run.environment):
        run.progress(f"enrolling the devices that {primary} vouches for")
        if observed is None:
            dps.create_group(primary, provisioning)
            yield Action(action.action, action.target, "created")
        else:
            dps.put_group(replace(observed, provisioning=provisioning))
            yield Action(action.action, action.target, "modified")


def trust_roots(run: Run, dps: Dps, group: EnrollmentGroup, primary: int, secondary: int | None) -> Iterator[Action]:
    """Makes the group trust these roots; yields what was done. The primary is never empty.

    Raises `Refused` where somebody else has changed the group in between, unless it was to the same.
    """
    names = [root_name(primary)] + ([] if secondary is None else [root_name(secondary)])
    words = " and ".join(names)
    run.progress(f"the enrollment group {group.id} is to trust {words}")
    wanted = replace(group, primary=names[0], secondary=names[1] if len(names) > 1 else "")
    try:
        yield change_group(dps, wanted, f"trusts {words}")
    except Changed:
        _require_same(dps, group.id, tuple(names))


def change_group(dps: Dps, wanted: EnrollmentGroup, outcome: str) -> Action:
    """Changes the group, under the etag that was seen."""
    dps.put_group(wanted)
    return Action("modify", f"enrollment group {wanted.id}", outcome)


def _require_same(dps: Dps, group: str, names: tuple[str, ...]) -> None:
    """Whether somebody who was first has done the same; raises `Refused` where it was something else."""
    found = dps.group()
    trusted = tuple(root_name(number) for number in found.trusted()) if found else ()
    if found is None or trusted != names:
        when = found.changed_at[:19] if found else ""
        raise Refused(
            f"somebody else was first: the enrollment group {group} was changed "
            f"{f'at {when} UTC ' if when else ''}and now trusts {' and '.join(trusted) or 'nobody'}",
            "'dpsops rotate status' shows where it stands; run the command again to go on from there",
        )
