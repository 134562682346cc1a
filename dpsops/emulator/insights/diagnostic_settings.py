"""Diagnostic settings: what one says, which are refused, and what a GET shows.

Each is a document of its own, by its ID in lower case: {"name", "owner" (the ID of the resource), "type" (the resource's),
"properties" (as given)}.

Source: recordings of Microsoft's CLI, 2022 and 2023, for the shapes; refusals quoted in public issues, 2017 to 2026;
"Diagnostic settings in Azure Monitor" for the limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.insights import categories
from dpsops.emulator.insights.workspaces import GroupNames, require_workspace
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

TYPE = "Microsoft.Insights/diagnosticSettings"
_KIND = "diagnosticSetting"
_MOST = 5
_NAME = re.compile(r"[^<>*%&:\\?+/\x00-\x1f]{1,260}")
_SINKS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId", "serviceBusRuleId")
_SHOWN = ("storageAccountId", "serviceBusRuleId", "workspaceId", "eventHubAuthorizationRuleId", "eventHubName")
_UNKEPT = {"enabled": False, "days": 0}


def refusal(status: int, code: str, message: str) -> Refusal:
    """A refusal in the provider's own shape, which has no `error` around it (quoted)."""
    return Refusal(Response(status, {"code": code, "message": message}))


def put(world: World, groups: GroupNames, owner: ResourceId, name: str, body: Any, caller: Principal) -> JSON:
    """Makes or replaces a setting of a resource, whose type is spelt as `categories` has it, and returns it as a GET shows it."""
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        raise refusal(400, "BadRequest", "The properties of the diagnostic setting are missing.")
    if not _NAME.fullmatch(name):
        raise refusal(400, "BadRequest", f"The name '{name}' of the diagnostic setting is not valid.")
    identifier = ResourceId.at(str(owner), TYPE, name)
    require_workspace(world, groups, identifier, properties.get("workspaceId"), caller)
    if not any(properties.get(sink) for sink in _SINKS):
        raise refusal(400, "BadRequest", "At least one data sink needs to be specified.")
    entries = _entries(properties, "logs"), _entries(properties, "metrics")
    _require_known(owner.type, *entries)
    document: JSON = {"name": name, "owner": str(owner), "type": owner.type, "properties": properties}
    others = [each for each in _of(world, owner) if each["name"].lower() != name.lower()]
    if len(others) >= _MOST:
        raise refusal(400, "BadRequest", f"The resource has {_MOST} diagnostic settings already, which is the most it can have.")
    for other in others:
        _require_apart(document, other)
    world.state.put(_KIND, _key(owner, name), document)
    return _show(document)


def find(world: World, owner: ResourceId, name: str) -> JSON | None:
    """A setting of a resource as a GET shows it, or None."""
    found = world.state.get(_KIND, _key(owner, name))
    return None if found is None else _show(found)


def delete(world: World, owner: ResourceId, name: str) -> bool:
    """Removes a setting; False where there was none."""
    return world.state.delete(_KIND, _key(owner, name))


def list_of(world: World, owner: ResourceId) -> list[JSON]:
    """All settings of a resource, each as a GET shows it."""
    return [_show(each) for each in _of(world, owner)]


def forget(world: World, scope: str) -> None:
    """Removes the settings of what is gone, unless they outlive it (`Habits.diagnostic_settings_stay`)."""
    if world.habits.diagnostic_settings_stay:
        return
    for key, _ in world.state.list(_KIND, f"{scope.rstrip('/')}/".lower()):
        world.state.delete(_KIND, key)


def _of(world: World, owner: ResourceId) -> list[JSON]:
    return [document for _, document in world.state.list(_KIND, _key(owner, ""))]


def _key(owner: ResourceId, name: str) -> str:
    return f"{owner}/providers/{TYPE}/{name}".lower()


def _entries(properties: JSON, kind: str) -> list[JSON]:
    """The logs or metrics that a setting names. A retention is not: it was for storage accounts, and is gone."""
    given = properties.get(kind) or []
    if not isinstance(given, list) or not all(isinstance(each, dict) and isinstance(each.get("enabled"), bool) for each in given):
        raise refusal(400, "BadRequest", f"The {kind} of the diagnostic setting are not valid.")
    return given


def _require_known(type_: str, logs: list[JSON], metrics: list[JSON]) -> None:
    """Refuses unknown categories, and categories beside groups of them."""
    named = [str(each["category"]) for each in logs if each.get("category")]
    groups = [str(each["categoryGroup"]) for each in logs if each.get("categoryGroup")]
    if named and groups:
        raise refusal(400, "BadRequest", "Diagnostic setting does not support mix of log category and log category group.")
    measured = [str(each.get("category")) for each in metrics]
    for wrong in (*_unknown(named, categories.logs(type_)), *_unknown(measured, categories.METRICS)):
        raise refusal(400, "BadRequest", f"Category '{wrong}' is not supported.")
    for wrong in _unknown(groups, categories.groups(type_)):
        raise refusal(400, "BadRequest", f"Category group '{wrong}' is not supported.")
    if len(named) + len(groups) < len(logs):
        raise refusal(400, "BadRequest", "A log of the diagnostic setting has neither a category nor a category group.")
    if not any(each["enabled"] for each in (*logs, *metrics)):
        raise refusal(400, "BadRequest", "At least one category of the diagnostic setting must be enabled.")


def _unknown(names: Iterable[str], known: Iterable[str]) -> list[str]:
    spelt = [each.lower() for each in known]
    return [each for each in names if each.lower() not in spelt]


def _require_apart(document: JSON, other: JSON) -> None:
    """Refuses to send one category to one place twice."""
    mine, theirs = document["properties"], other["properties"]
    for sink in _SINKS:
        place = mine.get(sink)
        if not place or str(place).lower() != str(theirs.get(sink)).lower():
            continue
        exported = _exported(other)
        for category in _exported(document):
            if category in exported:
                message = (
                    f"Data sink '{place}' is already used in diagnostic setting '{other['name']}' for category '{category}'. "
                    "Data sinks can't be reused in different settings on the same category for the same resource."
                )
                raise refusal(409, "Conflict", message)


def _exported(document: JSON) -> list[str]:
    """The categories that a setting exports, as they are spelt."""
    type_, properties = document["type"], document["properties"]
    known = [*categories.logs(type_), *categories.METRICS]
    names = {
        str(each.get("category")).lower()
        for kind in ("logs", "metrics")
        for each in _entries(properties, kind)
        if each["enabled"]
    }
    for each in _entries(properties, "logs"):
        if each["enabled"] and each.get("categoryGroup"):
            within = {group.lower(): inside for group, inside in categories.groups(type_).items()}
            names |= {category.lower() for category in within[str(each["categoryGroup"]).lower()]}
    return [each for each in known if each.lower() in names]


def _show(document: JSON) -> JSON:
    """A setting as a GET shows it: what there is none of is null, and the categories that it does not name are disabled."""
    given, type_ = document["properties"], document["type"]
    logs = _entries(given, "logs")
    grouped = any(each.get("categoryGroup") for each in logs)
    known = list(categories.groups(type_)) if grouped else list(categories.logs(type_))
    member = "categoryGroup" if grouped else "category"
    rest = _unknown(known, [str(each[member]) for each in logs])
    metrics = _entries(given, "metrics")
    unmeasured = _unknown(categories.METRICS, [str(each["category"]) for each in metrics])
    return {
        "id": f"{document['owner'].lower()}/providers/microsoft.insights/diagnosticSettings/{document['name']}",
        "type": TYPE,
        "name": document["name"],
        "location": None,
        "kind": None,
        "tags": None,
        "properties": {
            **{name: given.get(name) for name in _SHOWN},
            "metrics": [
                *(_measured(str(each["category"]), enabled=each["enabled"]) for each in metrics),
                *(_measured(each, enabled=False) for each in unmeasured),
            ],
            "logs": [
                *(_logged(member, str(each[member]), enabled=each["enabled"]) for each in logs),
                *(_logged(member, each, enabled=False) for each in rest),
            ],
            "logAnalyticsDestinationType": given.get("logAnalyticsDestinationType"),
        },
        "identity": None,
    }


def _logged(member: str, name: str, *, enabled: bool) -> JSON:
    return {"category": None, "categoryGroup": None} | {member: name, "enabled": enabled, "retentionPolicy": _UNKEPT}


def _measured(name: str, *, enabled: bool) -> JSON:
    return {"timeGrain": None, "category": name, "enabled": enabled, "retentionPolicy": _UNKEPT}
