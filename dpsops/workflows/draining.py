"""Which devices still live on the old root: the ones that were not seen with a leaf of the new one.

DPS writes the SHA-256 thumbprint of the leaf that a device registers with into its hub identity, so the identity tells
which leaf that was. Source: Azure IoT Hub, "Device identity: x509Thumbprint".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dpsops.pki.names import device_id
from dpsops.workflows import device, enrollment, fleet
from dpsops.workflows.bundles import chain_of
from dpsops.workflows.device import Kept
from dpsops.workflows.run import Action, Run


@dataclass(frozen=True, slots=True)
class Laggard:
    """A device that has not been seen with a leaf of the new root, and what is known of it."""

    device: str
    reason: str


def laggards(run: Run, new: int) -> Iterator[Laggard]:
    """The devices of the fleet that an older root than the generation `new` is still good for, by their IDs.

    A blocked device is not waited for, nor is one that never had a leaf of an older root that would be valid today. One
    that registered and of which the vault has no leaf, perhaps any more, comes last: nobody knows which it has.
    It costs what the list of the fleet costs, and one request more for each device that may be one.
    """
    registered = fleet.registrations(run)
    known = set[str]()
    for member in fleet.members(run, registered):
        leaf = member.leaf
        known.add(leaf.device)
        if member.blocked or (member.uses_newest_leaf and leaf.generation == new):
            continue
        versions = device.kept_versions(run, device_id(leaf.device))
        if member.seen in {version.thumbprint for version in versions if version.generation == new}:
            continue
        if any(version.generation != new and device.lives(version, run.now()) for version in versions):
            yield Laggard(leaf.device, "last seen with an older leaf" if member.seen else "never registered")
    for name in sorted(registered.keys() - known):
        if registered[name].get("status") == "assigned":
            yield Laggard(name, "registered, and the vault has no leaf of it")


def unpin(run: Run, kept: Iterable[Kept]) -> Iterator[Action]:
    """Takes the older leaf out of the individual enrollments that hold two, so that it is good for nothing any more."""
    leaves = {leaf.device: leaf for leaf in kept if not leaf.blocked}
    for name, found in fleet.individuals(run).items():
        pinned = enrollment.pinned(found)
        if name not in leaves or len(set(pinned)) < 2 or pinned[0] != leaves[name].thumbprint:
            continue
        leaf = chain_of(run, device_id(name))[0]
        enrollment.pin(run, device_id(name), found, leaf)
        yield Action("modify", f"enrollment {name}", "holds the new leaf alone")
