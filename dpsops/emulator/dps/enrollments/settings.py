"""What an enrollment entry says of its devices beside their attestation: hub, policies, initial twin."""

from __future__ import annotations

import re

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.allocation import CUSTOM, POLICIES, STATIC
from dpsops.emulator.dps.bodies import bad_request, member
from dpsops.emulator.dps.enrollments.entries import INDIVIDUALS, Kind
from dpsops.emulator.dps.errors import invalid
from dpsops.emulator.iothub.twins import InvalidTwin, new_twin
from dpsops.emulator.microsoft_devices.issuance import policy_of
from dpsops.emulator.world import World

_ID = re.compile(r"[A-Za-z0-9._:-]*[A-Za-z0-9-]")
_ID_SIZE = 128
_COMMON_NAME_SIZE = 64
_DEVICE_ID = re.compile(r"[A-Za-z0-9\-:.+%_#*?!(),=@$']{1,128}")
"""Source: "Understand the identity registry in your IoT hub"."""
_STATUSES = ("enabled", "disabled")
_NAMES_POLICY = "2026-11-01"
"""The first API version in which an entry says who signs what its devices ask for."""
_AUTHORITY = re.compile(r"[0-9a-zA-Z][a-zA-Z0-9-]{2,62}")
_POLICY = {
    "namespaceName": re.compile(r"[a-z0-9][a-z0-9-]{1,62}[a-z0-9]"),
    "certificateAuthorityName": _AUTHORITY,
    "certificatePolicyName": _AUTHORITY,
}
"""With their lengths, as the specification has them."""


def id_fault(identifier: str) -> str | None:
    """Why this can be no ID of a group or a registration ("DPS terminology"), None where it can."""
    if len(identifier) <= _ID_SIZE and _ID.fullmatch(identifier):
        return None
    rule = "1 to 128 letters, digits and '-', '.', '_', ':', ending in a letter, digit or '-'"
    return f"The ID '{identifier[:_ID_SIZE]}' must be {rule}."


def check_id(world: World, kind: Kind, identifier: str, body: JSON) -> None:
    """Refuses an ID that can be none, and a body that is of another; one that devices have as common name is shorter."""
    fault = id_fault(identifier)
    if fault is not None:
        raise invalid(world, fault)
    if (member(world, body, kind.identifier, str) or "").lower() != identifier.lower():
        raise invalid(world, f"The {kind.identifier} in the body must be the one in the URL.")
    if kind is INDIVIDUALS and len(identifier) > _COMMON_NAME_SIZE and _attestation_type(world, body) == "x509":
        raise invalid(world, f"A common name has {_COMMON_NAME_SIZE} characters at most.")


def read_settings(world: World, service: JSON, kind: Kind, body: JSON, version: str, existing: JSON | None) -> JSON:
    """The settings of a PUT, as the API shows them: what is not set is not there. Members that its version has not are ignored.

    `existing`: those that the entry has.
    """
    found: JSON = {
        "capabilities": _read_capabilities(world, body),
        "provisioningStatus": _read_status(world, body),
        "reprovisionPolicy": _read_reprovisioning(world, body),
        "initialTwin": _read_twin(world, body),
        **_read_allocation(world, service, body),
        **(_read_policy(world, body) if version >= _NAMES_POLICY else _policy_before(world, existing or {})),
    }
    if kind is INDIVIDUALS:
        found |= {
            "deviceId": _read_device_id(world, body),
            "optionalDeviceInformation": member(world, body, "optionalDeviceInformation", dict),
        }
    return {name: value for name, value in found.items() if value is not None}


def show_settings(settings: JSON, version: str) -> JSON:
    """The settings as an API version shows them."""
    return settings if version >= _NAMES_POLICY else {name: value for name, value in settings.items() if name not in _POLICY}


def policy_named(service: JSON, settings: JSON) -> str | None:
    """The certificate policy that an entry names (see `policy_of`), None where it names none."""
    if "certificatePolicyName" not in settings:
        return None
    return policy_of(service["subscription"], *(settings[name] for name in _POLICY))


def _read_policy(world: World, body: JSON) -> JSON:
    """All three names or none (stricter guess; Microsoft's CLI asks for all). That there are such a namespace, CA and policy, and
    that the service is linked to the first, is not asked (kinder than Azure: here they are made when they are first used)."""
    found = {name: value for name in _POLICY if (value := member(world, body, name, str)) is not None}
    if found and len(found) < len(_POLICY):
        raise invalid(world, f"{', '.join(_POLICY)} must be given together.")
    for name, value in found.items():
        if not _POLICY[name].fullmatch(value):
            raise invalid(world, f"The {name} '{value[:_ID_SIZE]}' is not valid.")
    return found


def _policy_before(world: World, existing: JSON) -> JSON:
    """What becomes of the names that an entry has where an API version writes it that knows none."""
    return {name: existing.get(name) for name in _POLICY} if world.habits.policy_put_before == "kept" else {}


def _attestation_type(world: World, body: JSON) -> str | None:
    return member(world, member(world, body, "attestation", dict) or {}, "type", str)


def _read_status(world: World, body: JSON) -> str | None:
    """Absent it is enabled; sent as null it stays null, which counts as enabled, too (the .NET SDK's own tests)."""
    if "provisioningStatus" not in body:
        return "enabled"
    status = member(world, body, "provisioningStatus", str)
    if status is not None and status.lower() not in _STATUSES:
        raise bad_request(world)
    return status and status.lower()


def _read_capabilities(world: World, body: JSON) -> JSON | None:
    given = member(world, body, "capabilities", dict)
    return None if given is None else {"iotEdge": _required_flag(world, given, "iotEdge")}


def _read_reprovisioning(world: World, body: JSON) -> JSON | None:
    given = member(world, body, "reprovisionPolicy", dict)
    if given is None:
        return None
    return {name: _required_flag(world, given, name) for name in ("updateHubAssignment", "migrateDeviceData")}


def _required_flag(world: World, given: JSON, name: str) -> bool:
    value = member(world, given, name, bool)
    if value is None:
        raise bad_request(world)
    return value


def _read_twin(world: World, body: JSON) -> JSON | None:
    """A twin that no hub takes is refused here (stricter guess), where it is said, and not to each device that registers."""
    twin = member(world, body, "initialTwin", dict)
    if twin is not None:
        member(world, twin, "tags", dict)
        member(world, member(world, twin, "properties", dict) or {}, "desired", dict)
        try:
            new_twin(world.now, twin)
        except InvalidTwin as fault:
            raise invalid(world, f"The initialTwin is not valid. {fault}") from fault
    return twin


def _read_device_id(world: World, body: JSON) -> str | None:
    device_id = member(world, body, "deviceId", str)
    if device_id and not _DEVICE_ID.fullmatch(device_id):
        raise invalid(world, f"The device ID '{device_id[:_ID_SIZE]}' is not valid.")
    return device_id or None


def _read_allocation(world: World, service: JSON, body: JSON) -> JSON:
    """Policy and hubs. Hubs must be linked to the service; a static policy may name none (recording
    `enrollment_tpm_lifecycle`), but not several (stricter guess)."""
    given = member(world, body, "allocationPolicy", str)
    policy = None if given is None else POLICIES.get(given.lower())
    if given is not None and policy is None:
        raise bad_request(world)
    hubs = member(world, body, "iotHubs", list)
    host = member(world, body, "iotHubHostName", str)
    if hubs and policy is None:
        raise invalid(world, "Enrollment allocationPolicy must be specified when iotHubs are specified.")
    linked = {link["name"].lower() for link in service["hubs"]}
    for each in [*(hubs or []), *([host] if host else [])]:
        if not isinstance(each, str):
            raise bad_request(world)
        if each.lower() not in linked:
            raise invalid(world, f"IoT hub '{each}' is not linked to the provisioning service.")
    if policy == STATIC and len(hubs or []) > 1:
        raise invalid(world, "A static allocationPolicy takes one of iotHubs at most.")
    custom = member(world, body, "customAllocationDefinition", dict)
    if (policy == CUSTOM) != (custom is not None):
        raise invalid(world, "A custom allocationPolicy needs a customAllocationDefinition, and no other has one.")
    if custom is not None:
        custom = {name: member(world, custom, name, str) or "" for name in ("webhookUrl", "apiVersion")}
        if not all(custom.values()):
            raise invalid(world, "customAllocationDefinition needs webhookUrl and apiVersion.")
    return {
        "allocationPolicy": policy,
        "iotHubs": hubs or None,
        "iotHubHostName": host or None,
        "customAllocationDefinition": custom,
    }
