"""What a device is answered over HTTPS, held against the OpenAPI file of the device API, its headers included."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dpsops.emulator.world import Timings
from tests.conformance.exchanges import ValidatingObserver
from tests.conformance.openapi import Specification
from tests.emulator.dps.fleet import enrolled
from tests.emulator.dps.lab import Lab
from tests.emulator.microsoft_devices.control_plane import ControlPlane


@pytest.fixture
def lab(specification: Specification) -> Iterator[Lab]:
    """A provisioning service that takes its time, watched for the whole of the test."""
    lab = Lab(arm=ControlPlane(timings=Timings(operation=10, registration=10)))
    observer = ValidatingObserver(specification)
    lab.azure.observers.append(observer)
    yield lab
    assert observer.judged, "nothing was asked"
    assert observer.violations == []
    assert observer.unmatched == []


def test_a_device_registers(lab: Lab) -> None:
    chain = enrolled(lab).leaf("d1")
    begun = lab.register("d1", chain)
    assert lab.poll("d1", begun.body["operationId"], chain).status == 202
    lab.arm.clock.advance(30)
    assert lab.poll("d1", begun.body["operationId"], chain).status == 200


def test_a_device_is_refused(lab: Lab) -> None:
    chain = enrolled(lab).leaf("d1")
    assert lab.register("d1", ()).status == 401
    assert lab.register("d2", chain).status == 401
    assert lab.poll("d1", "5.x", chain).status == 404
