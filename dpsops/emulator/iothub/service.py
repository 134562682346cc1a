"""A hub's own hosts: its service API. Devices reach it over MQTT (`mqtt`)."""

from __future__ import annotations

from dpsops.emulator.http import Router, Service
from dpsops.emulator.iothub import access, registry_routes

SERVICE = Service(
    name="iothub",
    host=access.HOST,
    audience="",  # `access` takes tokens and shared access signatures, and reads either itself
    router=Router(registry_routes.OPERATIONS),
    authorize=access.authorize,
    unauthenticated=access.unauthenticated,
    unknown=access.unknown,
    resolves=access.resolves,
)
