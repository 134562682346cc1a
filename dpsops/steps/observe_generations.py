"""Reading everything that a rotation depends on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error
from dpsops.fleet import engine
from dpsops.model.device import Leaf
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.generations import View, view
from dpsops.model.run import Run


def observe_generations(
    run: Run,
    roots: RootVault,
    leaves: LeafVaults,
    dps: Dps,
    stores: Sequence[TrustStore],
    newest: Iterable[Leaf] | None = None,
) -> View:
    """The present state: four requests, and one for each further hub and page of devices. `newest`: the newest certificate of
    every device, if it is known; then no devices are listed.

    Raises `Error` if there is no enrollment group yet, `Refused` if it trusts a CA certificate that is not dpsops's.
    """
    run.progress("reading the roots, the enrollment group and the devices")
    group = dps.group()
    if group is None:
        raise Error(f"the environment {run.environment.name!r} has no enrollment group yet", "run 'dpsops up' first")
    return with_group(run, roots, leaves, stores, group, newest)


def with_group(
    run: Run,
    roots: RootVault,
    leaves: LeafVaults,
    stores: Sequence[TrustStore],
    group: EnrollmentGroup,
    newest: Iterable[Leaf] | None = None,
) -> View:
    """The same, with a group that was read already.

    Everything that names a root is read before the roots, so that a named root exists even if somebody else creates one now.
    """
    found = tuple(engine.wait(run, leaves.all()) if newest is None else newest)
    ca_certificates = {store.owner: store.all() for store in stores}
    return view(group, found, ca_certificates, roots.all())
