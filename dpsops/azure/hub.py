"""The IoT Hubs of an environment, and the device registry of each.

Source: Azure IoT Hub service API 2021-04-12, `Device`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from dpsops.azure import answers
from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.model import rates
from dpsops.model.identity import CA_SIGNED, HubIdentity
from dpsops.settings import hub_host

_WHO = "the IoT Hub"
_LISTED = 1000
_EVERY = {"query": "SELECT * FROM devices"}
_PAGE, _MOST = 100, 100
"""The most rows of a page of a query, and the most identities of one request."""


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
    async def identity(self, host: str, device: str) -> HubIdentity | None:
        """The device's identity in the hub of this host name, or None."""
        document = await self._clients.registry(host).get(f"/devices/{device}")
        return None if document is None else _read(device, document)

    @understood(_WHO)
    async def pages(self, host: str) -> AsyncIterator[list[HubIdentity]]:
        """All device identities of a hub, by a query over its twins: one request for a hundred. It may not know yet what has
        changed in the last minutes. Its operations are limited by themselves, and need another role."""
        cost = self._clients.pool.budget(rates.queries(self._clients.environment, host)), 1
        async for page in self._clients.registry(host).query("/devices/query", _EVERY, cost, rows=_PAGE):
            yield [_of_twin(each) for each in page]

    @understood(_WHO)
    async def listed(self, host: str) -> list[str]:
        """The IDs of all device identities of a hub. One request lists a thousand at most ("Get Devices"), and knows what has
        just changed; if there are more, the query lists them all."""
        found = [
            str(each["deviceId"]) for each in (await self._clients.registry(host).send("GET", f"/devices?top={_LISTED}")).json()
        ]
        if len(found) < _LISTED:
            return found
        return list(dict.fromkeys([*found, *[each.device async for page in self.pages(host) for each in page]]))

    @understood(_WHO)
    async def put_identities(self, host: str, identities: Sequence[HubIdentity]) -> list[str]:
        """Changes device identities to these, each with its etag, in one request; at most as many as `bulk`. Returns the IDs of
        those that were not changed, because somebody else has changed them."""
        environment, entries = self._clients.environment, [_entry(each) for each in identities]
        cost = self._clients.registry(host).limit, len(entries) if rates.bulk_counts_devices(environment) else 1
        try:
            answer = await self._clients.registry(host).post("/devices", entries, cost)
        except HttpResponseError as error:  # a hub that has not changed all of them answers 400
            if error.status_code != 400 or error.response is None:
                raise
            answer = json.loads(error.response.text())
            if not isinstance(answer, dict) or "errors" not in answer:
                raise
        return [each.device_id for each in _Bulk.model_validate(answer).errors]

    def bulk(self, host: str) -> int:
        """How many identities one request may change: as many as the hub takes, and as its limit allows at once."""
        return min(_MOST, self._clients.registry(host).limit.most)

    @understood(_WHO)
    async def ca_signed(self, host: str) -> tuple[list[HubIdentity], bool]:
        """The CA-signed device identities of a hub, and whether these are all: one request lists a thousand identities at most
        ("Get Devices"), and dpsops's role for a hub does not allow its query."""
        found = (await self._clients.registry(host).send("GET", f"/devices?top={_LISTED}")).json()
        read = [_read(str(each["deviceId"]), each) for each in found]
        return [each for each in read if each.authentication == CA_SIGNED], len(found) < _LISTED

    @understood(_WHO)
    async def put_identity(self, host: str, identity: HubIdentity) -> None:
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
        await self._clients.registry(host).put(f"/devices/{identity.device}", document, f'"{identity.etag}"')


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


class _Twin(_Identity):
    device_id: str
    device_etag: str
    authentication_type: str | None = None
    x509_thumbprint: _Thumbprints | None = None
    capabilities: dict[str, Any] | None = None
    device_scope: str | None = None
    parent_scopes: list[str] | None = None


class _Refused(Shape):
    device_id: str


class _Bulk(Shape):
    errors: list[_Refused]


def _of_twin(document: Mapping[str, object]) -> HubIdentity:
    """The identity that a twin shows. `document` has what a change of many must repeat."""
    found = _Twin.model_validate(document)
    thumbprints = found.x509_thumbprint or _Thumbprints()
    repeated = {"capabilities": found.capabilities, "deviceScope": found.device_scope, "parentScopes": found.parent_scopes}
    return HubIdentity(
        device=found.device_id,
        status=found.status or "",
        reason=found.status_reason or "",
        authentication=found.authentication_type or "",
        thumbprints=((thumbprints.primary_thumbprint or "").upper(), (thumbprints.secondary_thumbprint or "").upper()),
        etag=found.device_etag,
        document={name: value for name, value in repeated.items() if value is not None},
    )


def _entry(identity: HubIdentity) -> dict[str, object]:
    """One entry of a request that changes many. Source: IoT Hub service API 2021-04-12, `ExportImportDevice`."""
    primary, secondary = identity.thumbprints
    return {
        **identity.document,
        "id": identity.device,
        "importMode": "updateIfMatchETag",
        "eTag": identity.etag,
        "status": identity.status,
        "statusReason": identity.reason or None,
        "authentication": {
            "type": identity.authentication,
            "x509Thumbprint": {"primaryThumbprint": primary or None, "secondaryThumbprint": secondary or None},
        },
    }


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
