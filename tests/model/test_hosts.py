"""The three host names of a hub, as Resource Manager, links and registrations show them: one hub."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.model.action import Action
from dpsops.model.enrollment import EnrollmentGroup, IndividualSettings, plan, wanted, wanted_individual
from dpsops.model.resources import is_link_of, registry_host
from dpsops.settings import Hub
from tests.worlds import environment

CLASSIC, DEVICE = "iot-one.azure-devices.net", "iot-one.device.azure-devices.net"
SETTINGS = environment(hub=[{"name": "IoT-One"}, {"name": "iot-two"}])


@pytest.mark.parametrize("host", [CLASSIC, DEVICE, "iot-one.service.azure-devices.net", "IOT-One.Device.Azure-Devices.net"])
def test_the_names_of_one_hub(host: str) -> None:
    assert registry_host(host) == CLASSIC
    assert is_link_of(host, Hub(name="IoT-One"))


@pytest.mark.parametrize(
    "host",
    ["iot-two.azure-devices.net", "iot-one.other.azure-devices.net", "iot-one.device.device.azure-devices.net", "iot-one",
     "iot-one.azure-devices-provisioning.net", "device.azure-devices.net", "x.iot-one.azure-devices.net", ""],
)  # fmt: skip
def test_the_names_of_others(host: str) -> None:
    assert registry_host(host) == host
    assert not is_link_of(host, Hub(name="IoT-One"))


def test_a_hub_in_another_cloud_keeps_its_domain() -> None:
    assert registry_host("iot-one.device.azure-devices.cn") == "iot-one.azure-devices.cn"


def test_an_enrollment_names_its_hubs_as_they_are_linked() -> None:
    linked = {"strange.azure-devices.net", DEVICE}
    assert wanted(SETTINGS, linked).hubs == (DEVICE, "iot-two.azure-devices.net")
    assert wanted_individual(SETTINGS, IndividualSettings(hub="iot-one"), linked).hubs == (DEVICE,)
    assert wanted(SETTINGS, {DEVICE, CLASSIC}).hubs[0] == CLASSIC


def test_a_group_that_names_a_hub_otherwise_than_its_link_is_changed() -> None:
    group = EnrollmentGroup("devices", "root-g1", "", True, wanted(SETTINGS), "e")
    assert plan(group, SETTINGS) == []
    assert plan(group, SETTINGS, {DEVICE}) == [Action("modify", "enrollment group devices")]
    assert plan(replace(group, provisioning=wanted(SETTINGS, {DEVICE})), SETTINGS, {DEVICE.upper()}) == []
