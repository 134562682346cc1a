"""What has to change in a DPS: its policy, its tags, and its links to the hubs of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dpsops.errors import Refused
from dpsops.model.action import PropertyChange
from dpsops.model.resources import (
    Link,
    Resource,
    Resources,
    is_link_of,
    keeps_policies,
    kept_identity,
    kept_of_service,
    links,
    region,
    registry_host,
    strange_links,
    tags_to_write,
)
from dpsops.model.roles import HUB, Assignment, Principal, Role
from dpsops.model.tags import tag_changes
from dpsops.settings import Environment, Hub

DATA_CONTRIBUTOR = Role("4fc6c259-987e-4a07-842e-c321cc9d413f", "IoT Hub Data Contributor")
"""What the identity of a DPS needs on a hub that is linked by identity. Source: Azure DPS, "Link an IoT hub using a managed
identity"."""

_ALLOCATION = {"hashed": "Hashed", "geoLatency": "GeoLatency", "static": "Static"}
_MASKED = "SharedAccessKey=****"
_DEFAULTS: Mapping[str, object] = {
    "enableDataResidency": False,
    "ipFilterRules": [],
    "portalOperationsHostName": None,
    "privateEndpointConnections": [],
    "publicNetworkAccess": "Enabled",
}
"""What a DPS has that is sent again, and what it is where a GET does not show it. Source: DPS resource API 2022-12-12."""


@dataclass(frozen=True, slots=True)
class Links:
    """The links that a DPS will have: those of ours, by their hubs, those of others as they are; and those that go."""

    ours: tuple[tuple[Hub, Link], ...]
    others: tuple[Link, ...]
    unlinked: tuple[Link, ...]


def wanted_links(environment: Environment, found: Resources) -> Links:
    """A hub that dpsops has linked and the settings name no more is unlinked; one that somebody else has linked stays."""
    present = links(found.dps)
    strange = strange_links(environment, found.dps)
    unlinked = tuple(each for each in strange if each.host.split(".")[0].lower() in found.linked_before)
    ours = []
    for hub in environment.hub:
        before = next((each for each in present if is_link_of(each.host, hub)), None)
        shown = found.hub(hub)
        host = before.host if before else str((shown.properties.get("hostName") if shown else "") or hub.host)
        ours.append((hub, Link(host, "", hub.location or environment.location, hub.weight, True)))
    return Links(tuple(ours), tuple(each for each in strange if each not in unlinked), unlinked)


def service_changes(environment: Environment, found: Resources, *, relink: bool) -> Iterator[PropertyChange]:
    """What has to change in the DPS, which exists."""
    service = found.dps
    assert service is not None
    yield from tag_changes(service.tags, environment.tags)
    policy, wanted = service.properties.get("allocationPolicy"), _ALLOCATION[environment.dps.allocation]
    if str(policy).lower() != wanted.lower():
        yield PropertyChange("properties.allocationPolicy", policy, wanted)
    by_identity = environment.dps.link == "identity"
    if by_identity and not _has_own_identity(service):
        yield PropertyChange("identity.type", service.identity.get("type"), _identity(service)["type"])
    planned = wanted_links(environment, found)
    for hub, link in planned.ours:
        before = next((each for each in links(service) if is_link_of(each.host, hub)), None)
        yield from _link_changes(before, link, by_identity=by_identity, relink=relink)
    for each in planned.unlinked:
        yield PropertyChange(f"properties.iotHubs.{each.host}", _shown(each), None, _unlinked(each, found.registrations))


def _link_changes(before: Link | None, link: Link, *, by_identity: bool, relink: bool) -> Iterator[PropertyChange]:
    path = f"properties.iotHubs.{link.host}"
    if before is None:
        yield PropertyChange(path, None, _shown(link))
        return
    if region(before.location) != region(link.location):
        yield PropertyChange(f"{path}.location", before.location, link.location)
    if before.weight is not None and before.weight != link.weight:
        yield PropertyChange(f"{path}.allocationWeight", before.weight, link.weight)
    if before.applies is False:
        yield PropertyChange(f"{path}.applyAllocationPolicy", False, True)
    if before.by_identity != by_identity:
        kinds = {True: "SystemAssigned", False: "KeyBased"}
        yield PropertyChange(f"{path}.authenticationType", kinds[before.by_identity], kinds[by_identity])
    elif relink and not by_identity:
        yield PropertyChange(f"{path}.connectionString", _MASKED, "with a key that the hub has now")


def _shown(link: Link) -> dict[str, object]:
    return {"location": region(link.location), "allocationWeight": link.weight, "applyAllocationPolicy": link.applies}


def _unlinked(link: Link, registrations: Mapping[str, int] | None) -> str:
    """What unlinking a hub takes away. Source: Azure DPS, "How to unlink an IoT hub": devices stay in the hub, and are
    assigned to another one when they register again."""
    if registrations is None:
        return "the DPS assigns no device to it any more"
    count = registrations.get(registry_host(link.host), 0)
    return f"the DPS assigns no device to it any more; {count} device(s) are registered there"


def service_to_write(environment: Environment, found: Resources) -> dict[str, object]:
    """The DPS as the template takes it. Raises `Refused` if writing it would take its identity or a link of its away."""
    service = found.dps
    known: dict[str, object] = {
        "name": environment.dps.name,
        "location": environment.location if service is None else service.location,
        "tags": tags_to_write(environment, service, environment.tags),
        "capacity": (service.sku.get("capacity") if service else None) or 1,
        "allocationPolicy": _ALLOCATION[environment.dps.allocation],
    }
    planned = wanted_links(environment, found)
    if environment.dps.link == "identity":
        return known | {
            "keepPolicies": keeps_policies(service),
            "identity": _identity(service),
            "links": [_ours(hub, link) for hub, link in planned.ours],
            "otherLinks": _listed(service, planned.others),
            "current": kept_of_service(service),
        }
    if service and _is_newer(service):
        raise Refused(
            f"the DPS {environment.dps.name} has an identity, or another setting of the newest API, which a deployment with "
            "links by key would take away",
            'set link = "identity" under [dps] in the settings',
        )
    ours = [_ours(hub, link) | {"connectionString": ""} for hub, link in planned.ours]
    kept = kept_of_service(service)
    carried = {name: kept.get(name, default) for name, default in _DEFAULTS.items()}
    return known | {"links": [*ours, *map(_theirs, planned.others)]} | carried


def _theirs(link: Link) -> dict[str, object]:
    """The link of somebody else, as it was read."""
    return {
        "hub": "",
        "host": link.host,
        "connectionString": link.connection_string,
        "location": link.location,
        "allocationWeight": link.weight,
        "applyAllocationPolicy": link.applies,
    }


def _ours(hub: Hub, link: Link) -> dict[str, object]:
    return {"hub": hub.name, "host": link.host, "location": link.location,
            "allocationWeight": link.weight, "applyAllocationPolicy": True}  # fmt: skip


def _listed(service: Resource | None, kept: tuple[Link, ...]) -> list[object]:
    """The links of others, each as the DPS shows it, but for the name that the DPS gives it."""
    listed = service.properties.get("iotHubs") if service else None
    shown = zip(listed, links(service), strict=True) if isinstance(listed, list) else ()
    return [{key: value for key, value in each.items() if key != "name"} for each, link in shown if link in kept]


def missing_link_roles(environment: Environment, found: Resources) -> tuple[Assignment, ...]:
    """The roles that the identity of a DPS lacks on the hubs that it is linked to by identity; all if it has none yet, whose
    principal is not known."""
    if environment.dps.link != "identity":
        return ()
    identity = str(found.dps.identity.get("principalId") or "") if found.dps else ""
    all_ = [Assignment(HUB, hub.name, DATA_CONTRIBUTOR, Principal(identity, "ServicePrincipal")) for hub in environment.hub]
    return tuple(each for each in all_ if each.held(found.group) not in found.held)


def _has_own_identity(service: Resource) -> bool:
    return "SystemAssigned" in str(service.identity.get("type", ""))


def _is_newer(service: Resource) -> bool:
    """Whether a DPS has what the API version of links by key (2022-12-12) does not know."""
    new = [service.properties.get("disableLocalAuth"), service.properties.get("deviceRegistryNamespaces")]
    return kept_identity(service)["type"] != "None" or any(new) or any(each.by_identity for each in links(service))


def _identity(service: Resource | None) -> dict[str, object]:
    kept = kept_identity(service)
    if service is not None and _has_own_identity(service):
        return kept
    return kept | {"type": "SystemAssigned" if kept["type"] == "None" else f"SystemAssigned, {kept['type']}"}
