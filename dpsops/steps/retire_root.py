"""Retiring a root: it leaves the trust stores, and the vault keeps it, disabled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.root_vault import RootVault
from dpsops.model.action import Action
from dpsops.model.generations import View, removable
from dpsops.model.root import RETIRED, RETIRED_TAG, root_name
from dpsops.model.rotation import Keeping
from dpsops.model.run import Run


def retire_root(run: Run, roots: RootVault, stores: Sequence[TrustStore], view: View, number: int) -> Iterator[Action]:
    """Takes a root out of the DPS, and out of the hubs that hold it, and disables it in the vault.

    Raises `Refused` where one of them holds another certificate under its name, or one that the vault does not have.
    """
    name, root = root_name(number), view.roots.get(number)
    for store in stores:
        found = view.held[store.owner].get(name)
        if found is None:
            continue
        etag = removable(store.owner, found, root, name, run.environment.vault.name).etag
        run.progress(f"removing {name} from the {store.owner}")
        store.delete(name, etag)
        yield Action("remove", f"{name} in {store.owner}", "removed")
    if root is not None and view.observed.generation(number).keeping is not Keeping.RETIRED:
        run.progress(f"disabling {name} in the vault")
        roots.retire(name, {RETIRED_TAG: RETIRED})
        yield Action("retire", f"root {name}", "disabled in the vault, not deleted")
