"""Making a root: a CA certificate whose private key is made in the vault and never leaves it, in seven steps."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import timedelta

from azure.core.exceptions import HttpResponseError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from dpsops.errors import Error, Refused
from dpsops.pki import chains, profiles
from dpsops.pki.keys import signing_hash
from dpsops.workflows.root import observe, pending_request
from dpsops.workflows.root_policy import root_subject, vault_policy
from dpsops.workflows.root_state import (
    CsrPending,
    CsrRequested,
    KeyMade,
    KeyRequested,
    Merged,
    Missing,
    Ready,
    RootState,
    Version,
    classify,
    root_tags,
)
from dpsops.workflows.run import Action, Run

_POLL_SECONDS = 5.0
_POLLS = 120


def plan(state: RootState, name: str) -> list[Action]:
    """What is still to be done to a root."""
    steps: dict[type[RootState], list[str]] = {
        CsrRequested: ["merge", "check and seal"],
        Missing: ["create key of", "request certificate of", "sign and merge", "check and seal"],
        KeyRequested: ["wait for key of", "request certificate of", "sign and merge", "check and seal"],
        KeyMade: ["request certificate of", "sign and merge", "check and seal"],
        CsrPending: ["sign and merge", "check and seal"],
        Merged: ["check and seal"],
        Ready: [],
    }
    return [Action(step, f"root {name}") for step in steps[type(state)]]


def converge(run: Run, name: str) -> Iterator[Action]:
    """Takes the root from whatever state it is in to a whole one, step by step, and yields each step as it is done."""
    while True:
        state = classify(observe(run, name), run.now())
        match state:
            case Missing():
                _create_key(run, name)
                yield Action("create key of", f"root {name}", "key created")
            case KeyRequested():
                _await_key(run, name)
            case CsrRequested():
                raise Error(
                    f"{name} waits for a certificate that another CA signs",
                    f"'dpsops root csr' prints the request, 'dpsops root merge CERT CHAIN' completes it; to do without that CA: "
                    f"'az keyvault certificate pending delete --vault-name {run.environment.vault.name} --name {name}'",
                )
            case KeyMade():
                _request_certificate(run, name)
                yield Action("request certificate of", f"root {name}", "certificate requested")
            case CsrPending(first, csr):
                _sign_and_merge(run, name, first, csr)
                yield Action("sign and merge", f"root {name}", "signed and merged")
            case Merged(root, lenders):
                _check(run, name, root)
                _seal(run, name, root, lenders)
                yield Action("check and seal", f"root {name}", "checked and sealed")
            case Ready():
                return


def _seal(run: Run, name: str, root: Version, lenders: Iterable[Version]) -> None:
    """Disables the versions that only lent a key, then marks the root as whole."""
    client = run.cloud.certificates
    for lender in lenders:
        client.update_certificate_properties(name, lender.id, enabled=False)
    client.update_certificate_properties(name, root.id, tags=root_tags(name, sealed=True))


def _create_key(run: Run, name: str) -> None:
    run.progress(f"creating the key of {name} in the vault ({run.environment.root.key}, not exportable)")
    policy = vault_policy(run.environment, name, "Self", reuse_key=False)
    run.cloud.certificates.begin_create_certificate(name, policy, tags=root_tags(name)).result()


def _await_key(run: Run, name: str) -> None:
    run.progress(f"waiting for the vault to make the key of {name}")
    for _ in range(_POLLS):
        pending = pending_request(run, name)
        if pending is None or pending.status.lower() != "inprogress":
            return
        run.cloud.sleep(_POLL_SECONDS)
    raise Error(
        f"the vault has not made the key of {name} in {_POLLS * _POLL_SECONDS:.0f} seconds", "run 'dpsops up' again later"
    )


def _request_certificate(run: Run, name: str) -> None:
    run.progress(f"requesting a certificate over the key of {name}")
    policy = vault_policy(run.environment, name, "Unknown", reuse_key=True)
    run.cloud.certificates.begin_create_certificate(name, policy, tags=root_tags(name)).result()


def _sign_and_merge(run: Run, name: str, first: Version, csr: bytes) -> None:
    """Signs the CA certificate with the first version's key (the pending version's own key is disabled) and merges it."""
    run.progress(f"signing {name} in the vault and merging it")
    public_key = first.certificate.public_key()
    if not _is_over(csr, public_key):
        raise Refused(
            f"the vault's request for {name} is not over the key that it made first",
            f"delete the certificate {name} in the vault, purge it, and run 'dpsops up' again",
        )
    root = profiles.Root(
        subject=root_subject(run.environment, name),
        public_key=public_key,
        lifetime=timedelta(days=round(run.environment.root.years * 365.25)),
    )
    key = run.cloud.signer(first.key_id, public_key)
    certificate = profiles.issue_root(root, key, serial=run.entropy.serial(), now=run.now())
    chains.require_issued_by(certificate, certificate, run.now())
    encoded = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER))
    run.cloud.certificates.merge_certificate(name, [encoded], tags=root_tags(name))


def _is_over(csr: bytes, public_key: CertificatePublicKeyTypes) -> bool:
    """Whether a request (DER) can be read, carries its own key's signature, and is over this key."""
    try:
        request = x509.load_der_x509_csr(csr)
    except ValueError:
        return False
    return request.is_signature_valid and chains.same_key(request.public_key(), public_key)


def _check(run: Run, name: str, root: Version) -> None:
    """Proves that the merged root works and cannot be taken out: it signs, and the vault's secret of it holds no key."""
    run.progress(f"checking {name}: that it signs, and that its key cannot be taken out")
    public_key = root.certificate.public_key()
    key = run.cloud.signer(root.key_id, public_key)
    message = run.entropy.serial().to_bytes(20, "big")
    algorithm = signing_hash(key.public_key())
    try:
        if isinstance(key, rsa.RSAPrivateKey) and isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(key.sign(message, padding.PKCS1v15(), algorithm), message, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(key.sign(message, ec.ECDSA(algorithm)), message, ec.ECDSA(algorithm))
        else:
            raise Refused(f"the key of {name} is neither RSA nor EC", f"delete the certificate {name} in the vault and purge it")
    except InvalidSignature as cause:
        raise Refused(
            f"the vault signs for {name} with another key than its certificate's",
            f"delete the certificate {name} in the vault, purge it, and run 'dpsops up' again",
        ) from cause
    if _secret_holds_a_key(run, name, root.id):
        raise Refused(
            f"the vault hands out the private key of {name}",
            f"delete the certificate {name} in the vault, purge it, and run 'dpsops up' again",
        )


def _secret_holds_a_key(run: Run, name: str, version: str) -> bool:
    """Whether the secret of a certificate's version holds its private key. A vault that refuses the secret keeps it too."""
    try:
        value = run.cloud.secrets.get_secret(name, version).value or ""
    except HttpResponseError as error:
        if error.status_code in (403, 404):
            return False
        raise
    return "PRIVATE KEY" in value
