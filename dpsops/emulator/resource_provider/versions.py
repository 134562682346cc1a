"""API versions, which each resource type has of its own."""

from __future__ import annotations

from collections.abc import Iterable

from dpsops.emulator.http import Handler, Request, Response, Route
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.world import World


def behind(routes: Iterable[Route], kind: str, versions: frozenset[str]) -> list[Route]:
    """The routes, each of which now refuses an API version that `kind` (`IotHubs`) does not have."""
    return [Route(route.method, route.pattern, _checked(route.handler, kind, versions), route.action) for route in routes]


def _checked(handler: Handler, kind: str, versions: frozenset[str]) -> Handler:
    def answer(world: World, request: Request, **named: str) -> Response:
        if request.api_version not in versions:
            message = (
                f"No registered resource provider found for API version '{request.api_version}' for type '{kind}'. "
                f"The supported api-versions are '{', '.join(sorted(versions))}'."
            )
            raise refusal(400, "NoRegisteredProviderFound", message)
        return handler(world, request, **named)

    return answer
