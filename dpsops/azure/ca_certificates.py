"""The trust stores: where a DPS or an IoT Hub holds the CA certificates that it trusts. The same operations in two SDKs that
spell them differently."""

from __future__ import annotations

import base64
from typing import Any, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError

from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.model.proof import CaCertificate, Challenge


class TrustStore(Protocol):
    """That of one service. Every call but a reading one changes the etag, and each must name the one before it."""

    @property
    def owner(self) -> str:
        """Whose it is, for people: `DPS dps-prod`."""

    def get(self, name: str) -> CaCertificate | None:
        """The certificate of this name, or None."""

    def all(self) -> dict[str, CaCertificate]:
        """All of them by their names. It costs one request."""

    def delete(self, name: str, etag: str) -> None:
        """Removes the certificate that has this etag; one that is gone already is no error."""

    def upload(self, name: str, pem: str) -> CaCertificate:
        """Puts a certificate under a name that is free."""

    def challenge(self, name: str, etag: str) -> Challenge:
        """Asks for a verification code."""

    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Shows a certificate that carries the code."""


def trust_stores(clients: Clients) -> tuple[TrustStore, ...]:
    """Where the root is to be proven: the DPS, and each hub where the environment asks for it."""
    environment = clients.environment
    dps = DpsTrustStore(clients, environment.dps.name)
    if not environment.root.prove_to_hubs:
        return (dps,)
    return (dps, *(HubTrustStore(clients, hub.name) for hub in environment.hub))


class DpsTrustStore:
    """That of a Device Provisioning Service."""

    def __init__(self, clients: Clients, service: str) -> None:
        self._clients = clients
        self._group = clients.environment.resource_group
        self._service = service

    @property
    def owner(self) -> str:
        """Whose it is."""
        return f"DPS {self._service}"

    @understood("the DPS")
    def get(self, name: str) -> CaCertificate | None:
        """The certificate of this name, or None."""
        try:
            return _read(self._clients.dps.dps_certificate.get(name, self._group, self._service))
        except ResourceNotFoundError:
            return None

    @understood("the DPS")
    def all(self) -> dict[str, CaCertificate]:
        """All of them by their names."""
        return _read_all(self._clients.dps.dps_certificate.list(self._group, self._service))

    @understood("the DPS")
    def delete(self, name: str, etag: str) -> None:
        """Removes the certificate that has this etag."""
        try:
            self._clients.dps.dps_certificate.delete(
                self._group, self._service, name, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except ResourceNotFoundError:
            return

    @understood("the DPS")
    def upload(self, name: str, pem: str) -> CaCertificate:
        """Puts a certificate under a name that is free. The SDK encodes its bytes."""
        from azure.mgmt.iothubprovisioningservices.models import CertificateProperties, CertificateResponse

        body = CertificateResponse(properties=CertificateProperties(certificate=pem.encode()))
        return _read(self._clients.dps.dps_certificate.create_or_update(self._group, self._service, name, body))

    @understood("the DPS")
    def challenge(self, name: str, etag: str) -> Challenge:
        """Asks for a verification code."""
        return _read_challenge(
            self._clients.dps.dps_certificate.generate_verification_code(
                name, self._group, self._service, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        )

    @understood("the DPS")
    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Shows a certificate that carries the code. Here the SDK encodes nothing."""
        from azure.mgmt.iothubprovisioningservices.models import VerificationCodeRequest

        body = VerificationCodeRequest(certificate=_encode(pem))
        answer = self._clients.dps.dps_certificate.verify_certificate(
            name, self._group, self._service, body, etag=etag, match_condition=MatchConditions.IfNotModified
        )
        return _read(answer)


class HubTrustStore:
    """That of an IoT Hub. Its SDK encodes nothing, and sends etags without quotes."""

    def __init__(self, clients: Clients, hub: str) -> None:
        self._clients = clients
        self._group = clients.environment.resource_group
        self._hub = hub

    @property
    def owner(self) -> str:
        """Whose it is."""
        return f"IoT Hub {self._hub}"

    @understood("the IoT Hub")
    def get(self, name: str) -> CaCertificate | None:
        """The certificate of this name, or None."""
        try:
            return _read(self._clients.hubs.certificates.get(self._group, self._hub, name))
        except ResourceNotFoundError:
            return None

    @understood("the IoT Hub")
    def all(self) -> dict[str, CaCertificate]:
        """All of them by their names; a hub that is yet to be made has none."""
        try:
            return _read_all(self._clients.hubs.certificates.list_by_iot_hub(self._group, self._hub))
        except ResourceNotFoundError:
            return {}

    @understood("the IoT Hub")
    def delete(self, name: str, etag: str) -> None:
        """Removes the certificate that has this etag."""
        try:
            self._clients.hubs.certificates.delete(self._group, self._hub, name, etag)
        except ResourceNotFoundError:
            return

    @understood("the IoT Hub")
    def upload(self, name: str, pem: str) -> CaCertificate:
        """Puts a certificate under a name that is free."""
        from azure.mgmt.iothub.models import CertificateDescription, CertificateProperties

        body = CertificateDescription(properties=CertificateProperties(certificate=_encode(pem)))
        return _read(self._clients.hubs.certificates.create_or_update(self._group, self._hub, name, body))

    @understood("the IoT Hub")
    def challenge(self, name: str, etag: str) -> Challenge:
        """Asks for a verification code."""
        return _read_challenge(self._clients.hubs.certificates.generate_verification_code(self._group, self._hub, name, etag))

    @understood("the IoT Hub")
    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Shows a certificate that carries the code."""
        from azure.mgmt.iothub.models import CertificateVerificationDescription

        body = CertificateVerificationDescription(certificate=_encode(pem))
        return _read(self._clients.hubs.certificates.verify(self._group, self._hub, name, etag, body))


def _encode(pem: str) -> str:
    """Base64 of the PEM: other encodings have been refused."""
    return base64.b64encode(pem.encode()).decode()


def _read_all(listed: Any) -> dict[str, CaCertificate]:
    return {str(found.name or ""): _read(found) for found in listed.value or []}


def _read(found: Any) -> CaCertificate:
    """A certificate out of either SDK's model; everything rests on its properties and its etag."""
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
