"""Using a root: which one is in use, and that it is whole."""

from __future__ import annotations

from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.model import generations
from dpsops.model.device import Issuer
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.root import Ready, RootVersion, classify, root_name
from dpsops.model.run import Run
from dpsops.pki import chains


def current_name(run: Run, roots: RootVault, group: EnrollmentGroup | None) -> str:
    """The name of the root that the enrollment group has as its primary; that of the vault where there is no group.

    Raises `Refused` where the group trusts a certificate that dpsops did not make, and as `without_group` does.
    """
    if group is None:
        return generations.without_group(run.environment.group.id, roots.all())
    return root_name(group.trusted()[0])


def whole_root(run: Run, roots: RootVault, name: str) -> RootVersion:
    """A root for use: one request. Raises `Error` where there is no whole one of this name, `Refused` where it must not
    be used."""
    sealed = roots.sealed(name)
    if not sealed.versions:
        raise generations.not_whole(run.environment.name)
    state = classify(sealed, run.now())
    if not isinstance(state, Ready):
        raise generations.not_whole(run.environment.name)
    return state.root


def issuer(run: Run, roots: RootVault, dps: Dps) -> Issuer:
    """Who issues today: two requests, and one more for a root that another CA has signed. Raises `Error` where there is
    no group or no whole root yet, `Refused` where the root must not be used."""
    group = dps.group()
    if group is None:
        raise generations.not_whole(run.environment.name)
    trusted = group.trusted()
    name = root_name(max(trusted))
    root = whole_root(run, roots, name)
    chain = (root.certificate,) if chains.is_self_signed(root.certificate) else roots.merged_chain(root, name)
    return Issuer(root, max(trusted), chain, trusted)
