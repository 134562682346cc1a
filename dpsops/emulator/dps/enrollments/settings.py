"""What an enrollment entry says of its devices beside their attestation: hub, policies, initial twin."""

from __future__ import annotations

import re

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.allocation import CUSTOM, POLICIES, STATIC
from dpsops.emulator.dps.bodies import bad_request, member
from dpsops.emulator.dps.enrollments.entries import INDIVIDUALS, Kind
from dpsops.emulator.dps.errors import invalid
from dpsops.emulator.iothub.twins import InvalidTwin, new_twin
from dpsops.emulator.world import World

_ID = re.compile(r"[A-Za-z0-9._:-]*[A-Za-z0-9-]")
_ID_SIZE = 128
_COMMON_NAME_SIZE = 64
_DEVICE_ID = re.compile(r"[A-Za-z0-9\-:.+%_#*?!(),=@$']{1,128}")
"""Source: "Understand the identity registry in your IoT hub"."""
_STATUSES = ("enabled", "disabled")


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


def read_settings(world: World, service: JSON, kind: Kind, body: JSON) -> JSON:
    """The settings of a PUT, as the API shows them: what is not set is not there. Members that no version has are ignored."""
    found: JSON = {
        "capabilities": _read_capabilities(world, body),
        "provisioningStatus": _read_status(world, body),
        "reprovisionPolicy": _read_reprovisioning(world, body),
        "initialTwin": _read_twin(world, body),
        **_read_allocation(world, service, body),
    }
    if kind is INDIVIDUALS:
        found |= {
            "deviceId": _read_device_id(world, body),
            "optionalDeviceInformation": member(world, body, "optionalDeviceInformation", dict),
        }
    return {name: value for name, value in found.items() if value is not None}


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
