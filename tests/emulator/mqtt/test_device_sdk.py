"""The unmodified device SDK: through the proxy, TLS and MQTT to an endpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import azure.iot.device
import pytest
import socks
import trustme
from azure.iot.device.exceptions import CredentialError

from dpsops.emulator.documents import JSON
from dpsops.emulator.mqtt_endpoint import WEBSOCKET, Connect, ConnectionRefused
from dpsops.emulator.post import Publication
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import World
from tests.emulator.mqtt import parrot

SDK: Any = azure.iot.device  # it has no annotations
DPS, HUB = "global.azure-devices-provisioning.net", "iot-test.azure-devices.net"
REGISTER = re.compile(r"\$dps/registrations/PUT/iotdps-register/\?\$rid=(?P<rid>.+)")


@dataclass(slots=True)
class Butler:
    """Accepts every device but `stranger`, sends each to one hub, and notes what is said to it."""

    host = re.compile(r"(global\.azure-devices-provisioning|iot-test\.azure-devices)\.net")
    websockets = (WEBSOCKET,)
    guests: list[Connect] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    messages: dict[str, bytes] = field(default_factory=dict)

    def connect(self, world: World, connect: Connect) -> JSON:
        """The session is the device's name."""
        if connect.client_id == "stranger":
            raise ConnectionRefused(5)
        self.guests.append(connect)
        return {"device": connect.client_id}

    def subscribe(self, world: World, session: JSON, topic_filter: str, _qos: int) -> bool:
        """To anything."""
        self.subscriptions.append(topic_filter)
        return True

    def unsubscribe(self, world: World, session: JSON, topic_filter: str) -> None:
        """From anything."""
        self.subscriptions.remove(topic_filter)

    def publish(self, world: World, session: JSON, topic: str, payload: bytes) -> Sequence[Publication]:
        """Assigns who wants to register; keeps everything else."""
        asked = REGISTER.fullmatch(topic)
        if asked is None:
            self.messages[topic] = payload
            return []
        state = {"deviceId": session["device"], "assignedHub": HUB, "substatus": "initialAssignment"}
        times = {"createdDateTimeUtc": "2026-03-01T12:00:00Z", "lastUpdatedDateTimeUtc": "2026-03-01T12:00:00Z", "etag": "MQ=="}
        answer = {"operationId": "1", "status": "assigned", "registrationState": state | times}
        return [Publication(f"$dps/registrations/res/200/?$rid={asked['rid']}", json.dumps(answer).encode())]

    def acknowledge(self, world: World, session: JSON, receipt: str) -> None:
        """He sends nothing with a receipt."""

    def wake(self, world: World, session: JSON) -> None:
        """Nothing is to be looked after."""

    def disconnect(self, world: World, session: JSON) -> None:
        """He does not see anyone out."""


@pytest.fixture
def butler(embedded: EmbeddedAzure) -> Butler:
    """In the place of all of Azure's endpoints."""
    butler = Butler()
    embedded.azure.services = (replace(parrot.SERVICE, host=Butler.host), *embedded.azure.services)
    embedded.azure.endpoints = (butler,)
    return butler


@pytest.fixture
def identity(tmp_path: Path) -> Any:
    """A device's leaf, the chain behind it, and the key."""
    leaf = trustme.CA().create_child_ca().issue_cert(common_name="press-07")
    certificates, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificates.write_bytes(b"".join(certificate.bytes() for certificate in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(str(key))
    return SDK.X509(str(certificates), str(key))


@pytest.fixture(params=[False, True], ids=["MQTT", "MQTT over WebSockets"])
def options(embedded: EmbeddedAzure, request: pytest.FixtureRequest) -> dict[str, Any]:
    """All that tells the SDK of the embedded Azure: its proxy, and the CA to trust, as PEM, instead of the system's."""
    proxy = SDK.ProxyOptions(socks.HTTP, "127.0.0.1", int(embedded.proxy_url.rpartition(":")[2]))
    return {"proxy_options": proxy, "server_verification_cert": embedded.authority_file.read_text(), "websockets": request.param}


@pytest.fixture
def hub_clients() -> Iterator[list[Any]]:
    """The clients that a test has made, to be shut down: each has threads of its own."""
    clients: list[Any] = []
    yield clients
    for client in clients:
        client.shutdown()


def test_a_device_registers_and_is_known_by_its_chain(butler: Butler, identity: Any, options: dict[str, Any]) -> None:
    client = SDK.ProvisioningDeviceClient.create_from_x509_certificate(DPS, "press-07", "0ne00000001", identity, **options)

    result = client.register()

    assert result.status == "assigned"
    assert result.registration_state.assigned_hub == HUB
    assert result.registration_state.device_id == "press-07"
    (guest,) = butler.guests
    assert (guest.host, guest.client_id, guest.password, guest.keep_alive) == (DPS, "press-07", "", 60)
    assert guest.username.startswith("0ne00000001/registrations/press-07/api-version=2019-03-31&ClientVersion=")
    assert len(guest.chain) == 2
    assert butler.subscriptions == ["$dps/registrations/res/#"]


def test_a_device_sends_its_message_and_gets_its_acknowledgement(
    butler: Butler, identity: Any, options: dict[str, Any], hub_clients: list[Any]
) -> None:
    client = SDK.IoTHubDeviceClient.create_from_x509_certificate(identity, HUB, "press-07", **options)
    hub_clients.append(client)

    client.connect()
    client.send_message(SDK.Message("hello"))  # returns when the hub has acknowledged it

    assert butler.messages == {"devices/press-07/messages/events/": b"hello"}
    (guest,) = butler.guests
    assert guest.username.startswith(f"{HUB}/press-07/?api-version=2019-10-01&")


def test_a_device_that_is_refused_is_told_so(
    butler: Butler, identity: Any, options: dict[str, Any], hub_clients: list[Any]
) -> None:
    client = SDK.IoTHubDeviceClient.create_from_x509_certificate(identity, HUB, "stranger", connection_retry=False, **options)
    hub_clients.append(client)

    with pytest.raises(CredentialError):
        client.connect()

    assert butler.guests == []
