"""Policies over HTTP: built-in definitions are read, assignments made, shown, listed and removed at every scope."""

from __future__ import annotations

import re
from functools import partial

from dpsops.emulator.arm import groups
from dpsops.emulator.arm.policies import assignments, definitions
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.versions import POLICIES
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.world import World


def _definition(world: World, request: Request, policy: str, **_: str) -> Response:
    if policy.lower() not in definitions.BUILT_IN:
        raise definitions.not_found(policy)
    return Response(200, definitions.show(policy.lower()))


def _own_definition(world: World, request: Request, policy: str, subscription: str) -> Response:
    """A subscription's own definitions: there are none, and the built-in ones are not found here, but in the tenant."""
    raise definitions.not_found(policy)


def _definitions(world: World, request: Request, **_: str) -> Response:
    return Response(200, {"value": [definitions.show(name) for name in definitions.BUILT_IN]})


def _put(providers: Providers, world: World, request: Request, assignment: str, scope: str) -> Response:
    """201, also for an assignment that is there (specification)."""
    match = re.match(r"subscriptions/([^/]+)/resourceGroups/([^/]+)", scope, re.IGNORECASE)
    if match:
        groups.require(world, match[1], match[2])
    providers.require_resource(world, f"/{scope}")
    return Response(201, assignments.put(world, f"/{scope}", assignment, request.json(), request.principal))


def _get(world: World, request: Request, assignment: str, scope: str) -> Response:
    found = assignments.find(world, request.path.rstrip("/"))
    if found is None:
        raise refusal(404, "PolicyAssignmentNotFound", f"The policy assignment '{assignment}' is not found.")
    return Response(200, found)


def _delete(world: World, request: Request, assignment: str, scope: str) -> Response:
    removed = assignments.delete(world, request.path.rstrip("/"))
    return Response(204) if removed is None else Response(200, removed)


def _list(world: World, request: Request, scope: str) -> Response:
    """Those that hold at, above or below the scope; `atScope()` leaves out what is below, `atExactScope()` what is above, too."""
    text = request.query.get("$filter", "").lower()
    if text not in ("", "atscope()", "atexactscope()"):
        message = f"Invalid $filter '{request.query['$filter']}' specified in the query string."
        raise refusal(400, "InvalidFilterInQueryString", message)
    found = assignments.list_at(world, f"/{scope}", below=not text)
    if text == "atexactscope()":
        found = [each for each in found if each["scope"].lower() == f"/{scope}".lower()]
    return Response(200, {"value": [assignments.show(each) for each in found]})


def routes(providers: Providers) -> list[Route]:
    """The operations. What a built-in definition says, anyone in the tenant may read."""
    tenant = f"/providers/{definitions.TYPE}"
    own = f"/subscriptions/{{subscription}}{tenant}"
    base = f"/{{scope*}}/providers/{assignments.TYPE}"
    return [
        Route("GET", tenant, _definitions),
        Route("GET", tenant + "/{policy}", _definition),
        Route("GET", own, _definitions, f"{definitions.TYPE}/read"),
        Route("GET", own + "/{policy}", _own_definition, f"{definitions.TYPE}/read"),
        Route("GET", base, _list, f"{assignments.TYPE}/read"),
        Route("PUT", base + "/{assignment}", partial(_put, providers), f"{assignments.TYPE}/write"),
        Route("GET", base + "/{assignment}", _get, f"{assignments.TYPE}/read"),
        Route("DELETE", base + "/{assignment}", _delete, f"{assignments.TYPE}/delete"),
    ]


def _deploy(world: World, identifier: ResourceId, body: JSON, _api_version: str, caller: Principal) -> JSON:
    return assignments.put(world, identifier.scope, identifier.name, body, caller)


def _find(world: World, identifier: ResourceId, _api_version: str) -> JSON | None:
    return assignments.find(world, str(identifier))


RESOURCE_TYPE = ResourceType(assignments.TYPE, POLICIES, _deploy, _find)
"""Assignments as deployments make them."""
