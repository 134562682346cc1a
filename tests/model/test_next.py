"""What the registrations of a group say of its links, and what `status` then says to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dpsops.model.enrollment import EnrollmentGroup, wanted
from dpsops.model.next import DeviceCounts, Registered, Situation, assess, next_steps
from dpsops.model.registration import Registration
from dpsops.model.root_facts import RootFacts
from tests.worlds import environment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = environment(hub=[{"name": "iot-one"}, {"name": "iot-two", "weight": 0}])
DEAD = '{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized"}'


def registration(status: str, hub: str = "", error: str = "") -> Registration:
    """The registration of a device."""
    return Registration("press-07", status, hub, "press-07", "", error, "*")


def steps(registered: Registered, *, hubs: bool = True) -> list[str]:
    """What there is to do, with a root that is as it should be and one device. `hubs`: the group names some."""
    root = RootFacts(
        name="root-g1", generation=1, subject="CN=x", thumbprint="", serial="", not_before=NOW,
        not_after=NOW + timedelta(days=3650), key_type="RSA", key_size=2048, exportable=False, verified=True,
    )  # fmt: skip
    provisioning = wanted(SETTINGS) if hubs else replace(wanted(SETTINGS), hubs=())
    group = EnrollmentGroup("devices", "root-g1", "", enabled=True, provisioning=provisioning, etag="")
    seen = Situation(root, None, group, None, DeviceCounts(1, 0, 0), hubs_missing=False, untrusted=0, registered=registered)
    return list(next_steps(seen, SETTINGS.root, NOW))


@pytest.mark.parametrize(
    ("found", "registered"),
    [
        ([], Registered()),
        ([registration("assigned", "iot-one.azure-devices.net")], Registered()),
        ([registration("assigned", "IOT-TWO.device.azure-devices.net")] * 2, Registered(0, (("iot-two", 2),))),
        ([registration("failed", error=DEAD)] * 3, Registered(3)),
        ([registration("failed", error="another"), registration("assigned", error=DEAD)], Registered()),
    ],
)
def test_registrations_are_assessed(found: list[Registration], registered: Registered) -> None:
    assert assess(found, SETTINGS) == registered


def test_nothing_is_to_be_done_where_nothing_is_wrong() -> None:
    assert steps(Registered()) == []


def test_a_dead_link_names_the_command() -> None:
    (step,) = steps(Registered(3))
    assert step.startswith("3 device(s) could not register")
    assert step.endswith("dpsops up --relink")


def test_devices_on_a_hub_of_no_weight_and_a_group_without_hubs_are_told() -> None:
    (weight,) = steps(Registered(0, (("iot-two", 2),)))
    assert weight.startswith("2 device(s) are registered on iot-two, whose weight is 0")
    (hubs,) = steps(Registered(), hubs=False)
    assert hubs.endswith("dpsops up")
