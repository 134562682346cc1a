"""A hub's own hosts: its service API, and its device API over HTTPS. Devices reach it over MQTT, too (`mqtt`)."""

from __future__ import annotations

from collections.abc import Mapping

from dpsops.emulator.http import Request, Route, Router, Service
from dpsops.emulator.iothub import access, registry_routes
from dpsops.emulator.iothub.device_routes import ROUTES, DeviceRoute
from dpsops.emulator.world import World


def _authorize(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    """Checks a request of the service API. Behind a route of the device API the device's own credential decides."""
    if not isinstance(route, DeviceRoute):
        access.authorize(world, request, route, named)


SERVICE = Service(
    name="iothub",
    host=access.HOST,
    audience="",  # both APIs take credentials of their own, and read them themselves
    router=Router([*registry_routes.OPERATIONS, *ROUTES]),
    authorize=_authorize,
    unauthenticated=access.unauthenticated,
    unknown=access.unknown,
    resolves=access.resolves,
)
