"""The parts of Azure that a rotation touches, and what both kinds of rotation do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_signer import LeafSigner
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.root_vault import RootVault
from dpsops.model.action import Action, Failed, Result
from dpsops.model.device import Leaf
from dpsops.model.generations import View
from dpsops.model.run import Run
from dpsops.model.superseded import may_have_superseded
from dpsops.steps.disable_superseded import disable_superseded
from dpsops.steps.observe_generations import observe_generations
from dpsops.steps.put_group import trust_roots
from dpsops.steps.retire_root import retire_root

Results = Iterator[Result]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of Azure that a rotation touches. `stores`: the trust stores in which a root is proven; `every_store`: reads
    which there are at all, also those of hubs."""

    run: Run
    roots: RootVault
    signer: LeafSigner
    leaves: LeafVaults
    dps: Dps
    hubs: Hubs
    stores: tuple[TrustStore, ...]
    every_store: Callable[[], Sequence[TrustStore]]

    def observe(self, newest: Iterable[Leaf] | None = None) -> View:
        """The generations of the root as they are now. `newest`: the newest certificate of every device, if it is known; else
        the devices are listed."""
        return observe_generations(self.run, self.roots, self.leaves, self.dps, self.stores, newest)

    def trust(self, view: View, primary: int, secondary: int | None) -> Iterator[Action]:
        """Makes the group trust these generations."""
        return trust_roots(self.run, self.dps, view.group, primary, secondary)

    def disable_superseded(self, view: View, used: Mapping[str, str] | None = None) -> Iterator[Action | Failed]:
        """Disables what is superseded of the devices' secrets. `used`: the thumbprints in their identities, if they are known."""
        found = [leaf for leaf in view.leaves if may_have_superseded(leaf, in_use=True)]
        return disable_superseded(self.run, self.leaves, self.dps, self.hubs, found, view.observed.trusted, used)

    def retire_root(self, view: View, number: int) -> Iterator[Action]:
        """Removes a root from the trust stores, and disables it in the vault."""
        return retire_root(self.run, self.roots, self.stores, view, number)
