"""Using a root: which one is in use, and whether it is finished."""

from __future__ import annotations

from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.model import generations
from dpsops.model.device import Issuer
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.root import Ready, RootVersion, classify, root_name
from dpsops.model.run import Run
from dpsops.pki import certification_path, chains


def current_name(run: Run, roots: RootVault, group: EnrollmentGroup | None) -> str:
    """The name of the root that is the primary of the enrollment group; if there is no group, of the root in the vault.

    Raises `Refused` if the group trusts a certificate that dpsops did not create, and as `root_for_new_group` does.
    """
    if group is None:
        return generations.root_for_new_group(run.environment.group.id, roots.all())
    return root_name(group.trusted()[0])


def finished_root(run: Run, roots: RootVault, name: str) -> RootVersion:
    """A root that can be used: one request. Raises `Error` if there is no finished root of this name, `Refused` if it must not
    be used."""
    sealed = roots.sealed(name)
    if not sealed.versions:
        raise generations.no_finished_root(run.environment.name)
    state = classify(sealed, run.now())
    if not isinstance(state, Ready):
        raise generations.no_finished_root(run.environment.name)
    return state.root


def issuer(run: Run, roots: RootVault, dps: Dps) -> Issuer:
    """The root that issues device certificates now: two requests, and one more for a root that another CA has signed. Raises
    `Error` if there is no group or no finished root yet, `Refused` if the root must not be used."""
    group = dps.group()
    if group is None:
        raise generations.no_finished_root(run.environment.name)
    trusted = group.trusted()
    name = root_name(max(trusted))
    root = finished_root(run, roots, name)
    if chains.is_self_signed(root.certificate):
        return Issuer(root, max(trusted), (root.certificate,), trusted)
    chain = certification_path.presentable(roots.merged_chain(root, name))
    return Issuer(root, max(trusted), chain, trusted)
