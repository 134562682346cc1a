"""Writing and deleting enrollment entries, one at a time."""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.bodies import member
from dpsops.emulator.dps.enrollments.entries import GROUPS, Kind, delete_entry, entries_of, find_entry, save_entry
from dpsops.emulator.dps.enrollments.mechanisms import check_unique, read_mechanism
from dpsops.emulator.dps.enrollments.settings import check_id, read_settings
from dpsops.emulator.dps.errors import FORBIDDEN, STALE, refusal
from dpsops.emulator.microsoft_devices.etags import record_etag
from dpsops.emulator.world import World

_GROUPS_OF_A_KIND = 100
"""Source: "Azure IoT Hub Device Provisioning Service limits", for X.509 groups and for those of symmetric keys."""

ANY = "*"


def require_entry(world: World, service: JSON, kind: Kind, identifier: str) -> JSON:
    """The entry; refuses with 404 where there is none."""
    entry = find_entry(world, service, kind, identifier)
    if entry is None:
        raise refusal(world, kind.not_found, f"{kind.item_type} not found.")
    return entry


def write(world: World, service: JSON, kind: Kind, identifier: str, body: JSON, condition: str | None, *, version: str) -> JSON:
    """Creates the entry (`condition` None), or replaces the one whose etag `condition` is, and returns it."""
    check_id(world, kind, identifier, body)
    existing = find_entry(world, service, kind, identifier)
    if condition is None and existing is not None:
        raise refusal(world, kind.exists, f"{kind.item_type} already exists.")
    _check_condition(world, existing, condition)
    mechanism = None if existing is None else existing["attestation"]
    given = member(world, body, "attestation", dict) or {}
    entry = {
        "kind": kind.name,
        "id": identifier if existing is None else existing["id"],
        "attestation": read_mechanism(world, service, kind, given, mechanism),
        "settings": read_settings(world, service, kind, body, version, None if existing is None else existing["settings"]),
        "etag": record_etag(world),
        "created": world.now if existing is None else existing["created"],
        "updated": world.now,
    }
    check_unique(world, service, entry)
    _check_quota(world, service, kind, entry)
    save_entry(world, service, kind, entry)
    return entry


def delete(world: World, service: JSON, kind: Kind, identifier: str, condition: str | None) -> None:
    """Deletes the entry, where `condition` is None, its etag or `*`."""
    entry = require_entry(world, service, kind, identifier)
    _check_condition(world, entry, condition)
    delete_entry(world, service, kind, entry)


def _check_condition(world: World, existing: JSON | None, condition: str | None) -> None:
    """A condition on what does not exist is not met (RFC 9110, 13.1.1)."""
    if condition is not None and (existing is None or condition not in (ANY, existing["etag"])):
        raise refusal(world, STALE, "Precondition failed.")


def _check_quota(world: World, service: JSON, kind: Kind, entry: JSON) -> None:
    if kind is not GROUPS:
        return
    others = [each for each in entries_of(world, service, kind) if each["id"] != entry["id"]]
    if sum(each["attestation"]["type"] == entry["attestation"]["type"] for each in others) >= _GROUPS_OF_A_KIND:
        raise refusal(world, FORBIDDEN, f"The maximum number of enrollment groups, {_GROUPS_OF_A_KIND}, has been reached.")
