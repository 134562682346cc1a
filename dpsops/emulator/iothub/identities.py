"""Device identities as the device registry has them: what may be written, and under which etag."""

from __future__ import annotations

import base64
import json
import re
import secrets

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub import twins
from dpsops.emulator.iothub.bodies import member
from dpsops.emulator.iothub.devices import TooManyDevices, add_device, devices_of, new_device, save_device
from dpsops.emulator.iothub.errors import device_not_found, invalid, refusal
from dpsops.emulator.iothub.twins import InvalidTwin
from dpsops.emulator.iothub.views import edge_scope, identity_etag
from dpsops.emulator.post import Publication
from dpsops.emulator.world import World

_ID = re.compile(r"[A-Za-z0-9\-.%_#*?!(),:=@$']{1,128}")
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}")
_VERSION = re.compile(r"[0-9]{1,19}")
_KEY_BYTES = range(16, 65)
_REASON_LENGTH = 128
_PARTS = {"symmetricKey": ("primaryKey", "secondaryKey"), "x509Thumbprint": ("primaryThumbprint", "secondaryThumbprint")}
_OWN_PART = {"sas": "symmetricKey", "selfSigned": "x509Thumbprint", "certificateAuthority": ""}


def check_condition(world: World, header: str, device_id: str, device: JSON | None, *, create: bool) -> None:
    """Holds `If-Match` (empty: it was not sent) against what is there.

    `create`: the request creates what is missing, and then has no `If-Match`, or an empty one (`""`). An existing device
    is changed only under its etag, which must be quoted, or under `*`; to delete without either is refused (stricter guess).
    """
    unconditional = header in ("", '""')
    if device is None:
        if create and unconditional:
            return
        raise device_not_found(world, device_id)
    if create and unconditional:
        message = f"A device with ID '{device_id}' is already registered."
        raise refusal(world, 409, "DeviceAlreadyExists", message)
    if header in ("*", '"*"', f'"{identity_etag(device)}"'):
        return
    raise refusal(world, 412, "PreconditionFailed", _mismatch(world, header, device))


def _mismatch(world: World, header: str, device: JSON) -> str:
    """Why the etag does not match: a former one (recorded), one that is not quoted (observed), or none at all (a guess)."""
    etag = header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else ""
    if etag and not world.habits.names_stale_versions:
        return "PreconditionFailed"
    asked = _version(etag)
    if asked is None:
        return "Precondition failed: Invalid ETag"
    return f"Precondition failed: Device version did not match, existingVersion:{device['version']} newVersion:{asked}"


def _version(etag: str) -> int | None:
    """The number in the etag of an identity; None where it is no such etag."""
    try:
        text = base64.b64decode(etag, validate=True).decode()
    except ValueError:
        return None
    return int(text) if _VERSION.fullmatch(text) else None


def put_identity(world: World, hub: JSON, device_id: str, body: JSON, existing: JSON | None) -> JSON:
    """Writes the identity that a body describes, over `existing`, and returns the device.

    All of it that can be set is replaced. The body of a new device may have `tags` and `properties` for its twin.
    """
    device = _read_identity(world, device_id, body, existing)
    if existing is not None:
        save_device(world, hub, device)
        return device
    try:
        initial = {name: body[name] for name in ("tags", "properties") if body.get(name)}
        device["twin"] = twins.new_twin(world.now, initial, dated=False)
        add_device(world, hub, device)
    except InvalidTwin as wrong:
        raise invalid(world, str(wrong)) from wrong
    except TooManyDevices as full:
        raise refusal(world, 413, "TooManyDevices", "The hub cannot have more devices.") from full
    return device


def require_standard(world: World, hub: JSON) -> JSON:
    """The hub. Refuses one of the basic tier, which has no twins; that it says so with 403 is a guess."""
    if hub["sku"]["tier"] == "Basic":
        raise refusal(world, 403, "OperationNotAvailableInCurrentTier", "Twins are not available in the basic tier.")
    return hub


def change_twin(
    world: World, hub: JSON, device: JSON | None, device_id: str, change: JSON, header: str, *, replace: bool = False
) -> JSON:
    """Merges a change into a device's twin, or replaces what it names, under an `If-Match`, and returns the device.

    An etag that is not quoted never matches (stricter guess: Azure ignores it).
    """
    if device is None:
        raise device_not_found(world, device_id)
    if header not in ("*", '"*"', f'"{twins.twin_etag(device["twin"])}"'):
        raise refusal(world, 412, "PreconditionFailed", f"ETag mismatch for device ID '{device_id}'", place="")
    try:
        twin = twins.update(device["twin"], change, world.now, replace=replace)
    except InvalidTwin as wrong:
        raise invalid(world, str(wrong)) from wrong
    changed = device | {"twin": twin}
    save_device(world, hub, changed)
    if twin["desired"]["version"] != device["twin"]["desired"]["version"]:
        _tell_device(
            world, changed, twins.notice(device["twin"]["desired"]["value"], change["properties"]["desired"], replace=replace)
        )
    return changed


def _tell_device(world: World, device: JSON, notice: JSON) -> None:
    """Pushes a change of the desired properties to a device that is connected; others read their twin when they connect."""
    if device["connection"] is not None:
        version = device["twin"]["desired"]["version"]
        payload = json.dumps(notice | {"$version": version}, separators=(",", ":")).encode()
        topic = f"$iothub/twin/PATCH/properties/desired/?$version={version}"
        world.post.publish(device["connection"], Publication(topic, payload))


def _read_identity(world: World, device_id: str, body: JSON, existing: JSON | None) -> JSON:
    if not _ID.fullmatch(device_id):
        raise invalid(world, f"The device identifier {device_id} is invalid.")
    status = (member(world, body, "status", str) or "enabled").lower()  # Microsoft's client for Java writes Enabled
    if status not in ("enabled", "disabled"):
        raise invalid(world, f"Invalid status '{status}'.")
    reason = member(world, body, "statusReason", str)
    if reason is not None and len(reason) > _REASON_LENGTH:
        raise invalid(world, f"The status reason is longer than {_REASON_LENGTH} characters.")
    authentication = _read_authentication(world, member(world, body, "authentication", dict) or {})
    device = dict(existing or new_device(world, device_id, authentication))
    if existing is not None:
        device["version"] += 1
    if status != device["status"]:
        device["statusUpdated"] = world.now
    is_edge = member(world, member(world, body, "capabilities", dict) or {}, "iotEdge", bool) or False
    return device | {
        "status": status,
        "statusReason": reason,
        "authentication": authentication,
        "capabilities": {"iotEdge": is_edge},
        "scopes": _read_scopes(world, device, body, is_edge=is_edge),
    }


def _read_scopes(world: World, device: JSON, body: JSON, *, is_edge: bool) -> JSON:
    """What a client says of the scopes. That of an IoT Edge device is the hub's: another is refused (stricter guess)."""
    own, parents = member(world, body, "deviceScope", str), member(world, body, "parentScopes", list)
    if is_edge and own not in (None, edge_scope(device)):
        raise invalid(world, "The deviceScope of an IoT Edge device cannot be set.")
    if not all(isinstance(each, str) for each in parents or []):
        raise invalid(world, "parentScopes must be strings.")
    return {name: value for name, value in (("deviceScope", own), ("parentScopes", parents)) if value is not None}


def _read_authentication(world: World, given: JSON) -> JSON:
    """Complete authentication: keys that a sas device lacks are made. Members of another type are refused (stricter guess)."""
    parts = {name: _read_part(world, given, name) for name in _PARTS}
    kind = member(world, given, "type", str) or ("selfSigned" if any(parts["x509Thumbprint"].values()) else "sas")
    if kind not in _OWN_PART:
        raise invalid(world, f"Invalid authentication type '{kind}'.")
    for name, values in parts.items():
        if name != _OWN_PART[kind] and any(values.values()):
            raise invalid(world, f"'{name}' does not go with authentication type '{kind}'.")
    if kind == "sas" and not any(parts["symmetricKey"].values()):
        parts["symmetricKey"] = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in _PARTS["symmetricKey"]}
    _check_keys(world, kind, list(parts["symmetricKey"].values()))
    _check_thumbprints(world, kind, list(parts["x509Thumbprint"].values()))
    return {**parts, "type": kind}


def _read_part(world: World, given: JSON, name: str) -> dict[str, str | None]:
    part = member(world, given, name, dict) or {}
    return {field: member(world, part, field, str) or None for field in _PARTS[name]}


def _check_keys(world: World, kind: str, keys: list[str | None]) -> None:
    if kind == "sas" and not all(key is not None and _is_key(key) for key in keys):
        raise invalid(world, "Both symmetric keys must be base64 of 16 to 64 bytes.")


def _check_thumbprints(world: World, kind: str, thumbprints: list[str | None]) -> None:
    given = [each for each in thumbprints if each is not None]
    if kind == "selfSigned" and not given:
        raise invalid(world, "A selfSigned device needs a thumbprint.")
    if not all(_THUMBPRINT.fullmatch(each) for each in given):
        raise invalid(world, "Thumbprints must be SHA-1 or SHA-256 in hexadecimal.")


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) in _KEY_BYTES
    except ValueError:
        return False


def count_by_status(world: World, hub: JSON) -> JSON:
    """How many devices the hub has, as its statistics and those of its management say."""
    found = devices_of(world, hub)
    enabled = sum(each["status"] == "enabled" for each in found)
    return {"totalDeviceCount": len(found), "enabledDeviceCount": enabled, "disabledDeviceCount": len(found) - enabled}
