"""What the DPS service API says of enrollments and registrations, read into types, and what it is told.

Source: DPS service API 2021-10-01, `EnrollmentGroup`, `IndividualEnrollment`, `DeviceRegistrationState`; 2026-11-01 of
the names of a certificate policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cryptography import x509
from pydantic import Field

from dpsops.azure.answers import Shape
from dpsops.model.enrollment import Document, EnrollmentGroup, IndividualEnrollment, Provisioning, Reprovisioning
from dpsops.model.registration import Registration
from dpsops.model.trusting import Trusting
from dpsops.pki import chains
from dpsops.pki.names import DeviceId
from dpsops.settings import CertificatePolicy

BLOCK_MARK = {"dpsops": {"purpose": "block: while this is here and disabled, the device is kept out"}}
"""The mark in an individual enrollment that `device block` created, so that `unblock` removes only such enrollments."""


_PLACES = ("primary", "secondary")


class _CaReferences(Shape):
    primary: str | None = None
    secondary: str | None = None


class _Info(Shape):
    sha1_thumbprint: str | None = Field(None, alias="sha1Thumbprint")
    sha256_thumbprint: str | None = Field(None, alias="sha256Thumbprint")


class _Pinned(Shape):
    info: _Info | None = None


class _ClientCertificates(Shape):
    primary: _Pinned | None = None
    secondary: _Pinned | None = None


class _X509(Shape):
    ca_references: _CaReferences | None = None
    client_certificates: _ClientCertificates | None = None
    signing_certificates: _ClientCertificates | None = None


class _Attestation(Shape):
    x509: _X509 | None = None


class _ReprovisionPolicy(Shape):
    update_hub_assignment: bool = False
    migrate_device_data: bool = False


class _Properties(Shape):
    desired: dict[str, Any] | None = None


class _InitialTwin(Shape):
    properties: _Properties | None = None


class _RawX509(Shape):
    client_certificates: dict[str, Any]


class _RawAttestation(Shape):
    x509: _RawX509


class _Raw(Shape):
    """The certificates of an individual enrollment, as DPS shows them."""

    attestation: _RawAttestation


class _Enrollment(Shape):
    """The common part of a group and an individual enrollment."""

    attestation: _Attestation | None = None
    provisioning_status: str | None = None
    reprovision_policy: _ReprovisionPolicy | None = None
    allocation_policy: str | None = None
    iot_hubs: list[str] | None = None
    initial_twin: _InitialTwin | None = None
    namespace_name: str | None = None
    certificate_authority_name: str | None = None
    certificate_policy_name: str | None = None
    etag: str
    last_updated_date_time_utc: str | None = None


class _Group(_Enrollment):
    enrollment_group_id: str


class _Registration(Shape):
    registration_id: str
    status: str | None = None
    assigned_hub: str | None = None
    device_id: str | None = None
    last_updated_date_time_utc: str | None = None
    error_message: str | None = None
    etag: str | None = None


class _Individual(_Enrollment):
    registration_id: str
    optional_device_information: dict[str, Any] | None = None
    registration_state: _Registration | None = None


def read_group(identifier: str, document: Mapping[str, object]) -> EnrollmentGroup:
    """An enrollment group with this ID. Raises `ValueError` if the document has another shape."""
    found = _Enrollment.model_validate(document)
    by_x509 = found.attestation.x509 if found.attestation else None
    references = (by_x509.ca_references if by_x509 else None) or _CaReferences()
    return EnrollmentGroup(
        id=identifier,
        primary=references.primary or "",
        secondary=references.secondary or "",
        enabled=_is_enabled(found),
        provisioning=_read_provisioning(found),
        etag=found.etag,
        changed_at=found.last_updated_date_time_utc or "",
        document=document,
    )


def _read_provisioning(found: _Enrollment) -> Provisioning:
    policy = found.reprovision_policy
    properties = found.initial_twin.properties if found.initial_twin else None
    desired = (properties.desired if properties else None) or {}
    return Provisioning(
        Reprovisioning(policy.update_hub_assignment, policy.migrate_device_data) if policy else None,
        found.allocation_policy or "",
        tuple(found.iot_hubs or ()),
        {name: value for name, value in desired.items() if not name.startswith("$")},  # those with $ are the service's
        _read_issuer(found),
    )


def _read_issuer(found: _Enrollment) -> CertificatePolicy | None:
    namespace, authority, name = found.namespace_name, found.certificate_authority_name, found.certificate_policy_name
    return CertificatePolicy(namespace=namespace, authority=authority, name=name) if namespace and authority and name else None


def read_individual(document: Mapping[str, object]) -> IndividualEnrollment:
    """An individual enrollment. Raises `ValueError` if the document has another shape."""
    found = _Individual.model_validate(document)
    by_x509 = found.attestation.x509 if found.attestation else None
    certificates = by_x509.client_certificates if by_x509 else None
    pinned = [each for each in (certificates.primary, certificates.secondary) if each] if certificates else []
    return IndividualEnrollment(
        device=DeviceId(found.registration_id),
        enabled=_is_enabled(found),
        pinned=tuple(((each.info and each.info.sha256_thumbprint) or "").upper() for each in pinned),
        is_block=is_block(document),
        etag=found.etag,
        provisioning=_read_provisioning(found),
        registration=_as_registration(found.registration_state) if found.registration_state else None,
        document=document,
    )


def is_block(document: Mapping[str, object]) -> bool:
    """Whether `device block` created an individual enrollment."""
    given = document.get("optionalDeviceInformation")
    return isinstance(given, Mapping) and given.get("dpsops") == BLOCK_MARK["dpsops"]  # it may have other members too


def _is_enabled(found: _Enrollment) -> bool:
    """An enrollment is enabled if its status was never set."""
    return found.provisioning_status != "disabled"


def read_trusting(kind: str, document: Mapping[str, object], *, is_group: bool) -> Trusting:
    """An enrollment of a kind, as the path of the API names it. Raises `ValueError` if the document has another shape."""
    found: _Enrollment
    if is_group:
        found = group = _Group.model_validate(document)
        identifier = group.enrollment_group_id
    else:
        found = individual = _Individual.model_validate(document)
        identifier = individual.registration_id
    by_x509 = found.attestation.x509 if found.attestation else None
    references = (by_x509.ca_references if by_x509 else None) or _CaReferences()
    signing = (by_x509.signing_certificates if by_x509 else None) or _ClientCertificates()
    return Trusting(
        path=f"/{kind}/{identifier}",
        is_group=is_group,
        id=identifier,
        enabled=_is_enabled(found),
        references=tuple(dict.fromkeys(each for each in (references.primary, references.secondary) if each)),
        signing=tuple(
            ((each.info and each.info.sha1_thumbprint) or "").upper() for each in (signing.primary, signing.secondary) if each
        ),
        etag=found.etag,
        document=document,
    )


def read_registration(document: Mapping[str, object]) -> Registration:
    """A registration. Raises `ValueError` if the document has another shape."""
    return _as_registration(_Registration.model_validate(document))


def _as_registration(found: _Registration) -> Registration:
    return Registration(
        device=found.registration_id,
        status=found.status or "",
        hub=found.assigned_hub or "",
        hub_device=found.device_id or found.registration_id,
        updated_at=found.last_updated_date_time_utc or "",
        error=found.error_message or "",
        etag=found.etag or "*",
    )


def status_text(*, enabled: bool) -> str:
    """The `provisioningStatus`."""
    return "enabled" if enabled else "disabled"


def group_changes(group: EnrollmentGroup) -> dict[str, object]:
    """The members of a group's document that differ from what the group is to be."""
    before = read_group(group.id, group.document)
    changes = provisioning_changes(group.document, group.provisioning, before.provisioning)
    if (group.primary, group.secondary) != (before.primary, before.secondary):
        changes["attestation"] = ca_attestation(group.primary, group.secondary)
    if group.enabled != before.enabled:
        changes["provisioningStatus"] = status_text(enabled=group.enabled)
    return changes


def ca_attestation(primary: str, secondary: str) -> dict[str, object]:
    """The attestation of a group that trusts these CA certificates."""
    names = {"primary": primary} | ({"secondary": secondary} if secondary else {})
    return {"type": "x509", "x509": {"caReferences": names}}


def certificate_attestation(*leaves: x509.Certificate) -> dict[str, object]:
    """The attestation of an individual enrollment with one or two device certificates, the newer one first."""
    return _attestation([{"certificate": chains.pem(leaf)} for leaf in leaves])


def _attestation(certificates: Iterable[object]) -> dict[str, object]:
    return {"type": "x509", "x509": {"clientCertificates": dict(zip(_PLACES, certificates, strict=False))}}


def individual_changes(enrollment: IndividualEnrollment, leaves: Iterable[x509.Certificate]) -> dict[str, object]:
    """The members of an individual enrollment's document that differ from what the enrollment is to be.

    leaves: certificates that it is to hold. Of a certificate that is not among them what DPS shows of it is sent back, which
    stands for it; it must be in the document.
    """
    before = read_individual(enrollment.document)
    changes = provisioning_changes(enrollment.document, enrollment.provisioning, before.provisioning)
    if enrollment.enabled != before.enabled:
        changes["provisioningStatus"] = status_text(enabled=enrollment.enabled)
    if enrollment.pinned != before.pinned:
        known: dict[str, object] = dict(zip(before.pinned, _pinned_members(enrollment.document), strict=True))
        known |= {chains.thumbprint(leaf): {"certificate": chains.pem(leaf)} for leaf in leaves}
        changes["attestation"] = _attestation([known[thumbprint] for thumbprint in enrollment.pinned])
    return changes


def _pinned_members(document: Document) -> list[object]:
    """The members of the document that stand for its certificates, in the order of `pinned`."""
    found = _Raw.model_validate(document).attestation.x509.client_certificates
    return [found[place] for place in _PLACES if found.get(place)]


def device_document(device: DeviceId, *leaves: x509.Certificate) -> dict[str, object]:
    """What an individual enrollment says of its device and of its certificates, the newer one first."""
    return {"registrationId": device, "deviceId": device, "attestation": certificate_attestation(*leaves)}


def provisioning_members(wanted: Provisioning) -> dict[str, object]:
    """What a new enrollment says of where its devices are assigned."""
    return provisioning_changes({"initialTwin": {"tags": {}}}, wanted, None)


def provisioning_changes(document: Document, wanted: Provisioning, before: Provisioning | None) -> dict[str, object]:
    """The members that must change so that the devices of an enrollment are assigned as `wanted`. `before`: as they are
    assigned now, None if the enrollment is new. Tags of the initial twin, which dpsops does not set, stay."""
    changes: dict[str, object] = {}
    if before is None or wanted.reprovisioning != before.reprovisioning:
        assert wanted.reprovisioning is not None, "the settings always name a reprovisioning policy"
        changes["reprovisionPolicy"] = {
            "updateHubAssignment": wanted.reprovisioning.update_hub_assignment,
            "migrateDeviceData": wanted.reprovisioning.migrate_device_data,
        }
    if before is None or not wanted.is_assigned_like(before):
        changes |= {"allocationPolicy": wanted.allocation, "iotHubs": list(wanted.hubs)}  # 400 if the hubs come alone
    if before is None or wanted.twin != before.twin:
        twin = document.get("initialTwin")
        others = twin if isinstance(twin, Mapping) else {"tags": {}}
        changes["initialTwin"] = {**others, "properties": {"desired": dict(wanted.twin)}}
    if wanted.issuer is not None and (before is None or wanted.issuer != before.issuer):
        changes |= {
            "namespaceName": wanted.issuer.namespace,
            "certificateAuthorityName": wanted.issuer.authority,
            "certificatePolicyName": wanted.issuer.name,
        }
    return changes
