"""The resource providers that are registered: which types there are, and how Resource Manager reaches them."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from dpsops.emulator.arm import history, registrations
from dpsops.emulator.arm.versions import RESOURCES
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response, Route, Router
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.resource_provider.errors import refusal, resource_not_found
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, GROUPS, ResourceId, ResourceType
from dpsops.emulator.world import World

_HOST = "management.azure.com"
GroupNames = Callable[[World, str], list[str]]


@dataclass(frozen=True, slots=True)
class Providers:
    """Every resource type by its name in lower case, and the providers' own operations."""

    types: Mapping[str, ResourceType]
    router: Router

    @classmethod
    def of(cls, types: Iterable[ResourceType], routes: Iterable[Route]) -> Providers:
        """Registers these types, which these routes serve."""
        return cls({each.name.lower(): each for each in types}, Router(list(routes)))

    def namespaces(self) -> list[str]:
        """The namespaces of the types, as their providers spell them, and Resource Manager's own."""
        return sorted({"Microsoft.Resources", *(each.name.split("/")[0] for each in self.types.values())})

    def namespace(self, text: str) -> str:
        """The namespace, as its provider spells it. Refuses one that does not exist."""
        for each in self.namespaces():
            if each.lower() == text.lower():
                return each
        raise refusal(404, "InvalidResourceNamespace", f"The resource namespace '{text}' is invalid.")

    def find(self, name: str) -> ResourceType:
        """The type of this name. Refuses a type or a namespace that does not exist."""
        found = self.types.get(name.lower())
        if found is not None:
            return found
        namespace, _, kind = name.partition("/")
        self.namespace(namespace)
        message = f"The resource type '{kind}' could not be found in the namespace '{namespace}'."
        raise refusal(404, "InvalidResourceType", message)

    def offer(self, namespace: str, kind: str) -> JSON | None:
        """Where a type may be, and its API versions, the newest first, as the template function `providers` tells them."""
        found = self.types.get(f"{namespace}/{kind}".lower())
        return None if found is None else _offer(found.name.partition("/")[2], found.api_versions, found.locations)

    def require(self, name: str, api_version: str, location: str) -> ResourceType:
        """The type, which must have this API version and, unless it is empty, this location."""
        found = self.find(name)
        if api_version not in found.api_versions or (location and regions.normal(location) not in found.locations):
            raise _unregistered(found.name, api_version, location, found.api_versions, found.locations)
        return found

    def get(self, world: World, identifier: ResourceId, api_version: str = "") -> JSON | None:
        """The resource as a GET shows it, or None; by default in the newest API version."""
        found = self.find(identifier.type)
        return found.get(world, identifier, api_version or _newest(found))

    def require_resource(self, world: World, text: str) -> None:
        """Refuses the ID of a resource that does not exist. Any scope above resources is left to the gateway."""
        try:
            identifier = ResourceId.parse(text)
        except ValueError:
            return
        if identifier.type.lower() not in self.types and not identifier.group:
            return  # such as a management group
        if self.get(world, identifier) is None:
            raise resource_not_found(identifier.type, "/".join(identifier.names), identifier.group)

    def resources(self, world: World, subscription: str, group: str, caller: Principal) -> list[JSON]:
        """The top-level resources of a group, each as its provider lists it."""
        found = []
        for each in self.types.values():
            if each.name == GROUPS:
                continue
            path = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{each.name}"
            if each.name.count("/") == 1 and self.router.find("GET", path):
                found += self._ask(world, "GET", path, each, caller).body["value"]
        return found

    def empty(self, world: World, subscription: str, group: str, caller: Principal) -> None:
        """Deletes every resource of a group, in the order of the types."""
        for each in self.resources(world, subscription, group, caller):
            self.delete(world, ResourceId.parse(each["id"]), caller)

    def delete(self, world: World, identifier: ResourceId, caller: Principal) -> None:
        """Deletes a resource as its provider's DELETE would."""
        self._ask(world, "DELETE", str(identifier), self.find(identifier.type), caller)
        history.forget(world, str(identifier))

    def can_tag(self, identifier: ResourceId) -> bool:
        """Whether a resource of this ID would have tags that can be changed by themselves."""
        return identifier.type.count("/") == 1 and self.router.find("PATCH", str(identifier)) is not None

    def tag(self, world: World, identifier: ResourceId, tags: dict[str, str], caller: Principal) -> None:
        """Replaces a resource's tags as its provider's PATCH would."""
        body = json.dumps({"tags": tags}).encode()
        self._ask(world, "PATCH", str(identifier), self.find(identifier.type), caller, body)
        history.note(world, identifier)

    def _ask(self, world: World, method: str, path: str, type_: ResourceType, caller: Principal, body: bytes = b"") -> Response:
        found = self.router.find(method, path)
        assert found is not None, f"{type_.name} has no {method}"
        route, named = found
        request = Request(method, _HOST, path, {"api-version": _newest(type_)}, body=body, caller=caller)
        return route.handler(world, request, **named)


def require_deployments(api_version: str) -> None:
    """Refuses a nested deployment in an API version that deployments do not have."""
    if api_version not in RESOURCES:
        raise _unregistered(DEPLOYMENTS, api_version, "", RESOURCES, regions.REGIONS)


def _unregistered(name: str, api_version: str, location: str, versions: frozenset[str], locations: Container[str]) -> Refusal:
    kind = name.partition("/")[2]
    return refusal(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location '{location}' and API version '{api_version}' for type '{kind}'. "
        f"The supported api-versions are '{', '.join(sorted(versions))}'. "
        f"The supported locations are '{', '.join(each for each in regions.REGIONS if each in locations)}'.",
    )


def _newest(found: ResourceType) -> str:
    return max(found.api_versions, key=lambda version: (version.removesuffix("-preview") == version, version))


_OF_RESOURCES = ("deployments", "deployments/operations", "resourceGroups", "subscriptions", "tags", "tenants")
"""The types of Microsoft.Resources, in which generic clients look API versions up."""

_POLICY_SINCE = "2018"
"""API versions before did not show the policy (recorded: 2016-02-01 without, 2022-09-01 with)."""


def show(providers: Providers, subscription: str, namespace: str, state: str, api_version: str) -> JSON:
    """A provider as a subscription sees it."""
    types = [each for each in providers.types.values() if each.name.split("/")[0].lower() == namespace.lower()]
    kinds = {each.name.partition("/")[2]: (each.api_versions, each.locations) for each in types}
    if namespace == DEPLOYMENTS.partition("/")[0]:
        kinds = dict.fromkeys(_OF_RESOURCES, (RESOURCES, regions.REGIONS))
    policy = {"registrationPolicy": "RegistrationRequired"} if api_version >= _POLICY_SINCE else {}
    return {
        "id": f"/subscriptions/{subscription}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": state,
        **policy,
        "resourceTypes": [
            _offer(kind, *each) | {"capabilities": "SupportsTags, SupportsLocation"} for kind, each in kinds.items()
        ],
    }


def _offer(kind: str, versions: frozenset[str], locations: Container[str]) -> JSON:
    return {
        "resourceType": kind,
        "locations": [name for short, name in regions.REGIONS.items() if short in locations],
        "apiVersions": sorted(versions, reverse=True),
    }


def _list(providers: Providers, world: World, request: Request, subscription: str) -> Response:
    found = [
        show(providers, subscription, each, registrations.state(world, subscription, each), request.api_version)
        for each in providers.namespaces()
    ]
    return Response(200, {"value": found})


def _get(providers: Providers, world: World, request: Request, subscription: str, namespace: str) -> Response:
    found = providers.namespace(namespace)
    state = registrations.state(world, subscription, found)
    return Response(200, show(providers, subscription, found, state, request.api_version))


def _register(providers: Providers, world: World, request: Request, subscription: str, namespace: str) -> Response:
    """`Registering` until a while has passed, also in the answer to the POST itself."""
    found = providers.namespace(namespace)
    state = registrations.change(world, subscription, found, registered=True)
    return Response(200, show(providers, subscription, found, state, request.api_version))


def _unregister(
    providers: Providers, groups: GroupNames, world: World, request: Request, subscription: str, namespace: str
) -> Response:
    """`Unregistering` for a while. Refused while there are resources of the provider ("Azure resource providers and types";
    status, code and words are guessed)."""
    found = providers.namespace(namespace)
    for group in groups(world, subscription):
        for each in providers.resources(world, subscription, group, request.principal):
            if each["type"].lower().startswith(f"{found}/".lower()):
                message = f"The resource provider '{found}' cannot be unregistered while there are resources: '{each['id']}'."
                raise refusal(409, "CannotUnregisterResourceProvider", message)
    state = registrations.change(world, subscription, found, registered=False)
    return Response(200, show(providers, subscription, found, state, request.api_version))


def routes(providers: Providers, groups: GroupNames) -> list[Route]:
    """The operations on providers (Resource Manager, `Providers`); `groups` names the groups of a subscription. Who registers a
    provider needs the provider's own right ("Azure resource providers and types"; users' reports of the denial)."""
    base = "/subscriptions/{subscription}/providers"
    one, read = base + "/{namespace}", "Microsoft.Resources/subscriptions/providers/read"
    return [
        Route("GET", base, partial(_list, providers), read),
        Route("GET", one, partial(_get, providers), read),
        Route("POST", one + "/register", partial(_register, providers), "{namespace}/register/action"),
        Route("POST", one + "/unregister", partial(_unregister, providers, groups), "{namespace}/unregister/action"),
    ]
