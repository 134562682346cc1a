"""Looking at everything that a rotation depends on."""

from __future__ import annotations

from collections.abc import Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVault
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.generations import View, view
from dpsops.model.run import Run


def observe_generations(run: Run, roots: RootVault, leaves: LeafVault, dps: Dps, stores: Sequence[TrustStore]) -> View:
    """What is there: four requests, and one for each further hub and page of devices.

    Raises `Error` where there is no enrollment group yet, `Refused` where it trusts another's root.
    """
    run.progress("looking at the roots, the enrollment group and the devices")
    group = dps.group()
    if group is None:
        raise Error(f"the environment {run.environment.name!r} has no root in use yet", "run 'dpsops up' first")
    return with_group(roots, leaves, stores, group)


def with_group(roots: RootVault, leaves: LeafVault, stores: Sequence[TrustStore], group: EnrollmentGroup) -> View:
    """The same, with a group that has been looked at already.

    What names a root is read before the roots: somebody else may be at work, and what is named was there before.
    """
    found = tuple(leaves.all())
    held = {store.owner: store.all() for store in stores}
    return view(group, found, held, roots.all())
