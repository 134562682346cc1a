"""The service API's operations on registrations: HTTP in and out."""

from __future__ import annotations

from functools import partial

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.access import Operation, require_service
from dpsops.emulator.dps.enrollments.changes import require_entry
from dpsops.emulator.dps.enrollments.entries import GROUPS
from dpsops.emulator.dps.errors import REGISTRATION_NOT_FOUND, STALE, refusal
from dpsops.emulator.dps.pages import page
from dpsops.emulator.dps.registrations import delete_registration, find_registration, registrations_of, show_registration
from dpsops.emulator.dps.state import prefix_of
from dpsops.emulator.http import NOTHING, Request, Response
from dpsops.emulator.microsoft_devices.etags import condition
from dpsops.emulator.world import World


def _get(world: World, request: Request, *, service: str, registration: str) -> Response:
    return Response(200, show_registration(world, _require(world, require_service(world, service), registration)))


def _delete(world: World, request: Request, *, service: str, registration: str) -> Response:
    holder = require_service(world, service)
    found = _require(world, holder, registration)
    if condition(request) not in (None, "*", found["etag"]):
        raise refusal(world, STALE, "Precondition failed.")
    delete_registration(world, holder, found)
    return Response(204, NOTHING)


def _query(world: World, request: Request, *, service: str, group: str) -> Response:
    """The registrations of a group."""
    holder = require_service(world, service)
    require_entry(world, holder, GROUPS, group)
    read, show = partial(registrations_of, world, holder, group), partial(show_registration, world)
    return page(world, request, read, prefix_of(holder), "DeviceRegistration", show)


def _require(world: World, service: JSON, registration_id: str) -> JSON:
    registration = find_registration(world, service, registration_id)
    if registration is None:
        raise refusal(world, REGISTRATION_NOT_FOUND, "Registration not found.")
    return registration


_ONE = "/registrations/{registration}"

OPERATIONS = [
    Operation("GET", _ONE, _get, "registrationStates/read", right="RegistrationStatusRead"),
    Operation("DELETE", _ONE, _delete, "registrationStates/delete", right="RegistrationStatusWrite"),
    Operation("POST", "/registrations/{group}/query", _query, "registrationStates/read", right="RegistrationStatusRead"),
]
