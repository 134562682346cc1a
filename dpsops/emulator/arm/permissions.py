"""What the caller may do at a scope: the permissions of all roles that it holds there and above.

Source: Azure authorization API 2022-04-01, `Permissions_ListForResource` and `Permissions_ListForResourceGroup`; for the shape of
the answer, and that a subscription is a scope too, "Use Resource Manager authentication API to access subscriptions".
"""

from __future__ import annotations

from functools import partial

from dpsops.emulator import rbac
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.resource_provider.errors import by_gateway, forbidden
from dpsops.emulator.world import World

_TYPE = "Microsoft.Authorization/permissions"
_DATA_SINCE = "2018"
"""From which API version on a permission has data actions (the SDK's models of 2015-07-01 and 2018-01-01-preview)."""

_WORKSPACE = "/providers/microsoft.operationalinsights/workspaces/"
"""There are none here: one exists if its resource group does, as for whoever sends logs to it."""


def _list(providers: Providers, world: World, request: Request, scope: str) -> Response:
    """One permission for each role that is assigned, with no word of a condition, also before it has reached the data plane
    (stricter guess: whoever trusts this list alone may be wrong)."""
    if world.habits.permissions_need_a_role and not rbac.allowed(world, request.principal, f"{_TYPE}/read", f"/{scope}"):
        raise by_gateway(forbidden(request.principal, f"{_TYPE}/read", request.path))
    if _WORKSPACE not in scope.lower():
        providers.require_resource(world, f"/{scope}")
    held = rbac.held(world, request.principal, f"/{scope}")
    return Response(200, {"value": [_show(role, request.api_version) for role in held]})


def _show(role: rbac.Role, api_version: str) -> JSON:
    control = {"actions": list(role.actions), "notActions": list(role.not_actions)}
    if api_version < _DATA_SINCE:
        return control
    return control | {"dataActions": list(role.data_actions), "notDataActions": list(role.not_data_actions)}


def routes(providers: Providers) -> list[Route]:
    """The operation, at a subscription, a resource group or a resource."""
    return [Route("GET", f"/{{scope*}}/providers/{_TYPE}", partial(_list, providers))]
