"""`device issue` and `device renew`: device certificates in the vault and, on request, an individual enrollment for each."""

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
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId
from dpsops.steps.issue_leaf import issue_leaves
from dpsops.steps.use_root import issuer


def issue(
    run: Run,
    roots: RootVault,
    leaves: LeafVault,
    dps: Dps,
    devices: Iterable[DeviceId],
    individual: IndividualSettings | None = None,
) -> Iterator[Issued | Unchanged | Failed | Action]:
    """Issues a certificate to each device that has no valid one under the newest trusted root.

    individual: then each device with a certificate gets an individual enrollment with these settings. A device for which this
    fails does not stop the others. Raises `InvalidInput` if the settings name a hub that the environment does not have.
    """
    if individual is not None:
        enrollment.require_hub(run.environment, individual)
    succeeded: list[DeviceId] = []
    for result in issue_leaves(run, roots, leaves, dps, issuer(run, roots, dps), devices, Order.ISSUE):
        if not isinstance(result, Failed):
            succeeded.append(result.device)
        yield result
    if individual is None:
        return
    for device in succeeded:
        try:
            yield from enroll(run, leaves, dps, device, individual)
        except Error as error:
            yield tally.failed(device, error)


def renew(
    run: Run, roots: RootVault, leaves: LeafVault, dps: Dps, devices: Iterable[DeviceId]
) -> Iterator[Issued | Unchanged | Failed]:
    """Issues a new certificate to each device, even if it has a valid one."""
    return issue_leaves(run, roots, leaves, dps, issuer(run, roots, dps), devices, Order.RENEW)


def enroll(run: Run, leaves: LeafVault, dps: Dps, device: DeviceId, settings: IndividualSettings) -> Iterator[Action]:
    """Creates or changes the individual enrollment of a device, with its present certificate; yields what was done.

    Raises `Refused` if that enrollment is disabled: the device is blocked.
    """
    found = dps.individual(device)
    if found is not None and not found.enabled:
        raise Refused(f"{device} is blocked: its individual enrollment is disabled", f"dpsops device unblock {device}")
    leaf = leaves.chain(device)[0]
    run.progress(f"{'changing' if found else 'creating'} the individual enrollment of {device}")
    dps.put_individual(device, leaf, enrollment.wanted_individual(run.environment, settings, dps.facts().linked), found)
    yield Action("modify" if found else "create", f"enrollment {device}", "modified" if found else "created")
