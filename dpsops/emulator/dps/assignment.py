"""Assigning a device to a hub: for the first time, again, or instead of another hub, as the entry's policies say.

Source: "IoT Hub device reprovisioning concepts".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.allocation import HUB_NOT_FOUND, POLICIES, Candidate, Unassignable, allocate
from dpsops.emulator.dps.attestation import Attested
from dpsops.emulator.iothub.devices import find_device, move, provision, remove, save_device
from dpsops.emulator.iothub.state import hub_at
from dpsops.emulator.microsoft_devices.issuance import Issued
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World

_UNAUTHORIZED = 401_002
_DATA_ACTIONS = ("devices/write", "twins/write")
_RIGHTS = ("RegistryWrite", "ServiceConnect")
_DEFAULT_POLICY = {"updateHubAssignment": True, "migrateDeviceData": True}


@dataclass(frozen=True, slots=True)
class Assignment:
    """The host of the hub, the device's ID there, and how it got there (`AssignedDeviceSubstatus`)."""

    hub: str
    device_id: str
    substatus: str


def assign(
    world: World, service: JSON, device: Attested, registration_id: str, previous: JSON | None, issued: Issued | None
) -> Assignment:
    """Makes or updates the device's identity in its hub. `previous`: its registration so far. Raises `Unassignable`.

    In the hub the device has what was issued, or else the credential that it has shown here (specification).

    A hub that is no longer linked is neither assigned nor touched: what the device had there stays, and it begins anew
    in another hub (guess).
    """
    settings = device.entry["settings"]
    policy = settings.get("reprovisionPolicy", _DEFAULT_POLICY)
    device_id = settings.get("deviceId") or device.name
    before = previous["hub"] if previous is not None and previous["deviceId"] == device_id else None
    keeps_hub = before is not None and not policy["updateHubAssignment"]
    host = before if before is not None and keeps_hub else _allocate(service, settings, registration_id)
    hub = _reach(world, service, host)
    keep_data = keeps_hub or before is None or policy["migrateDeviceData"]
    substatus = "reprovisionedToInitialAssignment" if find_device(world, hub, device_id) else "initialAssignment"
    if before is not None and before.lower() != host.lower():
        substatus = "deviceDataMigrated" if policy["migrateDeviceData"] else "deviceDataReset"
        if not _leave(world, service, before, hub, device_id, migrate=policy["migrateDeviceData"]):
            substatus = "deviceDataReset"
    elif not keep_data:
        substatus = "deviceDataReset"
    twin = settings.get("initialTwin")
    if keeps_hub and substatus != "initialAssignment" and issued is None and not world.habits.never_takes_new_leaf:
        return Assignment(host, device_id, substatus)
    made = provision(
        world, hub, device_id, device.thumbprint, keys=device.keys, issued=issued, initial_twin=twin, keep_data=keep_data
    )
    if "capabilities" in settings:
        save_device(world, hub, made | {"capabilities": settings["capabilities"]})
    return Assignment(host, device_id, substatus)


def _allocate(service: JSON, settings: JSON, registration_id: str) -> str:
    policy = settings.get("allocationPolicy") or POLICIES[service["properties"]["allocationPolicy"].lower()]
    desired = [settings["iotHubHostName"]] if "iotHubHostName" in settings else []
    return allocate(policy, candidates_of(service), settings.get("iotHubs", desired), registration_id)


def candidates_of(service: JSON) -> list[Candidate]:
    """The linked hubs that take part in allocation; a weight that is not set is 1."""
    taking_part = [link for link in service["hubs"] if link.get("applyAllocationPolicy", True)]
    found = [Candidate(link["name"], link.get("allocationWeight", 1)) for link in taking_part]
    return [candidate for candidate in found if candidate.weight > 0]


def _leave(world: World, service: JSON, before: str, hub: JSON, device_id: str, *, migrate: bool) -> bool:
    """Takes the device out of the hub where it was, with its data or without. False where that hub cannot be reached."""
    try:
        source = _reach(world, service, before)
    except Unassignable:
        return False
    if migrate:
        move(world, source, hub, device_id)
    else:
        remove(world, source, device_id)
    return True


def _reach(world: World, service: JSON, host: str) -> JSON:
    """The hub at the end of a link, if the link still opens it: with a key that the hub has, or a role."""
    link = next((each for each in service["hubs"] if each["name"].lower() == host.lower()), None)
    hub = hub_at(world, host)
    if link is None or hub is None or hub["state"] == "Deleting":
        raise Unassignable(*HUB_NOT_FOUND)
    if not (_opens_by_key(hub, link) if "key" in link else _opens_by_role(world, service, hub)):
        now = datetime.fromtimestamp(world.now, UTC)
        message = (
            '{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized",'
            f'"ExceptionMessage":"Tracking ID:{uuid.uuid4().hex}-G:10-TimeStamp:{now:%m/%d/%Y %H:%M:%S}"}}'
        )
        raise Unassignable(_UNAUTHORIZED, message)
    return hub


def _opens_by_key(hub: JSON, link: JSON) -> bool:
    """Whether the key is one of a policy that may write the registry and connect ("How to link and manage IoT hubs"), in a hub
    that takes keys at all."""
    if hub["properties"].get("disableLocalAuth"):
        return False
    policies = [each for each in hub["policies"] if each["keyName"] == link["policy"] and _may_assign(each["rights"])]
    return any(link["key"] in (each["primaryKey"], each["secondaryKey"]) for each in policies)


def _may_assign(rights: str) -> bool:
    return all(right in rights for right in _RIGHTS)


def _opens_by_role(world: World, service: JSON, hub: JSON) -> bool:
    """Whether the service's identity may write devices and twins, as the rights of a link's policy let it (stricter guess)."""
    identity = service["identity"]
    if identity is None:
        return False
    itself = Principal(identity["principalId"], identity["principalId"], identity["tenantId"])
    return all(rbac.allowed(world, itself, f"Microsoft.Devices/IotHubs/{each}", hub["id"], data=True) for each in _DATA_ACTIONS)
