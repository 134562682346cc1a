"""Every wait has a bound and is shown: a server that says nothing, a long `Retry-After`, what never ends. The clock is moved."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential
from requests.adapters import HTTPAdapter

from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.azure.exchange import Ask
from dpsops.azure.pool import Place
from dpsops.azure.transport import Transport
from dpsops.azure.waits import Waiting
from dpsops.emulator.world import Clock
from dpsops.errors import Denied, Error, Missing, Throttled, Unavailable
from dpsops.settings import Waits
from tests.azure.answers import Answer, Token, transport
from tests.planes import device_registry
from tests.worlds import Stopwatch, environment, pool_over, waited

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"

ASKED: dict[str, Callable[[Clients], object]] = {
    "management.azure.com": lambda clients: clients.groups.resource_groups.get("rg"),
    "kv-dpsops-test.vault.azure.net": lambda clients: clients.certificates.get_certificate("root-g1"),
    "dps-dpsops-test.azure-devices-provisioning.net": lambda clients: clients.enrollments.get("/enrollments/press-07"),
    "iot-dpsops-test.azure-devices.net": lambda clients: device_registry(clients, "iot-dpsops-test.azure-devices.net").get("/d"),
}
"""A host of each kind, and a request to it."""


class Silent(HTTPAdapter):
    """A server, or a proxy, that accepts a connection and says nothing: the clock moves on until the client gives up."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.given: list[tuple[float, float]] = []

    def send(self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, **__: Any) -> NoReturn:
        """Says nothing."""
        self.given.append(timeout)
        self._clock.advance(timeout[1])
        raise requests.ReadTimeout("read timed out", request=request)


def clients(wire: Transport, credential: TokenCredential | None = None) -> Clients:
    """The clients of an environment behind a transport."""
    return Clients(environment(), "5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11", credential or Token(), wire, pool_over(wire))


def silence() -> tuple[Clock, Silent, Stopwatch]:
    """A frozen clock, a silent server, and a transport to it."""
    clock = Clock(0)
    silent, session = Silent(clock), requests.Session()
    session.mount("https://", silent)
    return clock, silent, Stopwatch(clock, session=session)


def answering(*answers: Answer) -> tuple[Clock, Stopwatch]:
    """A frozen clock, and a transport that gets these answers."""
    clock = Clock(0)
    return clock, Stopwatch(clock, session=transport(*answers).session)


@pytest.mark.parametrize("host", ASKED)
def test_a_silent_host_is_given_up(host: str) -> None:
    clock, silent, wire = silence()
    with pytest.raises(Unavailable, match=rf"^gave up waiting for an answer of {host} after 2\d\d seconds$") as late:
        ASKED[host](clients(wire))
    assert clock.now() <= 300
    assert silent.given == [(10, 60)] * 4
    assert "check the network and HTTPS_PROXY, then run the command again: it continues" in late.value.hint


def test_all_attempts_together_have_a_bound() -> None:
    clock, silent, wire = silence()
    wire.waits = Waits(request_seconds=100)
    with pytest.raises(Unavailable, match="after 100 seconds"):
        ASKED["management.azure.com"](clients(wire))
    assert clock.now() == 100
    assert silent.given == [(10, 60), (10, 40)]


def test_a_silent_sign_in_is_given_up() -> None:
    """The sign-in is tried again for each attempt of the request that it is for, and all of this is one wait."""
    clock, _, wire = silence()
    credential = ClientSecretCredential(TENANT, "client", "secret", transport=wire, disable_instance_discovery=True)
    with pytest.raises(Unavailable), understood("Azure"):
        ASKED["management.azure.com"](clients(wire, credential))
    assert clock.now() <= 300
    with pytest.raises(Unavailable):
        _ = clients(wire, credential).caller
    assert clock.now() <= 600


@pytest.mark.parametrize("host", ASKED)
def test_nobody_waits_for_an_hour_because_a_service_wants_it(host: str) -> None:
    clock, wire = answering((429, {"error": {"code": "Throttled", "message": "Later."}}, {"Retry-After": "3600"}))
    with pytest.raises(Throttled) as refused, understood("Azure"):
        ASKED[host](clients(wire))
    assert clock.now() == 0
    assert "wait 3600 seconds and run the command again" in refused.value.hint


def test_a_short_pause_is_made() -> None:
    later = {"error": {"code": "Throttled", "message": "Later."}}
    clock, wire = answering((429, later, {"Retry-After": "200"}), (429, later, {"Retry-After": "200"}))
    with pytest.raises(Throttled), understood("Azure"):
        ASKED["management.azure.com"](clients(wire))
    assert clock.now() == 200


def busy() -> tuple[Clock, Transport, ClientSecretCredential]:
    """An Entra ID that wants to be asked again in an hour."""
    host = f"https://login.microsoftonline.com/{TENANT}"
    configuration = {"authorization_endpoint": f"{host}/a", "token_endpoint": f"{host}/t", "issuer": f"{host}/v2.0"}
    clock, wire = answering((200, configuration, {}), (429, {"error": "busy"}, {"Retry-After": "3600"}))
    return clock, wire, ClientSecretCredential(TENANT, "client", "secret", transport=wire, disable_instance_discovery=True)


def test_a_sign_in_that_wants_an_hour_is_given_up() -> None:
    clock, wire, credential = busy()
    with pytest.raises(Unavailable, match="gave up waiting for a sign-in after 0 seconds: it wants 3,600 seconds more"):
        _ = clients(wire, credential).caller
    assert clock.now() == 0


def test_the_requests_for_devices_wait_no_hour_for_a_sign_in() -> None:
    clock, wire, credential = busy()
    hub = Place("iot-dpsops-test.azure-devices.net", "https://iothubs.azure.net/.default", "the IoT Hub")
    with pytest.raises(Unavailable, match="after 0 seconds: it wants 3,600 seconds more"), understood("the IoT Hub"):
        waited(clients(wire, credential).pool.send(hub, Ask("GET", f"https://{hub.host}/devices/press-07")))
    assert clock.now() == 0


def test_a_resource_provider_that_is_never_registered_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-mgmt-core registers it by itself, and asks every ten seconds, on a clock of its own."""
    code = {"code": "MissingSubscriptionRegistration", "message": "not registered to use namespace 'Microsoft.Devices'"}
    registering: Answer = (200, {"registrationState": "Registering"}, {})
    clock, wire = answering((409, {"error": code}, {}), (200, {}, {}), *[registering] * 400)
    monkeypatch.setattr(time, "sleep", clock.advance)
    with pytest.raises(Unavailable, match="gave up waiting for the registration of a resource provider after 3,600 seconds"):
        ASKED["management.azure.com"](clients(wire))


DENIED = "does not have authorization to perform action '{}' over scope '/subscriptions/5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11'."


@pytest.mark.parametrize(
    ("registered", "action"),
    [(403, "Microsoft.Devices/register/action"), (200, "Microsoft.Resources/subscriptions/providers/read")],
)
def test_a_resource_provider_that_may_not_be_registered_is_told_with_the_right(
    registered: int, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-mgmt-core says nothing of the first, and fails to read the second."""
    code = {"code": "MissingSubscriptionRegistration", "message": "not registered to use namespace 'Microsoft.Devices'"}
    denied: Answer = (403, {"error": {"code": "AuthorizationFailed", "message": DENIED.format(action)}}, {})
    answers: list[Answer] = [(409, {"error": code}, {}), *([] if registered == 403 else [(registered, {}, {})]), denied]
    clock, wire = answering(*answers)
    monkeypatch.setattr(time, "sleep", clock.advance)
    with pytest.raises(Denied) as error, understood("Resource Manager"):
        ASKED["management.azure.com"](clients(wire))
    assert action in error.value.message
    assert error.value.hint.startswith("assign the role '")
    assert "on /subscriptions/5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11 and try again" in error.value.hint


def test_a_failure_of_a_registration_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    code = {"code": "MissingSubscriptionRegistration", "message": "not registered to use namespace 'Microsoft.Devices'"}
    clock, wire = answering((409, {"error": code}, {}), (200, {}, {}), (404, {"error": {"code": "A", "message": "gone"}}, {}))
    monkeypatch.setattr(time, "sleep", clock.advance)
    with pytest.raises(Missing, match="gone"), understood("Resource Manager"):
        ASKED["management.azure.com"](clients(wire))


def operation(name: str, wire: Transport) -> str:
    """A message for what never ends, which is asked for its state by pauses of a day."""

    def poll() -> NoReturn:
        while True:
            wire.sleep(86_400)

    with wire.waiting.operation(name, 150), pytest.raises(Unavailable) as late:
        poll()
    return f"{late.value.message} | {late.value.hint}"


def test_an_operation_is_asked_every_minute_whatever_it_says() -> None:
    clock, _, wire = silence()
    said: list[str] = []
    wire.waiting.say = said.append
    assert operation("the deployment dpsops-test", wire) == (
        "gave up waiting for the deployment dpsops-test after 150 seconds | run the command again: it continues, and may find it "
        "done; operation_seconds under [waits] in the settings is the limit"
    )
    assert clock.now() == 150
    assert said == [
        "waiting for the deployment dpsops-test (60 of at most 150 seconds)",
        "waiting for the deployment dpsops-test (120 of at most 150 seconds)",
    ]


def test_a_wait_inside_another_ends_with_it() -> None:
    clock = Clock(0)
    waiting = Waiting(now=clock.now)
    with waiting.operation("the deployment", 100), waiting.request("an answer", 300):
        clock.advance(90)
        assert waiting.left() == 10
        clock.advance(10)
        with pytest.raises(Unavailable, match="gave up waiting for the deployment after 100 seconds"):
            waiting.require_time()
    assert waiting.left() == float("inf")


def test_a_wait_in_which_nothing_happens_is_shown() -> None:
    clock, shown = Clock(0), threading.Event()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        shown.set()

    waiting = Waiting(now=clock.now, say=say)
    with waiting.watched(), waiting.request("an answer of management.azure.com", 300):
        clock.advance(15)
        assert shown.wait(10)
    assert said == ["waiting for an answer of management.azure.com (15 of at most 300 seconds)"]


def test_a_server_that_accepts_and_says_nothing_costs_what_the_settings_say() -> None:
    """Over a real socket, with bounds of a fraction of a second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        session = requests.Session()
        session.proxies, session.trust_env = {"https": f"http://127.0.0.1:{port}"}, False
        waits = Waits(connect_seconds=0.1, answer_seconds=0.1, request_seconds=0.5)
        began = datetime.now(UTC)
        with pytest.raises(Error, match="gave up waiting for an answer"), understood("Azure"):
            ASKED["management.azure.com"](clients(Transport(waits, session=session)))
        assert datetime.now(UTC) - began < timedelta(seconds=5)


def test_a_server_that_answers_a_byte_at_a_time_is_given_up() -> None:
    """No timeout of a library sees it: each byte is in time."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as connections:

        def drip() -> None:
            with suppress(OSError):  # the client has gone
                connection = connections.enter_context(server.accept()[0])
                while not gone.wait(0.02):
                    connection.sendall(b"H")

        gone = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        session = requests.Session()
        session.proxies, session.trust_env = {"https": f"http://127.0.0.1:{server.getsockname()[1]}"}, False
        wire = Transport(Waits(connect_seconds=30, answer_seconds=30, request_seconds=0.3), session=session)
        began = datetime.now(UTC)
        with pytest.raises(Unavailable, match="gave up waiting for an answer"), wire.waiting.watched(every=0.05, late=0.1):
            ASKED["management.azure.com"](clients(wire))
        assert datetime.now(UTC) - began < timedelta(seconds=10)
        gone.set()
        thread.join()


def test_a_pause_outside_of_any_wait_is_as_long_as_it_is() -> None:
    assert Waiting().pause(7) == 7
