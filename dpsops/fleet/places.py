"""Where devices may have an identity: in the hubs of the settings, in those that are linked to the DPS, and in those that the
settings may have named once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dpsops.azure.dps import DpsFacts
from dpsops.azure.hub import Hubs
from dpsops.errors import Denied, Silent
from dpsops.model.action import Action
from dpsops.settings import Environment, hub_host


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a device may have an identity: its ID there, and the hub's host name in lower case."""

    device: str
    hub: str


@dataclass(frozen=True, slots=True)
class Unreached:
    """A place of which nothing is known, because its hub keeps us out or does not answer."""

    place: Place
    why: Denied | Silent


def known_hubs(environment: Environment, dps: DpsFacts, hubs: Hubs) -> dict[str, bool]:
    """The host names, in lower case, of every hub where a device may have an identity, each with whether it is one of ours:
    the environment's, those linked to the DPS, and the others of the resource group, which the settings may have named
    once. One request."""
    there = {hub_host(name) for name in hubs.names()}
    ours = dps.linked | own_hosts(environment)
    return {host: host in ours for host in there | dps.linked}


def own_hosts(environment: Environment) -> set[str]:
    """The host names, in lower case, of the hubs that the settings name."""
    return {hub.host for hub in environment.hub}


def visit(places: Iterable[Place], change: Callable[[Place], Iterator[Action]]) -> Iterator[Action | Unreached]:
    """Does it in each place. A hub that keeps us out or does not answer is asked once; what it stands in the way of is told."""
    unreached: dict[str, Denied | Silent] = {}
    for place in places:
        if place.hub not in unreached:
            try:
                yield from change(place)
                continue
            except (Denied, Silent) as why:
                unreached[place.hub] = why
        yield Unreached(place, unreached[place.hub])


def strangers(hubs: Mapping[str, bool], unreached: Unreached) -> bool:
    """Whether a hub that only shares the resource group, and never was one of ours, keeps us out: that is its right."""
    return isinstance(unreached.why, Denied) and not hubs.get(unreached.place.hub, True)
