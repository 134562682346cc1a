"""A device renews its certificate at the hub, over MQTT: it asks with a request (PKCS #10), is told that it is heard (202), and
later what was issued (200), under the policy that DPS has registered it with.

Source: a public write-up of tests of the hub (30 January 2026: topics, order, codes and most of the words). No recording. A
request that is being answered is kept: {"requestId", "correlationId", "csr" (base64 of DER), "ready" and "expires" (epoch s)}.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.iothub.devices import CREDENTIAL_REQUEST, by_issued, find_device, part_prefix, save_device
from dpsops.emulator.microsoft_devices.issuance import InvalidRequest, decode, issue, requested_key
from dpsops.emulator.post import Publication
from dpsops.emulator.world import World

FILTER = "$iothub/credentials/res/#"
TOPIC = re.compile(r"\$iothub/credentials/POST/issueCertificate/(?:\?\$rid=(?P<rid>[^&]+))?")
SINCE = "2025-08-01-preview"
"""The first API version whose connections have these topics (stricter guess; the unified device SDKs connect with it)."""

_MEMBERS = frozenset({"id", "csr", "replace"})
_REQUEST_SIZE = 8 * 1024
_LIFETIME = 12 * 3600
_EXACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{2,34}[A-Za-z0-9]")
_ANY = "*"

_INVALID, _UNREADABLE, _UNVERIFIED, _NOT_ISSUED, _ACTIVE, _NOTHING_TO_REPLACE = (
    400_004,
    400_006,
    400_037,
    400_040,
    409_004,
    412_001,
)


class _Refused(Exception):
    """The request is refused: code, message, and what is said beside them."""

    def __init__(self, code: int, message: str, info: JSON | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.info = code, message, info


class _Asked(NamedTuple):
    """What a device asks: its request, base64 of DER, and which one of its own this takes the place of (None: of none)."""

    csr: str
    replace: str | None


def is_heard(device: JSON) -> bool:
    """Whether a device has subscribed to the answers."""
    return FILTER in device.get("filters", ())


def ask(world: World, hub: JSON, device: JSON, method: str, rid: str, payload: bytes) -> list[Publication]:
    """Takes a request, which is heard, and answers 202, or refuses it."""
    try:
        asked = _read(device["deviceId"], payload)
        _check_place(world, hub, device, asked.replace)
        if "policy" not in device or method != "x509Certificate":  # a guess, and its words; the code is in tests of an SDK
            raise _Refused(_NOT_ISSUED, "Credential management operation failed.")
    except _Refused as refused:
        return [_refusal(world, rid, refused)]
    ready, expires = world.now + world.timings.renewal, world.now + _LIFETIME
    kept = {"requestId": rid, "correlationId": str(uuid.uuid4()), "csr": asked.csr, "ready": ready, "expires": expires}
    world.state.put(CREDENTIAL_REQUEST, _key(hub, device["deviceId"]), kept)
    if world.timings.renewal:
        world.post.wake(device["connection"], world.timings.renewal)
    return [_answer(202, rid, {"correlationId": kept["correlationId"], "operationExpires": _moment(expires)})]


def send_due(world: World, hub: JSON, device_id: str, *, or_wait: bool = False) -> None:
    """Sends a device what has become of its request, once that is done and the device has subscribed.

    `or_wait`: if it is not done yet, the connection is looked after when it is.
    """
    kept = _active(world, hub, device_id)
    device = None if kept is None else find_device(world, hub, device_id)
    if kept is None or device is None or device["connection"] is None or not is_heard(device):
        return
    if world.now >= kept["ready"]:
        world.state.delete(CREDENTIAL_REQUEST, _key(hub, device_id))
        world.post.publish(device["connection"], _outcome(world, hub, device, kept))
    elif or_wait:
        world.post.wake(device["connection"], kept["ready"] - world.now)


def _outcome(world: World, hub: JSON, device: JSON, kept: JSON) -> Publication:
    """Issues the certificate, and has the hub accept it from the next connection on."""
    rid, name = kept["requestId"], device["deviceId"]
    try:
        issued = issue(world, device["policy"], requested_key(decode(kept["csr"]), name), name)
    except (InvalidRequest, KeyError):  # KeyError: the device has registered without a policy meanwhile
        info = {
            "correlationId": kept["correlationId"],
            "credentialError": "400000",
            "credentialMessage": "CSR did not pass verification",
        }
        return _refusal(world, rid, _Refused(_UNVERIFIED, "Unable to complete the certificate request at this time.", info))
    if world.habits.issued_trust == "thumbprint":
        authentication = by_issued(world, issued.leaf)
        save_device(world, hub, device | {"authentication": authentication, "version": device["version"] + 1})
    certificates = [issued.leaf, issued.issuer, issued.root]
    return _answer(200, rid, {"correlationId": kept["correlationId"], "certificates": certificates})


def _read(device_id: str, payload: bytes) -> _Asked:
    """The words are those of the write-up, so that an array is said to name another device."""
    if not payload:
        raise _invalid("payload is missing. Include a JSON payload with 'id' and 'csr' fields.")
    try:
        body: Any = parse_json(payload)
    except ValueError as unreadable:
        raise _Refused(_UNREADABLE, "cannot decode json format") from unreadable
    other = _invalid("'id' field does not match the authenticated device ID. Use the same device ID used for authentication.")
    if not isinstance(body, dict):
        raise other
    if body.keys() - _MEMBERS:
        raise _invalid("payload contains an unknown field. Only 'id', 'csr', and 'replace' fields are allowed.")
    identifier, csr, replace = (body.get(name) for name in ("id", "csr", "replace"))
    if not isinstance(identifier, str) or not identifier:
        raise _invalid("'id' field is invalid or missing. Provide the device ID of the authenticated device.")
    if identifier != device_id:
        raise other
    if not isinstance(csr, str) or not csr:
        raise _invalid("'csr' field is invalid or missing. Provide a valid base64-encoded certificate signing request.")
    if len(csr) > _REQUEST_SIZE:
        raise _invalid("'csr' field exceeds maximum allowed length. Reduce the CSR size.")
    try:
        decode(csr)
    except InvalidRequest as wrong:
        raise _invalid("'csr' field is not valid base64. Ensure the CSR is properly base64-encoded.") from wrong
    if replace is not None and not (isinstance(replace, str) and (replace == _ANY or _EXACT.fullmatch(replace))):
        raise _invalid(
            "'replace' field has an invalid format. An exact request ID must be between 4 and 36 characters, only have "
            "alphanumeric characters and hyphens, and cannot start or end with a hyphen. Use '*' to replace any pending request."
        )
    return _Asked(csr, replace)


def _invalid(message: str) -> _Refused:
    return _Refused(_INVALID, f"Issue certificate request {message}")


def _check_place(world: World, hub: JSON, device: JSON, replace: str | None) -> None:
    """One request of a device at a time, unless the new one takes its place."""
    active = _active(world, hub, device["deviceId"])
    if active is not None and replace is None:
        info = {name: active[name] for name in ("requestId", "correlationId")} | {"operationExpires": _moment(active["expires"])}
        message = (
            "A credential management operation is already active. Use the requestId in info to check the status of the existing "
            "request, or send a new request with 'replace' to cancel and start a new one."
        )
        raise _Refused(_ACTIVE, message, info)
    if replace not in (None, _ANY) and (active is None or active["requestId"] != replace):
        message = (
            "No active certificate request found to replace. Ensure the request ID in the 'replace' property matches an existing "
            "pending request."
        )
        raise _Refused(_NOTHING_TO_REPLACE, message, {"requestId": replace})


def _active(world: World, hub: JSON, device_id: str) -> JSON | None:
    """The request whose outcome the device has not been sent, unless that is too late."""
    kept = world.state.get(CREDENTIAL_REQUEST, _key(hub, device_id))
    return kept if kept is not None and world.now < kept["expires"] else None


def _refusal(world: World, rid: str, refused: _Refused) -> Publication:
    now = _moment(world.now)
    body = {
        "errorCode": refused.code,
        "message": refused.message,
        "trackingId": f"{uuid.uuid4().hex.upper()}-G2:-TimeStamp:{now}",
        "timestampUtc": now,
        "info": refused.info,
    }
    return _answer(refused.code // 1000, rid, body)


def _answer(status: int, rid: str, body: JSON) -> Publication:
    return Publication(f"$iothub/credentials/res/{status}/?$rid={quote(rid, safe='')}", json.dumps(body).encode())


def _moment(seconds: float) -> str:
    """With nanoseconds, as in the write-up."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def _key(hub: JSON, device_id: str) -> str:
    return f"{part_prefix(hub, device_id)}request"
