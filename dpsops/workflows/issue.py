"""`device issue` and `device renew`: leaves into the vault, and, where it is asked for, an enrollment of each device's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVault
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error, Refused
from dpsops.fleet import tally
from dpsops.model import enrollment
from dpsops.model.action import Action, Failed
from dpsops.model.device import Issued, Order, Unchanged
from dpsops.model.enrollment import OwnSettings
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId
from dpsops.steps.issue_leaf import issue_leaves
from dpsops.steps.use_root import issuer


def issue(
    run: Run, roots: RootVault, leaves: LeafVault, dps: Dps, devices: Iterable[DeviceId], own: OwnSettings | None = None
) -> Iterator[Issued | Unchanged | Failed | Action]:
    """Issues a leaf to each device that has no valid one of the newest trusted root. With settings of their own, those that
    have a leaf get an individual enrollment then; one that fails does not stop the others.

    Raises `InvalidInput` where these name a hub that the environment does not have.
    """
    if own is not None:
        enrollment.require_hub(run.environment, own)
    well: list[DeviceId] = []
    for result in issue_leaves(run, roots, leaves, dps, issuer(run, roots, dps), devices, Order.ISSUE):
        if not isinstance(result, Failed):
            well.append(result.device)
        yield result
    if own is None:
        return
    for device in well:
        try:
            yield from enroll(run, leaves, dps, device, own)
        except Error as error:
            yield tally.failed(device, error)


def renew(
    run: Run, roots: RootVault, leaves: LeafVault, dps: Dps, devices: Iterable[DeviceId]
) -> Iterator[Issued | Unchanged | Failed]:
    """Issues a new leaf to each device, whatever it has."""
    return issue_leaves(run, roots, leaves, dps, issuer(run, roots, dps), devices, Order.RENEW)


def enroll(run: Run, leaves: LeafVault, dps: Dps, device: DeviceId, own: OwnSettings) -> Iterator[Action]:
    """Makes or changes a device's individual enrollment, which holds its present leaf; yields what was done.

    Raises `Refused` where that enrollment is disabled: the device is blocked.
    """
    found = dps.individual(device)
    if found is not None and not found.enabled:
        raise Refused(f"{device} has a disabled enrollment: it is blocked", f"dpsops device unblock {device}")
    leaf = leaves.chain(device)[0]
    run.progress(f"enrolling {device} by itself")
    dps.put_individual(device, leaf, enrollment.wanted_alone(run.environment, own), found)
    yield Action("modify" if found else "create", f"enrollment {device}", "modified" if found else "created")
