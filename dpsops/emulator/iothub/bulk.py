"""Changes to several identities in one request, each made or refused by itself."""

from __future__ import annotations

from collections.abc import Sequence

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.iothub.bodies import member
from dpsops.emulator.iothub.devices import find_device, remove
from dpsops.emulator.iothub.errors import invalid
from dpsops.emulator.iothub.identities import change_twin, check_condition, put_identity, require_standard
from dpsops.emulator.world import World

_MODES = {
    "create": (True, False),
    "update": (False, False),
    "updateifmatchetag": (False, True),
    "createorupdate": (True, False),
    "createorupdateifmatchetag": (True, True),
    "delete": (False, False),
    "deleteifmatchetag": (False, True),
    "updatetwin": (False, False),
    "updatetwinifmatchetag": (False, True),
}
"""Whether a missing device is created, and whether the entry's etag counts. Microsoft's clients write them in any case."""


def apply(world: World, hub: JSON, entries: Sequence[JSON]) -> list[JSON]:
    """Makes the changes that the entries of a request ask for; returns the errors of those that are refused.

    Microsoft's .NET client wants each for another device: that a second one for the same is refused is the stricter guess.
    """
    errors, seen = [], set[str]()
    for entry in entries:
        try:
            device_id = member(world, entry, "id", str) or ""
            if device_id in seen:
                raise invalid(world, f"The device identifier {device_id} is there more than once.")
            seen.add(device_id)
            with world.state.attempt():
                _change(world, hub, device_id, entry)
        except Refusal as refusal:
            code, _, message = refusal.response.body["Message"].removeprefix("ErrorCode:").partition(";")
            errors.append({"deviceId": entry.get("id"), "errorCode": code, "errorStatus": message})
    return errors


def _change(world: World, hub: JSON, device_id: str, entry: JSON) -> None:
    mode = (member(world, entry, "importMode", str) or "").lower()
    if mode not in _MODES:
        raise invalid(world, f"Invalid import mode '{mode}'.")
    if member(world, entry, "moduleId", str):
        raise invalid(world, "The embedded Azure has no modules.")
    create, conditional = _MODES[mode]
    existing = find_device(world, hub, device_id)
    if mode.startswith("updatetwin"):
        etag = member(world, entry, "twinETag", str) or ""
        change_twin(world, require_standard(world, hub), existing, device_id, entry, f'"{etag}"' if conditional else "*")
        return
    etag = member(world, entry, "eTag", str) or ""
    header = f'"{etag}"' if conditional else "*"
    if mode == "create" or (create and existing is None):
        header = ""
    check_condition(world, header, device_id, existing, create=create)
    if mode.startswith("delete"):
        remove(world, hub, device_id)
    else:
        put_identity(world, hub, device_id, entry, existing)
