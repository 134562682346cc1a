"""Creating a root in seven steps: a CA certificate whose private key is created in the vault and never leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error, Refused
from dpsops.model.action import Action
from dpsops.model.root import (
    Absent,
    CsrPending,
    CsrRequested,
    KeyMade,
    KeyRequested,
    Merged,
    Ready,
    RootVersion,
    root_subject,
)
from dpsops.model.run import Run
from dpsops.pki import chains, profiles
from dpsops.pki.keys import signing_hash

_POLL_SECONDS = 5.0


def make_root(run: Run, roots: RootVault, name: str) -> Iterator[Action]:
    """Finishes the root from any state, step by step; yields each step when it is done."""
    while True:
        match roots.state(name, run.now()):
            case Absent():
                run.progress(f"creating the key of {name} in the vault ({run.environment.root.key}, not exportable)")
                roots.request(name, "Self", reuse_key=False)
                yield Action("create key of", f"root {name}", "key created")
            case KeyRequested():
                _await_key(run, roots, name)
            case CsrRequested():
                raise Error(
                    f"{name} waits for a certificate that another CA must sign",
                    "'dpsops root csr' prints the request, 'dpsops root merge CERT CHAIN' completes the root; to create it "
                    "without that CA, first drop the request: dpsops rotate undo",
                )
            case KeyMade():
                run.progress(f"requesting a certificate for the key of {name}")
                roots.request(name, "Unknown", reuse_key=True)
                yield Action("request certificate of", f"root {name}", "certificate requested")
            case CsrPending(first, csr):
                run.progress(f"signing and merging {name} in the vault")
                roots.merge(name, [_sign(run, roots, name, first, csr)])
                yield Action("sign and merge", f"root {name}", "signed and merged")
            case Merged(root, key_versions):
                _check(run, roots, name, root)
                for version in key_versions:
                    roots.disable(name, version.id)
                roots.seal(name, root.id)
                yield Action("check and seal", f"root {name}", "checked and sealed")
            case Ready():
                return


def _await_key(run: Run, roots: RootVault, name: str) -> None:
    run.progress(f"waiting for the vault to create the key of {name}")
    with roots.creation(name):
        while (pending := roots.pending(name)) is not None and pending.status.lower() == "inprogress":
            run.sleep(_POLL_SECONDS)


def _sign(run: Run, roots: RootVault, name: str, first: RootVersion, csr: bytes) -> x509.Certificate:
    """The CA certificate, signed with the key of the first version, because the key of the pending version is disabled."""
    public_key = first.certificate.public_key()
    if not _is_over(csr, public_key):
        raise Refused(
            f"the vault's certificate request for {name} is not for the key that was created first",
            f"delete and purge the certificate {name} in the vault, then run the command again",
        )
    root = profiles.Root(
        subject=root_subject(run.environment, name),
        public_key=public_key,
        lifetime=timedelta(days=round(run.environment.root.years * 365.25)),
        path_length=run.environment.root.path_length,
    )
    certificate = profiles.issue_root(root, roots.signer(first), serial=run.entropy.serial(), now=run.now())
    chains.require_issued_by(certificate, certificate, run.now())
    return certificate


def _is_over(csr: bytes, public_key: CertificatePublicKeyTypes) -> bool:
    """Whether a request (DER) can be read, is signed with its own key, and is for this key."""
    try:
        request = x509.load_der_x509_csr(csr)
        return request.is_signature_valid and chains.same_key(request.public_key(), public_key)
    except ValueError:
        return False


def _check(run: Run, roots: RootVault, name: str, root: RootVersion) -> None:
    """Checks that the merged root signs, and that its secret in the vault does not contain the private key."""
    run.progress(f"checking that {name} signs and that its key cannot be read")
    public_key = root.certificate.public_key()
    key = roots.signer(root)
    message = run.entropy.serial().to_bytes(20, "big")
    algorithm = signing_hash(key.public_key())
    try:
        if isinstance(key, rsa.RSAPrivateKey) and isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(key.sign(message, padding.PKCS1v15(), algorithm), message, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(key.sign(message, ec.ECDSA(algorithm)), message, ec.ECDSA(algorithm))
        else:
            raise Refused(f"the key of {name} is neither RSA nor EC", f"delete and purge the certificate {name} in the vault")
    except InvalidSignature as cause:
        raise Refused(
            f"the vault's signature for {name} does not match its certificate",
            f"delete and purge the certificate {name} in the vault, then run the command again",
        ) from cause
    if roots.hands_out_key(name, root.id):
        raise Refused(
            f"the vault's secret of {name} contains the private key",
            f"delete and purge the certificate {name} in the vault, then run the command again",
        )
