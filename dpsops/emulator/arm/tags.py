"""Tags by themselves, at a subscription, a group or a resource: `Microsoft.Resources/tags/default`.

Source: "Tags - Create Or Update At Scope", "Tags - Update At Scope" and the others in the REST API reference; `az tag`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from dpsops.emulator.arm import groups, subscriptions
from dpsops.emulator.arm.policies import enforcement
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.resource_provider.errors import refusal, resource_not_found
from dpsops.emulator.resource_provider.resources import GROUPS, ResourceId
from dpsops.emulator.resource_provider.tags import read_tags
from dpsops.emulator.world import World

_ABOVE = re.compile(r"subscriptions/(?P<subscription>[^/]+)(?:/resourceGroups/(?P<group>[^/]+))?", re.IGNORECASE)
_OPERATIONS = ("merge", "replace", "delete")


def _read(providers: Providers, world: World, scope: str) -> dict[str, str]:
    """The tags at a scope. Refuses one that does not exist."""
    above = _ABOVE.fullmatch(scope)
    if above is None:
        return dict(_resource(providers, world, scope).get("tags") or {})
    if above["group"] is None:
        return dict(subscriptions.require(world, above["subscription"]).get("tags") or {})
    return dict(groups.require(world, above["subscription"], above["group"])["tags"] or {})


def _write(providers: Providers, world: World, request: Request, scope: str, wanted: Any) -> Response:
    """Replaces the tags at a scope, as the provider of a resource would by a PATCH; policies judge what it then is."""
    tags = read_tags(wanted) or {}
    above = _ABOVE.fullmatch(scope)
    if above is None:
        found = _resource(providers, world, scope)
        identifier = ResourceId.parse(found["id"])
        enforcement.require_allowed(world, identifier, found | {"tags": tags})
        providers.tag(world, identifier, tags, request.principal)
    elif above["group"] is None:
        subscriptions.tag(world, above["subscription"], tags)
    else:
        found = groups.require(world, above["subscription"], above["group"])
        identifier = ResourceId.at(f"/subscriptions/{above['subscription']}", GROUPS, found["name"])
        enforcement.require_allowed(world, identifier, found | {"tags": tags})
        groups.tag(world, above["subscription"], above["group"], tags)
    return _answer(providers, world, scope)


def _resource(providers: Providers, world: World, scope: str) -> JSON:
    try:
        identifier = ResourceId.parse(f"/{scope}")
    except ValueError as unknown:
        raise refusal(400, "InvalidScope", f"There are no tags at the scope '/{scope}'.") from unknown
    if not providers.can_tag(identifier):
        raise refusal(400, "InvalidResourceType", f"The resource type '{identifier.type}' does not support tags.")
    found = providers.get(world, identifier)
    if found is None:
        raise resource_not_found(identifier.type, identifier.name, identifier.group)
    return found


def _answer(providers: Providers, world: World, scope: str) -> Response:
    shown = {"id": f"/{scope}/providers/Microsoft.Resources/tags/default", "name": "default", "type": "Microsoft.Resources/tags"}
    return Response(200, shown | {"properties": {"tags": _read(providers, world, scope)}})


def _get(providers: Providers, world: World, request: Request, scope: str) -> Response:
    return _answer(providers, world, scope)


def _put(providers: Providers, world: World, request: Request, scope: str) -> Response:
    return _write(providers, world, request, scope, _properties(request.json()).get("tags"))


def _patch(providers: Providers, world: World, request: Request, scope: str) -> Response:
    """A name counts without regard to case, and keeps its spelling. To delete, a value must be that of the tag, or empty."""
    body = request.json()
    given, present = read_tags(_properties(body).get("tags")) or {}, _read(providers, world, scope)
    operation = str(body.get("operation")).lower()
    if operation not in _OPERATIONS:
        message = f"The operation '{body.get('operation')}' is not one of {', '.join(each.title() for each in _OPERATIONS)}."
        raise refusal(400, "InvalidTagPatchOperation", message)
    if operation == "replace":
        return _write(providers, world, request, scope, given)
    spelled = {name.lower(): name for name in present}
    for name, value in given.items():
        there = spelled.get(name.lower(), name)
        if operation == "merge":
            present[there] = value
        elif value in ("", present.get(there)):
            present.pop(there, None)
    return _write(providers, world, request, scope, present)


def _delete(providers: Providers, world: World, request: Request, scope: str) -> Response:
    _write(providers, world, request, scope, {})
    return Response(200)


def _properties(body: Any) -> JSON:
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        raise refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return properties


def routes(providers: Providers) -> list[Route]:
    """The operations at every scope below the tenant."""
    path, action = "/{scope*}/providers/Microsoft.Resources/tags/default", "Microsoft.Resources/tags/"
    handlers = {"GET": _get, "PUT": _put, "PATCH": _patch, "DELETE": _delete}
    verbs = {"GET": "read", "DELETE": "delete"}
    return [
        Route(method, path, partial(handler, providers), action + verbs.get(method, "write"))
        for method, handler in handlers.items()
    ]
