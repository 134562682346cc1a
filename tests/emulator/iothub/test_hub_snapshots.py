"""What a restore does to devices that are connected, and to services that wait for one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import trustme

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.devices import find_device, provision
from dpsops.emulator.mqtt import packets
from dpsops.emulator.mqtt.packets import Connect, Subscribe
from dpsops.emulator.server import EmbeddedAzure
from tests.emulator.iothub.lab import HOST
from tests.emulator.iothub.live import hub_of, inside
from tests.emulator.iothub.test_hub_device_sdk import call
from tests.emulator.mqtt.client import Client
from tests.emulator.mqtt.lab import connected, identity_of

METHODS = "$iothub/methods/POST/#"


@pytest.fixture
def identity(here: EmbeddedAzure, tmp_path: Path) -> Path:
    """The certificate and key of the device d1, which the hub knows."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    leaf = trustme.CA().issue_cert("d1.example", common_name="d1")
    certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    with inside(here) as world:
        provision(world, hub_of(world), "d1", certificate.fingerprint(SHA256()).hex().upper())
    return identity_of(leaf, tmp_path)


@contextmanager
def at_the_hub(here: EmbeddedAzure, identity: Path) -> Iterator[Client]:
    """The device, connected, and ready for methods."""
    with connected(here, identity, host=HOST) as client:
        client.say(Connect("d1", True, 60, f"{HOST}/d1/?api-version=2021-04-12"))
        assert client.hear() == packets.connack(0)
        client.say(Subscribe(1, ((METHODS, 0),)))
        assert client.hear() == packets.suback(1, [0])
        yield client


def device(here: EmbeddedAzure) -> JSON:
    """The device's document."""
    with inside(here) as world:
        found = find_device(world, hub_of(world), "d1")
    assert found is not None
    return found


def test_a_restore_ends_the_connection_of_a_device_and_a_snapshot_does_not(here: EmbeddedAzure, identity: Path) -> None:
    with at_the_hub(here, identity) as client:
        here.snapshot("connected")
        client.say(b"\xc0\x00")
        assert client.hear() == packets.PINGRESP
        assert device(here)["connection"] is not None
        here.restore("connected")
        assert client.hear() == b""
    restored = device(here)
    assert restored["connection"] is None
    with at_the_hub(here, identity):  # and it may come again
        assert device(here)["connection"] is not None
    here.restore("connected")
    assert device(here) == restored


def test_a_service_that_waits_for_a_method_is_cut_off(here: EmbeddedAzure, identity: Path) -> None:
    here.snapshot("before")
    body = {"methodName": "reboot", "responseTimeoutInSeconds": 300}
    with ThreadPoolExecutor() as services, at_the_hub(here, identity) as client:
        waits = services.submit(call, here, "POST", "/twins/d1/methods", body)
        assert b"reboot" in client.hear()
        here.restore("before")
        with pytest.raises(requests.ConnectionError):
            waits.result(timeout=10)
    assert call(here, "GET", "/devices/d1").status_code == 200
