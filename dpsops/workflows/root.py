"""The roots in the vault: what there is of each, which one is in use, and how it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError
from cryptography import x509

from dpsops.errors import Error, Refused
from dpsops.pki import chains, profiles
from dpsops.workflows import enrollment
from dpsops.workflows.enrollment import ObservedGroup
from dpsops.workflows.root_state import (
    BREACH_TAG,
    RETIRED,
    RETIRED_TAG,
    ROLE_TAG,
    ROOT_ROLE,
    SEAL_TAG,
    SEALED,
    ObservedRoot,
    Pending,
    Ready,
    Version,
    classify,
    generation_of,
    is_authority,
    root_name,
)
from dpsops.workflows.run import Run

if TYPE_CHECKING:
    from azure.keyvault.certificates import CertificateProperties, KeyVaultCertificate


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


def without_group(run: Run, roots: Mapping[int, CertificateProperties]) -> str:
    """The name of the root that a new enrollment group is to trust: the one in the vault, or the next where there is none
    that could be. A retired root is none, nor is one that is marked as compromised.

    Raises `Refused` where there are several: the group is gone in the middle of a rotation, and with one of them alone
    it would shut out the devices of the other.
    """
    fit = sorted(number for number, properties in roots.items() if _may_be_trusted(properties.tags or {}))
    if len(fit) > 1:
        old, new = (root_name(number) for number in fit[-2:])
        raise Refused(
            f"the enrollment group {run.environment.group.id} is gone, and devices may have leaves of {old} and of {new}",
            f"make it in the DPS with both, the primary {old} and the secondary {new} ('az iot dps enrollment-group create "
            "--ca-name … --secondary-ca-name …'), then run the command again",
        )
    return root_name(fit[0] if fit else max(roots, default=0) + 1)


def _may_be_trusted(tags: Mapping[str, str]) -> bool:
    return tags.get(RETIRED_TAG) != RETIRED and BREACH_TAG not in tags


def current_name(run: Run, group: ObservedGroup | None) -> str:
    """The name of the root that the enrollment group has as its primary; that of the vault where there is no group.

    Raises `Refused` where the group trusts a certificate that dpsops did not make, and as `without_group` does.
    """
    return without_group(run, kept(run)) if group is None else root_name(group.trusted()[0])


def trusted(run: Run) -> tuple[int, ...]:
    """The generations that the enrollment group trusts. The newest of them issues: a device with a leaf of any other
    root could not register. Raises `Error` where there is no group yet."""
    group = enrollment.observe(run)
    if group is None:
        raise not_whole(run)
    return group.trusted()


def observe(run: Run, name: str) -> ObservedRoot:
    """What the vault shows under a root's name. A whole root costs four requests."""
    listed = _listed(run, name)
    if not listed:
        pending = pending_request(run, name)
        return ObservedRoot(name, pending=pending, deleted=pending is None and _is_deleted(run, name))
    wanted = [version for version in listed if version.enabled] or listed
    versions = tuple(_version(run, name, version.version or "") for version in wanted)
    whole = any(profiles.root_faults(version.certificate, run.now()) == [] for version in versions)
    return ObservedRoot(
        name,
        versions=versions,
        pending=None if whole else pending_request(run, name),
        exportable=_is_exportable(run, name, next((one for one in versions if is_authority(one.certificate)), versions[-1])),
    )


def _listed(run: Run, name: str) -> list[CertificateProperties]:
    """The complete versions. A vault may answer a name that it does not know with nothing or with 404."""
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


def pending_request(run: Run, name: str) -> Pending | None:
    """The request for a version of a root that the vault knows last, ended or not; None where there is none."""
    try:
        operation = run.cloud.certificates.get_certificate_operation(name)
    except ResourceNotFoundError:
        return None
    return Pending(str(operation.issuer_name), str(operation.status), bytes(operation.csr or b""))


def _is_deleted(run: Run, name: str) -> bool:
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


def require(run: Run, name: str) -> Version:
    """A root for use: one request. Raises `Error` where there is no whole one of this name, `Refused` where it must not
    be used.

    The unversioned certificate is the newest version, and while a root is being made that is another one; the
    seal, which only the last step sets, tells them apart. It costs two requests more where the newest is not sealed.
    """
    try:
        found = run.cloud.certificates.get_certificate(name)
    except ResourceNotFoundError:
        raise not_whole(run) from None
    exportable = found.policy is None or found.policy.exportable is not False
    if found.properties is not None and not _is_sealed(found.properties):
        sealed = _sealed(run, found.properties)
        if sealed is None:
            raise not_whole(run)
        version = _version(run, name, sealed.version or "")
    else:
        version = _read_version(found)
    state = classify(ObservedRoot(name, (version,), exportable=exportable), run.now())
    if not isinstance(state, Ready):
        raise not_whole(run)
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


def not_whole(run: Run) -> Error:
    """The error of whoever needs a root where there is none, or none that is whole."""
    return Error(f"the environment {run.environment.name!r} has no whole root yet", "run 'dpsops up' first")
