"""Proof of possession: showing DPS that the root's key is ours, by signing the code that DPS names.

Source: Azure DPS, "How to do proof-of-possession for X.509 CA certificates with your DPS".
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpsops.errors import Error, Refused
from dpsops.pki import chains, profiles
from dpsops.workflows.root_state import Version
from dpsops.workflows.run import Action, Run

if TYPE_CHECKING:
    from azure.mgmt.iothubprovisioningservices.models import CertificateResponse

MAX_CERTIFICATES = 25
"""CA certificates that one DPS holds. Source: Azure subscription limits, "DPS limits"."""


@dataclass(frozen=True, slots=True)
class ObservedCertificate:
    """A DPS certificate: its SHA-1 thumbprint as DPS shows it, whether it is verified, its etag."""

    thumbprint: str
    verified: bool
    etag: str


def observe(run: Run, name: str) -> ObservedCertificate | None:
    """The DPS certificate of this name, or None."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = run.cloud.dps.dps_certificate.get(name, run.environment.resource_group, run.environment.dps.name)
    except ResourceNotFoundError:
        return None
    return _observed(found)


def _observed(found: CertificateResponse) -> ObservedCertificate:
    properties = found.properties
    if properties is None or found.etag is None:
        raise Error("DPS answered a certificate without properties or etag", "run the command again")
    return ObservedCertificate((properties.thumbprint or "").upper(), bool(properties.is_verified), found.etag)


def plan(observed: ObservedCertificate | None, name: str, root: Version | None) -> list[Action]:
    """What is still to be done until DPS trusts the root. Raises `Refused` where the name holds another certificate."""
    target = f"DPS certificate {name}"
    if observed is None:
        return [Action("upload", target), Action("prove", target)]
    if root is None or observed.thumbprint != chains.sha1_thumbprint(root.certificate):
        raise Refused(
            f"DPS already holds a certificate {name}, and it is another one (SHA-1 {observed.thumbprint})",
            "devices may depend on it: find out whose it is, then remove it from the DPS, or choose another DPS",
        )
    return [] if observed.verified else [Action("prove", target)]


def converge(run: Run, name: str, root: Version) -> Iterator[Action]:
    """Uploads the root to DPS and proves its possession, as far as either is missing; yields what was done."""
    observed = observe(run, name)
    for action in plan(observed, name, root):
        if action.action == "upload":
            observed = _upload(run, name, root)
            yield Action(action.action, action.target, "uploaded")
        elif observed is not None:
            _prove(run, name, root, observed)
            yield Action(action.action, action.target, "verified")


def _upload(run: Run, name: str, root: Version) -> ObservedCertificate:
    from azure.mgmt.iothubprovisioningservices.models import CertificateProperties, CertificateResponse

    environment = run.environment
    run.progress(f"uploading {name} to the DPS {environment.dps.name}")
    held = run.cloud.dps.dps_certificate.list(environment.resource_group, environment.dps.name).value or []
    if len(held) >= MAX_CERTIFICATES:
        raise Refused(
            f"the DPS {environment.dps.name} already holds {len(held)} CA certificates, and no DPS holds more",
            "remove one that no enrollment names any more",
        )
    body = CertificateResponse(properties=CertificateProperties(certificate=chains.pem(root.certificate).encode()))
    created = run.cloud.dps.dps_certificate.create_or_update(environment.resource_group, environment.dps.name, name, body)
    return _observed(created)


def _prove(run: Run, name: str, root: Version, observed: ObservedCertificate) -> None:
    """Asks for a code, signs a certificate that carries it with the root's key, and shows it.

    Each call changes the etag, and each must name the one before it.
    """
    from azure.core import MatchConditions
    from azure.mgmt.iothubprovisioningservices.models import VerificationCodeRequest

    environment = run.environment
    run.progress(f"proving possession of {name} to the DPS {environment.dps.name}")
    where = (environment.resource_group, environment.dps.name)
    answer = run.cloud.dps.dps_certificate.generate_verification_code(
        name, *where, etag=observed.etag, match_condition=MatchConditions.IfNotModified
    )
    code = answer.properties.verification_code if answer.properties else None
    if not code or not answer.etag:
        raise Error("DPS answered no verification code", "run the command again")
    proof = profiles.issue_proof(
        code,
        run.entropy.key().public_key(),
        root.certificate,
        run.cloud.signer(root.key_id, root.certificate.public_key()),
        serial=run.entropy.serial(),
        now=run.now(),
    )
    chains.require_issued_by(proof, root.certificate, run.now())
    verified = run.cloud.dps.dps_certificate.verify_certificate(
        name,
        *where,
        VerificationCodeRequest(certificate=base64.b64encode(chains.pem(proof).encode()).decode()),
        etag=answer.etag,
        match_condition=MatchConditions.IfNotModified,
    )
    if verified.properties is None or not verified.properties.is_verified:
        raise Error(f"DPS took the proof but does not call {name} verified", "run 'dpsops root prove' again")
