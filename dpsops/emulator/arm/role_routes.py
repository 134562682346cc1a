"""Authorization over HTTP: role assignments and role definitions at any scope."""

from __future__ import annotations

import re
from functools import partial

from dpsops.emulator.arm import groups, role_definitions, roles
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

_NO_LINK_SINCE = "2018"
"""API versions before end a list with a link of null (recorded: 2015-07-01; none in any since)."""

_FILTER = re.compile(r"atScope\(\)|(?:principalId eq|assignedTo\() ?'(?P<principal>[^']*)'\)?", re.IGNORECASE)
_GROUP = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)", re.IGNORECASE)


def _put(providers: Providers, world: World, request: Request, assignment: str, scope: str = "") -> Response:
    """201 whether the assignment is new or was there before; the answer takes it for new, and nobody for its maker (recorded)."""
    providers.require_resource(world, f"/{scope}")
    body = request.json()
    given = body if isinstance(body, dict) else {}
    shown = roles.put(world, f"/{scope}", assignment, given, request.api_version, request.principal)
    return Response(201, shown | {"properties": shown["properties"] | {"createdOn": timestamp(world.now), "createdBy": None}})


def _get(world: World, request: Request, assignment: str, scope: str = "") -> Response:
    found = roles.find(world, f"/{scope}", assignment, request.api_version)
    if found is None:
        raise refusal(404, "RoleAssignmentNotFound", f"The role assignment '{assignment}' is not found.")
    return Response(200, found)


def _delete(world: World, request: Request, assignment: str, scope: str = "") -> Response:
    removed = roles.delete(world, f"/{scope}", assignment, request.api_version)
    return Response(204) if removed is None else Response(200, removed)


def _list(world: World, request: Request, scope: str = "") -> Response:
    """Without a filter: all that hold at, above or below the scope; `atScope()` leaves out what is below."""
    text = request.query.get("$filter", "")
    principal, below = None, True
    for part in re.split(r"\s+and\s+", text) if text else []:
        match = _FILTER.fullmatch(part.strip())
        if match is None:
            message = (
                f"The filter '{text}' is not supported. Supported filters are either 'atScope()' or "
                "'principalId eq '{value}' or assignedTo('{value}')'."
            )
            raise refusal(400, "UnsupportedQuery", message)
        principal, below = (match["principal"] or principal or "").lower() or None, below and match["principal"] is not None
    found = roles.list_at(world, f"/{scope}", request.api_version, below=below, principal=principal)
    return Response(200, {"value": found} | ({"nextLink": None} if request.api_version < _NO_LINK_SINCE else {}))


def _definition(world: World, request: Request, role: str, scope: str = "") -> Response:
    found = role_definitions.find(world, f"/{scope}" if scope else "", role)
    if found is None:
        raise refusal(404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{role}' does not exist.")
    return Response(200, found)


def _put_definition(world: World, request: Request, role: str, scope: str) -> Response:
    made = role_definitions.put(world, role, request.json(), request.principal)
    for each in made["properties"]["assignableScopes"]:
        if group := _GROUP.fullmatch(each):
            groups.require(world, *group.groups())
    return Response(201, made)


def _delete_definition(world: World, request: Request, role: str, scope: str) -> Response:
    removed = role_definitions.delete(world, f"/{scope}", role, request.principal)
    return Response(204) if removed is None else Response(200, removed)


def _definitions(world: World, request: Request, scope: str = "") -> Response:
    found = role_definitions.list_at(world, f"/{scope}" if scope else "", request.query.get("$filter", ""))
    return Response(200, {"value": found})


def routes(providers: Providers) -> list[Route]:
    """The operations at every scope; the tenant's own has an empty path before `/providers`."""
    action = "Microsoft.Authorization/roleAssignments/"
    found = []
    for scope in ("", "/{scope*}"):
        assignments = scope + "/providers/Microsoft.Authorization/roleAssignments"
        definitions = scope + "/providers/Microsoft.Authorization/roleDefinitions"
        # Anyone in the tenant may read what the built-in roles mean.
        read = "Microsoft.Authorization/roleDefinitions/read" if scope else ""
        found += [
            Route("GET", assignments, _list, action + "read"),
            Route("PUT", assignments + "/{assignment}", partial(_put, providers), action + "write"),
            Route("GET", assignments + "/{assignment}", _get, action + "read"),
            Route("DELETE", assignments + "/{assignment}", _delete, action + "delete"),
            Route("GET", definitions, _definitions, read),
            Route("GET", definitions + "/{role}", _definition, read),
        ]
        if scope:  # a custom role is always somebody's: of a subscription, or of a group
            found += [
                Route("PUT", definitions + "/{role}", _put_definition, "Microsoft.Authorization/roleDefinitions/write"),
                Route("DELETE", definitions + "/{role}", _delete_definition, "Microsoft.Authorization/roleDefinitions/delete"),
            ]
    return found
