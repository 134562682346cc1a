"""Where devices may have an identity: in the hubs of the settings, in the hubs that are linked to the DPS, and in the other hubs
of the resource group, because earlier settings may have named them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpsops.azure.dps import DpsFacts
from dpsops.azure.hub import Hubs
from dpsops.errors import Denied, Unavailable
from dpsops.model.resources import registry_host
from dpsops.settings import Environment


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A device and a hub in which it may have an identity: its ID there, and the hub's host name (`registry_host`)."""

    device: str
    hub: str


@dataclass(frozen=True, slots=True)
class Unreached:
    """A place that could not be read, because its hub denies access or does not answer."""

    place: Place
    why: Denied | Unavailable


def known_hubs(environment: Environment, dps: DpsFacts, hubs: Hubs) -> dict[str, bool]:
    """The host names (`registry_host`: one for each hub, whichever name its link has) of every hub in which a device may have an
    identity: those linked to the DPS, and all in the resource group. Each with whether it is ours: in the settings, or linked to
    the DPS. One request."""
    in_group, linked = set(map(registry_host, hubs.hosts())), set(map(registry_host, dps.linked))
    ours = linked | own_hosts(environment)
    return {host: host in ours for host in in_group | linked}


def own_hosts(environment: Environment) -> set[str]:
    """The host names (`registry_host`) of the hubs that the settings name."""
    return {registry_host(hub.host) for hub in environment.hub}


def is_foreign(hubs: Mapping[str, bool], unreached: Unreached) -> bool:
    """Whether access is denied by a hub that is in the resource group but is not ours. That is no error."""
    return isinstance(unreached.why, Denied) and not hubs.get(unreached.place.hub, True)
