"""A root that another CA signs: the vault creates its key and a request (CSR), that CA issues a certificate, and the vault merges
it.

Its key is not exportable either. The root is proven, trusted and rotated like a self-signed root.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error, InvalidInput, Refused, Unreadable
from dpsops.model import proof
from dpsops.model.action import Action
from dpsops.model.generations import View
from dpsops.model.replacement import continuation
from dpsops.model.root import Absent, CsrRequested, Merged, RootState, root_name
from dpsops.model.rotation import Phase, Standing, VaultState
from dpsops.model.rotation import classify as classify_rotation
from dpsops.model.run import Run
from dpsops.pki import certification_path, chains, profiles
from dpsops.steps.make_root import make_root
from dpsops.steps.observe_generations import observe_generations


def csr(
    run: Run, roots: RootVault, leaves: LeafVaults, dps: Dps, stores: Sequence[TrustStore]
) -> tuple[str, x509.CertificateSigningRequest, bool]:
    """The name of the next root, the request for its key, and whether the vault has created both now or had them already.

    Raises `Refused` during a rotation.
    """
    view = observe_generations(run, roots, leaves, dps, stores)
    standing = classify_rotation(view.observed)
    name = _next_name(standing, view)
    state = _state(run, roots, view, name)
    is_new = isinstance(state, Absent)
    if is_new:
        run.progress(f"creating the key of {name} in the vault ({run.environment.root.key}, not exportable)")
        roots.request(name, "Unknown", reuse_key=False)
        state = _state(run, roots, view, name)
    if not isinstance(state, CsrRequested):
        raise Refused(f"{name} is already being created, as a self-signed root", f"to complete it: {continuation(standing)}")
    return name, _read(state, name), is_new


def merge(
    run: Run,
    roots: RootVault,
    leaves: LeafVaults,
    dps: Dps,
    stores: Sequence[TrustStore],
    made: Sequence[x509.Certificate],
    above: Sequence[x509.Certificate],
) -> Iterator[Action]:
    """Completes the root with the certificate that another CA issued for its request, and the chain above it; yields what was
    done. made: that certificate, maybe with others of its chain, which are in `above` too or not.

    Raises `InvalidInput` for a certificate that cannot be this root, before anything in the vault is changed.
    """
    view = observe_generations(run, roots, leaves, dps, stores)
    standing = classify_rotation(view.observed)
    if standing.phase is Phase.STAGED and roots.certificate(root_name(standing.new)) in made:
        return
    name = _next_name(standing, view)
    state = _state(run, roots, view, name)
    if isinstance(state, CsrRequested):
        certificate = _issued(_read(state, name), made, above)
        _require_fitting(run, certificate, _read(state, name))
        chain = certification_path.certification_path(certificate, [*made, *above])
        certification_path.require_path(certificate, chain, run.now(), run.environment.root.path_length)
        run.progress(f"merging {name}")
        roots.merge(name, [certificate, *chain])
        yield Action("merge", f"root {name}", "merged")
    elif not (isinstance(state, Merged) and state.root.certificate in made):
        raise Error(f"there is no pending request for {name}", "create one first: dpsops root csr")
    yield from make_root(run, roots, name)


def _next_name(standing: Standing, view: View) -> str:
    """The name of the root after the one that is in use. Raises `Refused` during a rotation."""
    name = root_name(standing.new)
    is_finished = view.observed.generation(standing.new).in_vault is VaultState.FINISHED
    if standing.phase not in (Phase.STABLE, Phase.BREACHED) or is_finished:
        raise Refused(
            f"a rotation to {name} is under way ({standing.phase})",
            f"to finish it: {continuation(standing)}; or, if no device has a certificate under {name} yet: dpsops rotate undo",
        )
    return name


def _state(run: Run, roots: RootVault, view: View, name: str) -> RootState:
    """The present state of the next root. Raises `Refused` if it could not be uploaded to every trust store."""
    state = roots.state(name, run.now())
    for owner, certificates in view.ca_certificates.items():
        proof.require_uploadable(owner, certificates, name)
    return state


def _read(state: CsrRequested, name: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_der_x509_csr(state.csr)
        _ = request.public_key(), request.subject, request.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as cause:
        raise Unreadable(f"the vault's request for {name} is not a valid CSR", "run the command again") from cause
    return request


def _issued(
    request: x509.CertificateSigningRequest, made: Sequence[x509.Certificate], above: Sequence[x509.Certificate]
) -> x509.Certificate:
    """The certificate for the request."""

    def among(given: Sequence[x509.Certificate]) -> x509.Certificate | None:
        return next((each for each in given if chains.same_key(each.public_key(), request.public_key())), None)

    if (found := among(made)) is not None:
        return found
    if among(above) is not None:
        raise InvalidInput("the certificate for the request is in the file of the chain", "name the files the other way round")
    raise InvalidInput("the certificate is for another key than the request", "have the request of 'dpsops root csr' signed")


def _require_fitting(run: Run, certificate: x509.Certificate, request: x509.CertificateSigningRequest) -> None:
    wanted, found = chains.common_name(request.subject), chains.common_name(certificate.subject)
    if wanted != found:
        raise InvalidInput(
            f"the certificate's common name is {found!r}, but the request has {wanted!r}",
            "have it signed with the common name of the request: it contains the generation",
        )
    if faults := profiles.root_faults(certificate, run.now()):
        raise InvalidInput(
            f"the certificate {' and '.join(faults)}",
            "have it signed as a CA certificate that is valid now: basicConstraints CA:TRUE, keyUsage keyCertSign",
        )
    if faults := certification_path.use_faults(certificate):
        raise InvalidInput(f"the certificate {' and '.join(faults)}", "have it signed without that: devices could not use it")
    days = run.environment.leaf.days
    if certificate.not_valid_after_utc < run.now() + timedelta(days=days):
        raise InvalidInput(
            f"the certificate expires on {certificate.not_valid_after_utc:%Y-%m-%d}, before a device certificate of {days} days",
            "have it signed for some years, or change [leaf] days in the settings",
        )
    wanted_length = run.environment.root.path_length
    if faults := certification_path.length_faults(certificate, wanted_length):
        raise InvalidInput(
            f"the certificate {' and '.join(faults)} ([root] path_length)",
            f"have it signed with basicConstraints pathlen:{wanted_length}, or change [root] path_length in the settings",
        )
