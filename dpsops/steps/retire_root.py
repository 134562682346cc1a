"""Retiring a root: it is removed from the trust stores, and disabled (not deleted) in the vault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Changed
from dpsops.model.action import Action
from dpsops.model.generations import View, removable
from dpsops.model.root import RETIRED, RETIRED_TAG, root_name
from dpsops.model.rotation import VaultState
from dpsops.model.run import Run


def retire_root(run: Run, roots: RootVault, stores: Sequence[TrustStore], view: View, number: int) -> Iterator[Action]:
    """Removes a root from the trust stores, and disables it in the vault; yields what was done. Raises `Refused` as
    `remove_root` does."""
    yield from remove_root(run, stores, view, number)
    yield from disable_root(run, roots, view, number)


def remove_root(run: Run, stores: Sequence[TrustStore], view: View, number: int) -> Iterator[Action]:
    """Removes a root from the DPS, and from the hubs that have it; yields what was done.

    Raises `Refused` if a trust store has another certificate under its name, or if the vault does not have the root.
    """
    name, root = root_name(number), view.roots.get(number)
    for store in stores:
        found = view.ca_certificates[store.owner].get(name)
        if found is None:
            continue
        run.progress(f"removing {name} from the {store.owner}")
        try:
            store.delete(name, removable(store.owner, found, root, name, run.environment.vault.name).etag)
        except Changed:
            again = store.get(name)  # once more: an etag changes with every code, and only another certificate matters
            if again is not None:
                store.delete(name, removable(store.owner, again, root, name, run.environment.vault.name).etag)
        yield Action("remove", f"{name} in {store.owner}", "removed")


def disable_root(run: Run, roots: RootVault, view: View, number: int) -> Iterator[Action]:
    """Disables a root in the vault, unless it is disabled already; yields what was done."""
    name = root_name(number)
    if number in view.roots and view.observed.generation(number).in_vault is not VaultState.RETIRED:
        run.progress(f"disabling {name} in the vault")
        roots.retire(name, {RETIRED_TAG: RETIRED})
        yield Action("retire", f"root {name}", "disabled in the vault, not deleted")
