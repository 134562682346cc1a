"""The root: a CA certificate whose private key is made in the vault and never leaves it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from dpsops.errors import Error, Refused
from dpsops.pki import chains, profiles
from dpsops.pki.keys import signing_hash
from dpsops.workflows import enrollment
from dpsops.workflows.enrollment import ObservedGroup
from dpsops.workflows.root_policy import vault_policy
from dpsops.workflows.root_state import (
    RETIRED,
    RETIRED_TAG,
    ROLE_TAG,
    ROOT_ROLE,
    SEAL_TAG,
    SEALED,
    CsrPending,
    CsrRequested,
    KeyMade,
    KeyRequested,
    Merged,
    Missing,
    ObservedRoot,
    Pending,
    Ready,
    RootState,
    Version,
    classify,
    generation_of,
    is_authority,
    root_name,
    root_tags,
)
from dpsops.workflows.run import Action, Run

if TYPE_CHECKING:
    from azure.keyvault.certificates import CertificateProperties, KeyVaultCertificate

_POLL_SECONDS = 5.0
_POLLS = 120


def kept(run: Run) -> dict[int, CertificateProperties]:
    """What the vault shows of each generation: the properties of its sealed version, or of its newest one while there is
    none. It costs one request for each page, and one for each root that is being made."""
    found = run.cloud.certificates.list_properties_of_certificates()
    ours = (properties for properties in found if (properties.tags or {}).get(ROLE_TAG) == ROOT_ROLE)
    newest = {number: properties for properties in ours if (number := generation_of(properties.name or "")) is not None}
    return {number: _sealed(run, properties) or properties for number, properties in newest.items()}


def _sealed(run: Run, newest: CertificateProperties) -> CertificateProperties | None:
    """The sealed version. It is the newest one, unless somebody has made another version after it."""
    if _is_sealed(newest):
        return newest
    return next((version for version in _listed(run, newest.name or "") if _is_sealed(version)), None)


def properties(run: Run, name: str) -> CertificateProperties:
    """The properties of a root's sealed version, or of its newest one while there is none: one request, or two."""
    newest = run.cloud.certificates.get_certificate(name).properties
    if newest is None:
        raise Error(f"the vault answered the certificate {name} without its properties", "run the command again")
    return _sealed(run, newest) or newest


def _is_sealed(properties: CertificateProperties) -> bool:
    return (properties.tags or {}).get(SEAL_TAG) == SEALED


def newest_name(run: Run) -> str:
    """The name of the newest root in the vault that is not retired, or of the first generation where there is none."""
    live = [number for number, properties in kept(run).items() if (properties.tags or {}).get(RETIRED_TAG) != RETIRED]
    return root_name(max(live, default=1))


def current_name(run: Run, group: ObservedGroup | None) -> str:
    """The name of the root that the enrollment group has as its primary; the newest in the vault where there is no group.

    Raises `Refused` where the group trusts a certificate that dpsops did not make.
    """
    return newest_name(run) if group is None else root_name(group.trusted()[0])


def trusted(run: Run) -> tuple[int, ...]:
    """The generations that the enrollment group trusts. The newest of them issues: a device with a leaf of any other
    root could not register. Raises `Error` where there is no group yet."""
    group = enrollment.observe(run)
    if group is None:
        raise _not_whole(run)
    return group.trusted()


def observe(run: Run, name: str) -> ObservedRoot:
    """What the vault shows under a root's name. A whole root costs four requests."""
    listed = _listed(run, name)
    if not listed:
        pending = _pending(run, name)
        return ObservedRoot(name, pending=pending, deleted=pending is None and _is_deleted(run, name))
    wanted = [version for version in listed if version.enabled] or listed
    versions = tuple(_version(run, name, version.version or "") for version in wanted)
    whole = any(profiles.root_faults(version.certificate, run.now()) == [] for version in versions)
    return ObservedRoot(
        name,
        versions=versions,
        pending=None if whole else _pending(run, name),
        exportable=_is_exportable(run, name, next((one for one in versions if is_authority(one.certificate)), versions[-1])),
    )


def _listed(run: Run, name: str) -> list[CertificateProperties]:
    """The complete versions. A vault may answer a name that it does not know with nothing or with 404."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        versions = list(run.cloud.certificates.list_properties_of_certificate_versions(name))
    except ResourceNotFoundError:
        return []
    return [version for version in versions if version.x509_thumbprint]


def _version(run: Run, name: str, version: str) -> Version:
    return _read_version(run.cloud.certificates.get_certificate_version(name, version))


def _read_version(found: KeyVaultCertificate) -> Version:
    properties = found.properties
    return Version(
        id=(properties and properties.version) or "",
        enabled=bool(properties and properties.enabled),
        tags=dict((properties and properties.tags) or {}),
        certificate=x509.load_der_x509_certificate(bytes(found.cer or b"")),
        key_id=found.key_id or "",
    )


def _pending(run: Run, name: str) -> Pending | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        operation = run.cloud.certificates.get_certificate_operation(name)
    except ResourceNotFoundError:
        return None
    return Pending(str(operation.issuer_name), str(operation.status), bytes(operation.csr or b""))


def _is_deleted(run: Run, name: str) -> bool:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        run.cloud.certificates.get_deleted_certificate(name)
    except ResourceNotFoundError:
        return False
    return True


def _is_exportable(run: Run, name: str, version: Version) -> bool:
    """Whether the policy, or the key itself, says that the private key may be taken out."""
    policy = run.cloud.certificates.get_certificate_policy(name)
    if policy.exportable is not False:
        return True
    key = run.cloud.keys.get_key(name, version.id)
    return bool(key.properties.exportable)


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


def require(run: Run, name: str) -> Version:
    """A root for use: one request. Raises `Error` where there is no whole one of this name, `Refused` where it must not
    be used.

    The unversioned certificate is the newest version, and while a root is being made that is another one; the
    seal, which only the last step sets, tells them apart. It costs two requests more where the newest is not sealed.
    """
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = run.cloud.certificates.get_certificate(name)
    except ResourceNotFoundError:
        raise _not_whole(run) from None
    exportable = found.policy is None or found.policy.exportable is not False
    if found.properties is not None and not _is_sealed(found.properties):
        sealed = _sealed(run, found.properties)
        if sealed is None:
            raise _not_whole(run)
        version = _version(run, name, sealed.version or "")
    else:
        version = _read_version(found)
    state = classify(ObservedRoot(name, (version,), exportable=exportable), run.now())
    if not isinstance(state, Ready):
        raise _not_whole(run)
    return state.root


def chain(run: Run, name: str, root: Version) -> tuple[x509.Certificate, ...]:
    """The root, and behind it, where another CA has signed it, the chain that was merged with it; one request for that."""
    if chains.is_self_signed(root.certificate):
        return (root.certificate,)
    value = run.cloud.secrets.get_secret(name, root.id).value or ""
    found = x509.load_pem_x509_certificates(value.encode())
    return (root.certificate, *(certificate for certificate in found if certificate != root.certificate))


def certificate(run: Run, name: str) -> x509.Certificate | None:
    """The certificate of a root, sealed or not, whatever else has become of it; None where it is still without one."""
    found = run.cloud.certificates.get_certificate_version(name, properties(run, name).version or "")
    return x509.load_der_x509_certificate(bytes(found.cer)) if found.cer else None


def _not_whole(run: Run) -> Error:
    return Error(f"the environment {run.environment.name!r} has no whole root yet", "run 'dpsops up' first")


def _seal(run: Run, name: str, root: Version, lenders: Iterable[Version]) -> None:
    """Disables the versions that only lent a key, then marks the root as whole."""
    client = run.cloud.certificates
    for lender in lenders:
        client.update_certificate_properties(name, lender.id, enabled=False)
    client.update_certificate_properties(name, root.id, tags=root_tags(generation_of(name) or 1, sealed=True))


def _create_key(run: Run, name: str) -> None:
    run.progress(f"creating the key of {name} in the vault ({run.environment.root.key}, not exportable)")
    policy = vault_policy(run.environment, name, "Self", reuse_key=False)
    run.cloud.certificates.begin_create_certificate(name, policy, tags=root_tags(generation_of(name) or 1)).result()


def _await_key(run: Run, name: str) -> None:
    run.progress(f"waiting for the vault to make the key of {name}")
    for _ in range(_POLLS):
        pending = _pending(run, name)
        if pending is None or pending.status.lower() != "inprogress":
            return
        run.cloud.sleep(_POLL_SECONDS)
    raise Error(
        f"the vault has not made the key of {name} in {_POLLS * _POLL_SECONDS:.0f} seconds", "run 'dpsops up' again later"
    )


def _request_certificate(run: Run, name: str) -> None:
    run.progress(f"requesting a certificate over the key of {name}")
    policy = vault_policy(run.environment, name, "Unknown", reuse_key=True)
    run.cloud.certificates.begin_create_certificate(name, policy, tags=root_tags(generation_of(name) or 1)).result()


def _sign_and_merge(run: Run, name: str, first: Version, csr: bytes) -> None:
    """Signs the CA certificate with the first version's key (the pending version's own key is disabled) and merges it."""
    run.progress(f"signing {name} in the vault and merging it")
    public_key = first.certificate.public_key()
    if not _is_over(csr, public_key):
        raise Refused(
            f"the vault's request for {name} is not over the key that it made first",
            f"delete the certificate {name} in the vault, purge it, and run 'dpsops up' again",
        )
    settings = run.environment.root
    root = profiles.Root(
        subject=profiles.root_subject(run.environment.name, generation_of(name) or 1, settings.organization),
        public_key=public_key,
        lifetime=timedelta(days=round(settings.years * 365.25)),
    )
    key = run.cloud.signer(first.key_id, public_key)
    certificate = profiles.issue_root(root, key, serial=run.entropy.serial(), now=run.now())
    chains.require_issued_by(certificate, certificate, run.now())
    encoded = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER))
    run.cloud.certificates.merge_certificate(name, [encoded], tags=root_tags(generation_of(name) or 1))


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
    from azure.core.exceptions import HttpResponseError

    try:
        value = run.cloud.secrets.get_secret(name, version).value or ""
    except HttpResponseError as error:
        if error.status_code in (403, 404):
            return False
        raise
    return "PRIVATE KEY" in value
