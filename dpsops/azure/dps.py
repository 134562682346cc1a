"""A Device Provisioning Service: what its devices need to know of it, its enrollments and its registrations.

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
"""By this an enrollment that a block made is told from one that a device has of its own."""


@dataclass(frozen=True, slots=True)
class DpsFacts:
    """The DPS as its devices need to know it, and the host names, in lower case, of the hubs that are linked to it."""

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
        """What it is. Raises `Missing` where it is not there."""
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
        """Makes the environment's enrollment group, which trusts the root of this name."""
        identifier = self._environment.group.id
        document = {
            "enrollmentGroupId": identifier,
            "attestation": _by_roots(root, ""),
            "provisioningStatus": "enabled",
            **_provisioning(provisioning),
        }
        self._clients.enrollments.put(f"/enrollmentGroups/{identifier}", document, None)

    @understood(_WHO)
    def put_group(self, group: EnrollmentGroup) -> None:
        """Changes the group to this, under its etag; what is as it was, and what dpsops does not know, stays as DPS has it."""
        before = _read_group(group.id, group.document)
        changes: dict[str, object] = {}
        if (group.primary, group.secondary) != (before.primary, before.secondary):
            changes["attestation"] = _by_roots(group.primary, group.secondary)
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
        """Makes an individual enrollment that holds this leaf alone, in the place of the one `before`."""
        document = {
            **_of_device(device, leaf),
            "provisioningStatus": "enabled",
            **_provisioning(provisioning),
        }
        self._clients.enrollments.put(f"/enrollments/{device}", document, before.etag if before else None)

    @understood(_WHO)
    def put_block(self, device: DeviceId, *leaves: x509.Certificate) -> None:
        """Makes a disabled individual enrollment that holds these leaves, marked as that of a block."""
        document = {**_of_device(device, *leaves), "optionalDeviceInformation": _MARK, "provisioningStatus": "disabled"}
        self._clients.enrollments.put(f"/enrollments/{device}", document, None)

    @understood(_WHO)
    def pin(self, enrollment: IndividualEnrollment, *leaves: x509.Certificate) -> None:
        """Lets an individual enrollment hold these leaves, the newer one first."""
        self._put_individual(enrollment, {"attestation": _by_leaves(*leaves)})

    @understood(_WHO)
    def set_enabled(self, enrollment: IndividualEnrollment, *, enabled: bool) -> None:
        """Enables or disables an individual enrollment."""
        self._put_individual(enrollment, {"provisioningStatus": _status(enabled=enabled)})

    def _put_individual(self, enrollment: IndividualEnrollment, changes: Mapping[str, object]) -> None:
        document = {**enrollment.document, **changes}
        self._clients.enrollments.put(f"/enrollments/{enrollment.device}", document, enrollment.etag)

    @understood(_WHO)
    def delete_individual(self, enrollment: IndividualEnrollment) -> None:
        """Removes an individual enrollment; one that is gone already is no error."""
        self._clients.enrollments.delete(f"/enrollments/{enrollment.device}", enrollment.etag)

    @understood(_WHO)
    def registration(self, device: DeviceId) -> Registration | None:
        """What DPS says of a device that has registered, or None."""
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
        """Forgets a registration; one that is gone already is no error."""
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
    """What a group and an individual enrollment have in common."""

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
        {name: value for name, value in desired.items() if not name.startswith("$")},  # the service's own
    )


def _read_individual(document: Mapping[str, object]) -> IndividualEnrollment:
    found = _Individual.model_validate(document)
    by_x509 = found.attestation.x509 if found.attestation else None
    held = by_x509.client_certificates if by_x509 else None
    pinned = [place for place in (held.primary, held.secondary) if place] if held else []
    return IndividualEnrollment(
        device=DeviceId(found.registration_id),
        enabled=_is_enabled(found),
        pinned=tuple(((place.info and place.info.sha256_thumbprint) or "").upper() for place in pinned),
        is_block=(found.optional_device_information or {}).get("dpsops") == _MARK["dpsops"],  # a service may add to it
        etag=found.etag,
        document=document,
    )


def _is_enabled(found: _Enrollment) -> bool:
    """A status that was never set is that of an enabled enrollment."""
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


def _by_roots(primary: str, secondary: str) -> dict[str, object]:
    names = {"primary": primary} | ({"secondary": secondary} if secondary else {})
    return {"type": "x509", "x509": {"caReferences": names}}


def _by_leaves(*leaves: x509.Certificate) -> dict[str, object]:
    """The attestation of an individual enrollment that holds one leaf or two, the newer one first."""
    places = zip(("primary", "secondary"), leaves, strict=False)
    return {"type": "x509", "x509": {"clientCertificates": {place: {"certificate": chains.pem(leaf)} for place, leaf in places}}}


def _of_device(device: DeviceId, *leaves: x509.Certificate) -> dict[str, object]:
    return {"registrationId": device, "deviceId": device, "attestation": _by_leaves(*leaves)}


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
