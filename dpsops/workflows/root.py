"""`root show`, `root export`, `root prove`: the root that is in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography import x509

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.model.action import Action
from dpsops.model.generations import not_whole
from dpsops.model.root_facts import RootFacts
from dpsops.model.run import Run
from dpsops.steps.describe_root import describe_root
from dpsops.steps.prove_root import prove_root
from dpsops.steps.use_root import current_name, whole_root


def show(run: Run, roots: RootVault, dps: Dps, stores: Sequence[TrustStore]) -> RootFacts:
    """Its public side. Raises `Error` while there is no whole one, `Refused` where it must not be trusted."""
    facts = describe_root(run, roots, stores, current_name(run, roots, dps.group()))
    if facts is None:
        raise not_whole(run.environment.name)
    return facts


def export(run: Run, roots: RootVault, dps: Dps) -> x509.Certificate:
    """Its certificate. Raises as `show` does."""
    return whole_root(run, roots, current_name(run, roots, dps.group())).certificate


def prove(run: Run, roots: RootVault, dps: Dps, stores: Sequence[TrustStore]) -> Iterator[Action]:
    """Proves possession of its key to DPS, and to the hubs where the settings ask for it; yields what was done."""
    name = current_name(run, roots, dps.group())
    root = whole_root(run, roots, name)
    for store in stores:
        yield from prove_root(run, roots, store, name, root)
