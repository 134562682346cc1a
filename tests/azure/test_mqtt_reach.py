"""Whether MQTT leads to a host, as devices go: a port that is closed, and a proxy that does not let them through."""

from __future__ import annotations

import socket

import pytest

from dpsops.azure import mqtt_reach
from dpsops.azure.mqtt_reach import mqtt_endpoint
from dpsops.azure.wire import Wire
from dpsops.settings import Waits
from tests.worlds import World


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    monkeypatch.setattr(mqtt_reach, "MQTT_PORT", port)
    return port


def test_a_closed_port_is_told(closed: int) -> None:
    found = mqtt_endpoint("127.0.0.1", Wire(waits=Waits(connect_seconds=5)))
    assert found.host == f"127.0.0.1:{closed}"
    assert "refused" in found.trouble.lower()


@pytest.mark.usefixtures("closed")
def test_a_proxy_that_lets_nobody_through_is_told(embedded: World) -> None:
    found = mqtt_endpoint("global.azure-devices-provisioning.net", embedded.wire)
    assert "502" in found.trouble


def test_a_certificate_that_is_not_trusted_is_told(embedded: World) -> None:
    found = mqtt_endpoint("global.azure-devices-provisioning.net", Wire(embedded.wire.proxy))
    assert "certificate" in found.trouble.lower()
    assert mqtt_endpoint("global.azure-devices-provisioning.net", embedded.wire).trouble == ""
