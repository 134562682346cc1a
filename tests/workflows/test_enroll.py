"""`device issue --individual` over an enrollment changes what is asked for and no more, and says if that is nothing."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.cli.connection import Connection
from dpsops.errors import Refused
from dpsops.model.action import Action
from dpsops.model.enrollment import IndividualSettings
from tests.workflows.commands import enroll, issue_to, renew
from tests.workflows.devices import Device
from tests.workflows.doing import HUB, PRESS
from tests.workflows.rotations import pinned
from tests.worlds import World, environment, waited

PLAIN = IndividualSettings()
UNCHANGED = [Action("keep", f"enrollment {PRESS}", "unchanged")]
MODIFIED = [Action("modify", f"enrollment {PRESS}", "modified")]
TWO = "iot-dpsops-two"


def document(connection: Connection) -> dict[str, Any]:
    """The enrollment as DPS answers it, without what every change changes."""
    found = connection.clients.enrollments.get(f"/enrollments/{PRESS}")
    assert found is not None
    return {key: value for key, value in found.items() if key not in ("etag", "lastUpdatedDateTimeUtc")}


def edit(connection: Connection, **changes: Any) -> None:
    """Somebody changes members of the enrollment by hand."""
    found = connection.clients.enrollments.get(f"/enrollments/{PRESS}")
    assert found is not None
    connection.clients.enrollments.put(f"/enrollments/{PRESS}", found | changes, found["etag"])


@pytest.fixture
def enrolled(quick: World) -> World:
    """press-07 with an enrollment that others have added something to."""
    issue_to(quick.connect(), PRESS)
    enroll(quick.connect(), PRESS, IndividualSettings(twin={"interval": 30}, policy="never"))
    edit(
        quick.connect(),
        deviceId="press-07-of-plant-3",
        optionalDeviceInformation={"line": "7"},
        capabilities={"iotEdge": True},
        initialTwin={"tags": {"plant": 3}, "properties": {"desired": {"interval": 30}}},
    )
    return quick


def test_nothing_is_changed_where_nothing_differs(enrolled: World) -> None:
    before = waited(enrolled.connect().dps.individual(PRESS))
    for settings in (PLAIN, IndividualSettings(policy="never"), IndividualSettings(twin={"interval": 30})):
        assert enroll(enrolled.connect(), PRESS, settings) == UNCHANGED
        assert not [exchange for exchange in enrolled.exchanges if exchange.writes]
    assert waited(enrolled.connect().dps.individual(PRESS)) == before


def test_the_older_certificate_stays(enrolled: World) -> None:
    device = Device.fetched(enrolled.connect(), PRESS)
    enrolled.clock.advance(10)
    renew(enrolled.connect(), PRESS, again=True)
    both = pinned(enrolled.connect(), PRESS)
    assert enroll(enrolled.connect(), PRESS, PLAIN) == UNCHANGED
    assert enroll(enrolled.connect(), PRESS, IndividualSettings(policy="migrate")) == MODIFIED
    assert pinned(enrolled.connect(), PRESS) == both
    device.register(enrolled.connect())


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        (IndividualSettings(twin={"interval": 60}), {"initialTwin"}),
        (IndividualSettings(twin={}), {"initialTwin"}),
        (IndividualSettings(policy="reset"), {"reprovisionPolicy"}),
        (IndividualSettings(hub="iot-dpsops-test"), {"allocationPolicy"}),
    ],
)
def test_only_what_is_asked_for_is_changed(enrolled: World, settings: IndividualSettings, changed: set[str]) -> None:
    before = document(enrolled.connect())
    assert enroll(enrolled.connect(), PRESS, settings) == MODIFIED
    after = document(enrolled.connect())
    assert {key for key in before | after if before.get(key) != after.get(key)} == changed
    assert after["initialTwin"]["tags"] == {"plant": 3}
    assert enroll(enrolled.connect(), PRESS, settings) == UNCHANGED


def test_hubs_in_another_order_and_case_are_the_same(quick: World) -> None:
    quick.environment = environment(root={"key": "EC-P256"}, hub=[{"name": "iot-dpsops-test"}])
    issue_to(quick.connect(), PRESS)
    enroll(quick.connect(), PRESS, IndividualSettings(hub="iot-dpsops-test"))
    edit(quick.connect(), iotHubs=[HUB.upper()])
    assert enroll(quick.connect(), PRESS, IndividualSettings(hub="IOT-dpsops-test")) == UNCHANGED


def test_an_enrollment_without_the_newest_certificate_gets_it(enrolled: World) -> None:
    old = waited(enrolled.connect().dps.individual(PRESS))
    assert old is not None
    device = Device.fetched(enrolled.connect(), PRESS)
    device.register(enrolled.connect())
    waited(enrolled.connect().dps.delete_individual(old))
    enrolled.clock.advance(10)
    renew(enrolled.connect(), PRESS, again=True)
    enroll(enrolled.connect(), PRESS, PLAIN)
    newest, used = pinned(enrolled.connect(), PRESS)
    assert (newest, used) == (waited(enrolled.connect().leaves.leaves(PRESS))[0].thumbprint, old.pinned[0])
    device.register(enrolled.connect())


def test_an_enrollment_by_a_symmetric_key_is_refused(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    by_key = {"registrationId": PRESS, "attestation": {"type": "symmetricKey", "symmetricKey": {}}}
    quick.connect().clients.enrollments.put(f"/enrollments/{PRESS}", by_key, None)
    with pytest.raises(Refused, match="is not one by client certificates"):
        enroll(quick.connect(), PRESS, PLAIN)


def test_a_new_device_costs_four_more_requests_and_one_for_all(quick: World) -> None:
    issue_to(quick.connect(), PRESS, individual=PLAIN)
    assert len(quick.exchanges) == 5 + 1 + 4
