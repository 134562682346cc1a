"""A client that is not ours, a few lines of paho-mqtt, asks DPS for a certificate, connects with it, and renews it at the hub."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import paho.mqtt.client
import pytest
import socks
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dpsops.emulator.azure import Azure
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Timings
from tests.emulator.dps.lab import GLOBAL, Lab, group_of
from tests.emulator.dps.requests import POLICY, VERSION, read_issued, request_of, text_of
from tests.emulator.iothub.lab import Issuer

PATIENCE = 20
SOON = 0.05
PAHO: Any = paho.mqtt.client  # it has no annotations


@pytest.fixture
def served(lab: Lab, tmp_path: Path) -> Iterator[EmbeddedAzure]:
    """The lab over a real socket, where a hub takes a moment of the lab's time to issue a certificate."""
    running = EmbeddedAzure(tmp_path / ".dpsops")
    running.azure.database.close()
    running.azure = Azure(lab.arm.database, lab.arm.clock, Timings(renewal=SOON))
    with running:
        yield running


class Session:
    """One connection of a device, which waits for each answer in turn."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.heard: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        client.on_message = lambda _client, _data, message: self.heard.put((message.topic, json.loads(message.payload)))

    def subscribe(self, topic_filter: str) -> None:
        """Subscribes, and waits until that is granted."""
        done: SimpleQueue[Any] = SimpleQueue()
        self.client.on_subscribe = lambda *granted: done.put(granted)
        self.client.subscribe(topic_filter, qos=1)
        done.get(timeout=PATIENCE)

    def ask(self, topic: str, body: Any) -> tuple[str, Any]:
        """Publishes a request, and waits for the first answer."""
        self.client.publish(topic, json.dumps(body), qos=1)
        return self.heard.get(timeout=PATIENCE)


@contextmanager
def connected(served: EmbeddedAzure, host: str, device: str, username: str, identity: Path) -> Iterator[Session]:
    """A connection with the key and the certificates in the file `identity`."""
    client = PAHO.Client(device, clean_session=True)
    client.proxy_set(proxy_type=socks.HTTP, proxy_addr="127.0.0.1", proxy_port=int(served.proxy_url.rpartition(":")[2]))
    context = ssl.create_default_context(cafile=str(served.authority_file))
    context.load_cert_chain(identity)
    client.tls_set_context(context)
    client.username_pw_set(username)
    accepted: SimpleQueue[int] = SimpleQueue()
    client.on_connect = lambda _client, _data, _flags, code: accepted.put(code)
    client.connect(host, 8883)
    client.loop_start()
    try:
        assert accepted.get(timeout=PATIENCE) == 0
        yield Session(client)
    finally:
        client.disconnect()
        client.loop_stop()


def keep(path: Path, key: ec.EllipticCurvePrivateKey, chain: list[Any]) -> Path:
    """A file with a key and its certificates."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    return path


def test_a_device_is_onboarded_and_renews(lab: Lab, served: EmbeddedAzure, tmp_path: Path) -> None:
    root = Issuer.make()
    lab.upload("root", root.certificate)
    lab.enroll(group_of("root", **POLICY), version=VERSION)
    born = root.issue("press-07")
    onboarding = keep(tmp_path / "onboarding.pem", born.key, [born.certificate, root.certificate])
    key = ec.generate_private_key(ec.SECP256R1())
    username = f"{lab.scope}/registrations/press-07/api-version={VERSION}"
    with connected(served, GLOBAL, "press-07", username, onboarding) as dps:
        dps.subscribe("$dps/registrations/res/#")
        body = {"registrationId": "press-07", "csr": text_of(request_of("press-07", key))}
        _, begun = dps.ask("$dps/registrations/PUT/iotdps-register/?$rid=1", body)
        question = f"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={begun['operationId']}"
        topic, over = dps.ask(question, {})
    assert topic == "$dps/registrations/res/200/?$rid=2"
    state = over["registrationState"]
    operational = keep(tmp_path / "operational.pem", key, read_issued(state["issuedCertificateChain"]))

    hub, renewed_key = state["assignedHub"], ec.generate_private_key(ec.SECP256R1())
    username = f"{hub}/press-07/?api-version=2025-08-01-preview"
    with connected(served, hub, "press-07", username, operational) as session:
        session.subscribe("$iothub/credentials/res/#")
        body = {"id": "press-07", "csr": text_of(request_of("press-07", renewed_key))}
        topic, accepted = session.ask("$iothub/credentials/POST/issueCertificate/?$rid=4711", body)
        assert topic == "$iothub/credentials/res/202/?$rid=4711"
        topic, issued = session.ask("$iothub/credentials/POST/issueCertificate/?$rid=4712", body)
        assert (topic, issued["info"]["requestId"]) == ("$iothub/credentials/res/409/?$rid=4712", "4711")
        lab.arm.clock.advance(SOON)
        topic, issued = session.heard.get(timeout=PATIENCE)
        assert topic == "$iothub/credentials/res/200/?$rid=4711"
        assert issued["correlationId"] == accepted["correlationId"]
        sent = session.client.publish("devices/press-07/messages/events/", b"still here", qos=1)
        sent.wait_for_publish(PATIENCE)
    renewed = keep(tmp_path / "renewed.pem", renewed_key, read_issued(issued["certificates"]))
    for identity in (renewed, operational):  # whatever the policy's CA has issued to it, until it expires
        with connected(served, hub, "press-07", username, identity):
            pass
    with pytest.raises(AssertionError), connected(served, hub, "press-07", username, onboarding):
        pass
    assert [message.body for message in served.messages(hub, "press-07")] == [b"still here"]
