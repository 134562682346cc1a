"""A device's side of DPS and IoT Hub: registering with a certificate, over HTTPS or with Microsoft's device SDK over MQTT.

Sources: DPS device API 2021-10-01; Azure IoT, "Communicate with DPS using the MQTT protocol".
"""

from __future__ import annotations

import logging
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dpsops.azure.answers import Shape
from dpsops.azure.errors import understood
from dpsops.errors import Error, InvalidInput, RegistrationRefused, Silent
from dpsops.pki.bundles import DeviceCredential

if TYPE_CHECKING:
    import requests

GLOBAL_HOST = "global.azure-devices-provisioning.net"

_API_VERSION = "2021-10-01"
_POLLS = 60
_POLL_SECONDS, _LONGEST_POLL_SECONDS = 3.0, 60.0
_SDK_SECONDS = 60.0
_SHUTDOWN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Wire:
    """How a device reaches Azure: a proxy and a file of trusted CAs, each empty where the machine's own are right."""

    proxy: str = ""
    authority_file: str = ""


@dataclass(frozen=True, slots=True)
class Assigned:
    """DPS has assigned the device to a hub."""

    device: str
    hub: str
    substatus: str


class _State(Shape):
    """`DeviceRegistrationResult`."""

    device_id: str | None = None
    assigned_hub: str | None = None
    substatus: str | None = None
    error_code: int | None = None
    error_message: str | None = None


class _Operation(Shape):
    """`RegistrationOperationStatus`."""

    operation_id: str | None = None
    status: str | None = None
    registration_state: _State | None = None


_TRY_AGAIN = "try again; 'dpsops status' shows what there is"

_BLOCKED = (
    "somebody keeps it out: 'dpsops device show' says whether the device is blocked ('dpsops device unblock' lets it in "
    "again), 'dpsops status' whether its whole group is disabled"
)

_NO_HUB = (
    "a hub that the enrollment names is not linked to the DPS, is gone, or its link no longer opens it: 'dpsops plan' shows what "
    "is missing, 'dpsops up' mends it; a device that may not move (reprovisioning 'never') needs the hub that it had"
)

_NO_REASON = "over MQTT DPS does not say why: compare the ID scope with 'dpsops status', or ask over --transport https"

_ADVICE = {
    401: "DPS does not accept this certificate, or the device is blocked: 'dpsops device show' says whether it is, 'dpsops "
    "status' whether its root is verified and its group open; a device must send its whole chain, of a leaf that is valid today",
    404: "DPS knows no such ID scope or registration: compare the ID scope with 'dpsops status'",
    429: "DPS takes 1,000 registrations a minute: wait and try again",
    400: "the registration itself is wrong: the ID must be the leaf's common name",
}
"""What to do about DPS's error codes, by their first three digits, which are an HTTP status."""


@contextmanager
def _files(credential: DeviceCredential) -> Iterator[tuple[str, str]]:
    """Chain and key as files, which TLS libraries want; mode 0600, and gone after the block."""
    with tempfile.TemporaryDirectory(prefix="dpsops-") as directory:  # made with mode 0700
        chain, key = Path(directory) / "chain.pem", Path(directory) / "key.pem"
        for path, content in ((chain, credential.chain), (key, credential.key)):
            path.touch(mode=0o600)
            path.write_text(content, encoding="ascii")
        yield str(chain), str(key)


def register_over_https(
    scope: str, device: str, credential: DeviceCredential, wire: Wire, wait: Callable[[float], None]
) -> Assigned:
    """Registers and polls until DPS has decided. Raises `RegistrationRefused`, or `Error` when there is no answer."""
    import requests

    base = f"https://{GLOBAL_HOST}/{scope}/registrations/{device}"
    with _files(credential) as files, requests.Session() as session:
        session.cert = files
        session.trust_env = not wire.proxy
        session.proxies = {"https": wire.proxy} if wire.proxy else {}
        session.verify = wire.authority_file or True
        session.params = {"api-version": _API_VERSION}
        try:
            answer = session.put(f"{base}/register", json={"registrationId": device}, timeout=30)
            for _ in range(_POLLS):
                if answer.status_code >= 400:
                    raise _refused_answer(answer)
                with understood("DPS"):
                    operation = _Operation.model_validate(answer.json())
                state = operation.registration_state or _State()
                match operation.status:
                    case "assigned" if state.assigned_hub:
                        return Assigned(state.device_id or device, state.assigned_hub, state.substatus or "")
                    case "assigning" | "unassigned":
                        wait(_pause(answer.headers.get("Retry-After", "")))
                        answer = session.get(f"{base}/operations/{operation.operation_id or ''}", timeout=30)
                    case status:
                        raise _not_assigned(str(status), state.error_code or 0, state.error_message or "")
        except requests.RequestException as cause:
            raise Silent(f"DPS cannot be reached: {cause}", "check the network and HTTPS_PROXY") from cause
    raise Error(
        f"DPS has not decided on {device} after {_POLLS} questions", "try again later; the registration may still end well"
    )


def _pause(retry_after: str) -> float:
    """Seconds until the next question, as DPS asks for, within reason."""
    return min(float(retry_after), _LONGEST_POLL_SECONDS) if retry_after.isdecimal() else _POLL_SECONDS


def _refused_request(code: int, message: str) -> RegistrationRefused:
    """A request that DPS answered with an error."""
    return RegistrationRefused(code, f"DPS refuses: {message} ({code})", _ADVICE.get(int(str(code)[:3]), _TRY_AGAIN))


def _not_assigned(status: str, code: int, message: str) -> RegistrationRefused:
    """A registration that ended otherwise than `assigned`: `failed` with a reason, or `disabled`."""
    if status == "disabled":
        return RegistrationRefused(
            401, "DPS refuses: the enrollment that this certificate belongs to is disabled (401)", _BLOCKED
        )
    reason = f": {message} ({code})" if message else ""
    if status == "failed":  # whoever is refused for what he is gets no registration at all
        return RegistrationRefused(code, f"DPS takes the certificate and has no hub for the device{reason}", _NO_HUB)
    return _refused_request(code, message or f"the registration ended as {status!r}")


def _refused_answer(answer: requests.Response) -> RegistrationRefused:
    """The error that DPS answered, in its own code and words as far as it gave them."""
    try:
        document = answer.json()
    except (RecursionError, ValueError):
        document = None
    told = document if isinstance(document, dict) else {}
    code = told.get("errorCode")
    message = told.get("message") or told.get("errorMessage") or "no reason given"
    return _refused_request(code if isinstance(code, int) else answer.status_code, str(message))


def register_over_mqtt(scope: str, device: str, credential: DeviceCredential, wire: Wire) -> Assigned:
    """The same through Microsoft's device SDK. Raises `InvalidInput` where the extra `device` is not installed."""
    sdk = _sdk()
    with _files(credential) as (chain, key), ExitStack() as ending:
        try:
            client = sdk.ProvisioningDeviceClient.create_from_x509_certificate(
                GLOBAL_HOST, device, scope, sdk.X509(chain, key), **_options(sdk, wire)
            )
            ending.callback(_hang_up, client)
            with understood("DPS"):
                result = _bounded(client.register, "register with DPS")
        except sdk.exceptions.ClientError as cause:
            raise _sdk_refusal(cause) from cause
    if result.status != "assigned":
        raise _not_assigned(result.status, 0, "")
    state = result.registration_state
    return Assigned(state.device_id, state.assigned_hub, state.sub_status or "")


def _hang_up(client: Any) -> None:
    """Ends what the SDK has begun: it does so itself only after a success, and would otherwise go on reconnecting, and
    complain from its own threads, while Python exits. It has no public method for that."""
    over = threading.Event()
    with suppress(Exception):  # one that has hung up already says so by raising
        client._pipeline.shutdown(callback=lambda **_: over.set())
        over.wait(_SHUTDOWN_SECONDS)


def send_message(hub: str, device: str, credential: DeviceCredential, wire: Wire, text: str) -> None:
    """Connects to the hub over MQTT and sends one message. Raises `Error` where the hub does not let the device in."""
    sdk = _sdk()
    with _files(credential) as (chain, key):
        client = sdk.IoTHubDeviceClient.create_from_x509_certificate(
            sdk.X509(chain, key), hub, device, connection_retry=False, **_options(sdk, wire)
        )
        try:
            _bounded(client.connect, f"connect to {hub}")
            _bounded(lambda: client.send_message(sdk.Message(text)), f"send a message to {hub}")
        except sdk.exceptions.ClientError as cause:
            raise Error(
                f"the hub {hub} does not let {device} in: {_innermost(cause)}",
                "its identity there may be disabled, or hold another certificate: dpsops device show",
            ) from cause
        finally:
            _bounded(client.shutdown, "hang up")


def _sdk() -> Any:
    try:
        import azure.iot.device as sdk
    except ImportError as cause:
        raise InvalidInput(
            "MQTT needs Microsoft's device SDK, which is not installed", "pip install 'dpsops[device]', or --transport https"
        ) from cause
    logging.getLogger("azure.iot").addHandler(logging.NullHandler())  # what it says beside its errors helps nobody
    return sdk


def _options(sdk: Any, wire: Wire) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if wire.proxy:
        import socks

        address = urlsplit(wire.proxy)
        options["proxy_options"] = sdk.ProxyOptions(socks.HTTP, address.hostname, address.port)
    if wire.authority_file:
        options["server_verification_cert"] = Path(wire.authority_file).read_text(encoding="ascii")
    return options


def _bounded(work: Callable[[], Any], what: str) -> Any:
    """The result of work that may never end: the SDK repeats some of its attempts for ever."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def attempt() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # handed over to the thread that waits
            failure.append(error)

    worker = threading.Thread(target=attempt, daemon=True)
    worker.start()
    worker.join(_SDK_SECONDS)
    if failure:
        raise failure[0]
    if not outcome:
        raise Silent(
            f"no end in {_SDK_SECONDS:.0f} seconds: tried to {what}",
            "check the network and port 8883; a throttled DPS is waited for without a word, so --transport https may tell more",
        )
    return outcome[0]


def _sdk_refusal(error: Exception) -> Error:
    """What DPS said, as far as the SDK's error still tells: a status, of HTTP or of the registration, but no code or words."""
    text = _innermost(error)
    if found := re.search(r"(failed) registration status|invalid registration status (\w+)", text):
        return _not_assigned(found[1] or found[2], 0, "")
    if found := re.search(r"\b(4\d\d)\b", text):
        return _refused_request(int(found[1]), text)
    if text.startswith("Connection Refused"):
        return RegistrationRefused(401, f"DPS refuses the connection: {text.rstrip('.')}", _NO_REASON)
    return Silent(
        f"DPS cannot be reached over MQTT: {text}", "check the network, port 8883 and HTTPS_PROXY, or try --transport https"
    )


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
