"""The resources of a group or a subscription, of all providers, in the short form of `Resources_List`."""

from __future__ import annotations

from functools import partial

from dpsops.emulator.arm import groups, history
from dpsops.emulator.arm.lists import TAGS, page, read_filter
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_KEYS = ("id", "name", "type", "sku", "kind", "location", "identity", "createdTime", "changedTime", "provisioningState", "tags")
"""In the order in which they are recorded, 2024."""
_SYSTEM_DATA_SINCE = "2021-04-01"
"""The first API version in which a list shows who made a resource, if its provider tells (recorded: 2015-11-01 without,
2021-04-01 with; nobody has seen those in between)."""
_FILTERED = ("resourceType", "name", "resourceGroup", "location", *TAGS)
_EXPANDED = ("createdTime", "changedTime", "provisioningState")


def _list(providers: Providers, world: World, request: Request, subscription: str, group: str = "") -> Response:
    """Where they are filtered by a tag's name and value their tags are not shown (specification)."""
    wanted, expanded = read_filter(request, _FILTERED), _read_expand(request)
    keys = [each for each in _KEYS if each not in _EXPANDED or each in expanded]
    keys += ["systemData"] if request.api_version >= _SYSTEM_DATA_SINCE else []
    found = []
    for name in [group] if group else groups.names(world, subscription):
        for each in providers.resources(world, subscription, name, request.principal):
            location = regions.normal(each.get("location") or "")
            facts = {"resourceType": each["type"], "name": each["name"], "resourceGroup": name, "location": location}
            if wanted.tagged(each.get("tags") or {}) and wanted.met_by(facts):
                shown = _expand(world, each)
                found.append({key: shown[key] for key in keys if shown.get(key) is not None})
    if wanted.by_tag_and_value:
        found = [{key: value for key, value in each.items() if key != "tags"} for each in found]
    return Response(200, page(request, found))


def _read_expand(request: Request) -> set[str]:
    """What else is asked for. People ask for more than the specification has, and are not told so."""
    return {each.strip() for each in request.query.get("$expand", "").split(",")}


def _expand(world: World, shown: JSON) -> JSON:
    """With all that can be asked for, and the ID in the gateway's spelling (recorded 2026)."""
    identifier = ResourceId.parse(shown["id"])
    state = (shown.get("properties") or {}).get("provisioningState", "Succeeded")
    return shown | {"id": str(identifier), "provisioningState": state} | history.times(world, identifier)


def routes(providers: Providers) -> list[Route]:
    """The operations on resources of whatever provider (Resource Manager, `Resources`)."""
    subscription, action = "/subscriptions/{subscription}", "Microsoft.Resources/subscriptions/"
    of_a_group = f"{subscription}/resourceGroups/{{group}}/resources"
    return [
        Route("GET", of_a_group, partial(_list, providers), f"{action}resourceGroups/resources/read"),
        Route("GET", f"{subscription}/resources", partial(_list, providers), f"{action}resources/read"),
    ]
