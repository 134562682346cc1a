"""Registrations of devices with a provisioning service.

A registration's document: {"registrationId" (as the device wrote it), "attestation" (the type of its
mechanism, absent: "x509"), "group" (the ID of its enrollment group, or null),
"created" and "updated" (epoch s), "etag", "status" (as it is once the operation is over), "substatus", "error" ({"code",
"message"}), "hub" (the host last assigned) and "deviceId", each null where there is none, "operation" ({"id", "ready" (epoch
s), "thumbprint" (of the certificate that began it, or empty)}), "issued" (the chain of the certificate that the device asked for,
as it is told it; absent where none was issued)}.
"""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.state import prefix_of
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

KIND = "registration"


def find_registration(world: World, service: JSON, registration_id: str) -> JSON | None:
    """The registration, or None. IDs are compared without regard to case."""
    return world.state.get(KIND, _key(service, registration_id))


def registrations_of(world: World, service: JSON, group: str, after: str, limit: int) -> list[tuple[str, JSON]]:
    """The registrations of an enrollment group with their keys, in the order of these: those beyond the key `after`, and at most
    `limit` of them."""
    return world.state.registrations(prefix_of(service), group, after=after, limit=limit)


def all_registrations(world: World, service: JSON) -> list[JSON]:
    """All registrations with a service, in the order of their IDs."""
    return [found for _, found in world.state.list(KIND, prefix_of(service))]


def save_registration(world: World, service: JSON, registration: JSON) -> None:
    """Writes the registration."""
    world.state.put(KIND, _key(service, registration["registrationId"]), registration)


def delete_registration(world: World, service: JSON, registration: JSON) -> None:
    """Forgets the registration; the device's identity in the hub stays."""
    world.state.delete(KIND, _key(service, registration["registrationId"]))


def delete_registrations(world: World, service: JSON) -> None:
    """Forgets all registrations of a service."""
    for key, _ in world.state.list(KIND, prefix_of(service)):
        world.state.delete(KIND, key)


def is_pending(world: World, registration: JSON) -> bool:
    """Whether the device is still being assigned."""
    return bool(world.now < registration["operation"]["ready"])


def show_registration(world: World, registration: JSON) -> JSON:
    """The registration as the service API shows it (`DeviceRegistrationState`), and but for one member that of devices."""
    status = "assigning" if is_pending(world, registration) else registration["status"]
    shown = {"registrationId": registration["registrationId"], "createdDateTimeUtc": timestamp(registration["created"])}
    if status == "assigned":
        shown |= {"assignedHub": registration["hub"], "deviceId": registration["deviceId"]}
    shown["status"] = status
    if status == "assigned":
        shown["substatus"] = registration["substatus"]
    if status == "failed":
        shown |= {"errorCode": registration["error"]["code"], "errorMessage": registration["error"]["message"]}
    updated = min(registration["updated"], world.now)
    return shown | {"lastUpdatedDateTimeUtc": timestamp(updated), "etag": registration["etag"]}


def _key(service: JSON, registration_id: str) -> str:
    return prefix_of(service) + registration_id.lower()
