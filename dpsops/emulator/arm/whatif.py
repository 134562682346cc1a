"""What-if: what a deployment would change, as far as can be told without running it.

Like Azure's it reports more than would change: defaults of the resource provider that the template does not set look
deleted, and values that only the running deployment could evaluate look modified, to the text of their expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpsops.emulator.arm.delta import differences
from dpsops.emulator.arm.plans import Foreseen, Plan, preflight, unfold
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.template.values import shown
from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_IDENTITY = ("id", "name", "type", "apiVersion")
_ALWAYS_READ_ONLY = frozenset({"etag", "systemData", "resourcegroup", "subscriptionid"})
_READ_ONLY: Mapping[str, frozenset[str]] = {
    "microsoft.keyvault/vaults": frozenset({"properties.hsmPoolResourceId", "properties.privateEndpointConnections"}),
    "microsoft.devices/iothubs": frozenset(
        {
            "properties.provisioningState",
            "properties.state",
            "properties.hostName",
            "properties.locations",
            "sku.tier",
            "identity.principalId",
            "identity.tenantId",
        }
    ),
    "microsoft.devices/provisioningservices": frozenset(
        {
            "properties.serviceOperationsHostName",
            "properties.deviceProvisioningHostName",
            "properties.idScope",
            "properties.iotHubs.name",
            "sku.tier",
        }
    ),
    "microsoft.authorization/roleassignments": frozenset(
        f"properties.{name}" for name in ("scope", "createdOn", "createdBy", "updatedOn", "updatedBy")
    ),
}
"""What the APIs' descriptions mark `readOnly`: what-if knows it and leaves it out."""

_SHORT_CIRCUITED = (
    "A nested deployment got short-circuited and all its resources got skipped from validation. This is due to a nested "
    "template having a parameter that was not fully evaluated (e.g. contains a reference() function)."
)


def what_if(world: World, providers: Providers, plan: Plan, caller: Principal, *, ids_only: bool) -> JSON:
    """The changes that a plan would make, as `WhatIfOperationProperties`. Refuses what the deployment's preflight refuses."""
    preflight(world, providers, plan, caller)
    changes: list[JSON] = []
    diagnostics: list[JSON] = []
    for foreseen in unfold(world, plan, caller):
        if foreseen.expanded is None:
            changes.append(_predict(world, providers, foreseen, ids_only=ids_only))
        elif not foreseen.expanded:
            diagnostics.append(
                {
                    "level": "Warning",
                    "code": "NestedDeploymentShortCircuited",
                    "message": _SHORT_CIRCUITED,
                    "target": str(foreseen.declared.id),
                }
            )
    named = {change["resourceId"].lower() for change in changes}
    for each in providers.resources(world, plan.id.subscription, plan.id.group, caller):
        if each["id"].lower() not in named:
            changes.append(_left_over(each, complete=plan.mode == "Complete", ids_only=ids_only))
    changes.sort(key=lambda change: str(change["resourceId"]).lower())
    return {"changes": changes, "potentialChanges": [], "diagnostics": diagnostics}


def _predict(world: World, providers: Providers, foreseen: Foreseen, *, ids_only: bool) -> JSON:
    declared = foreseen.declared
    current = providers.find(declared.id.type).get(world, declared.id, declared.api_version)
    change: JSON = {"resourceId": str(declared.id), "deploymentId": str(foreseen.plan.id), "resourceType": declared.id.type}
    if declared.symbol:
        change["symbolicName"] = declared.symbol
    if ids_only:
        return change | {"changeType": "Create" if current is None else "Deploy"}
    after = _identified(declared.id, declared.api_version) | shown(foreseen.body)
    if current is None:
        return change | {"changeType": "Create", "before": None, "after": after, "delta": None}
    before = _snapshot(declared.id, declared.api_version, current)
    delta = list(differences(_compared(before), _compared(after)))
    return change | {"changeType": "Modify" if delta else "NoChange", "before": before, "after": after, "delta": delta}


def _left_over(listed: JSON, *, complete: bool, ids_only: bool) -> JSON:
    """What becomes of a resource that the template does not have."""
    change = {"resourceId": listed["id"], "resourceType": listed["type"], "changeType": "Delete" if complete else "Ignore"}
    if ids_only:
        return change
    before = _snapshot(ResourceId.parse(listed["id"]), "", listed)
    return change | {"before": before, "after": None if complete else before, "delta": None}


def _identified(identifier: ResourceId, api_version: str) -> JSON:
    found = {"id": str(identifier), "name": identifier.name, "type": identifier.type}
    return found | ({"apiVersion": api_version} if api_version else {})


def _snapshot(identifier: ResourceId, api_version: str, current: JSON) -> JSON:
    read_only = _ALWAYS_READ_ONLY | _READ_ONLY.get(identifier.type.lower(), frozenset())
    rest = {key: each for key, each in current.items() if key not in _IDENTITY}
    kept: JSON = _without(rest, read_only)
    return _identified(identifier, api_version) | kept


def _without(value: Any, paths: frozenset[str], prefix: str = "") -> Any:
    match value:
        case dict():
            return {key: _without(each, paths, f"{prefix}{key}.") for key, each in value.items() if prefix + key not in paths}
        case list():
            return [_without(each, paths, prefix) for each in value]
        case _:
            return value


def _compared(payload: JSON) -> JSON:
    """The part that is compared; regions in one spelling, for `West Europe` is `westeurope`."""
    rest = {key: each for key, each in payload.items() if key not in _IDENTITY}
    return rest | ({"location": regions.normal(rest["location"])} if rest.get("location") else {})
