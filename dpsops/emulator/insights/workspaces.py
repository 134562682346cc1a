"""The Log Analytics workspace that a diagnostic setting names. There are none here: one exists if its resource group does.

Source: refusals quoted in public issues (2017, 2020, 2024); that a workspace which does not exist is refused is a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dpsops.emulator import rbac
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import by_gateway, refusal, resource_not_found
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_TYPE = "Microsoft.OperationalInsights/workspaces"
_KEYS = f"{_TYPE}/sharedKeys/action"

GroupNames = Callable[[World, str], list[str]]
"""The names of the resource groups of a subscription."""


def require_workspace(world: World, groups: GroupNames, setting: ResourceId, given: Any, caller: Principal) -> None:
    """Refuses what is no ID of a workspace, one that is not there, and one whose keys the caller may not use.

    setting: the ID of the diagnostic setting.
    """
    if given is None or given == "":
        return
    try:
        workspace = ResourceId.parse(given if isinstance(given, str) else "")
    except ValueError:
        message = (
            f"Property id '{given}' at path 'properties.workspaceId' is invalid. Expect fully qualified resource Id that start "
            "with '/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'."
        )
        raise by_gateway(refusal(400, "LinkedInvalidPropertyId", message)) from None
    if not rbac.allowed(world, caller, _KEYS, str(workspace)):
        message = (
            f"The client '{caller.app_id}' with object id '{caller.object_id}' has permission to perform action "
            f"'{setting.type}/write' on scope '{setting}'; however, it does not have permission to perform action '{_KEYS}' on "
            f"the linked scope(s) '{workspace}' or the linked scope(s) are invalid."
        )
        raise by_gateway(refusal(403, "LinkedAuthorizationFailed", message))
    there = workspace.group.lower() in map(str.lower, groups(world, workspace.subscription))
    if workspace.type.lower() != _TYPE.lower() or not there:
        raise resource_not_found(workspace.type, "/".join(workspace.names), workspace.group)
