"""What DPS answers to a device that registers: that it is still deciding, the hub that it has assigned, or why there is none.

Source: DPS device API 2021-10-01, `RegistrationOperationStatus`; 2026-11-01 of `issuedCertificateChain`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpsops.azure.answers import Shape
from dpsops.azure.errors import understood
from dpsops.azure.registration_refusals import not_assigned, refused_request


@dataclass(frozen=True, slots=True)
class Assigned:
    """DPS has assigned the device to a hub. `issued`: the chain of the certificate that the device has asked for, leaf first,
    each base64 of DER; empty if DPS has issued none."""

    device: str
    hub: str
    substatus: str
    issued: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assigning:
    """DPS has not decided yet. `operation`: what to ask for."""

    operation: str


class _State(Shape):
    """`DeviceRegistrationResult`."""

    device_id: str | None = None
    assigned_hub: str | None = None
    substatus: str | None = None
    error_code: int | None = None
    error_message: str | None = None
    issued_certificate_chain: list[str] | None = None


class _Operation(Shape):
    """`RegistrationOperationStatus`."""

    operation_id: str | None = None
    status: str | None = None
    registration_state: _State | None = None


def read_answer(device: str, status: int, document: object) -> Assigned | Assigning:
    """An answer with this HTTP status, over HTTPS or MQTT. Raises `RegistrationRefused`, and `Unreadable`."""
    if status >= 400:
        raise _refused(status, document)
    with understood("DPS"):
        operation = _Operation.model_validate(document)
    state = operation.registration_state or _State()
    match operation.status:
        case "assigned" if state.assigned_hub:
            chain = tuple(state.issued_certificate_chain or ())
            return Assigned(state.device_id or device, state.assigned_hub, state.substatus or "", chain)
        case "assigning" | "unassigned":
            return Assigning(operation.operation_id or "")
        case found:
            raise not_assigned(str(found), state.error_code or 0, state.error_message or "")


def _refused(status: int, document: object) -> Exception:
    """The error that DPS answered, with its code and message if there are any."""
    body = document if isinstance(document, dict) else {}
    code = body.get("errorCode")
    message = body.get("message") or body.get("errorMessage") or "no reason given"
    return refused_request(code if isinstance(code, int) else status, str(message))
