"""What-if: what a deployment would change, as far as can be told without running it.

Like Azure's it reports more than would change: values that only the running deployment could evaluate, that a secret is in
or that the time is look modified, to the text of their expression, and what the service has set by itself is told in one of
several ways (`Habits.what_if_defaults`). Source: recordings, 2020 to 2026: order and keys of a change, and what is left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from dpsops.emulator.arm.delta import differences
from dpsops.emulator.arm.plans import Plan
from dpsops.emulator.arm.preflight import preflight
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.template.parser import Call, Literal
from dpsops.emulator.arm.template.values import Deferred, as_expression, is_known, shown
from dpsops.emulator.arm.unfolding import Foreseen, unfold
from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_IDENTITY = ("id", "name", "type", "apiVersion")
_ALWAYS_READ_ONLY = frozenset({"etag", "systemData", "resourcegroup", "subscriptionid"})
_READ_ONLY: Mapping[str, frozenset[str]] = {
    "microsoft.resources/resourcegroups": frozenset({"properties"}),  # recorded 2026
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


_UNSUPPORTED = "The resource type '{}' is not supported by What-If."
_UNIDENTIFIABLE = (
    "Changes to the resource declared at '{}' on {} cannot be analyzed because its resource ID or API version cannot be "
    "calculated until the deployment is under way. Please see https://aka.ms/WhatIfUnidentifiableResource for more guidance."
)
"""Observed, also that the resource's ID is then an expression, and that the rest is shown as far as it can be told."""


def what_if(world: World, providers: Providers, plan: Plan, caller: Principal, *, ids_only: bool) -> JSON:
    """The changes that a plan would make, as `WhatIfOperationProperties`. Refuses what the deployment's preflight refuses.

    They are sorted by resource ID in any case (recorded; but `Habits.shuffled`). What there is none of is left out, but for
    `changes`.
    """
    preflight(world, providers, plan, caller)
    changes: list[JSON] = []
    diagnostics: list[JSON] = []
    touched: dict[tuple[str, str], None] = {}
    for foreseen in unfold(world, plan, caller):
        identifier = foreseen.declared.id
        if identifier.group:
            touched[identifier.subscription, identifier.group.lower()] = None
        if foreseen.expanded is None:
            changes.append(_predict(world, providers, foreseen, ids_only=ids_only))
        elif not foreseen.expanded and world.habits.what_if_short_circuits == "told":
            diagnostics.append(
                {
                    "level": "Warning",
                    "code": "NestedDeploymentShortCircuited",
                    "message": _SHORT_CIRCUITED,
                    "target": str(identifier),
                }
            )
    if plan.id.group:
        touched[plan.id.subscription, plan.id.group.lower()] = None
    named = {change["resourceId"].lower() for change in changes}
    for subscription, group in touched:
        complete = plan.mode == "Complete" and group == plan.id.group.lower()
        for each in providers.resources(world, subscription, group, caller):
            if each["id"].lower() not in named:
                changes.append(_left_over(world, each, complete=complete, ids_only=ids_only))
    changes.sort(key=lambda change: str(change["resourceId"]).lower())
    if world.habits.shuffled:
        changes = world.chances.shuffled(changes, plan.id, world.now)
    correlation = {"correlationId": str(uuid.uuid4())} if world.habits.what_if_correlation else {}
    found: JSON = correlation | {"changes": changes}
    if world.habits.what_if_details:
        return found | {"potentialChanges": [], "diagnostics": diagnostics}
    return found | ({"diagnostics": diagnostics} if diagnostics else {})


def _predict(world: World, providers: Providers, foreseen: Foreseen, *, ids_only: bool) -> JSON:
    declared = foreseen.declared
    change: JSON = {"resourceId": str(declared.id)}
    if world.habits.what_if_details:
        change |= {"deploymentId": str(foreseen.plan.id), "resourceType": declared.id.type}
        change |= {"symbolicName": declared.symbol} if declared.symbol else {}
    if declared.id.type.lower() in map(str.lower, world.habits.what_if_unsupported):
        return change | {"changeType": "Unsupported", "unsupportedReason": _UNSUPPORTED.format(declared.id.type)}
    name = foreseen.name_ahead()
    if not is_known(name):
        return change | _unidentifiable(world, foreseen, name, ids_only=ids_only)
    current = providers.find(declared.id.type).get(world, declared.id, declared.api_version)
    if ids_only:
        return change | {"changeType": "Create" if current is None else "Deploy"}
    wanted = _identified(declared.id, declared.api_version, _wanted(world, foreseen))
    if current is None:
        return change | {"changeType": "Create", "after": wanted}
    before = _snapshot(declared.id, declared.api_version, current)
    match world.habits.what_if_defaults:
        case "carried":
            after = _sorted(_carried(before, wanted))
        case "created":
            before, after = _common(before, wanted), _sorted(_carried(before, wanted))
        case "deleted":
            after = wanted
    delta = list(differences(_compared(before), _compared(after)))
    return change | {"changeType": "Modify" if delta else "NoChange", "before": before, "after": after, "delta": delta}


def _wanted(world: World, foreseen: Foreseen) -> JSON:
    body: JSON = shown(foreseen.ahead())
    return body if world.habits.what_if_empty_objects else _without_empty(body)


def _unidentifiable(world: World, foreseen: Foreseen, name: Any, *, ids_only: bool) -> JSON:
    """What is said of a resource whose name nobody can know yet. How the expression of its ID is written is a guess."""
    declared = foreseen.declared
    identifier = f"{declared.id.scope}/providers/{declared.id.type}/"
    expression = shown(Deferred(Call("concat", (Literal(identifier), as_expression(name)))))
    where = declared.where.removeprefix("at ").replace("'", "")
    found = {
        "resourceId": expression,
        "changeType": "Unsupported",
        "unsupportedReason": _UNIDENTIFIABLE.format(foreseen.path, where),
    }
    rest = {"id": expression, "name": shown(name), "type": declared.id.type, "apiVersion": declared.api_version}
    after = {} if ids_only else {"after": _sorted(_wanted(world, foreseen) | rest)}
    return found | after


def _left_over(world: World, listed: JSON, *, complete: bool, ids_only: bool) -> JSON:
    """What becomes of a resource that the template does not have. Of one that stays no more than its identity is shown."""
    change: JSON = {"resourceId": listed["id"], "changeType": "Delete" if complete else "Ignore"}
    if world.habits.what_if_details:
        change["resourceType"] = listed["type"]
    if ids_only:
        return change
    identifier = ResourceId.parse(listed["id"])
    if complete:
        return change | {"before": _snapshot(identifier, "", listed)}
    location = {"location": regions.normal(listed["location"])} if listed.get("location") else {}
    kept = _identified(identifier, "", location)
    return change | {"before": kept, "after": kept}


def _identified(identifier: ResourceId, api_version: str, rest: JSON) -> JSON:
    found = {"id": str(identifier), "name": identifier.name, "type": identifier.type}
    identified: JSON = _sorted(rest | found | ({"apiVersion": api_version} if api_version else {}))
    return identified


def _snapshot(identifier: ResourceId, api_version: str, current: JSON) -> JSON:
    read_only = _ALWAYS_READ_ONLY | _READ_ONLY.get(identifier.type.lower(), frozenset())
    rest = {key: each for key, each in current.items() if key not in _IDENTITY}
    kept: JSON = _without(rest, read_only)
    if isinstance(kept.get("tags"), dict):
        kept["tags"] = {name: each for name, each in kept["tags"].items() if each}  # recorded 2026
    return _identified(identifier, api_version, kept)


def _carried(before: Any, wanted: Any) -> Any:
    """What is wanted, and beside it what is there already; lists are as the template has them."""
    if not isinstance(before, dict) or not isinstance(wanted, dict):
        return wanted
    present = {key.lower(): key for key in before}
    named = {present.get(key.lower(), key): each for key, each in wanted.items()}
    return before | {key: _carried(before.get(key), each) for key, each in named.items()}


def _without_empty(value: Any) -> Any:
    """A body without objects that have nothing in them."""
    if not isinstance(value, dict):
        return value
    return {key: found for key, each in value.items() if (found := _without_empty(each)) != {}}


def _common(before: Any, wanted: Any) -> Any:
    """The part of what is there that the template speaks of, too."""
    if not isinstance(before, dict) or not isinstance(wanted, dict):
        return before
    spoken = {key.lower(): each for key, each in wanted.items()}
    return {key: _common(each, spoken[key.lower()]) for key, each in before.items() if key.lower() in spoken}


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            return {key: _sorted(value[key]) for key in sorted(value)}
        case list():
            return [_sorted(each) for each in value]
        case _:
            return value


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
