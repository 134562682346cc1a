"""Reading the public properties of a root."""

from __future__ import annotations

from collections.abc import Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.root_vault import RootVault
from dpsops.model import proof
from dpsops.model.root import Ready, classify
from dpsops.model.root_facts import RootFacts
from dpsops.model.run import Run
from dpsops.pki import chains, profiles


def describe_root(run: Run, roots: RootVault, stores: Sequence[TrustStore], name: str) -> RootFacts | None:
    """The properties of a root, or None if it is not finished. Raises `Refused` if it must not be trusted."""
    observed = roots.observe(name, run.now())
    state = classify(observed, run.now())
    if not isinstance(state, Ready):
        return None
    certificate = state.root.certificate
    key_type, key_size = chains.key_type(certificate.public_key())
    return RootFacts(
        generation=observed.generation,
        name=name,
        subject=certificate.subject.rfc4514_string(),
        thumbprint=chains.thumbprint(certificate),
        serial=chains.serial_text(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_type=key_type,
        key_size=key_size,
        path_length=profiles.path_length(certificate),
        exportable=bool(observed.exportable),
        verified=all(proof.has_verified(store.get(name), state.root) for store in stores),
    )
