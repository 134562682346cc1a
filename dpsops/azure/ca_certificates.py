"""The CA certificates that a DPS or an IoT Hub trusts: the same operations in two SDKs that spell them differently."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError

from dpsops.errors import Error

if TYPE_CHECKING:
    from azure.mgmt.iothub import IotHubClient
    from azure.mgmt.iothubprovisioningservices import IotDpsClient


@dataclass(frozen=True, slots=True)
class CaCertificate:
    """One of them: its SHA-1 thumbprint (upper case hex), whether its possession is proven, its etag."""

    thumbprint: str
    verified: bool
    etag: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a certificate must carry as its common name to prove possession, and the etag that goes with it."""

    code: str
    etag: str


class CaCertificates(Protocol):
    """Those of one service. Every call but a reading one changes the etag, and each must name the one before it."""

    @property
    def owner(self) -> str:
        """Whose they are, for people: `DPS dps-prod`."""

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


@dataclass(frozen=True, slots=True)
class DpsCaCertificates:
    """Those of a Device Provisioning Service."""

    client: IotDpsClient
    group: str
    service: str

    @property
    def owner(self) -> str:
        """Whose they are."""
        return f"DPS {self.service}"

    def get(self, name: str) -> CaCertificate | None:
        """The certificate of this name, or None."""
        try:
            return _read(self.client.dps_certificate.get(name, self.group, self.service))
        except ResourceNotFoundError:
            return None

    def all(self) -> dict[str, CaCertificate]:
        """All of them by their names."""
        listed = self.client.dps_certificate.list(self.group, self.service).value or []
        return {found.name or "": _read(found) for found in listed}

    def delete(self, name: str, etag: str) -> None:
        """Removes the certificate that has this etag."""
        try:
            self.client.dps_certificate.delete(
                self.group, self.service, name, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except ResourceNotFoundError:
            return

    def upload(self, name: str, pem: str) -> CaCertificate:
        """Puts a certificate under a name that is free. The SDK encodes its bytes."""
        from azure.mgmt.iothubprovisioningservices.models import CertificateProperties, CertificateResponse

        body = CertificateResponse(properties=CertificateProperties(certificate=pem.encode()))
        return _read(self.client.dps_certificate.create_or_update(self.group, self.service, name, body))

    def challenge(self, name: str, etag: str) -> Challenge:
        """Asks for a verification code."""
        return _read_challenge(
            self.client.dps_certificate.generate_verification_code(
                name, self.group, self.service, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        )

    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Shows a certificate that carries the code. Here the SDK encodes nothing."""
        from azure.mgmt.iothubprovisioningservices.models import VerificationCodeRequest

        body = VerificationCodeRequest(certificate=_encode(pem))
        answer = self.client.dps_certificate.verify_certificate(
            name, self.group, self.service, body, etag=etag, match_condition=MatchConditions.IfNotModified
        )
        return _read(answer)


@dataclass(frozen=True, slots=True)
class HubCaCertificates:
    """Those of an IoT Hub. Its SDK encodes nothing, and sends etags without quotes."""

    client: IotHubClient
    group: str
    hub: str

    @property
    def owner(self) -> str:
        """Whose they are."""
        return f"IoT Hub {self.hub}"

    def get(self, name: str) -> CaCertificate | None:
        """The certificate of this name, or None."""
        try:
            return _read(self.client.certificates.get(self.group, self.hub, name))
        except ResourceNotFoundError:
            return None

    def all(self) -> dict[str, CaCertificate]:
        """All of them by their names; a hub that is yet to be made has none."""
        try:
            listed = self.client.certificates.list_by_iot_hub(self.group, self.hub).value or []
        except ResourceNotFoundError:
            return {}
        return {found.name or "": _read(found) for found in listed}

    def delete(self, name: str, etag: str) -> None:
        """Removes the certificate that has this etag."""
        try:
            self.client.certificates.delete(self.group, self.hub, name, etag)
        except ResourceNotFoundError:
            return

    def upload(self, name: str, pem: str) -> CaCertificate:
        """Puts a certificate under a name that is free."""
        from azure.mgmt.iothub.models import CertificateDescription, CertificateProperties

        body = CertificateDescription(properties=CertificateProperties(certificate=_encode(pem)))
        return _read(self.client.certificates.create_or_update(self.group, self.hub, name, body))

    def challenge(self, name: str, etag: str) -> Challenge:
        """Asks for a verification code."""
        return _read_challenge(self.client.certificates.generate_verification_code(self.group, self.hub, name, etag))

    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Shows a certificate that carries the code."""
        from azure.mgmt.iothub.models import CertificateVerificationDescription

        body = CertificateVerificationDescription(certificate=_encode(pem))
        return _read(self.client.certificates.verify(self.group, self.hub, name, etag, body))


def _encode(pem: str) -> str:
    """Base64 of the PEM: other encodings have been refused."""
    return base64.b64encode(pem.encode()).decode()


def _read(found: Any) -> CaCertificate:
    """A certificate out of either SDK's model. Raises `Error` where the service left out what everything rests on."""
    if found.properties is None or not found.etag:
        raise Error("Azure answered a CA certificate without properties or etag", "run the command again")
    return CaCertificate((found.properties.thumbprint or "").upper(), bool(found.properties.is_verified), found.etag)


def _read_challenge(found: Any) -> Challenge:
    if found.properties is None or not found.properties.verification_code or not found.etag:
        raise Error("Azure answered no verification code", "run the command again")
    return Challenge(found.properties.verification_code, found.etag)
