"""A hub's own host: its service API. Devices reach it over MQTT (`mqtt`)."""

from __future__ import annotations

from dpsops.emulator.http import Request, Response, Router, Service
from dpsops.emulator.iothub import access, registry_routes
from dpsops.emulator.world import World


def _unknown(world: World, request: Request) -> Response:
    return Response(404, {"Message": f"No HTTP resource was found that matches the request URI '{request.url}'."})


SERVICE = Service(
    name="iothub",
    host=access.HOST,
    audience="",  # `access` takes tokens and shared access signatures, and reads either itself
    router=Router(registry_routes.OPERATIONS),
    authorize=access.authorize,
    unauthenticated=access.unauthenticated,
    unknown=_unknown,
    resolves=access.resolves,
)
