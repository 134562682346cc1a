"""The list of the devices, and an individual enrollment when the device certificate is renewed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.mgmt.iothubprovisioningservices.models import IotHubDefinitionDescription

from dpsops.cli.connection import Connection
from dpsops.errors import RegistrationRefused
from dpsops.fleet.places import known_hubs
from dpsops.model.action import Failed
from dpsops.model.device import Issued
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.member import Member
from dpsops.model.next import DeviceCounts
from dpsops.pki import chains
from dpsops.steps.use_root import finished_root
from tests.workflows.by_hand import begin_block, begin_unblock, unlink_hubs
from tests.workflows.commands import block, enroll, issue_to, member, members, renew, status, unblock
from tests.workflows.doing import HUB, OTHER, PRESS, fetched, over, ready
from tests.worlds import World, environment


def listed(connection: Connection) -> Member:
    """press-07 in `device list`, which says the same as `device show`."""
    (one,) = [one for one in members(connection) if one.leaf.device == PRESS]
    assert member(connection, PRESS)[0] == one
    return one


def test_a_device_with_an_individual_enrollment_is_listed_as_registered(embedded: World) -> None:
    connection = ready(embedded)
    enroll(connection, PRESS, IndividualSettings())
    assert not listed(connection).hub
    over("https", connection)
    assert (listed(connection).hub, listed(connection).uses_newest_leaf, listed(connection).blocked) == (HUB, True, False)


def test_a_device_that_was_refused_is_not_registered(embedded: World) -> None:
    connection = ready(embedded)
    block(connection, PRESS)
    with pytest.raises(RegistrationRefused):
        over("https", connection)
    found = listed(connection)
    assert (found.registered_at, found.hub, found.blocked, found.partially_blocked) == ("", "", True, False)


def test_a_failed_registration_is_listed_with_its_reason(embedded: World) -> None:
    connection = ready(embedded)
    unlink_hubs(connection)
    with pytest.raises(RegistrationRefused):
        over("https", connection)
    assert (listed(connection).registered_at, listed(connection).failure) == ("", "IoTHub not found.")


def test_an_interrupted_block_is_listed(embedded: World) -> None:
    connection = ready(embedded)
    begin_block(connection, PRESS)
    assert (listed(connection).blocked, listed(connection).partially_blocked) == (True, True)
    block(connection, PRESS)
    begin_unblock(connection, PRESS)
    assert (listed(connection).blocked, listed(connection).partially_blocked) == (True, True)
    unblock(connection, PRESS)
    assert (listed(connection).blocked, listed(connection).partially_blocked) == (False, False)


@pytest.mark.parametrize(("days", "soon"), [(29, True), (32, False)])
def test_a_certificate_that_expires_soon_is_listed(embedded: World, days: int, soon: bool) -> None:
    assert listed(ready(embedded, leaf={"days": days})).expires_soon == soon


def test_a_device_is_shown_with_its_chain(embedded: World) -> None:
    connection = ready(embedded)
    found, (leaf, authority) = member(connection, PRESS)
    assert chains.thumbprint(leaf) == found.leaf.thumbprint
    root = finished_root(connection.run, connection.roots, "root-g1")
    assert chains.thumbprint(authority) == chains.thumbprint(root.certificate)


def test_an_individual_enrollment_accepts_the_new_and_the_previous_certificate(embedded: World) -> None:
    connection = ready(embedded)
    enroll(connection, PRESS, IndividualSettings())
    leaves = [fetched(connection, PRESS)]
    over("https", connection, leaves[-1])
    for _ in range(3):
        embedded.clock.advance(60)
        done = renew(connection, PRESS, PRESS)
        assert [type(one) for one in done] == [Issued]
        leaves.append(fetched(connection, PRESS))
        assert over("https", connection, leaves[-2]).assigned.hub == HUB  # the device may not have fetched the new one yet
        assert over("https", connection, leaves[-1]).assigned.hub == HUB
    with pytest.raises(RegistrationRefused):
        over("https", connection, leaves[0])


def test_a_device_with_a_disabled_enrollment_is_not_renewed(embedded: World) -> None:
    connection = ready(embedded)
    enroll(connection, PRESS, IndividualSettings())
    found = connection.clients.enrollments.get(f"/enrollments/{PRESS}")
    assert found is not None
    connection.clients.enrollments.put(f"/enrollments/{PRESS}", found | {"provisioningStatus": "disabled"}, found["etag"])
    issue_to(connection, OTHER)
    assert [type(one) for one in renew(connection, PRESS, OTHER, again=True)] == [Failed, Issued]


def test_certificates_that_expire_soon_are_counted_except_those_of_blocked_devices(quick: World) -> None:
    issue_to(quick.connect(), PRESS, OTHER)
    quick.clock.advance(timedelta(days=quick.environment.leaf.days - 31).total_seconds())
    assert status(quick.connect()).devices == DeviceCounts(total=2, expiring=0, blocked=0)
    quick.clock.advance(timedelta(days=2).total_seconds())
    assert status(quick.connect()).devices == DeviceCounts(total=2, expiring=2, blocked=0)
    block(quick.connect(), OTHER)
    found = status(quick.connect())
    assert found.devices == DeviceCounts(total=2, expiring=1, blocked=1)
    assert found.next == ("1 device(s) have a certificate that has expired or expires within 30 days: dpsops device renew ID",)


@pytest.mark.parametrize(("days", "told"), [(365, False), (3650, True)])
def test_a_certificate_that_ends_with_its_root_before_its_time_is_told(quick: World, days: int, told: bool) -> None:
    connection = quick.connect(environment(root={"key": "EC-P256"}, leaf={"days": days}))
    quick.clock.advance(timedelta(days=365).total_seconds())
    assert [type(one) for one in issue_to(connection, PRESS)] == [Issued]
    assert any(f"the certificate of {PRESS} ends with its root, on 2036-" in line for line in quick.said) is told


def hosts(connection: Connection) -> dict[str, bool]:
    """The hubs in which a device may have an identity, each with whether it is ours."""
    return known_hubs(connection.run.environment, connection.dps.facts(), connection.hubs)


def test_a_hub_in_another_resource_group_is_ours_if_it_is_linked_to_the_dps(quick: World) -> None:
    connection = quick.connect()
    group, hubs = "rg-elsewhere", connection.clients.hubs.iot_hub_resource
    connection.clients.groups.resource_groups.create_or_update(group, {"location": "westeurope"})
    hubs.begin_create_or_update(
        group, "iot-elsewhere", {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}, "properties": {}}
    ).result()
    assert hosts(connection) == {HUB: True}
    key = hubs.get_keys_for_key_name(group, "iot-elsewhere", "iothubowner").primary_key
    text = f"HostName=iot-elsewhere.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={key}"
    dps, ours = connection.run.environment.dps.name, connection.run.environment.resource_group
    service = connection.clients.dps.iot_dps_resource.get(dps, ours)
    assert service.properties is not None
    service.properties.iot_hubs = [IotHubDefinitionDescription(connection_string=text, location="westeurope")]
    connection.clients.dps.iot_dps_resource.begin_create_or_update(ours, dps, service).result()
    assert hosts(connection) == {HUB: True, "iot-elsewhere.azure-devices.net": True}
