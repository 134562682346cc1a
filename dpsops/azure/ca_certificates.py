"""The trust stores: the CA certificates in a DPS or an IoT Hub. Both have the same operations, in two different SDKs."""

from __future__ import annotations

import base64
from typing import Any, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError

from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.model.proof import CaCertificate, Challenge
from dpsops.model.roles import SERVICE
from dpsops.settings import hub_host


class TrustStore(Protocol):
    """The trust store of one service. Every call that changes a certificate also changes its etag, and must name the last one."""

    @property
    def owner(self) -> str:
        """The service that it belongs to, for people: `DPS dps-prod`."""

    @property
    def host(self) -> str:
        """The host name of the hub; empty for a DPS."""

    def get(self, name: str) -> CaCertificate | None:
        """The certificate of this name, or None."""

    def all(self) -> dict[str, CaCertificate]:
        """All certificates, by name. One request."""

    def delete(self, name: str, etag: str) -> None:
        """Removes the certificate with this etag. It is no error if it does not exist any more."""

    def upload(self, name: str, pem: str) -> CaCertificate:
        """Uploads a certificate under a new name."""

    def challenge(self, name: str, etag: str) -> Challenge:
        """Requests a verification code."""

    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Uploads the verification certificate."""


def trust_stores(clients: Clients) -> tuple[TrustStore, ...]:
    """Where the root must be verified: in the DPS and, if the settings say so, in each hub."""
    environment = clients.environment
    dps = DpsTrustStore(clients, environment.dps.name)
    if not environment.root.prove_to_hubs:
        return (dps,)
    return (dps, *(HubTrustStore(clients, hub.name) for hub in environment.hub))


@understood("the IoT Hub")
def every_trust_store(clients: Clients) -> tuple[TrustStore, ...]:
    """Those of the DPS and of every hub in the resource group, also where dpsops has not uploaded anything: somebody may have.
    One request for each page of hubs."""
    environment = clients.environment
    names = [str(each.name) for each in clients.hubs.iot_hub_resource.list_by_resource_group(environment.resource_group)]
    return (DpsTrustStore(clients, environment.dps.name), *(HubTrustStore(clients, name) for name in names))


def trust_store(clients: Clients, type_: str, name: str) -> TrustStore:
    """That of the DPS or of a hub in the resource group, by the type of the resource and its name."""
    return DpsTrustStore(clients, name) if type_ == SERVICE else HubTrustStore(clients, name)


class DpsTrustStore:
    """The trust store of a Device Provisioning Service. Etags are sent without quotation marks, as recorded."""

    def __init__(self, clients: Clients, service: str) -> None:
        self._clients = clients
        self._group = clients.environment.resource_group
        self._service = service

    @property
    def owner(self) -> str:
        """The service that it belongs to."""
        return f"DPS {self._service}"

    @property
    def host(self) -> str:
        """No hub's."""
        return ""

    @understood("the DPS")
    def get(self, name: str) -> CaCertificate | None:
        """The certificate of this name, or None."""
        try:
            return _read(self._clients.dps.dps_certificate.get(name, self._group, self._service))
        except ResourceNotFoundError:
            return None

    @understood("the DPS")
    def all(self) -> dict[str, CaCertificate]:
        """All certificates, by name."""
        return _read_all(self._clients.dps.dps_certificate.list(self._group, self._service))

    @understood("the DPS")
    def delete(self, name: str, etag: str) -> None:
        """Removes the certificate with this etag."""
        try:
            self._clients.dps.dps_certificate.delete(self._group, self._service, name, **_if_match(etag))
        except ResourceNotFoundError:
            return

    @understood("the DPS")
    def upload(self, name: str, pem: str) -> CaCertificate:
        """Uploads a certificate under a new name. The SDK encodes the bytes."""
        from azure.mgmt.iothubprovisioningservices.models import CertificateProperties, CertificateResponse

        body = CertificateResponse(properties=CertificateProperties(certificate=pem.encode()))
        return _read(self._clients.dps.dps_certificate.create_or_update(self._group, self._service, name, body))

    @understood("the DPS")
    def challenge(self, name: str, etag: str) -> Challenge:
        """Requests a verification code."""
        certificates = self._clients.dps.dps_certificate
        return _read_challenge(certificates.generate_verification_code(name, self._group, self._service, **_if_match(etag)))

    @understood("the DPS")
    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Uploads the verification certificate. Here the SDK encodes nothing."""
        from azure.mgmt.iothubprovisioningservices.models import VerificationCodeRequest

        body = VerificationCodeRequest(certificate=_encode(pem))
        certificates = self._clients.dps.dps_certificate
        return _read(certificates.verify_certificate(name, self._group, self._service, body, **_if_match(etag)))


class HubTrustStore:
    """The trust store of an IoT Hub. Its SDK encodes nothing, and sends etags without quotes."""

    def __init__(self, clients: Clients, hub: str) -> None:
        self._clients = clients
        self._group = clients.environment.resource_group
        self._hub = hub

    @property
    def owner(self) -> str:
        """The service that it belongs to."""
        return f"IoT Hub {self._hub}"

    @property
    def host(self) -> str:
        """The host name of the hub."""
        return hub_host(self._hub)

    @understood("the IoT Hub")
    def get(self, name: str) -> CaCertificate | None:
        """The certificate of this name, or None."""
        try:
            return _read(self._clients.hubs.certificates.get(self._group, self._hub, name))
        except ResourceNotFoundError:
            return None

    @understood("the IoT Hub")
    def all(self) -> dict[str, CaCertificate]:
        """All certificates, by name; none if the hub does not exist yet."""
        try:
            return _read_all(self._clients.hubs.certificates.list_by_iot_hub(self._group, self._hub))
        except ResourceNotFoundError:
            return {}

    @understood("the IoT Hub")
    def delete(self, name: str, etag: str) -> None:
        """Removes the certificate with this etag."""
        try:
            self._clients.hubs.certificates.delete(self._group, self._hub, name, etag)
        except ResourceNotFoundError:
            return

    @understood("the IoT Hub")
    def upload(self, name: str, pem: str) -> CaCertificate:
        """Uploads a certificate under a new name."""
        from azure.mgmt.iothub.models import CertificateDescription, CertificateProperties

        body = CertificateDescription(properties=CertificateProperties(certificate=_encode(pem)))
        return _read(self._clients.hubs.certificates.create_or_update(self._group, self._hub, name, body))

    @understood("the IoT Hub")
    def challenge(self, name: str, etag: str) -> Challenge:
        """Requests a verification code."""
        return _read_challenge(self._clients.hubs.certificates.generate_verification_code(self._group, self._hub, name, etag))

    @understood("the IoT Hub")
    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Uploads the verification certificate."""
        from azure.mgmt.iothub.models import CertificateVerificationDescription

        body = CertificateVerificationDescription(certificate=_encode(pem))
        return _read(self._clients.hubs.certificates.verify(self._group, self._hub, name, etag, body))


def _if_match(etag: str) -> dict[str, Any]:
    """The condition of an operation of the DPS's SDK, with the etag as it came. The SDK's own condition would put it in quotation
    marks, in which no recording shows it; so its operations get none, and the header by name."""
    return {"etag": etag, "match_condition": MatchConditions.Unconditionally, "headers": {"If-Match": etag}}


def _encode(pem: str) -> str:
    """The PEM in base64: the service has refused other encodings."""
    return base64.b64encode(pem.encode()).decode()


def _read_all(listed: Any) -> dict[str, CaCertificate]:
    return {str(found.name or ""): _read(found) for found in listed.value or []}


def _read(found: Any) -> CaCertificate:
    """A certificate from the model of either SDK. Properties and etag are required."""
    if found.properties is None or not isinstance(found.etag, str) or not found.etag:
        raise TypeError("a CA certificate without properties or etag")
    return CaCertificate((found.properties.thumbprint or "").upper(), found.properties.is_verified is True, found.etag)


def _read_challenge(found: Any) -> Challenge:
    if found.properties is None or not found.etag:
        raise TypeError("a CA certificate without properties or etag")
    code = found.properties.verification_code
    if not isinstance(code, str) or not code:
        raise TypeError("no verification code")
    return Challenge(code, str(found.etag))
