"""The hosts of DPS: a provisioning service's own, for the service API, and the global one, for devices.

The device API answers at both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dpsops.emulator.dps import access, device_routes, registration_routes
from dpsops.emulator.dps.enrollments import routes as enrollment_routes
from dpsops.emulator.http import Request, Route, Router, Service
from dpsops.emulator.world import World


def _open(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    """The device's certificate decides, behind the routes."""


SERVICE = Service(
    name="dps-service",
    host=access.HOST,
    audience="",  # `access` takes tokens and shared access signatures, and reads either itself
    router=Router([*enrollment_routes.OPERATIONS, *registration_routes.OPERATIONS, *device_routes.ROUTES]),
    authorize=access.authorize,
    unauthenticated=access.unauthenticated,
    unknown=access.unknown,
    resolves=access.resolves,
)

DEVICE_SERVICE = Service(
    name="dps-device",
    host=re.compile(r"global\.azure-devices-provisioning\.net"),
    audience="",
    router=Router(device_routes.ROUTES),
    authorize=_open,
    unauthenticated=access.unauthenticated,
    unknown=access.unknown,
)
