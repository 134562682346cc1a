"""Resource Manager operations on the diagnostic settings of a resource (`Microsoft.Insights/diagnosticSettings`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.insights import categories, diagnostic_settings
from dpsops.emulator.insights.diagnostic_settings import TYPE, refusal
from dpsops.emulator.insights.workspaces import GroupNames
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import resource_not_found
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.resource_provider.versions import behind
from dpsops.emulator.world import World

_VERSIONS = frozenset({"2017-05-01-preview", "2021-05-01-preview"})
_OWNER = "/subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}/{kind}/{name}"
_ALL = f"{_OWNER}/providers/{TYPE}"
_ONE = f"{_ALL}/{{setting}}"


@dataclass(frozen=True, slots=True)
class Insights:
    """The provider: the types of resources that have diagnostic settings, by name in lower case, and the resource groups."""

    owners: Mapping[str, ResourceType]
    groups: GroupNames

    @classmethod
    def of(cls, types: Iterable[ResourceType], groups: GroupNames) -> Insights:
        """The provider for those of the types that have logs."""
        logged = (categories.VAULT, categories.SERVICE, categories.HUB)
        return cls({each.name.lower(): each for each in types if each.name in logged}, groups)

    def owner(self, world: World, owner: ResourceId) -> ResourceId:
        """The resource, its type spelt as its provider does. Refuses one that has no logs, or does not exist."""
        type_ = self.owners.get(owner.type.lower())
        if type_ is None:
            message = f"The resource type '{owner.type.lower()}' does not support diagnostic settings."
            raise refusal(400, "ResourceTypeNotSupported", message)
        if type_.get(world, owner, max(type_.api_versions)) is None:
            raise resource_not_found(type_.name, owner.name, owner.group)
        return replace(owner, type=type_.name)


def _put(insights: Insights, world: World, request: Request, setting: str, **where: str) -> Response:
    """200, also for a new one (recorded)."""
    owner = _at(insights, world, **where)
    return Response(200, diagnostic_settings.put(world, insights.groups, owner, setting, request.json(), request.principal))


def _get(insights: Insights, world: World, request: Request, setting: str, **where: str) -> Response:
    found = diagnostic_settings.find(world, _at(insights, world, **where), setting)
    if found is None:
        raise refusal(404, "ResourceNotFound", f"The diagnostic setting '{setting}' doesn't exist.")
    return Response(200, found)


def _delete(insights: Insights, world: World, request: Request, setting: str, **where: str) -> Response:
    """200, and 204 where there is none."""
    return Response(200 if diagnostic_settings.delete(world, _at(insights, world, **where), setting) else 204)


def _list(insights: Insights, world: World, request: Request, **where: str) -> Response:
    return Response(200, {"value": diagnostic_settings.list_of(world, _at(insights, world, **where))})


def _at(insights: Insights, world: World, subscription: str, group: str, namespace: str, kind: str, name: str) -> ResourceId:
    return insights.owner(world, ResourceId(subscription, group, f"{namespace}/{kind}", (name,)))


def routes(insights: Insights) -> list[Route]:
    """The operations on the settings of one resource."""
    found = [
        Route("GET", _ALL, partial(_list, insights), f"{TYPE}/read"),
        Route("PUT", _ONE, partial(_put, insights), f"{TYPE}/write"),
        Route("GET", _ONE, partial(_get, insights), f"{TYPE}/read"),
        Route("DELETE", _ONE, partial(_delete, insights), f"{TYPE}/delete"),
    ]
    return behind(found, "diagnosticSettings", _VERSIONS)


def resource_type(insights: Insights) -> ResourceType:
    """Diagnostic settings as deployments make them."""
    return ResourceType(TYPE, _VERSIONS, partial(_deploy, insights), _find)


def _deploy(insights: Insights, world: World, identifier: ResourceId, body: JSON, _version: str, caller: Principal) -> JSON:
    owner = insights.owner(world, _extended(identifier))
    return diagnostic_settings.put(world, insights.groups, owner, identifier.name, body, caller)


def _find(world: World, identifier: ResourceId, _version: str) -> JSON | None:
    return diagnostic_settings.find(world, _extended(identifier), identifier.name)


def _extended(identifier: ResourceId) -> ResourceId:
    """The resource that a setting extends."""
    try:
        return ResourceId.parse(identifier.scope)
    except ValueError:
        message = f"The scope '{identifier.scope}' does not support diagnostic settings."
        raise refusal(400, "ResourceTypeNotSupported", message) from None
