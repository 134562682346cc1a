"""Resource groups."""

from __future__ import annotations

import re
from functools import partial

from dpsops.emulator.arm import deployment_records, roles
from dpsops.emulator.arm.lists import TAGS, page, read_filter
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.versions import RESOURCES
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import operations, regions
from dpsops.emulator.resource_provider.errors import group_not_found, refusal
from dpsops.emulator.resource_provider.resources import GROUPS, ResourceId, ResourceType
from dpsops.emulator.resource_provider.tags import read_tags
from dpsops.emulator.world import World

_KIND = "resourceGroup"
"""Key: subscription and name, lower case. {"name", "location", "tags", "managedBy", "gone": epoch seconds or null}."""

_TYPED_SINCE = deployment_records.TYPED_SINCE


def find(world: World, subscription: str, name: str) -> JSON | None:
    """The group's document, or None; a group that is being deleted is there until the deletion ends."""
    document = world.state.get(_KIND, _key(subscription, name))
    return None if document is None or _gone(world, document) else document


def names(world: World, subscription: str) -> list[str]:
    """The names of a subscription's groups."""
    documents = (document for _, document in world.state.list(_KIND, f"{subscription}/".lower()))
    return [document["name"] for document in documents if not _gone(world, document)]


def require(world: World, subscription: str, name: str) -> JSON:
    """The group's document. Refuses where there is none, and a name that none can have."""
    document = find(world, subscription, name)
    if document is None:
        _check_name(name)
        raise group_not_found(name)
    return document


def require_writable(world: World, subscription: str, name: str) -> None:
    """Refuses to change anything in a group that is being deleted."""
    if require(world, subscription, name)["gone"] is not None:
        message = f"The resource group '{name}' is in deprovisioning state and cannot perform this operation."
        raise refusal(409, "ResourceGroupBeingDeleted", message)


def document(name: str, body: JSON) -> JSON:
    """A group that is not there yet, as this body would make it."""
    location = body.get("location")
    shown = regions.normal(location) if isinstance(location, str) else ""
    return {"name": name, "location": shown, "tags": body.get("tags"), "managedBy": body.get("managedBy"), "gone": None}


def show(subscription: str, document: JSON, api_version: str = _TYPED_SINCE) -> JSON:
    """A group as a GET shows it."""
    optional = {key: document[key] for key in ("managedBy", "tags") if document[key] is not None}
    return {
        "id": f"/subscriptions/{subscription}/resourceGroups/{document['name']}",
        "name": document["name"],
        **({"type": GROUPS} if api_version >= _TYPED_SINCE else {}),
        "location": document["location"],
        **optional,
        "properties": {"provisioningState": "Succeeded" if document["gone"] is None else "Deleting"},
    }


def _key(subscription: str, name: str) -> str:
    return f"{subscription}/{name}".lower()


def _gone(world: World, document: JSON) -> bool:
    return document["gone"] is not None and world.now >= document["gone"]


def _put(world: World, request: Request, subscription: str, group: str) -> Response:
    existed = find(world, subscription, group) is not None
    found = put(world, subscription, group, _body(request))
    return Response(200 if existed else 201, show(subscription, found, request.api_version))


def put(world: World, subscription: str, group: str, body: JSON) -> JSON:
    """Makes or changes a group, and returns its document."""
    _check_name(group)
    existing = find(world, subscription, group)
    if existing is not None:
        require_writable(world, subscription, group)
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise refusal(400, "LocationRequired", "The location property is required for this definition.")
    short = regions.normal(location)
    if short not in regions.REGIONS:
        message = (
            f"The provided location '{location}' is not available for resource group. "
            f"List of available regions is '{','.join(regions.REGIONS)}'."
        )
        raise refusal(400, "LocationNotAvailableForResourceGroup", message)
    if existing is not None and existing["location"] != short:
        message = (
            f"Invalid resource group location '{location}'. "
            f"The Resource group already exists in location '{existing['location']}'."
        )
        raise refusal(409, "InvalidResourceGroupLocation", message)
    found = document(existing["name"] if existing else group, body | {"tags": read_tags(body.get("tags"))})
    world.state.put(_KIND, _key(subscription, group), found)
    return found


def _body(request: Request) -> JSON:
    body = request.json()
    if not isinstance(body, dict):
        raise refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return body


def _check_name(name: str) -> None:
    """Naming rules of Microsoft.Resources: 1 to 90 word characters, hyphens, parentheses and dots, no dot last."""
    if len(name) > 90:
        message = (
            f"The provided resource group name '{name}' has a length of '{len(name)}' which exceeds the maximum length of '90'."
        )
        raise refusal(400, "InvalidResourceGroupName", message)
    wrong = "".join(dict.fromkeys(re.findall(r"[^\w().-]", name))) + ("." if name.endswith(".") else "")
    if wrong:
        message = (
            f"The provided resource group name '{name}' has these invalid characters: '{wrong}'. "
            "The name can only be a letter, digit, '-', '.', '(', ')' or '_'."
        )
        raise refusal(400, "InvalidResourceGroup", message)


def _get(world: World, request: Request, subscription: str, group: str) -> Response:
    return Response(200, show(subscription, require(world, subscription, group), request.api_version))


def _head(world: World, request: Request, subscription: str, group: str) -> Response:
    return Response(404 if find(world, subscription, group) is None else 204)


def _patch(world: World, request: Request, subscription: str, group: str) -> Response:
    """Only the tags can change."""
    require_writable(world, subscription, group)
    document = require(world, subscription, group)
    tags = read_tags(_body(request).get("tags"))
    if tags is not None:
        document = tag(world, subscription, group, tags)
    return Response(200, show(subscription, document, request.api_version))


def tag(world: World, subscription: str, group: str, tags: dict[str, str]) -> JSON:
    """Replaces the tags of a group, and returns its document."""
    document = require(world, subscription, group) | {"tags": tags}
    world.state.put(_KIND, _key(subscription, group), document)
    return document


def _list(world: World, request: Request, subscription: str) -> Response:
    groups = [document for _, document in world.state.list(_KIND, f"{subscription}/".lower()) if not _gone(world, document)]
    wanted = read_filter(request, TAGS)
    found = [show(subscription, each, request.api_version) for each in groups if wanted.tagged(each["tags"] or {})]
    return Response(200, page(request, found))


def _delete(providers: Providers, world: World, request: Request, subscription: str, group: str) -> Response:
    """What is in the group goes with it: its resources, the role assignments at or below it, its deployments."""
    document = require(world, subscription, group)
    if document["gone"] is None:
        providers.empty(world, subscription, document["name"], request.principal)
        scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
        roles.forget(world, scope)
        deployment_records.forget(world, scope)
        document["gone"] = world.now + world.timings.operation
        world.state.put(_KIND, _key(subscription, group), document)
    return operations.accepted(world, request, f"/subscriptions/{subscription}/operationresults")


def routes(providers: Providers) -> list[Route]:
    """The operations on groups (Resource Manager, `ResourceGroups`)."""
    base = "/subscriptions/{subscription}/resourceGroups"
    one = base + "/{group}"
    action = "Microsoft.Resources/subscriptions/resourceGroups/"
    return [
        Route("GET", base, _list, action + "read"),
        Route("PUT", one, _put, action + "write"),
        Route("GET", one, _get, action + "read"),
        Route("HEAD", one, _head, action + "read"),
        Route("PATCH", one, _patch, action + "write"),
        Route("DELETE", one, partial(_delete, providers), action + "delete"),
    ]


def _deploy(world: World, identifier: ResourceId, body: JSON, api_version: str, caller: Principal) -> JSON:
    return show(identifier.subscription, put(world, identifier.subscription, identifier.name, body), api_version)


def _shown(world: World, identifier: ResourceId, api_version: str) -> JSON | None:
    found = find(world, identifier.subscription, identifier.name)
    return None if found is None else show(identifier.subscription, found, api_version)


RESOURCE_TYPE = ResourceType(GROUPS, RESOURCES, _deploy, _shown, check=_deploy)
"""Groups, as a deployment at a subscription's scope makes them."""
