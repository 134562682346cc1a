"""The devices that a rotation waits for: those that have not registered with a certificate under the new root.

When a device registers, DPS writes the SHA-256 thumbprint of its certificate into the device identity in the hub. So the
identity shows which certificate that was. Source: Azure IoT Hub, "Device identity: x509Thumbprint".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import replace

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Changed
from dpsops.fleet import engine, history, inventory
from dpsops.model.action import Action, Failed
from dpsops.model.device import Leaf
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.generations import View
from dpsops.model.member import Member, WaitingDevice
from dpsops.model.registration import Registration
from dpsops.model.run import Run
from dpsops.model.waiting import certificates, is_over, waiting
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, device_id

_ATTEMPTS = 3
"""How often an enrollment is read again, because somebody else has changed it at the same time."""


def waiting_devices(
    run: Run, leaves: LeafVaults, dps: Dps, hubs: Hubs, newest: Iterable[Leaf], new: int
) -> Iterator[WaitingDevice]:
    """The devices that may still need a root older than the generation `new`. `newest`: the newest certificate of each.

    Among them are the devices that are registered and have no certificate in the vault: nobody knows which certificate they use.
    It needs the requests of the list of devices, but for those of the vault; and one more for each device of which the tags of
    its newest certificate do not say enough.
    """
    registered = inventory.registrations(run, dps)
    yield from waiting_among(run, leaves, inventory.members(run, newest, dps, hubs, registered), registered, new)


def waiting_among(
    run: Run, leaves: LeafVaults, members: Iterable[Member], registered: Mapping[str, Registration], new: int
) -> Iterator[WaitingDevice]:
    """The same, with the devices that somebody reads already, and the registrations under the group."""
    known, unsure = set[str](), dict[str, Member]()
    for member in members:
        known.add(member.leaf.device)
        if is_over(member, new):
            continue
        if (had := certificates(member)) is None:
            unsure[member.leaf.device] = member
        elif found := waiting(member, had, new, run.now()):
            yield found
    for device, had in sorted(history.read(run, leaves, unsure), key=lambda each: each[0]):
        if found := waiting(unsure[device], had, new, run.now()):
            yield found
    for name in sorted(registered.keys() - known):
        if registered[name].is_assigned:
            yield WaitingDevice(DeviceId(name), "registered, but no certificate in the vault")


def left_behind(run: Run, leaves: LeafVaults, dps: Dps, hubs: Hubs, view: View) -> tuple[WaitingDevice, ...]:
    """The devices that the last rotation has left behind, and that have not registered with a certificate under the present root
    since. No request if it has left none; else those of the waiting devices."""
    if not view.observed.has_left_behind:
        return ()
    return tuple(sorted(waiting_devices(run, leaves, dps, hubs, view.leaves, view.observed.primary)))


def unpin(run: Run, leaves: LeafVaults, dps: Dps, newest: Iterable[Leaf]) -> Iterator[Action | Failed]:
    """Makes the individual enrollments that hold another certificate than the newest one of their device, or lack that one,
    hold it alone. A device for which that fails does not stop the others."""
    present = {device_id(leaf.device): leaf for leaf in newest if not leaf.blocked}
    enrollments = engine.wait(run, dps.individuals())

    async def unpin_one(device: DeviceId) -> AsyncIterator[Action]:
        found: IndividualEnrollment | None = enrollments[device]
        for attempt in range(1, _ATTEMPTS + 1):
            if found is None or not found.enabled or set(found.pinned) in (set(), {present[device].thumbprint}):
                return
            leaf = (await leaves.chain(device))[0]
            try:
                await dps.put_individual(replace(found, pinned=(chains.thumbprint(leaf),)), leaf)
            except Changed:
                if attempt == _ATTEMPTS:
                    raise
                found = await dps.individual(device)
            else:
                yield Action("modify", f"enrollment {device}", "holds the new leaf alone")
                return

    return engine.each(run, [device for device in present if device in enrollments], unpin_one)
