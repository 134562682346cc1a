"""What assigned policies deny: a resource's PUT or PATCH, and a deployment of it.

Source: refusals quoted in public issues, 2018 to 2025: their code, target, message and `additionalInfo`. The status of a refused
deployment is not known: 400, as of any other preflight.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dpsops.emulator.arm.policies import assignments
from dpsops.emulator.arm.policies.conditions import Subject, holds, resolve
from dpsops.emulator.arm.policies.definitions import BUILT_IN, identifier_of
from dpsops.emulator.arm.unfolding import Foreseen
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import GROUPS, ResourceId
from dpsops.emulator.world import World

_GROUP = "Microsoft.Resources/subscriptions/resourceGroups"
_NOT_INDEXED = ("microsoft.authorization", "microsoft.resources", "microsoft.eventgrid", "microsoft.insights")
"""Namespaces whose types have no tags and location of their own, which is what policies of the mode `Indexed` ask for."""


def require_allowed(world: World, identifier: ResourceId, body: JSON) -> None:
    """Refuses (403) a resource that an assigned policy denies."""
    denied = _denial(world, identifier, body)
    if denied is not None:
        raise Refusal(Response(403, {"error": denied}))


def require_deployable(world: World, found: Sequence[Foreseen]) -> None:
    """Refuses a deployment in which policies deny a resource; it names each."""
    foreseen = (each for each in found if each.expanded is None)
    denials = (_denial(world, each.declared.id, each.body) for each in foreseen)
    details = [each for each in denials if each is not None]
    if details:
        message = "The template deployment failed because of policy violation. Please see details for more information."
        raise refusal(400, "InvalidTemplateDeployment", message, details)


def _denial(world: World, identifier: ResourceId, body: JSON) -> JSON | None:
    """The error for a resource that policies deny, or None."""
    group = identifier.type.lower() in (GROUPS.lower(), _GROUP.lower())
    subject = Subject(_GROUP if group else identifier.type, body)
    violated = []
    for assignment in assignments.holding(world, str(identifier)):
        definition = BUILT_IN[assignment["definition"]]
        if definition["mode"] == "Indexed" and not _is_indexed(identifier):
            continue
        rule, parameters = definition["policyRule"], assignment["parameters"]
        met, evaluated = holds(rule["if"], subject, parameters)
        if met and str(resolve(rule["then"]["effect"], parameters)).lower() == "deny":
            violated.append((assignment, definition, evaluated))
    if not violated:
        return None
    return {
        "code": "RequestDisallowedByPolicy",
        "target": identifier.name,
        "message": _message(identifier.name, violated),
        "additionalInfo": [{"type": "PolicyViolation", "info": _info(*each)} for each in violated],
    }


def _is_indexed(identifier: ResourceId) -> bool:
    return identifier.type.count("/") == 1 and identifier.type.partition("/")[0].lower() not in _NOT_INDEXED


def _message(name: str, violated: list[tuple[JSON, JSON, list[JSON]]]) -> str:
    """With the reasons that the assignments give, if they give any, else with what identifies the policies."""
    reasons = [text for assignment, _, _ in violated if (text := _reason(assignment))]
    if reasons:
        quoted = ",".join(f"'{each}'" for each in reasons)
        return f"Resource '{name}' was disallowed by policy. Reasons: {quoted}. See error details for policy resource IDs."
    identifiers = [
        {
            "policyAssignment": {"name": _name(assignment), "id": assignment["id"]},
            "policyDefinition": {"name": definition["displayName"], "id": identifier_of(assignment["definition"])},
        }
        for assignment, definition, _ in violated
    ]
    quoted = json.dumps(identifiers, separators=(",", ":"), ensure_ascii=False)
    return f"Resource '{name}' was disallowed by policy. Policy identifiers: '{quoted}'."


def _reason(assignment: JSON) -> str:
    messages = assignment["properties"].get("nonComplianceMessages") or []
    return str(messages[0].get("message", "")) if messages else ""


def _name(assignment: JSON) -> str:
    return str(assignment["properties"].get("displayName") or assignment["name"])


def _info(assignment: JSON, definition: JSON, evaluated: list[JSON]) -> JSON:
    return {
        "evaluationDetails": {"evaluatedExpressions": evaluated},
        "policyDefinitionId": identifier_of(assignment["definition"]),
        "policyDefinitionName": assignment["definition"],
        "policyDefinitionDisplayName": definition["displayName"],
        "policyDefinitionEffect": "Deny",
        "policyAssignmentId": assignment["id"],
        "policyAssignmentName": assignment["name"],
        "policyAssignmentDisplayName": _name(assignment),
        "policyAssignmentScope": assignment["scope"],
        "policyAssignmentParameters": {name: {"value": value} for name, value in assignment["parameters"].items()},
    }
