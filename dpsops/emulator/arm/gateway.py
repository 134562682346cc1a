"""Resource Manager's gateway: who may call, which provider answers, and the answer where there is none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace

from dpsops.emulator import rbac
from dpsops.emulator.arm import (
    deny_assignments,
    deployments,
    foresight,
    groups,
    history,
    locks,
    permissions,
    providers,
    registrations,
    resource_lists,
    role_definitions,
    role_routes,
    roles,
    subscriptions,
    tags,
    versions,
)
from dpsops.emulator.arm.policies import assignments, enforcement
from dpsops.emulator.arm.policies import routes as policies
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.documents import parse_json
from dpsops.emulator.http import Refusal, Request, Response, Route, Router, Service
from dpsops.emulator.insights import diagnostic_settings
from dpsops.emulator.resource_provider.errors import by_gateway, error, forbidden, refusal
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, GROUPS, ResourceId, ResourceType
from dpsops.emulator.world import World

_AUDIENCES = ("https://management.azure.com/", "https://management.core.windows.net/")
_SCOPE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)(?:/resourceGroups/(?P<group>[^/]+)(?P<below>/.*)?)?(?:/.*)?", re.IGNORECASE
)
_PROVIDER = re.compile(r".*/providers/(?P<namespace>[^/]+)/.+", re.IGNORECASE)
_PROVIDERS = re.compile(r"(/subscriptions/[^/]+)/providers(/[^/]+(/(un)?register)?)?/?", re.IGNORECASE)
_READS = ("GET", "HEAD")
_GROUP = re.compile(r"(?P<scope>/subscriptions/[^/]+)/resourceGroups/(?P<name>[^/]+)/?", re.IGNORECASE)


def resource_manager(types: Iterable[ResourceType], provided: Iterable[Route]) -> Service:
    """Resource Manager in front of these resource types, and of the routes that serve them."""
    gathered = [_noting(_forgetting(route)) for route in provided]
    registered = Providers.of(
        [
            *types,
            roles.RESOURCE_TYPE,
            role_definitions.RESOURCE_TYPE,
            locks.RESOURCE_TYPE,
            policies.RESOURCE_TYPE,
            groups.RESOURCE_TYPE,
        ],
        gathered,
    )
    resources = [
        *subscriptions.ROUTES,
        *map(_forgetting, groups.routes(registered)),
        *resource_lists.routes(registered),
        *tags.routes(registered),
        *deployments.routes(registered),
        *foresight.routes(registered),
        *providers.routes(registered, groups.names),
    ]
    own = [
        *versions.behind(role_routes.routes(registered), versions.AUTHORIZATION),
        *versions.behind(permissions.routes(registered), versions.PERMISSIONS),
        *versions.behind(deny_assignments.routes(registered), versions.DENY_ASSIGNMENTS),
        *versions.behind(locks.routes(registered), versions.LOCKS),
        *versions.behind(policies.routes(registered), versions.POLICIES),
        *(_own(route) for route in versions.behind(resources, versions.RESOURCES)),
    ]

    def authorize(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
        _authorize(registered, world, request, route, named)

    def unknown(world: World, request: Request) -> Response:
        return _unknown(registered, request)

    return Service(
        name="resource manager",
        host=re.compile(r"management\.azure\.com"),
        audience=" ".join(_AUDIENCES),
        router=Router([*own, *gathered]),
        authorize=authorize,
        unauthenticated=_unauthenticated,
        unknown=unknown,
        spelled=_spelled,
    )


def _spelled(path: str) -> str:
    """A path with two slashes in a row is the one with one (recorded: `Microsoft.Network//virtualnetworks`)."""
    return re.sub("/{2,}", "/", path)


def _own(route: Route) -> Route:
    """A route that no provider serves, so that its refusals are the gateway's."""

    def answer(world: World, request: Request, **named: str) -> Response:
        try:
            found = route.handler(world, request, **named)
        except Refusal as refused:
            raise by_gateway(refused) from refused
        return found if found.status < 400 else by_gateway(Refusal(found)).response

    return replace(route, handler=answer)


def _forgetting(route: Route) -> Route:
    """A resource or group that is deleted takes along the role assignments, locks, policy assignments and diagnostic settings on
    it."""
    if route.method != "DELETE":
        return route

    def delete(world: World, request: Request, **named: str) -> Response:
        answer = route.handler(world, request, **named)
        roles.forget(world, request.path.rstrip("/"))
        locks.forget(world, request.path)
        assignments.forget(world, request.path)
        diagnostic_settings.forget(world, request.path)
        history.forget(world, request.path)
        return answer

    return replace(route, handler=delete)


def _noting(route: Route) -> Route:
    """A resource that is written is noted as made or changed now."""
    if route.method not in ("PUT", "PATCH"):
        return route

    def write(world: World, request: Request, **named: str) -> Response:
        answer = route.handler(world, request, **named)
        if answer.status < 400:
            history.note(world, ResourceId.parse(request.path.rstrip("/")))
        return answer

    return replace(route, handler=write)


def _authorize(registered: Providers, world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    """What the gateway checks for every provider: API version, subscription, role, resource group, registration, locks,
    policies."""
    try:
        _check(world, request, route, named)
        _require_policies(registered, world, request)
    except Refusal as refused:
        raise by_gateway(refused) from refused


def _require_policies(registered: Providers, world: World, request: Request) -> None:
    """Refuses what policies deny, of a resource or a group; a PATCH is judged by what it would make of the resource."""
    if request.method not in ("PUT", "PATCH") or not assignments.are_there(world):
        return
    group = _GROUP.fullmatch(request.path)
    try:
        identifier = ResourceId.at(group["scope"], GROUPS, group["name"]) if group else ResourceId.parse(request.path.rstrip("/"))
        body = parse_json(request.body)
    except ValueError:
        return
    if not isinstance(body, dict):
        return
    if request.method == "PATCH" and identifier.type.lower() in registered.types:
        current = registered.get(world, identifier) or {}
        given = {"properties": {**current.get("properties", {}), **body["properties"]}} if body.get("properties") else {}
        body = current | body | given
    enforcement.require_allowed(world, identifier, body)


def _check(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    if not request.api_version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise refusal(400, "MissingApiVersionParameter", message)
    if request.body and request.media_type != "application/json":
        given = request.media_type or "<null>"
        message = f"The content media type '{given}' is not supported. Only 'application/json' is supported."
        raise refusal(415, "UnsupportedMediaType", message)
    scope = _SCOPE.fullmatch(request.path)
    if scope is not None:
        _require_subscription(world, scope["subscription"])
    action = route.action.format_map(named)
    if action and not rbac.allowed(world, request.principal, action, request.path):
        found = rbac.denial(world, request.principal, action, request.path)
        if found and rbac.granted(world, request.principal, action, request.path):
            raise deny_assignments.denied(request.principal, action, request.path, *found)
        provider = _PROVIDERS.fullmatch(request.path)  # no scope of its own, as users quote the error
        raise forbidden(request.principal, action, provider[1] if provider else request.path)
    if scope is not None and scope["group"] and scope["below"]:
        if request.method in (*_READS, "DELETE"):  # what goes with its group may also be deleted itself (recorded)
            groups.require(world, scope["subscription"], scope["group"])
        else:
            groups.require_writable(world, scope["subscription"], scope["group"])
        provider = _PROVIDER.fullmatch(request.path)
        if provider and request.method not in _READS:
            registrations.require(world, scope["subscription"], [provider["namespace"]])
    locks.require_unlocked(world, request.method, request.path)


def _require_subscription(world: World, subscription: str) -> None:
    try:
        uuid.UUID(subscription)
    except ValueError as invalid:
        message = f"The provided subscription identifier '{subscription}' is malformed or invalid."
        raise refusal(400, "InvalidSubscriptionId", message) from invalid
    subscriptions.require(world, subscription)


def _unauthenticated(world: World, request: Request, reason: str) -> Response:
    """401, with the tenant to sign in to where the path names a subscription."""
    scope = _SCOPE.fullmatch(request.path)
    found = world.state.get("subscription", scope["subscription"].lower()) if scope else None
    authority = f"https://login.windows.net/{found['tenantId'] if found else ''}"
    if reason == "missing":
        code, message = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
        description = "The authentication failed because of missing 'Authorization' header."
    elif reason == "expired":
        code, message = "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time."
        description = message
    elif reason.startswith("the audience is"):
        code = "InvalidAuthenticationTokenAudience"
        allowed = ",".join(f"'{each}'" for audience in _AUDIENCES for each in (audience, audience.rstrip("/")))
        message = (
            "The access token has been obtained for wrong audience or resource. It should exactly match with one of the "
            f"allowed audiences {allowed}."
        )
        description = message
    else:
        code, message = "InvalidAuthenticationToken", "The access token is invalid."
        description = message
    challenge = f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{description}"'
    return Response(401, {"error": error(code, message)}, {"WWW-Authenticate": challenge})


def _unknown(registered: Providers, request: Request) -> Response:
    """404 for a provider or a type that does not exist; 405 where there is one, but not this operation."""
    if not request.path.lower().startswith("/subscriptions/"):
        message = "The request did not have a subscription or a valid tenant level resource provider."
        return Response(404, {"error": error("MissingSubscription", message)})
    namespace, *rest = request.path.rpartition("/providers/")[2].split("/") if "/providers/" in request.path else ("", "")
    known = {each.lower(): each for each in registered.namespaces()}
    if namespace and namespace.lower() not in known:
        return Response(404, {"error": error("InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")})
    kind = "/".join(rest[::2])
    if namespace and f"{namespace}/{kind}".lower() not in {*registered.types, DEPLOYMENTS.lower()}:
        message = (
            f"The resource type '{kind}' could not be found in the namespace '{known[namespace.lower()]}' for api version "
            f"'{request.api_version}'."
        )
        return Response(404, {"error": error("InvalidResourceType", message)})
    return Response(405, {"Message": f"The requested resource does not support http method '{request.method}'."})
