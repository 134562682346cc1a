"""A root that another CA signs: the vault makes its key and a request (CSR), that CA a certificate, and the vault merges it.

Its key is as little exportable as that of a root of our own; it is proven, trusted and rotated in the same way.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from dpsops.errors import Error, InvalidInput, Refused
from dpsops.pki import chains, profiles
from dpsops.workflows import generations, prove, root, root_making, root_state
from dpsops.workflows.generations import View
from dpsops.workflows.root_policy import vault_policy
from dpsops.workflows.root_state import CsrRequested, Merged, Missing, RootState, root_name, root_tags
from dpsops.workflows.rotation import Keeping, Phase, Standing, classify
from dpsops.workflows.run import Action, Run


def csr(run: Run) -> tuple[str, x509.CertificateSigningRequest]:
    """The name of the next root, and the request over its key, which the vault makes unless it has done so already.

    Raises `Refused` while a rotation is under way.
    """
    view = generations.observe(run)
    standing = classify(view.observed)
    name, state = _next(run, view, standing)
    if isinstance(state, Missing):
        run.progress(f"creating the key of {name} in the vault ({run.environment.root.key}, not exportable)")
        policy = vault_policy(run.environment, name, "Unknown", reuse_key=False)
        run.cloud.certificates.begin_create_certificate(name, policy, tags=root_tags(name)).result()
        _, state = _next(run, view, standing)
    if not isinstance(state, CsrRequested):
        raise Refused(f"{name} is being made already, without another CA", "'dpsops rotate' completes it")
    return name, x509.load_der_x509_csr(state.csr)


def merge(run: Run, certificate: x509.Certificate, above: Sequence[x509.Certificate]) -> Iterator[Action]:
    """Completes the root with the certificate that another CA made over its request, and the chain above it.

    Raises `InvalidInput` for a certificate that cannot be this root, before the vault is asked for anything.
    """
    view = generations.observe(run)
    standing = classify(view.observed)
    if standing.phase is Phase.STAGED and root.certificate(run, root_name(standing.new)) == certificate:
        return
    name, state = _next(run, view, standing)
    if isinstance(state, CsrRequested):
        _require_fitting(run, certificate, x509.load_der_x509_csr(state.csr))
        chains.require_chain(certificate, above, run.now())
        run.progress(f"merging {name}")
        encoded = [base64.b64encode(each.public_bytes(serialization.Encoding.DER)) for each in (certificate, *above)]
        run.cloud.certificates.merge_certificate(name, encoded, tags=root_tags(name))
        yield Action("merge", f"root {name}", "merged")
    elif not (isinstance(state, Merged) and state.root.certificate == certificate):
        raise Error(f"no request of {name} waits for a certificate", "make one first: dpsops root csr")
    yield from root_making.converge(run, name)


def is_awaited(run: Run, name: str) -> bool:
    """Whether a root waits for the certificate that another CA signs; at most four requests."""
    return isinstance(root_state.classify(root.observe(run, name), run.now()), CsrRequested)


def _next(run: Run, view: View, standing: Standing) -> tuple[str, RootState]:
    """The name and the present state of the root after the one that is in use."""
    name = root_name(standing.new)
    whole = view.observed.generation(standing.new).keeping is Keeping.WHOLE
    if standing.phase not in (Phase.STABLE, Phase.BREACHED) or whole:
        raise Refused(
            f"a rotation to {name} is under way ({standing.phase})",
            "end it with 'dpsops rotate', or, while no device has a leaf of that root, take it back: dpsops rotate undo",
        )
    state = root_state.classify(root.observe(run, name), run.now())
    for registry, held in view.held:
        prove.require_place(registry, held, name)
    return name, state


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
