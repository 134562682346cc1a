"""Which devices a rotation waits for: the ones that were not seen with a leaf of the new root.

DPS writes the SHA-256 thumbprint of the leaf that a device registers with into its hub identity, so the identity tells
which leaf that was. Source: Azure IoT Hub, "Device identity: x509Thumbprint".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.fleet import inventory
from dpsops.model.action import Action
from dpsops.model.device import Leaf
from dpsops.model.member import WaitingDevice
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId, device_id


def waiting_devices(run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, new: int) -> Iterator[WaitingDevice]:
    """The devices that an older root than the generation `new` is still good for, by their IDs.

    A blocked device is not waited for, nor is one that never had a leaf of an older root that would be valid today. One
    that registered and of which the vault has no leaf, perhaps any more, comes last: nobody knows which it has.
    It costs what the list of the devices costs, and one request more for each device that may be one.
    """
    registered = inventory.registrations(run, dps)
    known = set[str]()
    for member in inventory.members(run, leaves, dps, hubs, registered):
        leaf = member.leaf
        known.add(leaf.device)
        if member.blocked or (member.uses_newest_leaf and leaf.generation == new):
            continue
        all_leaves = leaves.leaves(device_id(leaf.device))
        if member.seen in {each.thumbprint for each in all_leaves if each.generation == new}:
            continue
        if any(each.generation != new and each.is_valid(run.now()) for each in all_leaves):
            reason = "last seen with an older leaf" if member.seen else "never registered"
            yield WaitingDevice(DeviceId(leaf.device), reason)
    for name in sorted(registered.keys() - known):
        if registered[name].is_assigned:
            yield WaitingDevice(DeviceId(name), "registered, and the vault has no leaf of it")


def unpin(leaves: LeafVault, dps: Dps, newest: Iterable[Leaf]) -> Iterator[Action]:
    """Takes the older leaf out of the individual enrollments that hold two, so that it is good for nothing any more."""
    held = {leaf.device: leaf for leaf in newest if not leaf.blocked}
    for name, own in dps.individuals().items():
        if name not in held or len(set(own.pinned)) < 2 or own.pinned[0] != held[name].thumbprint:
            continue
        dps.pin(own, leaves.chain(device_id(name))[0])
        yield Action("modify", f"enrollment {name}", "holds the new leaf alone")
