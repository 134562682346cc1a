"""A provisioning service's own host: the service API, and the device API, which the global host has for all of them."""

from __future__ import annotations

from dpsops.emulator.dps import access, device, registration_routes
from dpsops.emulator.dps.enrollments import routes as enrollment_routes
from dpsops.emulator.http import Router, Service

SERVICE = Service(
    name="dps-service",
    host=access.HOST,
    audience="",  # the door takes tokens and shared access signatures, and reads either itself
    router=Router([*enrollment_routes.OPERATIONS, *registration_routes.OPERATIONS, *device.ROUTES]),
    authorize=access.authorize,
    unauthenticated=access.unauthenticated,
    unknown=access.unknown,
    resolves=access.resolves,
)
