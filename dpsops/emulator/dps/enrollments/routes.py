"""The service API's operations on enrollment groups and individual enrollments: HTTP in and out."""

from __future__ import annotations

import re
from functools import partial

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.access import Operation, require_service
from dpsops.emulator.dps.bodies import bad_request, json_object, member
from dpsops.emulator.dps.enrollments import changes
from dpsops.emulator.dps.enrollments.entries import GROUPS, INDIVIDUALS, Kind, entries_beyond
from dpsops.emulator.dps.enrollments.mechanisms import show_mechanism
from dpsops.emulator.dps.enrollments.settings import show_settings
from dpsops.emulator.dps.errors import invalid
from dpsops.emulator.dps.pages import page
from dpsops.emulator.dps.registrations import find_registration, show_registration
from dpsops.emulator.dps.state import prefix_of
from dpsops.emulator.http import NOTHING, Refusal, Request, Response
from dpsops.emulator.microsoft_devices.etags import condition
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

_BULK = 10
_MODES = ("create", "update", "updateifmatchetag", "delete")
_EVERYTHING = re.compile(r"(\*|SELECT \*( FROM \w+)?)?", re.IGNORECASE)


def _show(kind: Kind, version: str, entry: JSON, *, keys: bool = False) -> JSON:
    return {
        kind.identifier: entry["id"],
        "attestation": show_mechanism(kind, entry["attestation"], keys=keys),
        "etag": entry["etag"],
        "provisioningStatus": None,
        **show_settings(entry["settings"], version),
        "createdDateTimeUtc": timestamp(entry["created"]),
        "lastUpdatedDateTimeUtc": timestamp(entry["updated"]),
    }


def _show_whole(world: World, service: JSON, kind: Kind, version: str, entry: JSON) -> JSON:
    """An individual enrollment that is asked for shows its device's registration; in a list, and in the answer to the
    PUT, it does not (recordings `enrollment_tpm_lifecycle`, `enrollment_symmetrickey_lifecycle`)."""
    shown = _show(kind, version, entry)
    if kind is not INDIVIDUALS:
        return shown
    registration = find_registration(world, service, entry["id"])
    unassigned = {"registrationId": entry["id"], "status": "unassigned"}
    return shown | {"registrationState": unassigned if registration is None else show_registration(world, registration)}


def _put(kind: Kind, world: World, request: Request, *, service: str, entry: str) -> Response:
    holder, body = require_service(world, service), json_object(world, request.body)
    written = changes.write(world, holder, kind, entry, body, condition(request), version=request.api_version)
    return Response(200, _show(kind, request.api_version, written, keys=True))


def _get(kind: Kind, world: World, request: Request, *, service: str, entry: str) -> Response:
    holder = require_service(world, service)
    found = changes.require_entry(world, holder, kind, entry)
    return Response(200, _show_whole(world, holder, kind, request.api_version, found))


def _delete(kind: Kind, world: World, request: Request, *, service: str, entry: str) -> Response:
    changes.delete(world, require_service(world, service), kind, entry, condition(request))
    return Response(204, NOTHING)


def _get_mechanism(kind: Kind, world: World, request: Request, *, service: str, entry: str) -> Response:
    found = changes.require_entry(world, require_service(world, service), kind, entry)
    return Response(200, show_mechanism(kind, found["attestation"], keys=True))


def _query(kind: Kind, world: World, request: Request, *, service: str) -> Response:
    """Of the query language only what selects everything is known."""
    query = member(world, json_object(world, request.body), "query", str)
    if query is None or not _EVERYTHING.fullmatch(query.strip()):
        raise bad_request(world)
    holder = require_service(world, service)
    read, show = partial(entries_beyond, world, holder, kind), partial(_show, kind, request.api_version)
    return page(world, request, read, prefix_of(holder), kind.item_type, show)


def _run_bulk(kind: Kind, world: World, request: Request, *, service: str) -> Response:
    """At most 10 entries; each is written or refused by itself.

    An update without an etag meets the entry that is there: 409201 (recording `enrollment_bulk_operations`). That it
    succeeds under the entry's own etag is a guess.
    """
    holder, body = require_service(world, service), json_object(world, request.body)
    entries = member(world, body, kind.path, list) or []
    if not 1 <= len(entries) <= _BULK or not all(isinstance(each, dict) for each in entries):
        raise invalid(world, f"Between 1 and {_BULK} {kind.path} are expected.")
    mode = (member(world, body, "mode", str) or "").lower()
    if mode not in _MODES:
        raise bad_request(world)
    errors = []
    for each in entries:
        identifier = member(world, each, kind.identifier, str) or ""
        try:
            with world.state.attempt():
                _change(world, holder, kind, identifier, each, mode, request.api_version)
        except Refusal as refused:
            error = refused.response.body
            errors.append({kind.identifier: identifier, "errorCode": error["errorCode"], "errorStatus": error["message"]})
    return Response(200, {"errors": errors, "isSuccessful": not errors})


def _change(world: World, service: JSON, kind: Kind, identifier: str, body: JSON, mode: str, version: str) -> None:
    write = partial(changes.write, world, service, kind, identifier, body, version=version)
    match mode:
        case "create":
            write(None)
        case "update":
            changes.require_entry(world, service, kind, identifier)
            write(member(world, body, "etag", str))
        case "updateifmatchetag":
            write(member(world, body, "etag", str) or "")
        case _:
            changes.delete(world, service, kind, identifier, None)


def _operations(kind: Kind) -> list[Operation]:
    every, one = f"/{kind.path}", f"/{kind.path}/{{entry}}"
    read, write, delete = (f"{kind.path}/{verb}" for verb in ("read", "write", "delete"))
    return [
        Operation("POST", every, partial(_run_bulk, kind), f"{write} {delete}", right="EnrollmentWrite"),
        Operation("POST", f"{every}/query", partial(_query, kind), read, right="EnrollmentRead"),
        Operation("GET", one, partial(_get, kind), read, right="EnrollmentRead"),
        Operation("PUT", one, partial(_put, kind), write, right="EnrollmentWrite"),
        Operation("DELETE", one, partial(_delete, kind), delete, right="EnrollmentWrite"),
        Operation(
            "POST",
            f"{one}/attestationmechanism",
            partial(_get_mechanism, kind),
            "attestationmechanism/details/action",
            right="EnrollmentWrite",
        ),
    ]


OPERATIONS = [*_operations(GROUPS), *_operations(INDIVIDUALS)]
