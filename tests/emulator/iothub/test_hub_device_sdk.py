"""The unmodified device SDK and a plain HTTPS client at a hub, through the proxy, TLS and MQTT."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import azure.iot.device
import pytest
import requests
from azure.iot.device.exceptions import ConnectionDroppedError, CredentialError, NoConnectionError, OperationCancelled
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.devices import METHOD_CALL, find_device, messages_of, provision, save_device
from dpsops.emulator.server import EmbeddedAzure
from tests.emulator.iothub.lab import HOST, Issuer, thumbprint
from tests.emulator.iothub.live import hub_of, inside
from tests.emulator.microsoft_devices.control_plane import NOW
from tests.emulator.microsoft_devices.signatures import sign

SDK: Any = azure.iot.device  # it has no annotations
PAHO = ("paho.mqtt.client", "Client")
pytestmark = pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLSv1_2 is deprecated:DeprecationWarning")  # the SDK's own


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """Closes after a test what the SDK's MQTT library leaves open until its clients are collected, which is by chance."""
    yield
    clients: list[Any] = [each for each in gc.get_objects() if (type(each).__module__, type(each).__name__) == PAHO]
    for client in clients:
        client.__del__()


@pytest.fixture
def device(here: EmbeddedAzure, tmp_path: Path) -> Iterator[Any]:
    """The SDK's client of a device that DPS has made in the hub."""
    leaf = Issuer.make().issue("d1")
    files = tmp_path / "leaf.pem", tmp_path / "leaf.key"
    files[0].write_bytes(leaf.certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with inside(here) as world:
        provision(world, hub_of(world), "d1", thumbprint(leaf.certificate))
    client = SDK.IoTHubDeviceClient.create_from_x509_certificate(
        SDK.X509(str(files[0]), str(files[1])),
        HOST,
        "d1",
        server_verification_cert=here.authority_file.read_text(),
        proxy_options=SDK.ProxyOptions("HTTP", "127.0.0.1", int(here.proxy_url.rpartition(":")[2])),
        connection_retry=False,
        auto_connect=False,
    )
    yield client
    client.shutdown()


def test_a_device_sends_and_reports(here: EmbeddedAzure, device: Any) -> None:
    device.connect()
    message = SDK.Message(b'{"t": 21}', message_id="m1", content_encoding="utf-8", content_type="application/json")
    message.custom_properties["colour"] = "dark red"
    device.send_message(message)
    device.patch_twin_reported_properties({"battery": 55})
    assert device.get_twin() == {"desired": {"$version": 1}, "reported": {"battery": 55, "$version": 2}}
    (kept,) = here.messages(HOST, "d1")
    assert (json.loads(kept.body), kept.properties) == ({"t": 21}, {"colour": "dark red"})
    assert (kept.system["messageId"], kept.enqueued) == ("m1", NOW)
    assert here.messages(HOST, "d2") == here.messages("other.azure-devices.net", "d1") == []


def owner(here: EmbeddedAzure) -> dict[str, str]:
    """The headers of a request that the hub's owner has signed."""
    with inside(here) as world:
        policy = hub_of(world)["policies"][0]
    return {"Authorization": sign(HOST, policy["primaryKey"], here.azure.clock.now() + 60, policy["keyName"])}


def call(here: EmbeddedAzure, method: str, path: str, body: Any = None, timeout: float = 30) -> requests.Response:
    """The hub's answer to its owner, over HTTPS."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method,
            f"https://{HOST}{path}?api-version=2021-04-12",
            json=body,
            headers=owner(here),
            proxies={"https": here.proxy_url},
            verify=str(here.authority_file),
            timeout=timeout,
        )


def test_a_change_of_desired_properties_reaches_the_device(here: EmbeddedAzure, device: Any) -> None:
    heard: SimpleQueue[JSON] = SimpleQueue()
    device.connect()
    device.on_twin_desired_properties_patch_received = heard.put
    device.get_twin()  # answered after the subscription, which the property above makes
    assert call(here, "PATCH", "/twins/d1", {"properties": {"desired": {"interval": 60, "mode": None}}}).ok
    assert heard.get(timeout=10) == {"interval": 60, "mode": None, "$version": 2}
    assert call(here, "PATCH", "/twins/d1", {"tags": {"hall": 3}}).ok
    assert call(here, "PUT", "/twins/d1", {"properties": {"desired": {"colour": "red"}}}).ok
    assert heard.get(timeout=10) == {"interval": None, "colour": "red", "$version": 3}
    assert device.get_twin()["desired"] == {"colour": "red", "$version": 3}
    assert heard.empty()


def test_a_device_answers_a_direct_method(here: EmbeddedAzure, device: Any) -> None:
    def answer(asked: Any) -> None:
        device.send_method_response(SDK.MethodResponse(asked.request_id, 207, {"name": asked.name, "payload": asked.payload}))

    device.connect()
    device.on_method_request_received = answer
    device.get_twin()  # answered after the subscription, which the property above makes
    call_ = {"methodName": "open door", "payload": {"hall": 3}, "responseTimeoutInSeconds": 300}
    answered = call(here, "POST", "/twins/d1/methods", call_)
    assert (answered.status_code, answered.json()) == (
        200,
        {"status": 207, "payload": {"name": "open door", "payload": {"hall": 3}}},
    )


def test_a_method_waits_for_a_device_that_connects_and_then_for_its_answer(here: EmbeddedAzure, device: Any) -> None:
    asked: SimpleQueue[Any] = SimpleQueue()
    body = {"methodName": "reboot", "connectTimeoutInSeconds": 300, "responseTimeoutInSeconds": 300}
    with ThreadPoolExecutor() as services:
        waits = services.submit(call, here, "POST", "/twins/d1/methods", body)
        device.connect()
        device.on_method_request_received = asked.put
        assert asked.get(timeout=10).name == "reboot"
        here.azure.clock.advance(301)
        silent = waits.result(timeout=10)
        assert (silent.status_code, silent.headers["iothub-errorcode"]) == (504, "GatewayTimeout")


def wait_for_calls(here: EmbeddedAzure) -> None:
    """Until a call waits in the hub, which the request of another thread makes."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with inside(here) as world:
            if world.state.list(METHOD_CALL):
                return
    raise TimeoutError


def test_a_device_that_stays_offline_ends_the_wait(here: EmbeddedAzure, device: Any) -> None:
    seen: list[int] = []
    here.azure.observers.append(lambda request, answer: seen.append(answer.status))
    with ThreadPoolExecutor() as services:
        waits = services.submit(call, here, "POST", "/twins/d1/methods", {"methodName": "reboot", "connectTimeoutInSeconds": 300})
        device.connect()  # but for no methods
        wait_for_calls(here)
        here.azure.clock.advance(301)
        assert waits.result(timeout=10).status_code == 404
    assert seen == [404]


def disable(here: EmbeddedAzure) -> None:
    """Disables the device."""
    with inside(here) as world:
        hub = hub_of(world)
        found = find_device(world, hub, "d1")
        assert found is not None
        save_device(world, hub, found | {"status": "disabled"})


def renew(here: EmbeddedAzure) -> None:
    """The device registers with another leaf."""
    with inside(here) as world:
        provision(world, hub_of(world), "d1", "AB" * 32)


def test_a_disabled_device_is_disconnected(here: EmbeddedAzure, device: Any) -> None:
    device.connect()
    disable(here)
    with pytest.raises((ConnectionDroppedError, NoConnectionError, OperationCancelled)):  # as far as the client has noticed
        device.send_message("too late")
    with inside(here) as world:
        assert messages_of(world, hub_of(world), "d1") == []


@pytest.mark.parametrize("happens", [disable, renew])
def test_a_device_that_may_not_connect_is_refused(
    here: EmbeddedAzure, device: Any, happens: Callable[[EmbeddedAzure], None]
) -> None:
    happens(here)
    with pytest.raises(CredentialError):
        device.connect()


def test_the_device_registry_answers_over_https(here: EmbeddedAzure) -> None:
    with inside(here) as world:
        provision(world, hub_of(world), "d1", "AB" * 32)
    answer = call(here, "GET", "/devices/d1")
    assert (answer.status_code, answer.json()["authentication"]["type"]) == (200, "selfSigned")
    assert answer.headers["ETag"] == f'"{answer.json()["etag"]}"'


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the SDK's, which leaves a pair of sockets at each connection
def test_a_device_is_sent_messages_and_has_them_once(here: EmbeddedAzure, device: Any) -> None:
    heard: SimpleQueue[Any] = SimpleQueue()
    device.connect()
    device.on_message_received = heard.put
    device.get_twin()  # answered after the subscription, which the property above makes
    here.send(HOST, "d1", b"hi", {"a b": "c&d"}, {"messageId": "m1", "contentType": "text/plain", "ack": "full"})
    message = heard.get(timeout=10)
    assert (message.data, message.custom_properties) == (b"hi", {"a b": "c&d"})
    assert (message.message_id, message.content_type, message.ack) == ("m1", "text/plain", "full")
    device.disconnect()
    here.send(HOST, "d1", b"while it was away")
    device.connect()  # its session goes on: the SDK does not subscribe again
    assert heard.get(timeout=10).data == b"while it was away"
    assert call(here, "PATCH", "/twins/d1", {"tags": {"hall": 3}}).ok
    device.get_twin()
    assert heard.empty()
