"""A root that another CA signs: the vault makes its key and a request (CSR), that CA a certificate, and the vault merges it.

Its key is as little exportable as that of a root of our own; it is proven, trusted and rotated in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography import x509

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVault
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error, InvalidInput, Refused, Unreadable
from dpsops.model import proof
from dpsops.model.action import Action
from dpsops.model.generations import View
from dpsops.model.root import Absent, CsrRequested, Merged, RootState, classify, root_name
from dpsops.model.rotation import Keeping, Phase, Standing
from dpsops.model.rotation import classify as classify_rotation
from dpsops.model.run import Run
from dpsops.pki import chains, profiles
from dpsops.steps.make_root import make_root
from dpsops.steps.observe_generations import observe_generations


def csr(
    run: Run, roots: RootVault, leaves: LeafVault, dps: Dps, stores: Sequence[TrustStore]
) -> tuple[str, x509.CertificateSigningRequest]:
    """The name of the next root, and the request over its key, which the vault makes unless it has done so already.

    Raises `Refused` while a rotation is under way.
    """
    view = observe_generations(run, roots, leaves, dps, stores)
    standing = classify_rotation(view.observed)
    name = _next_name(standing, view)
    state = _state(run, roots, view, name)
    if isinstance(state, Absent):
        run.progress(f"creating the key of {name} in the vault ({run.environment.root.key}, not exportable)")
        roots.request(name, "Unknown", reuse_key=False)
        state = _state(run, roots, view, name)
    if not isinstance(state, CsrRequested):
        raise Refused(f"{name} is being made already, without another CA", "'dpsops rotate' completes it")
    return name, _read(state, name)


def merge(
    run: Run,
    roots: RootVault,
    leaves: LeafVault,
    dps: Dps,
    stores: Sequence[TrustStore],
    certificate: x509.Certificate,
    above: Sequence[x509.Certificate],
) -> Iterator[Action]:
    """Completes the root with the certificate that another CA made over its request, and the chain above it.

    Raises `InvalidInput` for a certificate that cannot be this root, before the vault is asked for anything.
    """
    view = observe_generations(run, roots, leaves, dps, stores)
    standing = classify_rotation(view.observed)
    if standing.phase is Phase.STAGED and roots.certificate(root_name(standing.new)) == certificate:
        return
    name = _next_name(standing, view)
    state = _state(run, roots, view, name)
    if isinstance(state, CsrRequested):
        _require_fitting(run, certificate, _read(state, name))
        chains.require_chain(certificate, above, run.now())
        run.progress(f"merging {name}")
        roots.merge(name, [certificate, *above])
        yield Action("merge", f"root {name}", "merged")
    elif not (isinstance(state, Merged) and state.root.certificate == certificate):
        raise Error(f"no request of {name} waits for a certificate", "make one first: dpsops root csr")
    yield from make_root(run, roots, name)


def _next_name(standing: Standing, view: View) -> str:
    """The name of the root after the one that is in use. Raises `Refused` while a rotation is under way."""
    name = root_name(standing.new)
    whole = view.observed.generation(standing.new).keeping is Keeping.WHOLE
    if standing.phase not in (Phase.STABLE, Phase.BREACHED) or whole:
        raise Refused(
            f"a rotation to {name} is under way ({standing.phase})",
            "end it with 'dpsops rotate', or, while no device has a leaf of that root, take it back: dpsops rotate undo",
        )
    return name


def _state(run: Run, roots: RootVault, view: View, name: str) -> RootState:
    """The present state of the next root, for which there is a place in every trust store."""
    state = classify(roots.observe(name, run.now()), run.now())
    for owner, held in view.held.items():
        proof.require_place(owner, held, name)
    return state


def _read(state: CsrRequested, name: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_der_x509_csr(state.csr)
        request.public_key()
    except ValueError as cause:
        raise Unreadable(f"the vault's request for {name} is no CSR", "run the command again") from cause
    return request


def _require_fitting(run: Run, certificate: x509.Certificate, request: x509.CertificateSigningRequest) -> None:
    if not chains.same_key(certificate.public_key(), request.public_key()):
        raise InvalidInput("the certificate is over another key than the request", "have the request of 'dpsops root csr' signed")
    wanted, found = chains.common_name(request.subject), chains.common_name(certificate.subject)
    if wanted != found:
        raise InvalidInput(
            f"the certificate's common name is {found!r}, and the request asks for {wanted!r}",
            "the common name tells the generations apart: have it signed as it was requested",
        )
    if faults := profiles.root_faults(certificate, run.now()):
        raise InvalidInput(
            f"the certificate {' and '.join(faults)}", "have it signed as a CA: basicConstraints CA:TRUE, keyCertSign"
        )
