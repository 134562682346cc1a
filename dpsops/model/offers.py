"""Whether each resource that is to be made is offered: in its region, by what the resource providers list, and free of charge,
by the hubs of the subscription."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from dpsops.errors import Refused
from dpsops.model.resources import Resource, Resources, region
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.settings import Environment

_FREE = "F1"

Offered = Mapping[str, frozenset[str]]
"""The short names of the regions of each type of resource, by the type's name in lower case."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A resource of the settings. `own`: it is a hub with a region of its own."""

    type: str
    name: str
    location: str
    present: Resource | None
    own: bool = False

    def is_in(self, offered: Offered) -> bool:
        """Whether it can be made. A type of which no region is known is taken to be everywhere: then Azure decides."""
        return self.present is not None or region(self.location) in offered.get(self.type.lower(), {region(self.location)})


def require_offered(environment: Environment, found: Resources, offered: Offered) -> None:
    """Raises `Refused` for the first resource that is to be made in a region where there is none of its type."""
    wanted = tuple(_wanted(environment, found))
    if bad := next((each for each in wanted if not each.is_in(offered)), None):
        together = [bad] if bad.own else [each for each in wanted if not each.own]
        places = frozenset.intersection(*(offered[each.type.lower()] for each in together if each.type.lower() in offered))
        raise Refused(
            f"{bad.type}/{bad.name} cannot be made in {region(bad.location)}: Azure does not offer it there",
            f"set {'another location for this hub' if bad.own else 'another location'} in the settings; "
            f"Azure offers what is wanted there in: {', '.join(sorted(places))}",
        )


def wants_free(environment: Environment) -> bool:
    """Whether a hub of the settings is free of charge."""
    return any(hub.sku == _FREE for hub in environment.hub)


def require_free(environment: Environment, present: Collection[str]) -> None:
    """Raises `Refused` for a free hub that is to be made where the subscription has one already. `present`: the names of the free
    hubs that it has. Source: Azure IoT Hub, "Quotas and throttling"."""
    wanted = next((hub for hub in environment.hub if hub.sku == _FREE), None)
    if wanted and present:
        raise Refused(
            f"{HUB}/{wanted.name} cannot be made: a subscription has one free hub (F1) at most, and this one has {min(present)}",
            "set another sku for the hub in the settings, such as S1, or remove the other F1 hub",
        )


def _wanted(environment: Environment, found: Resources) -> Iterator[_Wanted]:
    yield _Wanted(VAULT, environment.vault.name, environment.location, found.vault)  # those for devices are in the same region
    yield _Wanted(SERVICE, environment.dps.name, environment.location, found.dps)
    for hub in environment.hub:
        yield _Wanted(HUB, hub.name, hub.location or environment.location, found.hub(hub), own=bool(hub.location))
