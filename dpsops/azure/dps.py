"""A Device Provisioning Service: its properties, its enrollments and its registrations.

Source: DPS service API 2021-10-01, `EnrollmentGroup`, `IndividualEnrollment`, `DeviceRegistrationState`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from azure.core.exceptions import HttpResponseError
from cryptography import x509

from dpsops.azure.clients import Clients
from dpsops.azure.device_plane import DevicePlane
from dpsops.azure.dps_documents import (
    BLOCK_MARK,
    ca_attestation,
    device_document,
    group_changes,
    individual_changes,
    is_block,
    provisioning_members,
    read_group,
    read_individual,
    read_registration,
    read_trusting,
    status_text,
)
from dpsops.azure.errors import understood
from dpsops.errors import Changed
from dpsops.model.contents import Entry
from dpsops.model.enrollment import EnrollmentGroup, IndividualEnrollment, Provisioning
from dpsops.model.registration import Registration
from dpsops.model.trusting import Trusting
from dpsops.pki.names import DeviceId

_WHO = "the DPS"
_ALL = {"query": "SELECT *"}
_ROWS = 1000
"""How many rows of a query are asked for at once. DPS gives as many as it likes."""


@dataclass(frozen=True, slots=True)
class DpsFacts:
    """The properties of the DPS that devices need, and the host names, in lower case, of the hubs that are linked to it."""

    name: str
    id_scope: str
    host: str
    linked: frozenset[str]


class Dps:
    """The DPS of an environment. The service and its group are read and changed synchronously; what there is of each device,
    asynchronously."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._environment = clients.environment

    @property
    def _plane(self) -> DevicePlane:
        return self._clients.devices_of_dps

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
        return None if document is None else read_group(identifier, document)

    @understood(_WHO)
    def create_group(self, root: str, provisioning: Provisioning) -> None:
        """Creates the environment's enrollment group, which trusts the root of this name."""
        identifier = self._environment.group.id
        document = {
            "enrollmentGroupId": identifier,
            "attestation": ca_attestation(root, ""),
            "provisioningStatus": "enabled",
            **provisioning_members(provisioning),
        }
        self._clients.enrollments.put(f"/enrollmentGroups/{identifier}", document, None)

    @understood(_WHO)
    def put_group(self, group: EnrollmentGroup) -> None:
        """Changes the group to this, with its etag. Everything else in the document stays as DPS has it."""
        document = {**group.document, **group_changes(group)}
        self._clients.enrollments.put(f"/enrollmentGroups/{group.id}", document, group.etag)

    @understood(_WHO)
    async def individual(self, device: DeviceId) -> IndividualEnrollment | None:
        """The device's individual enrollment, or None."""
        document = await self._plane.get(f"/enrollments/{device}")
        return None if document is None else read_individual(document)

    @understood(_WHO)
    async def individuals(self) -> dict[str, IndividualEnrollment]:
        """The individual enrollments by their registration IDs, in lower case; one request for each page."""
        pages = self._plane.query("/enrollments/query", _ALL, rows=_ROWS)
        found = [read_individual(each) async for page in pages for each in page]
        return {each.device.lower(): each for each in found}

    @understood(_WHO)
    async def enrolled(self) -> set[str]:
        """The registration IDs, in lower case, of the devices with an individual enrollment; one request for each page."""
        pages = self._plane.query("/enrollments/query", _ALL, rows=_ROWS)
        return {str(each["registrationId"]).lower() async for page in pages for each in page}

    @understood(_WHO)
    async def entries(self) -> list[Entry]:
        """Every enrollment, of groups and of devices, however it attests; a request for each page."""
        groups = self._plane.query("/enrollmentGroups/query", _ALL, rows=_ROWS)
        found = [Entry(str(each["enrollmentGroupId"]).lower(), is_group=True) async for page in groups for each in page]
        devices = self._plane.query("/enrollments/query", _ALL, rows=_ROWS)
        return found + [
            Entry(str(each["registrationId"]).lower(), is_group=False, is_block=is_block(each))
            async for page in devices
            for each in page
        ]

    @understood(_WHO)
    async def trusting(self) -> list[Trusting]:
        """Every enrollment that attests by CA certificates, but for the environment's own group; a request for each page."""
        found = []
        for kind, is_group in (("enrollmentGroups", True), ("enrollments", False)):
            async for page in self._plane.query(f"/{kind}/query", _ALL, rows=_ROWS):
                for each in page:
                    one = read_trusting(kind, each, is_group=is_group)
                    if (one.references or one.signing) and not (is_group and one.id == self._environment.group.id):
                        found.append(one)
        return found

    @understood(_WHO)
    async def shut(self, found: Trusting, references: Sequence[str]) -> None:
        """Leaves an enrollment these references to CA certificates alone, or disables it if there are none."""
        changes: dict[str, object] = {"provisioningStatus": status_text(enabled=False)}
        if references:
            changes = {"attestation": ca_attestation(references[0], references[1] if len(references) > 1 else "")}
        await self._plane.put(found.path, {**found.document, **changes}, found.etag)

    @understood(_WHO)
    async def create_individual(
        self, device: DeviceId, leaf: x509.Certificate, provisioning: Provisioning
    ) -> IndividualEnrollment:
        """Creates an individual enrollment with this certificate. Raises `Changed` if there is one."""
        document = {
            **device_document(device, leaf),
            "provisioningStatus": "enabled",
            **provisioning_members(provisioning),
        }
        return await self._create_individual(device, document)

    @understood(_WHO)
    async def create_block(self, device: DeviceId, *leaves: x509.Certificate) -> IndividualEnrollment:
        """Creates a disabled individual enrollment with these certificates, and with the mark of a block. Raises `Changed` if
        there is an enrollment."""
        document = {**device_document(device, *leaves), "optionalDeviceInformation": BLOCK_MARK, "provisioningStatus": "disabled"}
        return await self._create_individual(device, document)

    async def _create_individual(self, device: DeviceId, document: dict[str, object]) -> IndividualEnrollment:
        try:
            return read_individual(await self._plane.put(f"/enrollments/{device}", document, None))
        except HttpResponseError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            raise Changed(
                f"somebody else has created an individual enrollment of {device} in the meantime",
                "run the command again: it continues from there",
            ) from error

    @understood(_WHO)
    async def put_individual(self, enrollment: IndividualEnrollment, *leaves: x509.Certificate) -> IndividualEnrollment:
        """Changes an individual enrollment to this, with its etag. Everything else in the document stays as DPS has it.

        leaves: the certificates that it is to hold and does not hold yet; others may be among them.
        """
        document = {**enrollment.document, **individual_changes(enrollment, leaves)}
        found = read_individual(await self._plane.put(f"/enrollments/{enrollment.device}", document, enrollment.etag))
        return replace(found, registration=enrollment.registration)

    @understood(_WHO)
    async def delete_individual(self, enrollment: IndividualEnrollment) -> None:
        """Removes an individual enrollment. It is no error if it does not exist any more."""
        await self._plane.delete(f"/enrollments/{enrollment.device}", enrollment.etag)

    @understood(_WHO)
    async def registration(self, device: DeviceId) -> Registration | None:
        """The registration state of a device, or None if it never registered."""
        document = await self._plane.get(f"/registrations/{device}")
        return None if document is None else read_registration(document)

    @understood(_WHO)
    async def registrations(self) -> dict[str, Registration]:
        """The registrations under the group by their IDs, in lower case; one request for each page."""
        pages = self._plane.query(f"/registrations/{self._environment.group.id}/query", None, rows=_ROWS)
        found = [read_registration(each) async for page in pages for each in page]
        return {each.device.lower(): each for each in found}

    @understood(_WHO)
    async def delete_registration(self, registration: Registration) -> None:
        """Removes a registration. It is no error if it does not exist any more."""
        await self._plane.delete(f"/registrations/{registration.device}", registration.etag)
