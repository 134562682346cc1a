"""A device's registration: it is attested, assigned to a hub, and asks how that goes. HTTPS and MQTT both lead here."""

from __future__ import annotations

import hashlib
import math
import uuid
from typing import Any, NamedTuple

from cryptography import x509

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.dps import limits
from dpsops.emulator.dps.access import is_open
from dpsops.emulator.dps.allocation import Unassignable
from dpsops.emulator.dps.assignment import assign
from dpsops.emulator.dps.attestation import INVALID, Attested, Proof, attest
from dpsops.emulator.dps.bodies import bad_request
from dpsops.emulator.dps.enrollments.entries import GROUPS
from dpsops.emulator.dps.enrollments.settings import id_fault, policy_named
from dpsops.emulator.dps.errors import (
    CONFLICT,
    INVALID_CERTIFICATE,
    NOT_DESERIALIZED,
    NOT_FOUND,
    REGISTRATION_NOT_FOUND,
    invalid,
    refusal,
    unauthorized,
)
from dpsops.emulator.dps.registrations import find_registration, is_pending, save_registration, show_registration
from dpsops.emulator.dps.state import service_of_scope
from dpsops.emulator.http import Refusal
from dpsops.emulator.microsoft_devices.chains import is_valid, thumbprint
from dpsops.emulator.microsoft_devices.etags import record_etag
from dpsops.emulator.microsoft_devices.issuance import InvalidRequest, PublicKey, decode, issue, requested_key
from dpsops.emulator.world import World

API_VERSIONS = frozenset({"2018-11-01", "2019-03-31", "2019-04-15", "2021-06-01", "2021-10-01", "2026-11-01"})
_TELLS_REPROVISIONED = "2019-04-15"
"""The first API version in which a device that the hub has already is told so; before, each assignment was an initial one."""

_ISSUES = "2026-11-01"
"""The first API version in which a device may ask for a certificate."""

_MEMBERS: dict[str, type[Any]] = {"registrationId": str, "tpm": dict, "payload": dict}
"""Of a request's body, with their types. A TPM is refused by name; only custom allocation would use the payload."""

_LONGEST_PAUSE = 3
"""Seconds: what DPS asks devices to wait between two polls."""


class Answer(NamedTuple):
    """What a device is told: HTTP status, body, and in how many seconds it should ask again."""

    status: int
    body: JSON
    retry_after: int | None = None


def register(world: World, id_scope: str, registration_id: str, proof: Proof, body: bytes, *, version: str) -> Answer:
    """Begins a registration: 202, or 200 and no operation where the enrollment is disabled.

    `version` is one of `API_VERSIONS`. Refuses a device that is not attested (401), an unknown ID scope (404), one that
    is still being assigned where the world has it so (409: .NET's own tests retry it; its text is from memory), and what is
    above the rate (429).
    """
    service = _require_service(world, id_scope)
    limits.take(world, service, limits.REGISTRATIONS)
    fault = id_fault(registration_id)
    if fault is not None:
        raise invalid(world, fault)
    request = _read_body(world, registration_id, body, version)
    device = attest(world, service, registration_id, proof)
    key = None if request is None else _requested_key(world, registration_id, request)
    previous = find_registration(world, service, registration_id)
    if previous is not None and is_pending(world, previous) and not world.habits.parallel_registrations:
        raise refusal(world, CONFLICT, "Conflict")
    registration = _registered(world, service, registration_id, device, version, previous, key)
    save_registration(world, service, registration)
    return _outcome(world, registration, version) if registration["status"] == "disabled" else _pending(world, registration)


def look_up(world: World, id_scope: str, registration_id: str, operation_id: str, proof: Proof, *, version: str) -> Answer:
    """How an operation goes: 202 until it is over, then 200. Only the certificate that began it may ask, or a key of the device.

    A device's new registration takes the place of the one before, whose operation is then unknown (stricter guess).
    """
    service = _require_service(world, id_scope)
    registration = find_registration(world, service, registration_id)
    if not proof.chain and not proof.signature:
        raise unauthorized(world)
    if registration is None or registration["operation"]["id"] != operation_id:
        raise refusal(world, REGISTRATION_NOT_FOUND, "Registration not found.")
    if not proof.chain:
        attest(world, service, registration_id, proof)
    elif not _is_leaf(proof.chain[0], registration["operation"]["thumbprint"], world.now):
        raise refusal(world, INVALID_CERTIFICATE, INVALID)
    limits.take(world, service, limits.POLLS, registration_id)
    return _pending(world, registration) if is_pending(world, registration) else _outcome(world, registration, version)


def find_state(world: World, id_scope: str, registration_id: str, proof: Proof, body: bytes, *, version: str) -> Answer:
    """The device's registration as it is. The device is attested and counted as when it registers."""
    service = _require_service(world, id_scope)
    limits.take(world, service, limits.REGISTRATIONS)
    if _read_body(world, registration_id, body, version) is not None:
        raise bad_request(world)
    attest(world, service, registration_id, proof)
    registration = find_registration(world, service, registration_id)
    if registration is None:
        raise refusal(world, REGISTRATION_NOT_FOUND, "Registration not found.")
    return Answer(200, _show(world, registration))


def _read_body(world: World, registration_id: str, body: bytes, version: str) -> str | None:
    """The certificate signing request in a body, None where there is none.

    The body (`DeviceRegistration`) may name the device again, and may be empty: every .NET device's is, over MQTT.

    What it must not have is a member that nobody knows, or a payload that is no object: 400012, both reported. That it may
    not be another device's is a guess.
    """
    try:
        found = parse_json(body) if body else {}
    except ValueError as unreadable:
        raise _not_deserialized(world) from unreadable
    members = _MEMBERS | {"csr": str} if version >= _ISSUES else _MEMBERS
    if not isinstance(found, dict) or found.keys() - members.keys():
        raise _not_deserialized(world)
    if not all(isinstance(value, members[name] | None) for name, value in found.items()):
        raise _not_deserialized(world)
    if found.get("tpm") is not None:
        raise invalid(world, "The embedded Azure cannot attest a device by its TPM.")
    if (found.get("registrationId") or registration_id).lower() != registration_id.lower():
        raise bad_request(world)
    request: str | None = found.get("csr")
    return request


def _requested_key(world: World, registration_id: str, request: str) -> PublicKey:
    """The key that a device wants certified. Refuses at once what cannot be, though nothing were issued (stricter guess)."""
    try:
        return requested_key(decode(request), registration_id)
    except InvalidRequest as fault:
        raise invalid(world, f"The certificate signing request is not valid: {fault}.") from fault


def _not_deserialized(world: World) -> Refusal:
    return refusal(world, NOT_DESERIALIZED, "Deserialization error.")


def _require_service(world: World, id_scope: str) -> JSON:
    service = service_of_scope(world, id_scope)
    if service is None:
        raise refusal(world, NOT_FOUND, "Not Found")
    if not is_open(world, service, "deviceApi"):
        raise unauthorized(world)
    return service


def _registered(
    world: World,
    service: JSON,
    registration_id: str,
    device: Attested,
    version: str,
    previous: JSON | None,
    key: PublicKey | None,
) -> JSON:
    """The registration as it will be once the operation is over; what was assigned in the `previous` one is remembered.

    `key` is certified where the device's entry says under which policy.
    """
    entry = device.entry
    ready = world.now + world.timings.operation
    found: JSON = {
        "registrationId": registration_id,
        "attestation": entry["attestation"]["type"],
        "group": entry["id"] if entry["kind"] == GROUPS.name else None,
        "created": world.now if previous is None else previous["created"],
        "updated": ready,
        "etag": record_etag(world),
        "status": "assigned",
        "substatus": None,
        "error": None,
        "hub": None if previous is None else previous["hub"],
        "deviceId": None if previous is None else previous["deviceId"],
        "operation": {"id": _operation_id(service, registration_id), "ready": ready, "thumbprint": device.thumbprint},
    }
    if entry["settings"].get("provisioningStatus") == "disabled":
        nothing = {"id": "", "ready": world.now, "thumbprint": device.thumbprint}
        return found | {"status": "disabled", "updated": world.now, "operation": nothing}
    policy = policy_named(service, entry["settings"])
    issued = None if key is None or policy is None else issue(world, policy, key, registration_id)
    try:
        assignment = assign(world, service, device, registration_id, previous, issued)
    except Unassignable as failed:
        return found | {"status": "failed", "error": {"code": failed.code, "message": str(failed)}}
    known = assignment.substatus == "reprovisionedToInitialAssignment" and version < _TELLS_REPROVISIONED
    substatus = "initialAssignment" if known else assignment.substatus
    chain = {} if issued is None else {"issued": [issued.leaf, issued.issuer, issued.root]}
    return found | {"hub": assignment.hub, "deviceId": assignment.device_id, "substatus": substatus, **chain}


def _operation_id(service: JSON, registration_id: str) -> str:
    """The part in the middle is the same for all operations of a device."""
    device = hashlib.sha256(f"{service['idScope']}/{registration_id.lower()}".encode()).hexdigest()[:16]
    return f"5.{device}.{uuid.uuid4()}"


def _is_leaf(presented: bytes, expected: str, now: float) -> bool:
    """Whether this is the certificate that was attested, and it still is valid; its chain has been checked."""
    try:
        leaf = x509.load_der_x509_certificate(presented)
    except ValueError:
        return False
    return thumbprint(leaf) == expected and is_valid(leaf, now)


def _pending(world: World, registration: JSON) -> Answer:
    """As slow as Azure is to be here, but never slower than the real one."""
    pause = min(_LONGEST_PAUSE, math.ceil(world.timings.operation))
    return Answer(202, {"operationId": registration["operation"]["id"], "status": "assigning"}, pause)


def _outcome(world: World, registration: JSON, version: str) -> Answer:
    identifier = registration["operation"]["id"]
    shown = _show(world, registration)
    if "issued" in registration and version >= _ISSUES:
        shown["issuedCertificateChain"] = registration["issued"]
    return Answer(200, {"operationId": identifier, "status": registration["status"], "registrationState": shown})


def _show(world: World, registration: JSON) -> JSON:
    """The registration as devices see it: `x509` holds the group, and for an individual enrollment nothing, as seen;
    `symmetricKey` likewise (the specification has its one member)."""
    group, member = registration["group"], registration.get("attestation", "x509")
    return {member: {} if group is None else {"enrollmentGroupId": group}, **show_registration(world, registration)}
