"""A Device Provisioning Service: its properties, its enrollments and its registrations.

Source: DPS service API 2021-10-01, `EnrollmentGroup`, `IndividualEnrollment`, `DeviceRegistrationState`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from pydantic import Field

from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.model.enrollment import EnrollmentGroup, IndividualEnrollment, Provisioning, Reprovisioning
from dpsops.model.member import Registration
from dpsops.pki import chains
from dpsops.pki.names import DeviceId

_WHO = "the DPS"
_ALL = {"query": "SELECT *"}

_MARK = {"dpsops": {"purpose": "block: while this is here and disabled, the device is kept out"}}
"""The mark in an individual enrollment that `device block` created, so that `unblock` removes only such enrollments."""


@dataclass(frozen=True, slots=True)
class DpsFacts:
    """The properties of the DPS that devices need, and the host names, in lower case, of the hubs that are linked to it."""

    name: str
    id_scope: str
    host: str
    linked: frozenset[str]


class Dps:
    """The DPS of an environment."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._environment = clients.environment

    @understood(_WHO)
    def facts(self) -> DpsFacts:
        """Its properties. Raises `Missing` if it does not exist."""
        environment = self._environment
        found = self._clients.dps.iot_dps_resource.get(environment.dps.name, environment.resource_group)
        properties = found.properties
        return DpsFacts(
            name=str(found.name or ""),
            id_scope=str(properties.id_scope or ""),
            host=str(properties.service_operations_host_name or ""),
            linked=frozenset(str(link.name).lower() for link in properties.iot_hubs or []),
        )

    @understood(_WHO)
    def group(self) -> EnrollmentGroup | None:
        """The environment's enrollment group, or None. One request."""
        identifier = self._environment.group.id
        document = self._clients.enrollments.get(f"/enrollmentGroups/{identifier}")
        return None if document is None else _read_group(identifier, document)

    @understood(_WHO)
    def create_group(self, root: str, provisioning: Provisioning) -> None:
        """Creates the environment's enrollment group, which trusts the root of this name."""
        identifier = self._environment.group.id
        document = {
            "enrollmentGroupId": identifier,
            "attestation": _ca_attestation(root, ""),
            "provisioningStatus": "enabled",
            **_provisioning(provisioning),
        }
        self._clients.enrollments.put(f"/enrollmentGroups/{identifier}", document, None)

    @understood(_WHO)
    def put_group(self, group: EnrollmentGroup) -> None:
        """Changes the group to this, with its etag. Everything else in the document stays as DPS has it."""
        before = _read_group(group.id, group.document)
        changes: dict[str, object] = {}
        if (group.primary, group.secondary) != (before.primary, before.secondary):
            changes["attestation"] = _ca_attestation(group.primary, group.secondary)
        if group.enabled != before.enabled:
            changes["provisioningStatus"] = _status(enabled=group.enabled)
        if not group.provisioning.is_like(before.provisioning):
            changes |= _provisioning(group.provisioning)
        self._clients.enrollments.put(f"/enrollmentGroups/{group.id}", {**group.document, **changes}, group.etag)

    @understood(_WHO)
    def individual(self, device: DeviceId) -> IndividualEnrollment | None:
        """The device's individual enrollment, or None."""
        document = self._clients.enrollments.get(f"/enrollments/{device}")
        return None if document is None else _read_individual(document)

    @understood(_WHO)
    def individuals(self) -> dict[str, IndividualEnrollment]:
        """The individual enrollments by their registration IDs, in lower case; one request for each page."""
        found = [_read_individual(each) for each in self._clients.enrollments.query("/enrollments/query", _ALL)]
        return {each.device.lower(): each for each in found}

    @understood(_WHO)
    def put_individual(
        self, device: DeviceId, leaf: x509.Certificate, provisioning: Provisioning, before: IndividualEnrollment | None
    ) -> None:
        """Creates an individual enrollment with only this certificate, or replaces the one `before`."""
        document = {
            **_device_document(device, leaf),
            "provisioningStatus": "enabled",
            **_provisioning(provisioning),
        }
        self._clients.enrollments.put(f"/enrollments/{device}", document, before.etag if before else None)

    @understood(_WHO)
    def put_block(self, device: DeviceId, *leaves: x509.Certificate) -> None:
        """Creates a disabled individual enrollment with these certificates, and with the mark of a block."""
        document = {**_device_document(device, *leaves), "optionalDeviceInformation": _MARK, "provisioningStatus": "disabled"}
        self._clients.enrollments.put(f"/enrollments/{device}", document, None)

    @understood(_WHO)
    def pin(self, enrollment: IndividualEnrollment, *leaves: x509.Certificate) -> None:
        """Sets the certificates of an individual enrollment, the newer one first."""
        self._put_individual(enrollment, {"attestation": _certificate_attestation(*leaves)})

    @understood(_WHO)
    def set_enabled(self, enrollment: IndividualEnrollment, *, enabled: bool) -> None:
        """Enables or disables an individual enrollment."""
        self._put_individual(enrollment, {"provisioningStatus": _status(enabled=enabled)})

    def _put_individual(self, enrollment: IndividualEnrollment, changes: Mapping[str, object]) -> None:
        document = {**enrollment.document, **changes}
        self._clients.enrollments.put(f"/enrollments/{enrollment.device}", document, enrollment.etag)

    @understood(_WHO)
    def delete_individual(self, enrollment: IndividualEnrollment) -> None:
        """Removes an individual enrollment. It is no error if it does not exist any more."""
        self._clients.enrollments.delete(f"/enrollments/{enrollment.device}", enrollment.etag)

    @understood(_WHO)
    def registration(self, device: DeviceId) -> Registration | None:
        """The registration state of a device, or None if it never registered."""
        document = self._clients.enrollments.get(f"/registrations/{device}")
        return None if document is None else _read_registration(document)

    @understood(_WHO)
    def registrations(self) -> dict[str, Registration]:
        """The registrations under the group by their IDs, in lower case; one request for each page."""
        path = f"/registrations/{self._environment.group.id}/query"
        found = [_read_registration(each) for each in self._clients.enrollments.query(path, None)]
        return {each.device.lower(): each for each in found}

    @understood(_WHO)
    def delete_registration(self, registration: Registration) -> None:
        """Removes a registration. It is no error if it does not exist any more."""
        self._clients.enrollments.delete(f"/registrations/{registration.device}", registration.etag)


class _CaReferences(Shape):
    primary: str | None = None
    secondary: str | None = None


class _Info(Shape):
    sha256_thumbprint: str | None = Field(None, alias="sha256Thumbprint")


class _Pinned(Shape):
    info: _Info | None = None


class _ClientCertificates(Shape):
    primary: _Pinned | None = None
    secondary: _Pinned | None = None


class _X509(Shape):
    ca_references: _CaReferences | None = None
    client_certificates: _ClientCertificates | None = None


class _Attestation(Shape):
    x509: _X509 | None = None


class _ReprovisionPolicy(Shape):
    update_hub_assignment: bool = False
    migrate_device_data: bool = False


class _Properties(Shape):
    desired: dict[str, Any] | None = None


class _InitialTwin(Shape):
    properties: _Properties | None = None


class _Enrollment(Shape):
    """The common part of a group and an individual enrollment."""

    attestation: _Attestation | None = None
    provisioning_status: str | None = None
    reprovision_policy: _ReprovisionPolicy | None = None
    allocation_policy: str | None = None
    iot_hubs: list[str] | None = None
    initial_twin: _InitialTwin | None = None
    etag: str
    last_updated_date_time_utc: str | None = None


class _Individual(_Enrollment):
    registration_id: str
    optional_device_information: dict[str, Any] | None = None


class _Registration(Shape):
    registration_id: str
    status: str | None = None
    assigned_hub: str | None = None
    device_id: str | None = None
    last_updated_date_time_utc: str | None = None
    error_message: str | None = None
    etag: str | None = None


def _read_group(identifier: str, document: Mapping[str, object]) -> EnrollmentGroup:
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
    )


def _read_individual(document: Mapping[str, object]) -> IndividualEnrollment:
    found = _Individual.model_validate(document)
    by_x509 = found.attestation.x509 if found.attestation else None
    certificates = by_x509.client_certificates if by_x509 else None
    pinned = [each for each in (certificates.primary, certificates.secondary) if each] if certificates else []
    return IndividualEnrollment(
        device=DeviceId(found.registration_id),
        enabled=_is_enabled(found),
        pinned=tuple(((each.info and each.info.sha256_thumbprint) or "").upper() for each in pinned),
        is_block=(found.optional_device_information or {}).get("dpsops") == _MARK["dpsops"],  # it may have other members too
        etag=found.etag,
        document=document,
    )


def _is_enabled(found: _Enrollment) -> bool:
    """An enrollment is enabled if its status was never set."""
    return found.provisioning_status != "disabled"


def _read_registration(document: Mapping[str, object]) -> Registration:
    found = _Registration.model_validate(document)
    return Registration(
        device=found.registration_id,
        status=found.status or "",
        hub=found.assigned_hub or "",
        hub_device=found.device_id or found.registration_id,
        updated_at=found.last_updated_date_time_utc or "",
        error=found.error_message or "",
        etag=found.etag or "*",
    )


def _status(*, enabled: bool) -> str:
    return "enabled" if enabled else "disabled"


def _ca_attestation(primary: str, secondary: str) -> dict[str, object]:
    """The attestation of a group that trusts these CA certificates."""
    names = {"primary": primary} | ({"secondary": secondary} if secondary else {})
    return {"type": "x509", "x509": {"caReferences": names}}


def _certificate_attestation(*leaves: x509.Certificate) -> dict[str, object]:
    """The attestation of an individual enrollment with one or two device certificates, the newer one first."""
    places = zip(("primary", "secondary"), leaves, strict=False)
    return {"type": "x509", "x509": {"clientCertificates": {place: {"certificate": chains.pem(leaf)} for place, leaf in places}}}


def _device_document(device: DeviceId, *leaves: x509.Certificate) -> dict[str, object]:
    return {"registrationId": device, "deviceId": device, "attestation": _certificate_attestation(*leaves)}


def _provisioning(wanted: Provisioning) -> dict[str, object]:
    assert wanted.reprovisioning is not None, "the settings always name a reprovisioning policy"
    return {
        "reprovisionPolicy": {
            "updateHubAssignment": wanted.reprovisioning.update_hub_assignment,
            "migrateDeviceData": wanted.reprovisioning.migrate_device_data,
        },
        "allocationPolicy": wanted.allocation,
        "iotHubs": list(wanted.hubs),
        "initialTwin": {"tags": {}, "properties": {"desired": dict(wanted.twin)}},
    }
