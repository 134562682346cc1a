"""Role definitions: the built-in roles, and custom ones, which a subscription or a group makes for itself.

Source: "Azure custom roles" and "Troubleshoot Azure RBAC"; for the shapes a recording of Microsoft's CLI, 2025
(`test_custom_role_definition_scenario`); for the codes of refusals the tests of Microsoft's .NET library. Their words, where
these do not quote them, are from memory. Not here: Azure refuses an action that no provider has (`InvalidActionOrNotAction`),
and only the form of an action is known here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

from dpsops.emulator import rbac
from dpsops.emulator.arm.versions import AUTHORIZATION
from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.rbac import ASSIGNMENT, CUSTOM_ROLE, ROLES, Role
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

TYPE = "Microsoft.Authorization/roleDefinitions"
_WRITE, _DELETE = f"{TYPE}/write", f"{TYPE}/delete"
_LONGEST_NAME = 512
_SETS = ("actions", "notActions", "dataActions", "notDataActions")
_ACTION = re.compile(r"\*|\*/[\w*.-]+(?:/[\w*.-]+)*|[\w-]+(?:\.[\w*-]+)+/[\w*.-]+(?:/[\w*.-]+)*")
_SCOPE = re.compile(r"/subscriptions/[^/]+(?:/resourceGroups/[^/]+)?/?", re.IGNORECASE)

_SINCE = "2015-02-02T21:55:09.8806423Z"
"""When the oldest built-in roles were made (recorded)."""

_DESCRIPTIONS = {
    "Owner": "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
    "Contributor": (
        "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC, manage assignments in "
        "Azure Blueprints, or share image galleries."
    ),
    "Reader": "View all resources, but does not allow you to make any changes.",
}
"""Of the roles that people know best (Azure built-in roles); those of the others are their names here."""


def put(world: World, name: str, body: Any, caller: Principal) -> JSON:
    """Makes or changes a custom role, and returns it as the answer shows it: as if it were new, and made by nobody (recorded).

    The caller must be allowed to do so at each scope where the role can be assigned.
    """
    identifier = _guid(name)
    if identifier in ROLES:
        raise refusal(409, "RoleDefinitionExists", "A role definition cannot be updated with the ID of a built-in role.")
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        message = "The request content was invalid and could not be deserialized: 'properties'."
        raise refusal(400, "InvalidRequestContent", message)
    if properties.get("type") not in (None, "", "CustomRole"):
        raise refusal(400, "InvalidRoleDefinitionType", f"The role definition type '{properties['type']}' is not valid.")
    before = world.state.get(CUSTOM_ROLE, identifier)
    document: JSON = {
        "roleName": _role_name(world, properties.get("roleName"), identifier),
        "description": str(properties.get("description") or ""),
        "permission": _permission(properties.get("permissions")),
        "scopes": list(_scopes(properties.get("assignableScopes"))),
        "created": before["created"] if before else world.now,
        "createdBy": before["createdBy"] if before else caller.object_id,
        "updated": world.now,
        "updatedBy": caller.object_id,
    }
    for scope in dict.fromkeys([*document["scopes"], *(before["scopes"] if before else [])]):
        _require_right(world, caller, _WRITE, scope, identifier)
    world.state.put(CUSTOM_ROLE, identifier, document)
    shown = _show(identifier, document, "")
    return shown | {"properties": shown["properties"] | {"createdOn": timestamp(world.now), "createdBy": None}}


def find(world: World, scope: str, name: str) -> JSON | None:
    """The role of this ID, as a GET at a scope (a resource ID) shows it, or None where it cannot be assigned."""
    if role := ROLES.get(name.lower()):
        return _show_built_in(name.lower(), role, scope)
    document = world.state.get(CUSTOM_ROLE, name.lower())
    return _show(name.lower(), document, scope) if document and _is_for(document, scope) else None


def delete(world: World, scope: str, name: str, caller: Principal) -> JSON | None:
    """Removes a custom role that nobody holds; returns what was removed, or None where there was nothing."""
    if name.lower() in ROLES:  # a guess: nobody has been seen to try
        raise refusal(400, "InvalidRoleDefinitionType", "A built-in role cannot be deleted.")
    found = find(world, scope, name)
    if found is None:
        return None
    if any(assignment["role"] == name.lower() for _, assignment in world.state.list(ASSIGNMENT)):
        raise refusal(400, "RoleDefinitionHasAssignments", "There are existing role assignments referencing role.")
    for each in found["properties"]["assignableScopes"]:
        _require_right(world, caller, _DELETE, each, name.lower())
    world.state.delete(CUSTOM_ROLE, name.lower())
    return found


def list_at(world: World, scope: str, text: str) -> list[JSON]:
    """The roles that can be assigned at a scope; `text` is the filter: of a role's name, or its type (specification)."""
    named = re.search(r"roleName eq '((?:[^']|'')*)'", text)
    typed = re.search(r"\btype eq '([^']*)'", text)
    found = [_show_built_in(key, role, scope) for key, role in ROLES.items()]
    found += [_show(key, document, scope) for key, document in world.state.list(CUSTOM_ROLE) if _is_for(document, scope)]
    return [
        each
        for each in found
        if (named is None or each["properties"]["roleName"].lower() == named[1].replace("''", "'").lower())
        and (typed is None or each["properties"]["type"].lower() == typed[1].lower())
    ]


def is_assignable(world: World, role: str, scope: str) -> bool:
    """Whether there is a role of this ID that can be assigned at a scope: a custom one only where it says so."""
    return find(world, scope, role) is not None


def _is_for(document: JSON, scope: str) -> bool:
    """Whether a custom role can be assigned at a scope: at one of its own or below. The tenant sees them all."""
    here = scope.lower().rstrip("/") + "/"
    return here == "/" or any(here.startswith(each.lower() + "/") for each in document["scopes"])


def _role_name(world: World, name: Any, identifier: str) -> str:
    """A role's name, which no other role in the tenant has."""
    if not isinstance(name, str) or not name.strip():
        raise refusal(400, "RoleDefinitionNameNullOrEmpty", "The role definition name cannot be null or empty.")
    if len(name) > _LONGEST_NAME:
        raise refusal(400, "InvalidRoleDefinitionName", f"A role definition name has at most {_LONGEST_NAME} characters.")
    others = [role.name for role in ROLES.values()]
    others += [each["roleName"] for key, each in world.state.list(CUSTOM_ROLE) if key != identifier]
    if name.lower() in map(str.lower, others):
        message = "A custom role with the same name already exists in this directory."
        raise refusal(409, "RoleDefinitionWithSameNameExists", f"{message} Use a different name.")
    return name


def _permission(given: Any) -> JSON:
    """What a role grants. More than one permission in a role, and none, are refused (stricter guess)."""
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], dict):
        raise refusal(400, "InvalidRoleDefinitionPermissions", "A custom role has exactly one permission.")
    found = {}
    for name in _SETS:
        found[name] = given[0].get(name) or []
        if not isinstance(found[name], list):
            raise refusal(
                400, "InvalidRequestContent", f"The request content was invalid and could not be deserialized: '{name}'."
            )
        for action in found[name]:
            if not isinstance(action, str) or not _ACTION.fullmatch(action):
                message = f"'{action}' does not match any of the actions supported by the providers."
                raise refusal(400, "InvalidActionOrNotAction", message)
    if "*" in found["dataActions"]:  # documentation: only a built-in role may grant all data actions
        raise refusal(400, "InvalidActionOrNotAction", "'*' does not match any of the actions supported by the providers.")
    return found


def _scopes(given: Any) -> Iterator[str]:
    """Where a custom role can be assigned: subscriptions and groups, existing or not. There are no management groups here."""
    if not isinstance(given, list) or not given:
        raise refusal(400, "MissingAssignableScopes", "The role definition must have at least one assignable scope.")
    for place, scope in enumerate(given):
        if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
            message = (
                f"Property id '{scope}' at path 'properties.assignableScopes[{place}]' is invalid. Expect fully qualified "
                "resource Id that start with '/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'."
            )
            raise refusal(400, "LinkedInvalidPropertyId", message)
        yield scope.rstrip("/")


def _require_right(world: World, caller: Principal, action: str, scope: str, identifier: str) -> None:
    if not rbac.allowed(world, caller, action, scope):
        message = (
            f"The client '{caller.app_id}' with object id '{caller.object_id}' has permission to perform action '{action}' on "
            f"scope '/providers/{TYPE}/{identifier}'; however, it does not have permission to perform action(s) '{action}' "
            f"on the linked scope(s) '{scope}' (respectively) or the linked scope(s) are invalid."
        )
        raise refusal(403, "LinkedAuthorizationFailed", message)


def _guid(name: str) -> str:
    try:
        return str(uuid.UUID(name))
    except ValueError as invalid:
        message = f"The Role Definition ID '{name}' is not valid. Role Definition ID must be a GUID."
        raise refusal(400, "InvalidRoleDefinitionId", message) from invalid


def _show(identifier: str, document: JSON, scope: str) -> JSON:
    """A custom role; the answer to its PUT names the subscription of its first scope."""
    properties = {
        "roleName": document["roleName"],
        "type": "CustomRole",
        "description": document["description"],
        "assignableScopes": document["scopes"],
        "permissions": [document["permission"]],
        "createdOn": timestamp(document["created"]),
        "updatedOn": timestamp(document["updated"]),
        "createdBy": document["createdBy"],
        "updatedBy": document["updatedBy"],
    }
    return _identified(identifier, properties, scope or document["scopes"][0])


def _show_built_in(identifier: str, role: Role, scope: str) -> JSON:
    properties = {
        "roleName": role.name,
        "type": "BuiltInRole",
        "description": _DESCRIPTIONS.get(role.name, role.name),
        "assignableScopes": ["/"],
        "permissions": [
            {
                "actions": list(role.actions),
                "notActions": list(role.not_actions),
                "dataActions": list(role.data_actions),
                "notDataActions": list(role.not_data_actions),
            }
        ],
        "createdOn": _SINCE,
        "updatedOn": _SINCE,
        "createdBy": None,
        "updatedBy": None,
    }
    return _identified(identifier, properties, scope)


def _identified(identifier: str, properties: JSON, scope: str) -> JSON:
    subscription = re.match(r"/subscriptions/[^/]+", scope, re.IGNORECASE)
    base = subscription[0] if subscription else ""
    return {"properties": properties, "id": f"{base}/providers/{TYPE}/{identifier}", "type": TYPE, "name": identifier}


def _put(world: World, identifier: ResourceId, body: JSON, _version: str, caller: Principal) -> JSON:
    return put(world, identifier.name, body, caller)


def _get(world: World, identifier: ResourceId, _version: str) -> JSON | None:
    return find(world, identifier.scope, identifier.name)


RESOURCE_TYPE = ResourceType(TYPE, AUTHORIZATION, _put, _get)
