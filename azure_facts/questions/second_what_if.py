"""What does a second what-if of vault, hub and DPS show where nothing was changed, and what does it leave out?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from azure_facts.answers import NotClear, Question
from azure_facts.group import first_deployment
from dpsops.azure.deployments import template
from dpsops.cli.connection import Connection
from dpsops.model.roles import HUB, SERVICE, VAULT

if TYPE_CHECKING:
    from azure.mgmt.resource.deployments.models import WhatIfChange, WhatIfOperationResult, WhatIfPropertyChange

_NAME = "second-what-if"

Defaults = Literal["carried", "deleted", "created", "deleted and created", "not shown"]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One resource in the second what-if: the type of its change, and the paths of its properties by theirs. `unevaluated`:
    those whose value stays an expression. `defaults`: what becomes of what the service has set itself."""

    kind: str
    deleted: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    unevaluated: tuple[str, ...] = ()
    defaults: Defaults = "carried"

    @property
    def line(self) -> str:
        """In a few words."""
        parts = [
            f"{len(paths)} {name}" for name, paths in (("modified", self.modified), ("unevaluated", self.unevaluated)) if paths
        ]
        return ", ".join([self.kind, f"defaults {self.defaults}", *parts])


@dataclass(frozen=True, slots=True)
class SecondWhatIf:
    """`short_circuits`: what becomes of a module with a parameter that is not known yet. `empty_objects`: whether an object
    with nothing in it is shown of a new resource; None if that resource is not. `potential_changes`: how many; None: no list."""

    vault: Foreseen
    hub: Foreseen
    dps: Foreseen
    short_circuits: Literal["told", "silent", "looked into"]
    empty_objects: bool | None
    potential_changes: int | None

    @property
    def line(self) -> str:
        """In one line."""
        empty = {True: "shown", False: "left out", None: "not seen"}[self.empty_objects]
        more = "absent" if self.potential_changes is None else f"{self.potential_changes} listed"
        modules = {"told": "passed over, and told", "silent": "passed over in silence", "looked into": "looked into"}
        return (
            f"vault: {self.vault.line}; hub: {self.hub.line}; DPS: {self.dps.line}; a module with an unknown parameter is "
            f"{modules[self.short_circuits]}; empty objects {empty}; potentialChanges {more}"
        )


def _ask(azure: Connection) -> SecondWhatIf:
    environment = azure.run.environment
    again = _what_if(azure, template(), first_deployment(azure).parameters)
    named = ((VAULT, environment.vault.name), (HUB, environment.hub[0].name), (SERVICE, environment.dps.name))
    vault, hub, dps = (foreseen(again, *each) for each in named)
    if "Create" in (vault.kind, hub.kind, dps.kind):
        raise NotClear("not all of vault, hub and DPS are there, so the what-if is a first one")
    probe = _what_if(azure, _probe(azure), {})
    return SecondWhatIf(
        vault,
        hub,
        dps,
        short_circuits(azure, probe),
        empty_objects(azure, probe),
        None if again.potential_changes is None else len(again.potential_changes),
    )


def _what_if(azure: Connection, source: Mapping[str, Any], parameters: Mapping[str, object]) -> WhatIfOperationResult:
    from azure.mgmt.resource.deployments.models import DeploymentWhatIf, DeploymentWhatIfProperties

    given: dict[str, Any] = {name: {"value": value} for name, value in parameters.items()}
    properties = DeploymentWhatIfProperties(mode="Incremental", template=dict(source), parameters=given)
    group = azure.run.environment.resource_group
    asked = azure.clients.deployments.deployments.begin_what_if(group, _NAME, DeploymentWhatIf(properties=properties))
    found = asked.result()
    if found.error is not None:
        raise NotClear(f"the what-if failed: {found.error.message}")
    return found


def foreseen(found: WhatIfOperationResult, type_: str, name: str) -> Foreseen:
    """What a what-if says of one resource."""
    end = f"/providers/{type_}/{name}".lower()
    change = next((each for each in found.changes or [] if str(each.resource_id).lower().endswith(end)), None)
    if change is None:
        return Foreseen("not in it", defaults="not shown")
    delta = change.delta or []
    modified = [each for each in delta if _kind(each) not in ("Delete", "Create")]
    deleted, created = (tuple(str(each.path) for each in delta if _kind(each) == kind) for kind in ("Delete", "Create"))
    return Foreseen(
        _text(change.change_type),
        deleted,
        created,
        tuple(str(each.path) for each in modified if not _is_unevaluated(each)),
        tuple(str(each.path) for each in modified if _is_unevaluated(each)),
        _defaults(deleted, created, change),
    )


def _defaults(deleted: tuple[str, ...], created: tuple[str, ...], change: WhatIfChange) -> Defaults:
    if _text(change.change_type) not in ("Modify", "NoChange"):
        return "not shown"
    if deleted and created:
        return "deleted and created"
    return "deleted" if deleted else "created" if created else "carried"


def _kind(change: WhatIfPropertyChange) -> str:
    return _text(change.property_change_type)


def _is_unevaluated(change: WhatIfPropertyChange) -> bool:
    """Whether what the property would be is still an expression, in it or in a part of it."""
    if isinstance(change.after, str) and change.after.startswith("["):
        return True
    return any(_is_unevaluated(each) for each in change.children or [])


def _text(value: object) -> str:
    return str(getattr(value, "value", value))


def _new(azure: Connection) -> str:
    return f"{azure.run.environment.hub[0].name}-new"


def _within(azure: Connection) -> str:
    return f"{azure.run.environment.hub[0].name}-within"


def _probe(azure: Connection) -> dict[str, Any]:
    """A template that is asked about and never deployed: a hub with an empty object, and a module that asks the present hub."""
    environment = azure.run.environment
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    hub = {"type": HUB, "apiVersion": "2023-06-30", "location": environment.location, "sku": {"name": "S1", "capacity": 1}}
    asked = f"[reference(resourceId('{HUB}', '{environment.hub[0].name}'), '2023-06-30').hostName]"
    inner = {
        "$schema": schema,
        "contentVersion": "1.0.0.0",
        "parameters": {"host": {"type": "string"}},
        "resources": [hub | {"name": _within(azure), "tags": {"host": "[parameters('host')]"}, "properties": {}}],
    }
    module = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2025-04-01",
        "name": f"{_NAME}-module",
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"host": {"value": asked}},
            "template": inner,
        },
    }
    new = hub | {"name": _new(azure), "tags": {}, "properties": {}}
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": [new, module]}


def _changed(found: WhatIfOperationResult, name: str) -> WhatIfChange | None:
    return next((each for each in found.changes or [] if str(each.resource_id).lower().endswith(f"/{name}".lower())), None)


def short_circuits(azure: Connection, found: WhatIfOperationResult) -> Literal["told", "silent", "looked into"]:
    """What the what-if of the probe has made of its module."""
    if _changed(found, _within(azure)) is not None:
        return "looked into"
    told = any("shortcircuit" in str(each.code).lower() for each in found.diagnostics or [])
    return "told" if told else "silent"


def empty_objects(azure: Connection, found: WhatIfOperationResult) -> bool | None:
    """Whether the what-if of the probe shows an object with nothing in it; None if it does not show the hub that has one."""
    change = _changed(found, _new(azure))
    if change is None or not isinstance(change.after, Mapping):
        return None
    return any(value == {} for value in change.after.values())


QUESTION = Question(_NAME, "What does a second what-if show where nothing was changed, and what does it leave out?", _ask)
