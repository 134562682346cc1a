"""Deny assignments: they are listed, and hold. Nobody can make one: in Azure only services do, such as deployment stacks.

Source: Azure RBAC, "Understand Azure deny assignments"; Azure authorization API 2022-04-01, `DenyAssignments`; for the refusal,
users' reports, 2020 to 2026.
"""

from __future__ import annotations

from functools import partial

from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response, Route
from dpsops.emulator.principal import Principal
from dpsops.emulator.rbac import DENY_ASSIGNMENT
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.world import World

_TYPE = "Microsoft.Authorization/denyAssignments"


def denied(caller: Principal, action: str, scope: str, identifier: str, document: JSON) -> Refusal:
    """403: a role of the caller's grants the action, but a deny assignment forbids it."""
    return refusal(
        403,
        "DenyAssignmentAuthorizationFailed",
        f"The client '{caller.app_id}' with object id '{caller.object_id}' has permission to perform action '{action}' on scope "
        f"'{scope}'; however, the access is denied because of the deny assignment with name '{document['name']}' and Id "
        f"'{identifier.replace('-', '')}' at scope '{document['scope']}'.",
    )


def _list(providers: Providers, world: World, request: Request, scope: str) -> Response:
    """Those at a scope, above it and below it."""
    providers.require_resource(world, f"/{scope}")
    here = f"/{scope}/".lower()
    found = [
        _show(key, each)
        for key, each in world.state.list(DENY_ASSIGNMENT)
        if here.startswith(f"{each['scope']}/") or f"{each['scope']}/".startswith(here)
    ]
    return Response(200, {"value": found})


def _show(identifier: str, document: JSON) -> JSON:
    return {
        "id": f"{document['scope']}/providers/{_TYPE}/{identifier}",
        "name": identifier,
        "type": _TYPE,
        "properties": {
            "denyAssignmentName": document["name"],
            "description": "",
            "permissions": [document["permission"]],
            "scope": document["scope"],
            "doNotApplyToChildScopes": not document["below"],
            "principals": document["principals"],
            "excludePrincipals": document["excluded"],
            "isSystemProtected": True,
        },
    }


def routes(providers: Providers) -> list[Route]:
    """The list, at a subscription, a resource group or a resource."""
    return [Route("GET", f"/{{scope*}}/providers/{_TYPE}", partial(_list, providers), f"{_TYPE}/read")]
