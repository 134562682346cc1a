"""The IoT Hubs of an environment, and the device registry of each.

Source: Azure IoT Hub service API 2021-04-12, `Device`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azure.core.exceptions import ResourceNotFoundError

from dpsops.azure import answers
from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.model.identity import CA_SIGNED, HubIdentity
from dpsops.settings import hub_host

_WHO = "the IoT Hub"
_LISTED = 1000


@dataclass(frozen=True, slots=True)
class HubFacts:
    """The properties of a hub that devices need."""

    name: str
    host: str


class Hubs:
    """The hubs in the environment's resource group, and other hubs that a registration may name."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._group = clients.environment.resource_group

    @understood(_WHO)
    def find(self, name: str) -> HubFacts | None:
        """The hub of this name, or None."""
        try:
            found = self._clients.hubs.iot_hub_resource.get(self._group, name)
        except ResourceNotFoundError:
            return None
        return HubFacts(name, str((found.properties and found.properties.host_name) or ""))

    @understood(_WHO)
    def hosts(self) -> list[str]:
        """The host names of all hubs in the resource group, as they show them; one that is being made shows none. One request
        for each page."""
        found = list(answers.every(self._clients.hubs.iot_hub_resource.list_by_resource_group(self._group)))
        return [str((each.properties and each.properties.host_name) or hub_host(str(each.name))) for each in found]

    @understood(_WHO)
    def identity(self, host: str, device: str) -> HubIdentity | None:
        """The device's identity in the hub of this host name, or None."""
        document = self._clients.device_registry(host).get(f"/devices/{device}")
        return None if document is None else _read(device, document)

    @understood(_WHO)
    def ca_signed(self, host: str) -> tuple[list[HubIdentity], bool]:
        """The CA-signed device identities of a hub, and whether these are all: one request lists a thousand identities at most
        ("Get Devices"), and dpsops's role for a hub does not allow its query."""
        found = self._clients.device_registry(host).listed(f"/devices?top={_LISTED}")
        read = [_read(str(each["deviceId"]), each) for each in found]
        return [each for each in read if each.authentication == CA_SIGNED], len(found) < _LISTED

    @understood(_WHO)
    def put_identity(self, host: str, identity: HubIdentity) -> None:
        """Changes a device identity to this, with its etag. Everything else in the document stays as the hub has it."""
        before = _read(identity.device, identity.document)
        changes: dict[str, object] = {}
        if identity.status != before.status:
            changes["status"] = identity.status
        if identity.reason != before.reason:
            changes["statusReason"] = identity.reason or None
        if identity.thumbprints != before.thumbprints:
            primary, secondary = identity.thumbprints
            thumbprints = {"primaryThumbprint": primary, "secondaryThumbprint": secondary}
            changes["authentication"] = {"type": identity.authentication, "x509Thumbprint": thumbprints}
        document = {**identity.document, **changes}
        self._clients.device_registry(host).put(f"/devices/{identity.device}", document, f'"{identity.etag}"')


class _Thumbprints(Shape):
    primary_thumbprint: str | None = None
    secondary_thumbprint: str | None = None


class _Authentication(Shape):
    type: str | None = None
    x509_thumbprint: _Thumbprints | None = None


class _Identity(Shape):
    status: str | None = None
    status_reason: str | None = None
    authentication: _Authentication | None = None
    etag: str


def _read(device: str, document: Mapping[str, object]) -> HubIdentity:
    found = _Identity.model_validate(document)
    authentication = found.authentication or _Authentication()
    thumbprints = authentication.x509_thumbprint or _Thumbprints()
    return HubIdentity(
        device=device,
        status=found.status or "",
        reason=found.status_reason or "",
        authentication=authentication.type or "",
        thumbprints=((thumbprints.primary_thumbprint or "").upper(), (thumbprints.secondary_thumbprint or "").upper()),
        etag=found.etag,
        document=document,
    )
