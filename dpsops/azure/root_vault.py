"""The roots in the vault: their certificates, keys, policies and tags.

Source: Key Vault REST API 2026-04-01, "Certificates".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from dpsops.azure import answers
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.errors import Refused
from dpsops.model.generations import rotation_tags
from dpsops.model.root import (
    RETIRED_TAG,
    ROLE_TAG,
    ROOT_ROLE,
    ObservedRoot,
    Pending,
    RootProperties,
    RootState,
    RootVersion,
    classify,
    generation_of,
    is_authority,
    root_subject,
    root_tags,
)
from dpsops.pki.profiles import root_faults

if TYPE_CHECKING:
    from azure.keyvault.certificates import CertificatePolicy, CertificateProperties, KeyVaultCertificate

_WHO = "Key Vault"


class RootVault:
    """The vault of an environment: its roots."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._environment = clients.environment

    @understood(_WHO)
    def all(self) -> dict[int, RootProperties]:
        """The properties of each generation's sealed version, or of its newest version if none is sealed. One request for each
        page, and one for each root without a sealed newest version."""
        listed = [_properties(each) for each in answers.every(self._clients.certificates.list_properties_of_certificates())]
        ours = (found for found in listed if found.tags.get(ROLE_TAG) == ROOT_ROLE)
        newest = {number: found for found in ours if (number := generation_of(found.name)) is not None}
        return {number: self._sealed(found) or found for number, found in newest.items()}

    @understood(_WHO)
    def properties(self, name: str) -> RootProperties:
        """The properties of a root's sealed version, or of its newest version if none is sealed: one request, or two."""
        newest = _properties(self._clients.certificates.get_certificate(name).properties)
        return self._sealed(newest) or newest

    def _sealed(self, newest: RootProperties) -> RootProperties | None:
        """The sealed version. It is the newest one, unless somebody has created another version after it."""
        return newest if newest.is_sealed else next((each for each in self._complete(newest.name) if each.is_sealed), None)

    @understood(_WHO)
    def observe(self, name: str, now: datetime) -> ObservedRoot:
        """What the vault shows under a root's name. Four requests for a finished root."""
        complete = self._complete(name)
        if not complete:
            pending = self.pending(name)
            return ObservedRoot(name, pending=pending, deleted=pending is None and self.is_deleted(name))
        wanted = [each for each in complete if each.enabled] or complete
        versions = tuple(self._version(name, each.version) for each in wanted)
        has_root = any(root_faults(each.certificate, now) == [] for each in versions)
        newest = next((each for each in versions if is_authority(each.certificate)), versions[-1])
        return ObservedRoot(
            name,
            versions=versions,
            pending=None if has_root else self.pending(name),
            exportable=self._is_exportable(name, newest),
        )

    def state(self, name: str, now: datetime) -> RootState:
        """The state of a root. Raises `Refused` for one that cannot be used. It is looked at again before that, because what is
        read is not of one moment: another run may be finishing the root."""
        try:
            return classify(self.observe(name, now), now)
        except Refused:
            return classify(self.observe(name, now), now)

    @understood(_WHO)
    def sealed(self, name: str) -> ObservedRoot:
        """Only the sealed version of a root, and whether its policy says that the key is exportable; without versions if there
        is none. One request.

        The certificate without a version is the newest version, which is another one while a root is being created. The seal,
        which only the last step sets, shows which one it is. Two more requests if the newest version is not sealed.
        """
        try:
            found = self._clients.certificates.get_certificate(name)
        except ResourceNotFoundError:
            return ObservedRoot(name)
        exportable = found.policy is None or found.policy.exportable is not False
        newest = _properties(found.properties)
        if newest.is_sealed:
            return ObservedRoot(name, (_read_version(found),), exportable=exportable)
        sealed = self._sealed(newest)
        versions = () if sealed is None else (self._version(name, sealed.version),)
        return ObservedRoot(name, versions, exportable=exportable)

    @understood(_WHO)
    def pending(self, name: str) -> Pending | None:
        """The last request for a version of a root, pending or not; None if there is none."""
        try:
            operation = self._clients.certificates.get_certificate_operation(name)
        except ResourceNotFoundError:
            return None
        return Pending(str(operation.issuer_name), str(operation.status), bytes(operation.csr or b""))

    @understood(_WHO)
    def certificate(self, name: str) -> x509.Certificate | None:
        """The certificate of a root, sealed or not, in any state; None if it has none yet."""
        found = self._clients.certificates.get_certificate_version(name, self.properties(name).version)
        return answers.certificate(found.cer) if found.cer else None

    @understood(_WHO)
    def merged_chain(self, root: RootVersion, name: str) -> tuple[x509.Certificate, ...]:
        """The chain that was merged: the root, and the certificates above it."""
        value = self._clients.secrets.get_secret(name, root.id).value or ""
        found = answers.certificates(value)
        return (root.certificate, *(certificate for certificate in found if certificate != root.certificate))

    @understood(_WHO)
    def hands_out_key(self, name: str, version: str) -> bool:
        """Whether the secret of a certificate's version contains the private key. It must be read to be known: raises `Denied` if
        the vault denies it, `Missing` if there is none, `Unreadable` if it does not contain the certificate either."""
        value = self._clients.secrets.get_secret(name, version).value or ""
        if "PRIVATE KEY" in value:
            return True
        answers.certificates(value)
        return False

    @understood(_WHO)
    def signer(self, version: RootVersion) -> CertificateIssuerPrivateKeyTypes:
        """The key of a version, as a signer. It makes no request before it signs."""
        return self._clients.signer(version.key_id, version.certificate.public_key())

    @understood(_WHO)
    def request(self, name: str, issuer: str, *, reuse_key: bool) -> None:
        """Requests a version from the vault: a key and a self-signed certificate (issuer `Self`), or a CSR (`Unknown`)."""
        policy = self._policy(name, issuer, reuse_key=reuse_key)
        with self.creation(name):
            self._clients.certificates.begin_create_certificate(name, policy, tags=root_tags(name)).result()

    def creation(self, name: str) -> AbstractContextManager[object]:
        """The wait for the vault to create a key: pauses inside raise `Unavailable` beyond its bound."""
        return self._clients.waiting.operation(f"the key of {name} in the vault", self._environment.waits.operation_seconds)

    @understood(_WHO)
    def merge(self, name: str, certificates: Sequence[x509.Certificate]) -> None:
        """Completes the pending version with the certificate for its CSR, and the chain above it."""
        encoded = [base64.b64encode(each.public_bytes(serialization.Encoding.DER)) for each in certificates]
        self._clients.certificates.merge_certificate(name, encoded, tags=root_tags(name))

    @understood(_WHO)
    def seal(self, name: str, version: str) -> None:
        """Seals a version: marks it as the finished root."""
        self._clients.certificates.update_certificate_properties(name, version, tags=root_tags(name, sealed=True))

    @understood(_WHO)
    def disable(self, name: str, version: str) -> None:
        """Disables a version."""
        self._clients.certificates.update_certificate_properties(name, version, enabled=False)

    @understood(_WHO)
    def tag(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Sets tags of a root, and removes those that are None. Two requests."""
        present = self.properties(name)
        written = {**present.tags, **rotation_tags(changes)}
        tags = {tag: value for tag, value in written.items() if value is not None}
        self._clients.certificates.update_certificate_properties(name, present.version, tags=tags)

    @understood(_WHO)
    def drop_request(self, name: str) -> None:
        """Drops the pending request for a root. It is no error if there is none any more."""
        try:
            self._clients.certificates.delete_certificate_operation(name)
        except ResourceNotFoundError:
            return

    @understood(_WHO)
    def retire(self, name: str, tags: Mapping[str, str]) -> None:
        """Disables every version. The root's own version is the last and gets the tags, because it shows that all others are
        disabled too."""
        client, present = self._clients.certificates, self.properties(name)
        for version in answers.every(client.list_properties_of_certificate_versions(name)):
            if version.enabled and version.version != present.version:
                client.update_certificate_properties(name, version.version, enabled=False)
        client.update_certificate_properties(name, present.version, enabled=False, tags={**present.tags, **tags})

    @understood(_WHO)
    def reinstate(self, name: str) -> None:
        """Enables the root's own version again after `retire`, without the tag of it. Two requests."""
        present = self.properties(name)
        tags = {tag: value for tag, value in present.tags.items() if tag != RETIRED_TAG}
        self._clients.certificates.update_certificate_properties(name, present.version, enabled=True, tags=tags)

    def _complete(self, name: str) -> list[RootProperties]:
        """The versions with a certificate. For an unknown name a vault may answer an empty list or 404."""
        try:
            found = list(answers.every(self._clients.certificates.list_properties_of_certificate_versions(name)))
        except ResourceNotFoundError:
            return []
        return [_properties(each) for each in found if each.x509_thumbprint]

    def _version(self, name: str, version: str) -> RootVersion:
        return _read_version(self._clients.certificates.get_certificate_version(name, version))

    @understood("the vault")
    def is_deleted(self, name: str) -> bool:
        """Whether a deleted certificate has this name."""
        try:
            self._clients.certificates.get_deleted_certificate(name)
        except ResourceNotFoundError:
            return False
        return True

    def _is_exportable(self, name: str, version: RootVersion) -> bool:
        """Whether the private key is exportable, by the policy or by the key's own attribute."""
        if self._clients.certificates.get_certificate_policy(name).exportable is not False:
            return True
        return bool(self._clients.keys.get_key(name, version.id).properties.exportable)

    def _policy(self, name: str, issuer: str, *, reuse_key: bool) -> CertificatePolicy:
        """The vault's policy for a root. Exportability and lifetime action are always set, because by default a key is exportable
        and the vault renews the certificate itself."""
        from azure.keyvault.certificates import (
            CertificateContentType,
            CertificatePolicy,
            CertificatePolicyAction,
            KeyCurveName,
            KeyType,
            KeyUsageType,
            LifetimeAction,
        )

        settings = self._environment.root
        spec = settings.key
        kinds = {
            ("RSA", False): KeyType.rsa, ("RSA", True): KeyType.rsa_hsm, ("EC", False): KeyType.ec, ("EC", True): KeyType.ec_hsm,
        }  # fmt: skip
        size: dict[str, Any] = (
            {"key_size": spec.size} if spec.kind == "RSA" else {"key_curve_name": KeyCurveName(f"P-{spec.size}")}
        )
        return CertificatePolicy(
            issuer_name=issuer,
            subject=", ".join(attribute.rfc4514_string() for attribute in root_subject(self._environment, name)),
            exportable=False,
            key_type=kinds[spec.kind, spec.hsm],
            reuse_key=reuse_key,
            key_usage=[KeyUsageType.digital_signature, KeyUsageType.key_cert_sign, KeyUsageType.crl_sign],
            content_type=CertificateContentType.pem,
            validity_in_months=settings.years * 12,
            lifetime_actions=[LifetimeAction(CertificatePolicyAction.email_contacts, days_before_expiry=settings.warn_days)],
            **size,
        )


def _properties(found: CertificateProperties | None) -> RootProperties:
    if found is None:
        raise TypeError("a certificate without properties")
    return RootProperties(
        name=str(found.name or ""),
        version=str(found.version or ""),
        enabled=bool(found.enabled),
        tags=answers.tags(found.tags),
        not_after=answers.moment(found.expires_on),
        thumbprint=bytes(found.x509_thumbprint or b"").hex().upper(),
    )


def _read_version(found: KeyVaultCertificate) -> RootVersion:
    properties = _properties(found.properties)
    return RootVersion(
        id=properties.version,
        enabled=properties.enabled,
        tags=properties.tags,
        certificate=answers.certificate(found.cer),
        key_id=str(found.key_id or ""),
    )
