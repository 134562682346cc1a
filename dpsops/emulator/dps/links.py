"""Hubs linked to a provisioning service: with a connection string, or since 2026 with the service's own identity.

A link's document: {"name" (the hub's host), "location", "applyAllocationPolicy"?, "allocationWeight"?} and either
{"policy", "key"} or {"authenticationType"}.
"""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.state import hub_at, hub_name
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, refusal
from dpsops.emulator.resource_provider.bodies import member
from dpsops.emulator.resource_provider.regions import normal
from dpsops.emulator.world import World

_MASK = "****"
_BY_IDENTITY_SINCE = "2026-08-31"
"""The API version of Microsoft's first client that knows such links (for JavaScript, 6.0.0)."""
_OF_IDENTITY = ("hostName", "authenticationType")

_NAMED_SINCE = "2018"
"""The first API version whose answer to a PUT names the linked hub (recorded: 2017-11-15 without)."""


def read_links(world: World, given: list[JSON], version: str, linked: list[JSON], identity: JSON | None) -> list[JSON]:
    """The links of a PUT. A connection string must name a hub, by a host that devices know, and carry a key of it; one that
    is masked, as Azure shows it, stands for the link that there is already. No hub can be linked twice (stricter guess)."""
    links: list[JSON] = []
    for each in given:
        if version >= _BY_IDENTITY_SINCE and (member(each, "authenticationType", str) or "KeyBased") != "KeyBased":
            access = _by_identity(world, each, identity)
        else:
            access = _by_key(world, member(each, "connectionString", str) or "", linked)
        _require_place(world, access["name"], member(each, "location", str))
        if any(hub_name(access["name"]) == hub_name(other["name"]) for other in links):
            raise refusal(world, BAD_REQUEST, f"IoT hub '{access['name']}' is linked more than once.")
        links.append(_allocation(world, each) | access | {"location": each["location"]})
    return links


def show_links(world: World, links: list[JSON], version: str) -> list[JSON]:
    """The links as a GET shows them, without their keys. How a version that knows no links by identity shows one is a habit."""
    known = [link for link in links if "key" in link or version >= _BY_IDENTITY_SINCE]
    shown = known if world.habits.identity_links_before == "absent" else links
    by_name = world.habits.identity_links_before == "named"
    return [_without(_show_link(link), _OF_IDENTITY) if by_name and link not in known else _show_link(link) for link in shown]


def _show_link(link: JSON) -> JSON:
    shown = _without(link, ("policy", "key"))
    if "key" in link:
        shown["connectionString"] = f"HostName={link['name']};SharedAccessKeyName={link['policy']};SharedAccessKey={_MASK}"
    return shown


def _without(link: JSON, names: tuple[str, ...]) -> JSON:
    return {name: value for name, value in link.items() if name not in names}


def show_given(world: World, given: JSON, link: JSON, version: str) -> JSON:
    """A link in the first answer to the PUT that made it: as it was given, with the hub's name."""
    masked = _show_link(link) if world.habits.puts_mask_keys else {}
    return given | masked | ({"name": link["name"]} if version >= _NAMED_SINCE else {})


def _require_place(world: World, host: str, location: str | None) -> None:
    """`location` is the hub's own ("ARM region of the IoT hub"). Stricter guess: another one is refused."""
    if not location:
        raise refusal(world, BAD_REQUEST, f"The location of linked hub '{host}' is missing.")
    hub = hub_at(world, host)
    if hub is not None and normal(location) != normal(hub["location"]):
        raise refusal(world, BAD_REQUEST, f"The location '{location}' of linked hub '{host}' is not the hub's.")


def _allocation(world: World, given: JSON) -> JSON:
    """How much a hub takes part. No weight is negative (stricter guess)."""
    weight = member(given, "allocationWeight", int)
    if weight is not None and weight < 0:
        raise refusal(world, BAD_REQUEST, f"Invalid allocation weight '{weight}'.")
    found = {"applyAllocationPolicy": member(given, "applyAllocationPolicy", bool), "allocationWeight": weight}
    return {name: value for name, value in found.items() if value is not None}


def _by_key(world: World, text: str, linked: list[JSON]) -> JSON:
    parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
    host, policy, key = (parts.get(name, "") for name in ("HostName", "SharedAccessKeyName", "SharedAccessKey"))
    access = {"name": host, "policy": policy, "key": key}
    if key == _MASK:
        for link in linked:
            if (link["name"], link.get("policy")) == (host, policy):
                return access | {"key": link["key"] if world.habits.masked_links_kept else _MASK}
    hub = hub_at(world, host)
    keys = [] if hub is None else [each for each in hub["policies"] if each["keyName"] == policy]
    if not any(key in (each["primaryKey"], each["secondaryKey"]) for each in keys):
        raise refusal(world, BAD_REQUEST, f"The connection string of linked hub '{host}' is not valid.")
    return access


def _by_identity(world: World, given: JSON, identity: JSON | None) -> JSON:
    """Only the system-assigned identity will do: there are no user-assigned ones in this Azure."""
    kind, host = given["authenticationType"], member(given, "hostName", str) or ""
    if not world.habits.identity_links:
        raise refusal(world, BAD_REQUEST, f"Linked hub '{host}' has the authentication type '{kind}', which is not supported.")
    if kind != "SystemAssigned" or kind not in (identity or {}).get("type", ""):
        raise refusal(world, BAD_REQUEST, f"The provisioning service has no identity of type '{kind}' to link hub '{host}' with.")
    if hub_at(world, host) is None:
        raise refusal(world, BAD_REQUEST, f"Linked hub '{host}' does not exist.")
    return {"name": host, "hostName": host, "authenticationType": kind}
