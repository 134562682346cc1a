"""Disables the versions of devices' secrets that are superseded: nobody can read them then. A vault cannot delete one version."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.fleet import engine, inventory
from dpsops.fleet.enrolled import last_registered
from dpsops.fleet.stock import FEW
from dpsops.model.action import Action, Failed
from dpsops.model.device import Leaf
from dpsops.model.run import Run
from dpsops.model.superseded import superseded
from dpsops.pki.names import DeviceId


def disable_superseded(
    run: Run,
    vaults: LeafVaults,
    dps: Dps,
    hubs: Hubs,
    newest: Iterable[Leaf],
    trusted: Collection[int],
    used: Mapping[str, str] | None = None,
) -> Iterator[Action | Failed]:
    """Disables what is superseded of the secrets of these devices, given by their newest certificates. `trusted`: the generations
    that the group trusts; `used`: the thumbprints in the identities of the devices, if they are known. A device for which that
    fails does not stop the others.

    Which certificate a device uses is asked for each of a few devices, and listed for many. Then two requests for each device,
    its individual enrollment and its versions, and one for each version that is disabled. A run that was killed is completed by
    the next: the versions that are disabled already are not among those that are read.
    """
    leaves = list(newest)
    if not leaves:
        return
    run.progress("disabling the superseded versions of the devices' secrets")
    if used is None and len(leaves) > FEW:
        used = {each.leaf.device: each.registered_thumbprint for each in inventory.members(run, leaves, dps, hubs)}

    async def disable(device: DeviceId) -> AsyncIterator[Action]:
        if used is not None and not used.get(device):
            return
        enrollment = await dps.individual(device)
        if enrollment is not None and not (enrollment.enabled and enrollment.pinned):
            return  # it is blocked, or whether its enrollment accepts an older certificate nobody can tell
        present = used[device] if used is not None else await last_registered(run, dps, hubs, device, enrollment)
        pinned = enrollment.pinned if enrollment is not None else ()
        found = superseded(await vaults.history(device), present, pinned, trusted, run.now()) if present else ()
        for version in found:
            await vaults.disable(device, version)
        if found:
            yield Action("disable", f"older secret versions of {device}", f"disabled: {len(found)}")

    for result in engine.each(run, [DeviceId(leaf.device) for leaf in leaves], disable):
        if isinstance(result, Failed):
            yield Failed(result.device, f"the older versions of its secret were not disabled: {result.reason}")
        else:
            yield result
