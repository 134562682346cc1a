"""`root show`, `root export`, `root prove`: the root that is in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography import x509

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.model.action import Action
from dpsops.model.generations import no_finished_root
from dpsops.model.root_facts import RootFacts
from dpsops.model.run import Run
from dpsops.steps.describe_root import describe_root
from dpsops.steps.prove_root import prove_root
from dpsops.steps.use_root import current_name, finished_root


def show(run: Run, roots: RootVault, dps: Dps, stores: Sequence[TrustStore]) -> RootFacts:
    """The public properties of the root. Raises `Error` if there is no finished one, `Refused` if it must not be trusted."""
    facts = describe_root(run, roots, stores, current_name(run, roots, dps.group()))
    if facts is None:
        raise no_finished_root(run.environment.name)
    return facts


def export(run: Run, roots: RootVault, dps: Dps) -> x509.Certificate:
    """The certificate of the root. Raises as `show` does."""
    return finished_root(run, roots, current_name(run, roots, dps.group())).certificate


def prove(run: Run, roots: RootVault, dps: Dps, stores: Sequence[TrustStore]) -> Iterator[Action]:
    """Proves possession of the root's key to DPS, and to the hubs if the settings say so; yields what was done."""
    name = current_name(run, roots, dps.group())
    root = finished_root(run, roots, name)
    for store in stores:
        yield from prove_root(run, roots, store, name, root)
