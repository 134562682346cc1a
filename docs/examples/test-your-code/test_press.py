"""The press against the embedded Azure: unmodified SDKs, in the process of the test."""

from __future__ import annotations

import json

import pytest
from azure.iot.device.exceptions import ClientError, ConnectionFailedError
from press import DPS, report_temperature

from dpsops.emulator.faults import Fault, Throttle


def test_a_hot_press_raises_an_alert(press, embedded_azure):
    hub = report_temperature(press.bundle, press.name, press.id_scope, celsius=95.5)
    (message,) = embedded_azure.messages(hub, press.name)
    assert json.loads(message.body) == {"celsius": 95.5}
    assert message.properties == {"alert": "true"}


def test_each_test_begins_without_the_messages_of_another(press, embedded_azure):
    hub = report_temperature(press.bundle, press.name, press.id_scope, celsius=20)
    assert len(embedded_azure.messages(hub, press.name)) == 1


def test_a_press_whose_certificate_has_expired_stays_out(press, embedded_azure_clock):
    embedded_azure_clock.advance(400 * 86_400)
    with pytest.raises(ClientError) as refused:
        report_temperature(press.bundle, press.name, press.id_scope, celsius=20)
    assert "401" in str(refused.value.__cause__)


def test_a_press_says_when_dps_is_busy(press, embedded_azure_faults):
    embedded_azure_faults.add(Fault(Throttle(), when=lambda request: request.host == DPS, times=None))
    with pytest.raises(ConnectionFailedError):
        report_temperature(press.bundle, press.name, press.id_scope, celsius=20)
