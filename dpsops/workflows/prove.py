"""Proof of possession: showing a DPS or a hub that the root's key is ours, by signing the code that it names.

Source: Azure DPS, "How to do proof-of-possession for X.509 CA certificates with your DPS".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from dpsops.azure.ca_certificates import CaCertificate, CaCertificates
from dpsops.errors import Error, Refused
from dpsops.pki import chains, profiles
from dpsops.workflows.root_state import Version
from dpsops.workflows.run import Action, Run

MAX_CERTIFICATES = 25
"""CA certificates that one DPS or hub holds. Source: Azure subscription limits, "DPS limits" and "IoT Hub limits"."""


def plan(registry: CaCertificates, observed: CaCertificate | None, name: str, root: Version | None) -> list[Action]:
    """What is still to be done until the service trusts the root. Raises `Refused` where the name holds another certificate."""
    target = f"{name} in {registry.owner}"
    if observed is None:
        return [Action("upload", target), Action("prove", target)]
    if root is None or observed.thumbprint != chains.sha1_thumbprint(root.certificate):
        raise _taken(registry, name, observed)
    return [] if observed.verified else [Action("prove", target)]


def is_proven(observed: CaCertificate | None, root: Version) -> bool:
    """Whether a service has verified this very root."""
    return observed is not None and observed.verified and observed.thumbprint == chains.sha1_thumbprint(root.certificate)


def converge(run: Run, registry: CaCertificates, name: str, root: Version) -> Iterator[Action]:
    """Uploads the root and proves its possession, as far as either is missing; yields what was done."""
    observed = registry.get(name)
    for action in plan(registry, observed, name, root):
        if action.action == "upload":
            observed = upload(run, registry, name, root)
            yield Action(action.action, action.target, "uploaded")
        elif observed is not None:
            prove(run, registry, name, root, observed)
            yield Action(action.action, action.target, "verified")


def upload(run: Run, registry: CaCertificates, name: str, root: Version) -> CaCertificate:
    """Puts the root under a name that is free. Raises `Refused` where the service holds as many as it can."""
    run.progress(f"uploading {name} to the {registry.owner}")
    _require_room(registry, registry.all(), name)
    return registry.upload(name, chains.pem(root.certificate))


def require_place(registry: CaCertificates, held: Mapping[str, CaCertificate], name: str) -> None:
    """Raises `Refused` where a root that is yet to be made could not be uploaded: there is no room, or its name is taken."""
    if name in held:
        raise _taken(registry, name, held[name])
    _require_room(registry, held, name)


def _taken(registry: CaCertificates, name: str, observed: CaCertificate) -> Refused:
    return Refused(
        f"the {registry.owner} already holds a certificate {name}, and it is another one (SHA-1 {observed.thumbprint})",
        "devices may depend on it: find out whose it is, then remove it there, or choose another name for the service",
    )


def _require_room(registry: CaCertificates, held: Collection[str], name: str) -> None:
    """Raises `Refused` where the service holds as many certificates as it can, and none of this name."""
    if name not in held and len(held) >= MAX_CERTIFICATES:
        raise Refused(
            f"the {registry.owner} already holds {len(held)} CA certificates, and it holds no more than {MAX_CERTIFICATES}",
            "remove one that nothing depends on any more",
        )


def prove(run: Run, registry: CaCertificates, name: str, root: Version, observed: CaCertificate) -> None:
    """Asks for a code, signs a certificate that carries it with the root's key, and shows it."""
    run.progress(f"proving possession of {name} to the {registry.owner}")
    challenge = registry.challenge(name, observed.etag)
    proof = profiles.issue_proof(
        challenge.code,
        run.entropy.key().public_key(),
        root.certificate,
        run.cloud.signer(root.key_id, root.certificate.public_key()),
        serial=run.entropy.serial(),
        now=run.now(),
    )
    chains.require_issued_by(proof, root.certificate, run.now())
    if not registry.verify(name, challenge.etag, chains.pem(proof)).verified:
        raise Error(f"the {registry.owner} took the proof but does not call {name} verified", "run 'dpsops root prove' again")
