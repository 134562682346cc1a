"""What the fleet's list says of each device, and what becomes of an enrollment of its own when its leaf is renewed."""

from __future__ import annotations

from itertools import islice

import pytest

from dpsops.errors import RegistrationRefused
from dpsops.pki import chains
from dpsops.workflows import blocking, bundles, device, enrollment, fleet, root
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
