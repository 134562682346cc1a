"""Which roots an enrollment group trusts, and what of it is to be changed."""

from __future__ import annotations

import pytest

from dpsops.errors import InvalidInput, Refused
from dpsops.model.action import Action
from dpsops.model.enrollment import (
    EnrollmentGroup,
    IndividualSettings,
    Provisioning,
    Reprovisioning,
    plan,
    wanted,
    wanted_individual,
)
from tests.worlds import environment

SETTINGS = environment()
WANTED = wanted(SETTINGS)


def group(
    primary: str = "root-g1", secondary: str = "", *, enabled: bool = True, provisioning: Provisioning = WANTED
) -> EnrollmentGroup:
    """A group as the DPS shows it."""
    return EnrollmentGroup("devices", primary, secondary, enabled, provisioning, "e")


def test_dps_repeats_the_primary_and_that_is_one_root() -> None:
    assert group().trusted() == (1,)
    assert group(secondary="root-g1").trusted() == (1,)
    assert group("root-g2", "root-g1").trusted() == (2, 1)


@pytest.mark.parametrize(("primary", "secondary"), [("", ""), ("", "root-g1"), ("company-ca", ""), ("root-g1", "company-ca")])
def test_a_group_that_trusts_anything_else_is_refused(primary: str, secondary: str) -> None:
    with pytest.raises(Refused, match="the enrollment group"):
        group(primary, secondary).trusted()


def test_what_the_settings_decide_is_compared_and_nothing_else() -> None:
    assert plan(None, SETTINGS) == [Action("create", "enrollment group devices")]
    assert plan(group("root-g7", "root-g6"), SETTINGS) == []
    upper = Provisioning(WANTED.reprovisioning, WANTED.allocation, tuple(host.upper() for host in WANTED.hubs), WANTED.twin)
    assert plan(group(provisioning=upper), SETTINGS) == []
    never = Reprovisioning(update_hub_assignment=False, migrate_device_data=False)
    for other in (
        Provisioning(never, WANTED.allocation, WANTED.hubs, WANTED.twin),
        Provisioning(None, WANTED.allocation, WANTED.hubs, WANTED.twin),
        Provisioning(WANTED.reprovisioning, "static", WANTED.hubs, WANTED.twin),
        Provisioning(WANTED.reprovisioning, WANTED.allocation, (), WANTED.twin),
        Provisioning(WANTED.reprovisioning, WANTED.allocation, WANTED.hubs, {"interval": 30}),
    ):
        assert plan(group(provisioning=other), SETTINGS) == [Action("modify", "enrollment group devices")]


def test_a_group_that_somebody_disabled_stays_disabled() -> None:
    with pytest.raises(Refused, match="is disabled"):
        plan(group(enabled=False), SETTINGS)


def test_an_individual_enrollment_has_its_own_settings_where_it_names_them() -> None:
    assert wanted_individual(SETTINGS, IndividualSettings()) == WANTED
    own = wanted_individual(SETTINGS, IndividualSettings(hub="IOT-dpsops-test", policy="never", twin={"interval": 30}))
    never = Reprovisioning(update_hub_assignment=False, migrate_device_data=False)
    assert own == Provisioning(never, "static", ("iot-dpsops-test.azure-devices.net",), {"interval": 30})
    with pytest.raises(InvalidInput, match="the environment has no hub 'nowhere'"):
        wanted_individual(SETTINGS, IndividualSettings(hub="nowhere"))
