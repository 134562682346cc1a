"""Proof of possession: the root's key signs the verification code of a DPS or a hub, which then marks the root as verified.

Source: Azure DPS, "How to do proof-of-possession for X.509 CA certificates with your DPS".
"""

from __future__ import annotations

from collections.abc import Iterator

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Changed, Error
from dpsops.model import proof
from dpsops.model.action import Action
from dpsops.model.proof import CaCertificate
from dpsops.model.root import RootVersion
from dpsops.model.run import Run
from dpsops.pki import chains, profiles


def prove_root(run: Run, roots: RootVault, store: TrustStore, name: str, root: RootVersion) -> Iterator[Action]:
    """Uploads the root and proves possession of its key, if either is missing; yields what was done. Raises `Refused` if the
    trust store has another certificate of this name, or is full."""
    observed = store.get(name)
    for action in proof.plan(store.owner, observed, name, root):
        if action.action == "upload":
            run.progress(f"uploading {name} to the {store.owner}")
            proof.require_space(store.owner, store.all(), name)
            observed = store.upload(name, chains.pem(root.certificate))
            yield Action(action.action, action.target, "uploaded")
        elif observed is not None:
            yield Action(action.action, action.target, _proven(run, roots, store, name, root, observed))


def _proven(run: Run, roots: RootVault, store: TrustStore, name: str, root: RootVersion, observed: CaCertificate) -> str:
    """Proves possession, and says what came of it. If the certificate's etag is another one by now, it looks once more and begins
    again with a new code; a second time raises `Changed`."""
    try:
        _prove(run, roots, store, name, root, observed)
    except Changed:
        again = store.get(name)
        if again is None:
            raise
        if not proof.plan(store.owner, again, name, root):
            return "verified by somebody else meanwhile"
        _prove(run, roots, store, name, root, again)
    return "verified"


def _prove(run: Run, roots: RootVault, store: TrustStore, name: str, root: RootVersion, observed: CaCertificate) -> None:
    """Requests a verification code, signs a verification certificate for it with the root's key, and uploads that."""
    run.progress(f"proving possession of {name} to the {store.owner}")
    challenge = store.challenge(name, observed.etag)
    certificate = profiles.issue_verification_certificate(
        challenge.code,
        run.entropy.key().public_key(),
        root.certificate,
        roots.signer(root),
        serial=run.entropy.serial(),
        now=run.now(),
    )
    chains.require_issued_by(certificate, root.certificate, run.now())
    if not store.verify(name, challenge.etag, chains.pem(certificate)).verified:
        raise Error(f"the {store.owner} accepted the proof, but {name} is not verified", "run the command again")
