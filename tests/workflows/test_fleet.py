"""What the fleet's list says of each device, and what becomes of an enrollment of its own when its leaf is renewed."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

import pytest
from azure.mgmt.iothubprovisioningservices.models import IotHubDefinitionDescription

from dpsops.errors import RegistrationRefused
from dpsops.pki import chains
from dpsops.workflows import blocking, bundles, device, enrollment, fleet, root, status
from dpsops.workflows.run import Run
from tests.workflows.doing import HUB, OTHER, PRESS, over, ready
from tests.worlds import World


def listed(run: Run) -> fleet.Member:
    """press-07 in the list, which says of it what its own page says."""
    (one,) = [one for one in fleet.members(run) if one.leaf.device == PRESS]
    assert fleet.member(run, PRESS)[0] == one
    return one


def test_a_device_with_an_enrollment_of_its_own_is_listed_as_registered(embedded: World) -> None:
    run = ready(embedded)
    list(enrollment.enroll(run, PRESS, enrollment.Individual()))
    assert not listed(run).hub
    over("https", run)
    assert (listed(run).hub, listed(run).uses_newest_leaf, listed(run).blocked) == (HUB, True, False)


def test_one_that_was_refused_is_not_registered(embedded: World) -> None:
    run = ready(embedded)
    list(blocking.block(run, PRESS))
    with pytest.raises(RegistrationRefused):
        over("https", run)
    found = listed(run)
    assert (found.registered_at, found.hub, found.blocked, found.half_blocked) == ("", "", True, False)


def test_one_that_found_no_hub_says_why(embedded: World) -> None:
    run = ready(embedded)
    dps, group = run.environment.dps.name, run.environment.resource_group
    service = run.cloud.dps.iot_dps_resource.get(dps, group)
    assert service.properties is not None
    service.properties.iot_hubs = []
    run.cloud.dps.iot_dps_resource.begin_create_or_update(group, dps, service).result()
    with pytest.raises(RegistrationRefused):
        over("https", run)
    assert (listed(run).registered_at, listed(run).failure) == ("", "IoTHub not found.")


def test_a_block_that_was_interrupted_is_seen(embedded: World) -> None:
    run = ready(embedded)
    list(islice(blocking.block(run, PRESS), 1))
    assert (listed(run).blocked, listed(run).half_blocked) == (True, True)
    list(blocking.block(run, PRESS))
    list(islice(blocking.unblock(run, PRESS), 1))
    assert (listed(run).blocked, listed(run).half_blocked) == (True, True)
    list(blocking.unblock(run, PRESS))
    assert (listed(run).blocked, listed(run).half_blocked) == (False, False)


@pytest.mark.parametrize(("days", "soon"), [(29, True), (32, False)])
def test_a_leaf_that_is_about_to_end_is_named(embedded: World, days: int, soon: bool) -> None:
    assert listed(ready(embedded, leaf={"days": days})).ends_soon == soon


def test_a_device_is_shown_with_its_chain(embedded: World) -> None:
    run = ready(embedded)
    member, (leaf, authority) = fleet.member(run, PRESS)
    assert chains.thumbprint(leaf) == member.leaf.thumbprint
    assert chains.thumbprint(authority) == chains.thumbprint(root.require(run, "root-g1").certificate)


def test_an_enrollment_of_its_own_takes_in_each_new_leaf(embedded: World) -> None:
    run = ready(embedded)
    list(enrollment.enroll(run, PRESS, enrollment.Individual()))
    leaves = [bundles.bundle_of(run, PRESS)]
    for _ in range(3):
        embedded.clock.advance(60)
        done = list(device.issue(run, [PRESS, PRESS, OTHER], renew=True))
        assert [type(one) for one in done] == [device.Issued, device.Issued]
        leaves.append(bundles.bundle_of(run, PRESS))
        assert over("https", run, leaves[-1]).assigned.hub == HUB
        assert over("https", run, leaves[-2]).assigned.hub == HUB  # the device may not have its new one yet
    with pytest.raises(RegistrationRefused):
        over("https", run, leaves[0])


def test_a_device_that_dps_says_is_blocked_is_not_renewed(embedded: World) -> None:
    run = ready(embedded)
    list(enrollment.enroll(run, PRESS, enrollment.Individual()))
    own = run.cloud.enrollments.get(f"/enrollments/{PRESS}")
    assert own is not None
    run.cloud.enrollments.put(f"/enrollments/{PRESS}", own | {"provisioningStatus": "disabled"}, own["etag"])
    assert [type(one) for one in device.issue(run, [PRESS, OTHER], renew=True)] == [device.Failed, device.Issued]


def test_leaves_that_are_about_to_end_are_counted_but_not_those_of_blocked_devices(quick: World) -> None:
    list(device.issue(quick.run(), [PRESS, OTHER]))
    quick.clock.advance(timedelta(days=quick.environment.leaf.days - 31).total_seconds())
    assert status.observe(quick.run()).fleet == status.Fleet(total=2, expiring=0, blocked=0)
    quick.clock.advance(timedelta(days=2).total_seconds())
    assert status.observe(quick.run()).fleet == status.Fleet(total=2, expiring=2, blocked=0)
    list(blocking.block(quick.run(), OTHER))
    found = status.observe(quick.run())
    assert found.fleet == status.Fleet(total=2, expiring=1, blocked=1)
    assert found.next == ("1 device(s) have a leaf that ends within 30 days or has ended: dpsops device renew ID",)


def test_a_hub_of_another_group_counts_where_the_dps_is_linked_to_it(quick: World) -> None:
    run = quick.run()
    group, hubs = "rg-elsewhere", run.cloud.hubs.iot_hub_resource
    run.cloud.groups.resource_groups.create_or_update(group, {"location": "westeurope"})
    hubs.begin_create_or_update(
        group, "iot-elsewhere", {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}, "properties": {}}
    ).result()
    assert fleet.hubs(run) == {HUB: True}
    key = hubs.get_keys_for_key_name(group, "iot-elsewhere", "iothubowner").primary_key
    text = f"HostName=iot-elsewhere.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={key}"
    dps, ours = run.environment.dps.name, run.environment.resource_group
    service = run.cloud.dps.iot_dps_resource.get(dps, ours)
    assert service.properties is not None
    service.properties.iot_hubs = [IotHubDefinitionDescription(connection_string=text, location="westeurope")]
    run.cloud.dps.iot_dps_resource.begin_create_or_update(ours, dps, service).result()
    assert fleet.hubs(run) == {HUB: True, "iot-elsewhere.azure-devices.net": True}
