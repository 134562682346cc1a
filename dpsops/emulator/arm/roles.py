"""Role assignments: who may be given which role, where, and what happens to them.

Source: "Troubleshoot Azure RBAC" for the refusals; `authorization-RoleAssignmentsCalls.json` for the shapes.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from dpsops.emulator.arm.role_definitions import is_assignable
from dpsops.emulator.arm.versions import AUTHORIZATION
from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.state import is_service_principal
from dpsops.emulator.principal import Principal
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

TYPE = "Microsoft.Authorization/roleAssignments"
_PRINCIPAL_TYPES = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")
_CONDITION = ("condition", "conditionVersion")
_TYPED_SINCE, _CONDITIONAL_SINCE = "2018", "2020"
"""From which API version on an assignment shows its principal's type (recorded: 2015-07-01 without, 2018-09-01-preview with),
and its condition and description (2018-09-01-preview without, 2020-04-01-preview with)."""

_DEFINITION = re.compile(r"(?:/.*)?/providers/Microsoft\.Authorization/roleDefinitions/(?P<role>[^/]+)", re.IGNORECASE)


def put(world: World, scope: str, name: str, body: JSON, api_version: str, caller: Principal) -> JSON:
    """Assigns a role at a scope (a resource ID), and returns the assignment as a GET shows it.

    The same assignment again changes nothing. Refuses one that is there under another name, and a name that
    belongs to another assignment. A condition is kept (recorded), and takes away what it might (`rbac`).
    """
    name = _guid(name, "InvalidRoleAssignmentId", "role assignment ID")
    properties = body.get("properties")
    if not isinstance(properties, dict):
        message = "The request content was invalid and could not be deserialized: 'properties'."
        raise refusal(400, "InvalidRequestContent", message)
    scope = scope.rstrip("/") or "/"
    principal = _guid(properties.get("principalId"), "InvalidPrincipalId", "Principal ID")
    role = _role(world, scope, properties.get("roleDefinitionId"))
    kind = _principal_type(world, principal, properties.get("principalType"), caller)
    condition = _condition(properties)
    key = _key(scope, name)
    fixed = (scope.lower(), principal, role)
    for other, made in world.state.list(ASSIGNMENT):
        identical = (made["scope"], made["principal"], made["role"]) == fixed
        if _name(other) == name and not identical:
            message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
            raise refusal(400, "RoleAssignmentUpdateNotPermitted", message)
        if _name(other) != name and identical:
            named = f" The ID of the existing role assignment is {uuid.UUID(_name(other)).hex}."
            message = "The role assignment already exists." + (named if world.habits.names_existing_assignment else "")
            raise refusal(409, "RoleAssignmentExists", message)
    document: JSON = world.state.get(ASSIGNMENT, key) or {
        "principal": principal,
        "role": role,
        "scope": scope.lower(),
        "created": world.now,
        "shownScope": scope,
        "definition": properties["roleDefinitionId"],
        "createdBy": caller.object_id,
    }
    changeable = {"principalType": kind, "description": properties.get("description"), "updated": world.now}
    document |= changeable | condition | {"updatedBy": caller.object_id}
    world.state.put(ASSIGNMENT, key, document)
    return show(key, document, api_version)


def find(world: World, scope: str, name: str, api_version: str) -> JSON | None:
    """The assignment of this name at this very scope, as a GET shows it, or None."""
    key = _key(scope, name)
    document = world.state.get(ASSIGNMENT, key)
    return None if document is None else show(key, document, api_version)


def delete(world: World, scope: str, name: str, api_version: str) -> JSON | None:
    """Takes the role away; returns what was removed, or None where there was nothing."""
    found = find(world, scope, name, api_version)
    world.state.delete(ASSIGNMENT, _key(scope, name))
    return found


def forget(world: World, scope: str) -> None:
    """Removes every assignment at this scope and below it: they do not outlive what they are on."""
    for key, document in world.state.list(ASSIGNMENT):
        if _within(document["scope"], scope.lower()):
            world.state.delete(ASSIGNMENT, key)


def list_at(world: World, scope: str, api_version: str, *, below: bool, principal: str | None) -> list[JSON]:
    """The assignments that hold at a scope, those made above it included; with `below`, those under it too."""
    here = scope.lower()
    return [
        show(key, document, api_version)
        for key, document in world.state.list(ASSIGNMENT)
        if (_within(here, document["scope"]) or (below and _within(document["scope"], here)))
        and principal in (None, document["principal"])
    ]


def show(key: str, document: JSON, api_version: str) -> JSON:
    """An assignment as a GET shows it: what newer API versions have is null where it is not set."""
    scope: str = document.get("shownScope") or document["scope"]
    updated: float = document.get("updated") or document["created"]
    subscription = re.match(r"/subscriptions/[^/]+", scope)
    conditional = api_version >= _CONDITIONAL_SINCE
    definition = f"{subscription[0] if subscription else ''}/providers/Microsoft.Authorization/roleDefinitions/{document['role']}"
    return {
        "properties": {
            "roleDefinitionId": definition,
            "principalId": document["principal"],
            **({"principalType": document.get("principalType", "ServicePrincipal")} if api_version >= _TYPED_SINCE else {}),
            "scope": scope,
            **({name: document.get(name) for name in _CONDITION} if conditional else {}),
            "createdOn": timestamp(document["created"]),
            "updatedOn": timestamp(updated),
            "createdBy": document.get("createdBy", ""),
            "updatedBy": document.get("updatedBy", ""),
            **({"delegatedManagedIdentityResourceId": None, "description": document.get("description")} if conditional else {}),
        },
        "id": f"{scope.rstrip('/')}/providers/{TYPE}/{_name(key)}",
        "type": TYPE,
        "name": _name(key),
    }


def _condition(properties: JSON) -> JSON:
    """The condition and its version, which both are there or neither is; only version 2.0 exists (specification)."""
    found = {name: properties.get(name) for name in _CONDITION}
    if found["condition"] is None and found["conditionVersion"] is None:
        return found
    if not isinstance(found["condition"], str) or found["conditionVersion"] != "2.0":
        message = f"The condition version '{found['conditionVersion']}' of the role assignment is not valid. Only '2.0' is."
        raise refusal(400, "InvalidRoleAssignmentCondition", message)
    return found


def _key(scope: str, name: str) -> str:
    return f"{scope.rstrip('/')}/providers/{TYPE}/{name}".lower()


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _within(scope: str, above: str) -> bool:
    return (scope.rstrip("/") + "/").startswith(above.rstrip("/") + "/")


def _guid(text: Any, code: str, what: str) -> str:
    try:
        return str(uuid.UUID(text))
    except (ValueError, TypeError, AttributeError) as invalid:
        raise refusal(400, code, f"The {what} '{text or ''}' is not valid. {what} must be a GUID.") from invalid


def _role(world: World, scope: str, definition: Any) -> str:
    """The role's GUID. A custom role that cannot be assigned here is taken for none (a guess)."""
    match = _DEFINITION.fullmatch(definition) if isinstance(definition, str) else None
    role = _guid(match["role"] if match else definition, "InvalidRoleDefinitionId", "Role Definition ID")
    if not is_assignable(world, role, scope):
        message = f"The specified role definition with ID '{uuid.UUID(role).hex}' does not exist."
        raise refusal(404, "RoleDefinitionDoesNotExist", message)
    return role


def _principal_type(world: World, principal: str, given: Any, caller: Principal) -> str:
    """Applications are known here; of any other principal only the caller can say that it exists, by naming its type."""
    if given is not None and given not in _PRINCIPAL_TYPES:
        raise refusal(400, "InvalidPrincipalType", f"The principal type '{given}' is not valid.")
    if is_service_principal(world, principal):
        if given not in (None, "ServicePrincipal"):
            message = (
                f"The PrincipalId '{uuid.UUID(principal).hex}' has type 'ServicePrincipal' , which is different from specified "
                f"PrinciaplType '{given}'."
            )
            raise refusal(400, "UnmatchedPrincipalType", message)
        return "ServicePrincipal"
    if given is None:
        message = (
            f"Principal {uuid.UUID(principal).hex} does not exist in the directory {caller.tenant_id}. Check that you have the "
            "correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be "
            "related to a replication delay. In this case, set the role assignment principalType property to a value, such as "
            "ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
        )
        raise refusal(400, "PrincipalNotFound", message)
    return str(given)


def _put(world: World, identifier: ResourceId, body: JSON, api_version: str, caller: Principal) -> JSON:
    return put(world, identifier.scope, identifier.name, body, api_version, caller)


def _get(world: World, identifier: ResourceId, api_version: str) -> JSON | None:
    return find(world, identifier.scope, identifier.name, api_version)


RESOURCE_TYPE = ResourceType(TYPE, AUTHORIZATION, _put, _get)
