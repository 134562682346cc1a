"""`down`: removes what `up` has made, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from dpsops.errors import Changed
from dpsops.model.action import Action
from dpsops.model.removal import Part, Removal, SoftDeleted, decide, log_target, made_again, of_environment, require_unchanged
from dpsops.model.roles import VAULT
from dpsops.model.run import Run
from dpsops.steps.look_inside import Known, Looking, look_again, survey_removal


@dataclass(frozen=True, slots=True)
class Planned:
    """What a removal would do, and whose the contents of its parts are."""

    removal: Removal
    known: Known


def survey(run: Run, to: Looking, *, purge: bool) -> Planned:
    """Reads everything and decides what is removed. Changes nothing. Raises `Refused` if a lock forbids it, or a deployment is
    under way."""
    found, known = survey_removal(run, to, purge=purge)
    return Planned(decide(run.environment, found, purge=purge), known)


def down(run: Run, to: Looking, planned: Planned) -> Iterator[Action]:
    """Removes what was planned; yields each action when it is done. Each part is looked into once more before it goes.

    Raises `Changed` if somebody has put anything else into it since, or has made again what was removed.
    """
    removal = planned.removal
    for part in removal.parts:
        yield from _remove(run, to, part, planned.known)
    _require_gone(to, removal)
    if removal.waits_for_group:
        run.progress("waiting for the resource group, which is being removed already")
        to.removals.remove_group()
    elif removal.removes_group:
        yield from _remove_group(run, to, removal)
    for name, location in removal.purged:
        _timed(run, f"purging {name}", partial(to.removals.purge, name, location))
        yield Action("purge", f"deleted vault {name}", "purged")


def _remove(run: Run, to: Looking, part: Part, known: Known) -> Iterator[Action]:
    now = look_again(run, to, part, known)
    if now is None:
        return
    require_unchanged(part, now)
    for name in part.logs:
        to.removals.remove_log(part.type, part.name, name)
        yield Action("remove", log_target(part, name), "removed")
    _timed(run, f"removing {part.target}", partial(to.removals.remove, part.type, part.name))
    yield Action("remove", part.target, "removed")


def _require_gone(to: Looking, removal: Removal) -> None:
    """Nothing is purged, and no group removed, if another run makes the environment anew: it may have made a root in the moment
    before the vault went, and such a vault can still be recovered."""
    again = [part.name for part in removal.parts if to.removals.find(part.type, part.name) is not None]
    if again:
        raise made_again(", ".join(again))


def _remove_group(run: Run, to: Looking, removal: Removal) -> Iterator[Action]:
    """Removes the group, if it is empty: all that is in it would go with it."""
    gone = {part.key for part in removal.parts}  # and may be listed for some minutes nevertheless
    left = [f"{each.type}/{each.name}" for each in to.removals.listed() if (each.type.lower(), each.name.lower()) not in gone]
    if left:
        raise Changed(
            f"there is more in the resource group than was confirmed, so it stays: {', '.join(left)}",
            "somebody else is at work there: see what it is, then run the command again",
        )
    name = removal.group.rpartition("/")[2]
    _timed(run, f"removing the resource group {name}", to.removals.remove_group)
    yield Action("remove", f"resource group {name}", "removed")


def _timed(run: Run, what: str, act: Callable[[], None]) -> None:
    begun = run.clock()
    run.progress(f"{what} (this takes minutes on Azure)")
    act()
    run.progress(f"{what}: done after {(run.clock() - begun).total_seconds():.0f} s")


def soft_deleted(run: Run, to: Looking, removal: Removal) -> tuple[SoftDeleted, ...]:
    """The vaults of the environment that are deleted now, and are kept for a while. What Azure does not show to this identity is
    known from the vaults themselves."""
    deleted = to.removals.deleted_vaults()
    found = {each.name.lower(): SoftDeleted(each.name, each.until, purgeable=not each.protected)
             for each in of_environment(run.environment, removal.group, deleted or ())}  # fmt: skip
    if deleted is None:
        purged = {name.lower() for name, _ in removal.purged}
        for part in removal.parts:
            if part.type == VAULT and part.name.lower() not in purged:
                until = run.now() + timedelta(days=part.days)
                found[part.name.lower()] = SoftDeleted(part.name, until, purgeable=not part.protected)
    return tuple(found[name] for name in sorted(found))
