"""What a device does: it registers in DPS with its certificate, over HTTPS or with Microsoft's device SDK over MQTT.

Sources: DPS device API 2021-10-01; Azure IoT, "Communicate with DPS using the MQTT protocol".
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dpsops.azure.credential_files import files
from dpsops.azure.errors import understood
from dpsops.azure.quoting import of_request
from dpsops.azure.registration_answers import Assigned, read_answer
from dpsops.azure.registration_refusals import innermost, not_assigned, sdk_refusal
from dpsops.azure.wire import Wire
from dpsops.errors import Error, InvalidInput, Unavailable
from dpsops.pki.bundles import DeviceCredential

if TYPE_CHECKING:
    import requests

GLOBAL_HOST = "global.azure-devices-provisioning.net"

_API_VERSION, _API_VERSION_WITH_CSR = "2021-10-01", "2026-11-01"
_POLL_SECONDS = 3.0
_SHUTDOWN_SECONDS = 5.0


def register_over_https(
    scope: str, device: str, credential: DeviceCredential, wire: Wire, wait: Callable[[float], None], csr: str = ""
) -> Assigned:
    """Registers and polls until DPS has decided. `csr`: a request for a certificate, unless it is empty.

    Raises `RegistrationRefused`, or `Unavailable` if DPS does not decide.
    """
    import requests

    from dpsops.azure.transport import new_session

    base, waiting = f"https://{GLOBAL_HOST}/{scope}/registrations/{device}", wire.waiting

    def ask(method: str, path: str, **body: Any) -> requests.Response:
        bounds = (wire.waits.connect_seconds, wire.waits.answer_seconds)
        try:
            with waiting.request(f"an answer of {GLOBAL_HOST}", sum(bounds)):
                connecting, reading = (min(each, waiting.require_time()) for each in bounds)
                try:
                    return session.request(method, f"{base}/{path}", timeout=(connecting, reading), **body)
                except requests.Timeout as silence:
                    raise waiting.given_up() from silence
        except requests.RequestException as cause:
            raise Unavailable(f"DPS cannot be reached: {of_request(cause)}", "check the network and HTTPS_PROXY") from cause

    bound = wire.waits.registration_seconds
    with (
        files(credential) as paths,
        new_session() as session,
        waiting.operation(f"the registration of {device}", bound, "registration_seconds"),
    ):
        session.cert = paths
        session.trust_env = not wire.proxy
        session.proxies = {"https": wire.proxy} if wire.proxy else {}
        session.verify = wire.authority_file or True
        session.params = {"api-version": _API_VERSION_WITH_CSR if csr else _API_VERSION}
        answer = ask("PUT", "register", json={"registrationId": device} | ({"csr": csr} if csr else {}))
        while not isinstance(found := read_answer(device, answer.status_code, _document(answer)), Assigned):
            wait(waiting.pause(_pause(answer.headers.get("Retry-After", ""))))
            answer = ask("GET", f"operations/{found.operation}")
        return found


def _document(answer: requests.Response) -> object:
    """The JSON of an answer; None if it has none, which is read as an error without a code, and as no success."""
    try:
        return answer.json()
    except (RecursionError, ValueError):
        return None


def _pause(retry_after: str) -> float:
    """Seconds until the next poll, as DPS says."""
    return float(retry_after) if retry_after.isdecimal() else _POLL_SECONDS


def register_over_mqtt(scope: str, device: str, credential: DeviceCredential, wire: Wire) -> Assigned:
    """The same with Microsoft's device SDK. Raises `InvalidInput` if the extra `device` is not installed."""
    sdk = _sdk()
    with files(credential) as (chain, key):
        try:
            client = sdk.ProvisioningDeviceClient.create_from_x509_certificate(
                GLOBAL_HOST, device, scope, sdk.X509(chain, key), **_options(sdk, wire)
            )
            with _ended_by(lambda: _disconnect(client)), understood("DPS"):
                result = _bounded(client.register, "register with DPS", wire.waits.registration_seconds)
        except sdk.exceptions.ClientError as cause:
            raise sdk_refusal(cause) from cause
    if result.status != "assigned":
        raise not_assigned(result.status, 0, "")
    state = result.registration_state
    return Assigned(state.device_id, state.assigned_hub, state.sub_status or "")


@contextmanager
def _ended_by(end: Callable[[], object]) -> Iterator[None]:
    """Ends a connection after the block; not if a signal ends the process, which then waits for nothing."""
    try:
        yield
    except Exception:
        end()
        raise
    end()


def _disconnect(client: Any) -> None:
    """Disconnects the SDK's client. It does this itself only after a success. Otherwise it would try to reconnect, and print
    errors from its own threads, while Python exits. The SDK has no public method for this."""
    done = threading.Event()
    with suppress(Exception):  # raised if the client is disconnected already
        client._pipeline.shutdown(callback=lambda **_: done.set())
        done.wait(_SHUTDOWN_SECONDS)


def send_message(hub: str, device: str, credential: DeviceCredential, wire: Wire, text: str) -> None:
    """Connects to the hub over MQTT and sends one message. Raises `Error` if the hub refuses the connection."""
    sdk, seconds = _sdk(), wire.waits.answer_seconds
    with files(credential) as (chain, key):
        client = sdk.IoTHubDeviceClient.create_from_x509_certificate(
            sdk.X509(chain, key), hub, device, connection_retry=False, **_options(sdk, wire)
        )
        try:
            with _ended_by(lambda: _bounded(client.shutdown, "disconnect", seconds)):
                _bounded(client.connect, f"connect to {hub}", seconds)
                _bounded(lambda: client.send_message(sdk.Message(text)), f"send a message to {hub}", seconds)
        except sdk.exceptions.ClientError as cause:
            raise Error(
                f"the hub {hub} refuses the connection of {device}: {innermost(cause)}",
                "the device identity may be disabled, or have the thumbprint of another certificate: "
                f"dpsops device show {device}",
            ) from cause


def _sdk() -> Any:
    try:
        import azure.iot.device as sdk
    except ImportError as cause:
        raise InvalidInput(
            "MQTT needs Microsoft's device SDK, which is not installed", "pip install 'dpsops[device]', or use --transport https"
        ) from cause
    logging.getLogger("azure.iot").addHandler(logging.NullHandler())  # its log is of no use besides its errors
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


def _bounded(work: Callable[[], Any], what: str, seconds: float) -> Any:
    """The result of work with a time limit: the SDK repeats some of its attempts for ever."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def attempt() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # raised again in the thread that waits
            failure.append(error)

    worker = threading.Thread(target=attempt, daemon=True)
    worker.start()
    worker.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise Unavailable(
            f"could not {what} within {seconds:g} seconds",
            "check the network and port 8883; the SDK also waits silently if DPS is throttling: --transport https may show more",
        )
    return outcome[0]
