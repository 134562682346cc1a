"""Why DPS does not register a device: its answers, and the errors of Microsoft's device SDK, as errors for people.

Source: DPS device API 2021-10-01, `ProvisioningServiceErrorDetails`.
"""

from __future__ import annotations

import re

from dpsops.errors import Error, RegistrationRefused, StillRegistering, Unavailable
from dpsops.model.registration import is_dead_link

_TRY_AGAIN = "run the command again; 'dpsops status' shows the state of the environment"

_BLOCKED = (
    "'dpsops device show ID' shows whether the device is blocked ('dpsops device unblock ID' unblocks it), 'dpsops status' "
    "whether the enrollment group is disabled"
)

_NO_HUB = (
    "a hub of the enrollment is not linked to the DPS, was deleted, or its link is not valid: 'dpsops plan' shows what is "
    "missing, 'dpsops up' repairs it ('dpsops up --relink' after a key of a hub was regenerated); a device that must not move "
    "(reprovisioning 'never') needs its present hub"
)

_DEAD_LINK = (
    "the key with which the DPS is linked to a hub is not valid any more, as after 'az iot hub policy renew-key': "
    "'dpsops up --relink' links the hubs anew"
)

_NO_REASON = "DPS gives no reason over MQTT: compare the ID scope with 'dpsops status', or use --transport https"

_ADVICE = {
    401: "DPS does not accept this certificate, or the device is blocked: 'dpsops device show ID' shows whether it is blocked, "
    "'dpsops status' whether the root is verified and the group enabled; a device must send a valid certificate with its "
    "complete chain",
    404: "there is no such ID scope or registration: compare the ID scope with 'dpsops status'",
    429: "DPS accepts 1,000 registrations a minute: wait a minute and run the command again",
    409: "another registration of the device has not ended yet: wait a minute and run the command again",
    400: "the registration is invalid: the registration ID must be the common name of the device certificate",
}
"""What to do about DPS's error codes, by their first three digits, which are an HTTP status."""


def refused_request(code: int, message: str) -> RegistrationRefused:
    """The error for a request that DPS answered with an error."""
    status = int(str(code)[:3])
    hint = _ADVICE.get(status, _TRY_AGAIN)
    kind = StillRegistering if status == 409 else RegistrationRefused
    return kind(code, f"DPS refused the registration: {message} ({code})", hint)


def not_assigned(status: str, code: int, message: str) -> RegistrationRefused:
    """The error for a registration that did not end as `assigned`, but as `failed` with a reason, or `disabled`."""
    if status == "disabled":
        return RegistrationRefused(
            401, "DPS refused the registration: the enrollment of this certificate is disabled (401)", _BLOCKED
        )
    reason = f": {message} ({code})" if message else ""
    if status == "failed":  # a certificate that is refused gets no registration state at all
        hint = _DEAD_LINK if is_dead_link(message) else _NO_HUB
        return RegistrationRefused(code, f"DPS accepted the certificate, but no hub could be assigned{reason}", hint)
    return refused_request(code, message or f"the registration ended with the status {status!r}")


def refused_connection(reason: str) -> RegistrationRefused:
    """The error for a connection over MQTT that DPS refused."""
    return RegistrationRefused(401, f"DPS refused the connection: {reason}", _NO_REASON)


def sdk_refusal(error: Exception) -> Error:
    """DPS's refusal, from the SDK's error: it contains the status of the answer or of the registration, no code or message."""
    text = innermost(error)
    if found := re.search(r"(failed) registration status|invalid registration status (\w+)", text):
        return not_assigned(found[1] or found[2], 0, "")
    if found := re.search(r"\b(4\d\d)\b", text):
        return refused_request(int(found[1]), text)
    if text.startswith("Connection Refused"):
        return refused_connection(text.rstrip("."))
    return Unavailable(
        f"DPS cannot be reached over MQTT: {text}", "check the network, port 8883 and HTTPS_PROXY, or try --transport https"
    )


def innermost(error: BaseException) -> str:
    """The words of the first of several errors that led to one another."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
