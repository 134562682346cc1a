"""`device issue` and `device renew`: device certificates in the vault and, on request, an individual enrollment for each."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from functools import partial

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_signer import LeafSigner
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error
from dpsops.fleet import engine
from dpsops.fleet.stock import Stock
from dpsops.model import enrollment
from dpsops.model.action import Action, Failed
from dpsops.model.device import NEVER_ISSUED, Issued, Leaf, Order, Requested, Unchanged
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.run import Run
from dpsops.model.superseded import may_have_superseded
from dpsops.pki.names import DeviceId
from dpsops.steps.disable_superseded import disable_superseded
from dpsops.steps.enroll_device import Enroller
from dpsops.steps.issue_leaf import LeafIssuer
from dpsops.steps.use_root import issuer


def _nothing(device: DeviceId) -> None:
    """No individual enrollment, and no request."""
    del device


def issue(
    run: Run,
    roots: RootVault,
    signer: LeafSigner,
    leaves: LeafVaults,
    dps: Dps,
    hubs: Hubs,
    devices: Collection[DeviceId],
    settings_of: Callable[[DeviceId], IndividualSettings | None] = _nothing,
    requested: Callable[[DeviceId], Requested | None] = _nothing,
) -> Iterator[Issued | Unchanged | Failed | Action]:
    """Issues a certificate to each device that has no valid one under the newest trusted root.

    settings_of: the settings of a device's individual enrollment, None if it is to have none; each device with a certificate gets
    its enrollment then. requested: what a device asks for that has made its key itself. A device for which this fails does not
    stop the others. Raises `InvalidInput` if the settings name a hub that the environment does not have.
    """
    wanted = dict[DeviceId, IndividualSettings]()
    find_issuer = partial(issuer, run, roots, dps)
    for result in LeafIssuer(run, signer, leaves, dps, hubs, find_issuer, requested).issue(devices, Order.ISSUE):
        yield result
        if isinstance(result, Failed):
            wanted.pop(result.device, None)
        elif settings := settings_of(result.device):
            enrollment.require_hub(run.environment, settings)
            wanted[result.device] = settings
    if wanted:
        enroller = Enroller(run, leaves, dps, hubs, wanted, dps.facts().linked)
        yield from engine.each(run, wanted, enroller.enroll)


def renew(
    run: Run,
    roots: RootVault,
    signer: LeafSigner,
    leaves: LeafVaults,
    dps: Dps,
    hubs: Hubs,
    devices: Collection[DeviceId],
    *,
    again: bool = False,
    stock: Stock | None = None,
) -> Iterator[Issued | Unchanged | Failed | Action]:
    """Issues a new certificate to each device, even if it has a valid one. A fresh certificate that the device has not used yet
    is kept, unless `again`. A device that never had one gets none: the name is likely a typo. `stock`: what the vaults have, if
    it was read already. At the end, the versions of the devices' secrets are disabled that were superseded before."""
    known: list[str] | None = None
    renewed = dict[str, Leaf]()
    order = Order.AGAIN if again else Order.RENEW
    for result in _issuer(run, roots, signer, leaves, dps, hubs).issue(devices, order, stock):
        if isinstance(result, Failed) and result.reason == NEVER_ISSUED:
            known = _names(run, leaves) if known is None else known
            near = difflib.get_close_matches(result.device, known)
            similar = f" (did you mean {' or '.join(near)}?)" if near else ""
            yield Failed(result.device, f"{NEVER_ISSUED}{similar}: 'dpsops device issue {result.device}' issues the first one")
            continue
        if isinstance(result, Failed):
            renewed.pop(result.device, None)
        elif may_have_superseded(result.leaf, in_use=False):
            renewed[result.device] = result.leaf
        yield result
    if renewed and (group := dps.group()) is not None:
        yield from disable_superseded(run, leaves, dps, hubs, renewed.values(), group.trusted())


def expiring(run: Run, leaves: LeafVaults, dps: Dps, days: int, has: Callable[[str], bool]) -> tuple[list[DeviceId], Stock]:
    """The devices whose newest certificate expires within so many days, or has expired, and which are not blocked; and all that
    the vaults have. `has`: whether a device is among those to look at."""
    stock = Stock.read(run, leaves, dps)
    return [device for device in stock.expiring(run.now() + timedelta(days=days)) if has(device)], stock


def _names(run: Run, leaves: LeafVaults) -> list[str]:
    """The devices with a certificate; none if they cannot be listed, because they are only looked at for an advice."""
    try:
        return [leaf.device for leaf in engine.wait(run, leaves.all())]
    except Error:
        return []


def _issuer(run: Run, roots: RootVault, signer: LeafSigner, leaves: LeafVaults, dps: Dps, hubs: Hubs) -> LeafIssuer:
    return LeafIssuer(run, signer, leaves, dps, hubs, partial(issuer, run, roots, dps))
