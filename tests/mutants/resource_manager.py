"""Faults in the answers of Resource Manager itself: groups, deployments, locks, role assignments, registrations."""

from __future__ import annotations

from typing import Any

from dpsops.emulator.http import Response
from tests.mutants.alterations import at, backwards, beside, header, status, words
from tests.mutants.mutants import Answers, Kind, Mutant, Rule, Service, Witness

_HOST = r"management\.azure\.com"
_GROUP = "management.azure.com/subscriptions/s/resourceGroups/g"
_GROUP_PATH = r"/subscriptions/[^/]+/resourceGroups/[^/]+"
_ROLE = f"{_GROUP}/providers/Microsoft.Authorization/roleAssignments/r"
_ROLE_PATH = r".*/providers/Microsoft\.Authorization/roleAssignments/[^/]+"
_HUB = f"{_GROUP}/providers/Microsoft.Devices/IotHubs/h"
_STEPS = f"{_GROUP}/deployments/d/operations"
_RESULT = "management.azure.com/subscriptions/s/operationresults/o"
_RESULT_PATH = r".*/operationResults/[^/]+"
_CHANGES = {
    "status": "Succeeded",
    "properties": {"changes": [{"resourceId": "/a", "changeType": "Create"}, {"resourceId": "/b", "changeType": "Ignore"}]},
}
_NOT_FOUND = (
    "The Resource 'Microsoft.Devices/IotHubs/h' under resource group 'g' was not found. "
    "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
)
_LOCKED = (
    "The scope '/subscriptions/s' cannot perform delete operation because following scope(s) are locked: '/subscriptions/s'. "
    "Please remove the lock and try again."
)


def _mutant(name: str, kind: Kind, behaviour: str, fault: Answers | Rule) -> Mutant:
    return Mutant(f"arm-{name}", Service.RESOURCE_MANAGER, kind, Witness.RECORDING, behaviour, fault)


def _without_unset(properties: Any) -> Any:
    if not isinstance(properties, dict):
        return properties
    return {key: each for key, each in properties.items() if each is not None or not key.startswith("condition")}


RESOURCE_MANAGER = (
    _mutant(
        "group-head-200",
        Kind.STATUS,
        "The HEAD of a group that is there is answered 200, not 204.",
        Answers("HEAD", _HOST, _GROUP_PATH, status(204, 200), f"HEAD {_GROUP}", Response(204)),
    ),
    _mutant(
        "role-put-200",
        Kind.STATUS,
        "The PUT of a role assignment is answered 200, not 201.",
        Answers("PUT", _HOST, _ROLE_PATH, status(201, 200), f"PUT {_ROLE}", Response(201, {})),
    ),
    _mutant(
        "group-delete-no-retry-after",
        Kind.HEADER,
        "The DELETE of a group does not say when to poll.",
        Answers(
            "DELETE", _HOST, _GROUP_PATH, header("Retry-After"), f"DELETE {_GROUP}", Response(202, headers={"Retry-After": "15"})
        ),
    ),
    _mutant(
        "no-failure-cause",
        Kind.HEADER,
        "A refusal of the gateway does not say in `x-ms-failure-cause` that it is the gateway's.",
        Answers(
            ".*", _HOST, ".*", header("x-ms-failure-cause"), f"GET {_HUB}", Response(404, {}, {"x-ms-failure-cause": "gateway"})
        ),
    ),
    _mutant(
        "role-without-nulls",
        Kind.SHAPE,
        "A role assignment leaves out the condition that it has not, and its version, instead of showing null.",
        Answers(
            "GET|PUT",
            _HOST,
            _ROLE_PATH,
            at("properties", _without_unset),
            f"GET {_ROLE}",
            Response(200, {"properties": {"condition": None, "conditionVersion": None}}),
        ),
    ),
    _mutant(
        "what-if-null-before",
        Kind.SHAPE,
        "A change of a what-if that makes a resource has `before`, null, instead of no such key.",
        Answers(
            "GET", _HOST, _RESULT_PATH, beside("properties.changes[].before", None), f"GET {_RESULT}", Response(200, _CHANGES)
        ),
    ),
    _mutant(
        "what-if-backwards",
        Kind.ORDER,
        "The changes of a what-if are sorted backwards.",
        Answers("GET", _HOST, _RESULT_PATH, backwards("properties.changes"), f"GET {_RESULT}", Response(200, _CHANGES)),
    ),
    _mutant(
        "operations-backwards",
        Kind.ORDER,
        "The operations of a deployment are listed with the first one first, not the last one.",
        Answers(
            "GET",
            _HOST,
            r".*/deployments/[^/]+/operations",
            backwards("value"),
            f"GET {_STEPS}",
            Response(200, {"value": [{"operationId": "2"}, {"operationId": "1"}]}),
        ),
    ),
    _mutant(
        "resource-not-found-words",
        Kind.TEXT,
        "`ResourceNotFound` does not say where to read more.",
        Answers(
            ".*",
            _HOST,
            ".*",
            words("error.message", r" For more details please go to https://aka\.ms/ARMResourceNotFoundFix", ""),
            f"GET {_HUB}",
            Response(404, {"error": {"code": "ResourceNotFound", "message": _NOT_FOUND}}),
        ),
    ),
    _mutant(
        "scope-locked-words",
        Kind.TEXT,
        "`ScopeLocked` says in other words that there is a lock.",
        Answers(
            ".*",
            _HOST,
            ".*",
            words("error.message", "because following scope.s. are locked", "because of locks on"),
            f"DELETE {_GROUP}",
            Response(409, {"error": {"code": "ScopeLocked", "message": _LOCKED}}),
        ),
    ),
    _mutant(
        "locks-ignored",
        Kind.MISSING_REFUSAL,
        "What is locked can be deleted, and changed.",
        Rule("dpsops.emulator.arm.locks.require_unlocked"),
    ),
    _mutant(
        "unregistered-provider",
        Kind.MISSING_REFUSAL,
        "A resource of a provider that is not registered is made.",
        Rule("dpsops.emulator.arm.registrations.require"),
    ),
)
