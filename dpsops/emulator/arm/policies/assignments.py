"""Policy assignments: which policies hold at a scope, with which parameters.

Source: the API's SDK for the shapes; for refused parameters an error quoted in a public issue (`PolicyParameterValueNotAllowed`),
the others from memory.
"""

from __future__ import annotations

import re
from typing import Any

from dpsops.emulator.arm.policies.definitions import BUILT_IN, identifier_of, not_found
from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

TYPE = "Microsoft.Authorization/policyAssignments"
_KIND = "policyAssignment"
"""Key: the ID in lower case. {"id", "name", "scope", "definition" (name), "properties" (as given), "parameters" (name to value,
defaults among them), "created", "createdBy"}."""

_GIVEN = ("displayName", "description", "metadata", "parameters", "notScopes", "enforcementMode", "nonComplianceMessages")
_DEFINITION = re.compile(r"/providers/Microsoft\.Authorization/policyDefinitions/(?P<name>[^/]+)", re.IGNORECASE)
_MODES = ("Default", "DoNotEnforce", "Enroll")
_TYPES: dict[str, type[Any]] = {"String": str, "Array": list}


def put(world: World, scope: str, name: str, body: Any, caller: Principal) -> JSON:
    """Assigns a built-in policy at a scope (a resource ID), and returns the assignment as a GET shows it."""
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        message = "The request content was invalid and could not be deserialized: 'properties'."
        raise refusal(400, "InvalidRequestContent", message)
    definition = _read_definition(properties.get("policyDefinitionId"))
    mode = properties.get("enforcementMode", "Default")
    if mode not in _MODES:
        raise refusal(400, "InvalidPolicyAssignment", f"The enforcement mode '{mode}' is not valid.")
    excluded = properties.get("notScopes") or []
    if not isinstance(excluded, list) or not all(isinstance(each, str) for each in excluded):
        raise refusal(400, "InvalidPolicyAssignment", "The policy assignment's 'notScopes' are not valid.")
    parameters = _read_parameters(name, definition, properties.get("parameters") or {})
    key = f"{scope}/providers/{TYPE}/{name}".lower()
    existing = world.state.get(_KIND, key)
    document: JSON = existing or {
        "id": f"{scope}/providers/{TYPE}/{name}",
        "name": name,
        "scope": scope,
        "created": world.now,
        "createdBy": caller.object_id,
    }
    document |= {
        "definition": definition,
        "parameters": parameters,
        "properties": {key: properties[key] for key in _GIVEN if properties.get(key) is not None},
        "updated": None if existing is None else world.now,
        "updatedBy": None if existing is None else caller.object_id,
    }
    world.state.put(_KIND, key, document)
    return show(document)


def are_there(world: World) -> bool:
    """Whether any policy is assigned anywhere."""
    return bool(world.state.list(_KIND, limit=1))


def find(world: World, identifier: str) -> JSON | None:
    """The assignment of this ID as a GET shows it, or None."""
    document = world.state.get(_KIND, identifier.lower())
    return None if document is None else show(document)


def delete(world: World, identifier: str) -> JSON | None:
    """Removes an assignment, and returns what it was; None where there was none."""
    found = find(world, identifier)
    world.state.delete(_KIND, identifier.lower())
    return found


def forget(world: World, scope: str) -> None:
    """Removes the assignments at what is gone, and below it."""
    for key, document in world.state.list(_KIND):
        if _within(document["scope"], scope):
            world.state.delete(_KIND, key)


def list_at(world: World, scope: str, *, below: bool) -> list[JSON]:
    """The documents of the assignments that hold at a scope, those made above it included; with `below`, those under it too."""
    return [
        document
        for _, document in world.state.list(_KIND)
        if _within(scope, document["scope"]) or (below and _within(document["scope"], scope))
    ]


def holding(world: World, scope: str) -> list[JSON]:
    """The documents of the assignments that are enforced at a scope and do not exclude it."""
    return [
        document
        for document in list_at(world, scope, below=False)
        if document["properties"].get("enforcementMode", "Default") == "Default"
        and not any(_within(scope, each) for each in document["properties"].get("notScopes", ()))
    ]


def show(document: JSON) -> JSON:
    """An assignment as a GET shows it."""
    given = document["properties"]
    made = {"createdBy": document["createdBy"], "createdOn": timestamp(document["created"])}
    updated = None if document["updated"] is None else timestamp(document["updated"])
    return {
        "properties": {
            **({"displayName": given["displayName"]} if "displayName" in given else {}),
            "policyDefinitionId": identifier_of(document["definition"]),
            "scope": document["scope"],
            "notScopes": given.get("notScopes", []),
            "parameters": given.get("parameters", {}),
            **({"description": given["description"]} if "description" in given else {}),
            "metadata": given.get("metadata", {}) | made | {"updatedBy": document["updatedBy"], "updatedOn": updated},
            "enforcementMode": given.get("enforcementMode", "Default"),
            **({"nonComplianceMessages": given["nonComplianceMessages"]} if "nonComplianceMessages" in given else {}),
        },
        "id": document["id"],
        "type": TYPE,
        "name": document["name"],
    }


def _read_definition(given: Any) -> str:
    match = _DEFINITION.fullmatch(given) if isinstance(given, str) else None
    name = match["name"].lower() if match else ""
    if name not in BUILT_IN:
        raise not_found(str(given))
    return name


def _read_parameters(assignment: str, definition: str, given: Any) -> JSON:
    """The value of every parameter of the definition."""
    declared = BUILT_IN[definition]["parameters"]
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        raise refusal(400, "InvalidPolicyAssignment", "The parameters of the policy assignment are not valid.")
    values = {name: each.get("value") for name, each in given.items()}
    unknown = ", ".join(name for name in values if name not in declared)
    if unknown:
        message = (
            f"The policy assignment '{assignment}' defines the parameter(s) '{unknown}', which the policy definition "
            f"'{definition}' does not have."
        )
        raise refusal(400, "UndefinedPolicyParameter", message)
    found = {name: values.get(name, each.get("defaultValue")) for name, each in declared.items()}
    missing = ", ".join(name for name, value in found.items() if value is None)
    if missing:
        message = (
            f"The policy assignment '{assignment}' is missing the parameter(s) '{missing}' as defined in the policy definition "
            f"'{definition}'."
        )
        raise refusal(400, "MissingPolicyParameter", message)
    for name, value in found.items():
        allowed = declared[name].get("allowedValues")
        if not isinstance(value, _TYPES[declared[name]["type"]]):
            raise refusal(400, "InvalidPolicyParameter", f"The value of policy parameter '{name}' is not of its type.")
        if allowed and str(value).lower() not in map(str.lower, allowed):
            message = (
                f"The value '{value}' is not allowed for policy parameter '{name}' in policy definition '{definition}'. "
                f"The allowed values are '{', '.join(allowed)}'."
            )
            raise refusal(400, "PolicyParameterValueNotAllowed", message)
    return found


def _within(scope: str, above: str) -> bool:
    return f"{scope.rstrip('/')}/".lower().startswith(f"{above.rstrip('/')}/".lower())
