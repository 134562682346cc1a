"""Authorization over HTTP: role assignments at any scope, and the definitions of the built-in roles."""

from __future__ import annotations

import re
from functools import partial

from dpsops.emulator.arm import roles
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.rbac import ROLES, Role
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.world import World

_FILTER = re.compile(r"atScope\(\)|(?:principalId eq|assignedTo\() ?'(?P<principal>[^']*)'\)?", re.IGNORECASE)


def _put(providers: Providers, world: World, request: Request, assignment: str, scope: str = "") -> Response:
    """201 whether the assignment is new or was there before."""
    providers.require_resource(world, f"/{scope}")
    body = request.json()
    return Response(201, roles.put(world, f"/{scope}", assignment, body if isinstance(body, dict) else {}, request.principal))


def _get(world: World, request: Request, assignment: str, scope: str = "") -> Response:
    found = roles.find(world, f"/{scope}", assignment)
    if found is None:
        raise refusal(404, "RoleAssignmentNotFound", f"The role assignment '{assignment}' is not found.")
    return Response(200, found)


def _delete(world: World, request: Request, assignment: str, scope: str = "") -> Response:
    removed = roles.delete(world, f"/{scope}", assignment)
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
    return Response(200, {"value": roles.list_at(world, f"/{scope}", below=below, principal=principal)})


def _show(identifier: str, role: Role, scope: str) -> JSON:
    permission = {
        "actions": list(role.actions),
        "notActions": list(role.not_actions),
        "dataActions": list(role.data_actions),
        "notDataActions": [],
    }
    subscription = re.match(r"subscriptions/[^/]+", scope, re.IGNORECASE)
    base = f"/{subscription[0]}" if subscription else ""
    return {
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.name,
            "assignableScopes": ["/"],
            "permissions": [permission],
        },
        "id": f"{base}/providers/Microsoft.Authorization/roleDefinitions/{identifier}",
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": identifier,
    }


def _definition(world: World, request: Request, role: str, scope: str = "") -> Response:
    found = ROLES.get(role.lower())
    if found is None:
        raise refusal(404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{role}' does not exist.")
    return Response(200, _show(role.lower(), found, scope))


def _definitions(world: World, request: Request, scope: str = "") -> Response:
    match = re.search(r"roleName eq '([^']*)'", request.query.get("$filter", ""))
    found = [_show(key, role, scope) for key, role in ROLES.items() if match is None or role.name == match[1]]
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
    return found
