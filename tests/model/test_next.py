"""What the registrations of a group say of its links, and what `status` then says to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dpsops.model.device import Leaf
from dpsops.model.enrollment import EnrollmentGroup, IndividualEnrollment, wanted
from dpsops.model.next import DeviceCounts, Enrolled, Registered, Situation, assess, compare, next_steps
from dpsops.model.registration import Registration
from dpsops.model.root_facts import RootFacts
from dpsops.pki.names import device_id
from tests.worlds import environment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = environment(hub=[{"name": "iot-one"}, {"name": "iot-two", "weight": 0}])
NO_DIFFERENCE = Enrolled()
DEAD = '{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized"}'


def registration(status: str, hub: str = "", error: str = "") -> Registration:
    """The registration of a device."""
    return Registration("press-07", status, hub, "press-07", "", error, "*")


def steps(
    registered: Registered,
    *,
    hubs: bool = True,
    enrolled: Enrolled = NO_DIFFERENCE,
    path_length: int | None = 0,
    wanted_length: int = 0,
) -> list[str]:
    """What there is to do, with a root that is as it should be and one device. `hubs`: the group names some; `path_length`: that
    of the root, and that of the settings."""
    root = RootFacts(
        name="root-g1", generation=1, subject="CN=x", thumbprint="", serial="", not_before=NOW,
        not_after=NOW + timedelta(days=3650), key_type="RSA", key_size=2048, exportable=False, verified=True,
        path_length=path_length,
    )  # fmt: skip
    provisioning = wanted(SETTINGS) if hubs else replace(wanted(SETTINGS), hubs=())
    group = EnrollmentGroup("devices", "root-g1", "", enabled=True, provisioning=provisioning, etag="")
    seen = Situation(
        root, None, group, None, DeviceCounts(1, 0, 0), hubs_missing=False, untrusted=0, registered=registered, enrolled=enrolled
    )
    return list(next_steps(seen, SETTINGS.root.model_copy(update={"path_length": wanted_length}), NOW))


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


@pytest.mark.parametrize(("found", "wanted_length"), [(0, 0), (1, 1), (None, 0), (None, 1)])
def test_nothing_is_to_be_done_if_the_root_has_the_path_length_or_none(found: int | None, wanted_length: int) -> None:
    assert steps(Registered(), path_length=found, wanted_length=wanted_length) == []


@pytest.mark.parametrize(("found", "wanted_length"), [(0, 1), (1, 0), (3, 1)])
def test_the_next_root_gets_the_path_length_of_the_settings(found: int, wanted_length: int) -> None:
    assert steps(Registered(), path_length=found, wanted_length=wanted_length) == [
        f"the settings want a root with path length {wanted_length}, which the next root gets: dpsops rotate --replace root-g1"
    ]


def test_a_dead_link_names_the_command() -> None:
    (step,) = steps(Registered(3))
    assert step.startswith("3 device(s) could not register")
    assert step.endswith("dpsops up --relink")


def test_devices_on_a_hub_of_no_weight_and_a_group_without_hubs_are_told() -> None:
    (weight,) = steps(Registered(0, (("iot-two", 2),)))
    assert weight.startswith("2 device(s) are registered on iot-two, whose weight is 0")
    (hubs,) = steps(Registered(), hubs=False)
    assert hubs.endswith("dpsops up")


def leaf(device: str, thumbprint: str, *, blocked: bool = False) -> Leaf:
    """The newest certificate of a device."""
    return Leaf(device, thumbprint, 1, NOW + timedelta(days=365), blocked)


def enrollment(device: str, *pinned: str, enabled: bool = True) -> IndividualEnrollment:
    """An individual enrollment."""
    return IndividualEnrollment(device_id(device), enabled, pinned, is_block=False, etag="")


@pytest.mark.parametrize(
    ("one", "enrolled", "found"),
    [
        (leaf("press-07", "A"), None, Enrolled()),
        (leaf("press-07", "A"), enrollment("press-07", "B", "A"), Enrolled()),
        (leaf("press-07", "A"), enrollment("press-07"), Enrolled()),  # by a symmetric key
        (leaf("press-07", "A"), enrollment("press-07", "B"), Enrolled(outdated=("press-07",))),
        (leaf("press-07", "A"), enrollment("press-07", "A", enabled=False), Enrolled(("press-07",))),
        (leaf("press-07", "A", blocked=True), None, Enrolled(("press-07",))),
        (leaf("press-07", "A", blocked=True), enrollment("press-07", "A"), Enrolled(("press-07",))),
        (leaf("press-07", "A", blocked=True), enrollment("press-07", "A", enabled=False), Enrolled()),
        (leaf("press-07", "A", blocked=True), enrollment("press-07", "B", enabled=False), Enrolled(("press-07",))),
    ],
)
def test_the_vault_is_compared_with_the_enrollments(one: Leaf, enrolled: IndividualEnrollment | None, found: Enrolled) -> None:
    others = [leaf("press-06", "X"), leaf("press-08", "Y")]
    enrollments = {"press-09": enrollment("press-09", "Z")} | ({"press-07": enrolled} if enrolled else {})
    assert compare([*others, one], enrollments) == found


def test_what_differs_is_said_with_the_command_that_mends_it() -> None:
    wrong = Enrolled(("press-07", "press-08"), tuple(f"press-{number}" for number in range(10, 30)), unseen=True)
    partially, outdated, unseen = steps(Registered(), enrolled=wrong)
    assert partially.startswith("2 device(s) are blocked only in part: dpsops device block press-07, or dpsops device unblock")
    names = " ".join(f"press-{number}" for number in range(10, 20))
    assert outdated.endswith(f"20 device(s) have an individual enrollment that does not accept their newest certificate: "
                             f"dpsops device issue {names} --individual")  # fmt: skip
    assert "this identity may not read them" in unseen
