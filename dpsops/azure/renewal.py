"""A device that asks Azure for its certificate: DPS when it registers over MQTT, and later its hub.

Sources: DPS device API 2026-11-01, `DeviceRegistration.csr`; of the hub, a public write-up of tests of January 2026. Nobody has
tried either against Azure from here.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from dpsops.azure.answers import Shape
from dpsops.azure.device_mqtt import Reply, connected
from dpsops.azure.errors import understood
from dpsops.azure.registration_answers import Assigned, read_answer
from dpsops.azure.registration_refusals import refused_connection
from dpsops.azure.wire import Wire
from dpsops.errors import Error
from dpsops.pki.bundles import DeviceCredential

DPS_VERSION = "2026-11-01"
_HUB_VERSION = "2025-08-01-preview"
_DPS_HOST = "global.azure-devices-provisioning.net"
_POLL_SECONDS = 3.0
_RID = "dpsops-1"


class _Issued(Shape):
    certificates: list[str]


class _Refusal(Shape):
    error_code: int | None = None
    message: str | None = None
    info: dict[str, object] | None = None


def register_with_request(
    scope: str, device: str, credential: DeviceCredential, wire: Wire, wait: Callable[[float], None], csr: str
) -> Assigned:
    """Registers over MQTT, and asks for a certificate with the request `csr`. Raises as `register_over_https` does."""
    username = f"{scope}/registrations/{device}/api-version={DPS_VERSION}&ClientVersion=dpsops"
    waiting = wire.waiting
    with (
        waiting.operation(f"the registration of {device}", wire.waits.registration_seconds, "registration_seconds"),
        connected(_DPS_HOST, device, username, credential, wire, refused_connection) as session,
    ):
        session.subscribe("$dps/registrations/res/#")
        topic = "$dps/registrations/PUT/iotdps-register/"
        reply = session.ask(topic, _RID, {"registrationId": device, "csr": csr})
        while not isinstance(found := read_answer(device, reply.status, reply.document), Assigned):
            wait(waiting.pause(_pause(reply)))
            operation = f"&operationId={quote(found.operation, safe='')}"
            reply = session.ask("$dps/registrations/GET/iotdps-get-operationstatus/", _RID, {}, operation)
        return found


def _pause(reply: Reply) -> float:
    """Seconds until the next poll, as DPS says."""
    said = reply.properties.get("retry-after", "")
    return float(said) if said.isdecimal() else _POLL_SECONDS


def renew(hub: str, device: str, credential: DeviceCredential, wire: Wire, csr: str) -> tuple[str, ...]:
    """Connects to the hub and asks it for a new certificate with the request `csr`; returns its chain, leaf first, each base64 of
    DER. A request of the device that the hub is still working on, as of a run that was ended, is given up for this one.

    Raises `Error` if the hub refuses the connection or the request.
    """

    def refused(reason: str) -> Error:
        return Error(
            f"the hub {hub} refuses the connection of {device} with the certificate that Azure has issued: {reason}",
            f"the device identity may be disabled: dpsops device show {device}",
        )

    username = f"{hub}/{device}/?api-version={_HUB_VERSION}&DeviceClientType=dpsops"
    with connected(hub, device, username, credential, wire, refused) as session:
        session.subscribe("$iothub/credentials/res/#")
        body = {"id": device, "csr": csr, "replace": "*"}
        reply = session.ask("$iothub/credentials/POST/issueCertificate/", _RID, body)
        with wire.waiting.operation(f"the certificate of {device}", wire.waits.registration_seconds, "registration_seconds"):
            while reply.status == 202:
                reply = session.next(_RID, wire.waits.registration_seconds)
        if reply.status != 200:
            raise _not_renewed(hub, device, reply)
        with understood("the IoT Hub"):
            return tuple(_Issued.model_validate(reply.document).certificates)


def _not_renewed(hub: str, device: str, reply: Reply) -> Error:
    with understood("the IoT Hub"):
        found = _Refusal.model_validate(reply.document)
    why = (found.info or {}).get("credentialMessage")
    said = " ".join(str(each) for each in (found.message or "no reason given", f"({why})" if why else "") if each)
    return Error(
        f"the hub {hub} issues no certificate to {device}: {said} ({found.error_code or reply.status})",
        "look at the certificate policy in Azure Device Registry; the certificate that the device has stays valid",
    )
