"""The three hosts of a hub: for everyone, for its devices, for its service API."""

from __future__ import annotations

import pytest

from tests.emulator.iothub.lab import HOST, HUB, LEAF, Lab, refusal, self_signed

DEVICE, SERVICE = f"{HUB}.device.azure-devices.net", f"{HUB}.service.azure-devices.net"


def test_all_three_are_in_the_dns_with_their_hub(lab: Lab) -> None:
    for host in (HOST, DEVICE, SERVICE):
        assert lab.azure.resolves(host)
        assert not lab.azure.resolves(host.replace(HUB, "hub2"))
    assert not lab.azure.resolves(f"{HUB}.other.azure-devices.net")


def test_the_service_api_is_not_at_the_host_for_devices(lab: Lab) -> None:
    assert lab.ok("GET", "/devices", host=SERVICE) == lab.ok("GET", "/devices") == []
    assert lab.call("GET", "/devices", host=DEVICE).status == 404


def test_a_signature_is_for_the_host_that_is_asked(lab: Lab) -> None:
    assert lab.call("GET", "/devices", authorization=lab.signed(), host=SERVICE).status == 401
    assert lab.call("GET", "/devices", authorization=lab.signed(resource=SERVICE), host=SERVICE).status == 200


def test_devices_connect_at_their_host(lab: Lab) -> None:
    self_signed(lab, LEAF)
    assert lab.connect("d1", LEAF, host=DEVICE)["hub"] == HUB
    assert refusal(lambda: lab.connect("d1", LEAF, host=DEVICE, username=f"{HOST}/d1/?api-version=2019-10-01")) == 5


@pytest.mark.parametrize("host", [HOST, DEVICE, SERVICE])
def test_nothing_speaks_mqtt_at_the_host_for_services(lab: Lab, host: str) -> None:
    assert lab.azure.speaks_mqtt(host) is (host != SERVICE)
    assert lab.azure.opens_websocket(host, "/$iothub/websocket") is (host != SERVICE)
    assert not lab.azure.opens_websocket(host, "/mqtt")
