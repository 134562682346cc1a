"""What a breach has to reach, and what must not hold it up: forgotten registrations, forged leaves, hubs that are gone."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Error, Refused
from dpsops.pki.names import DeviceId
from dpsops.workflows import blocking, device, enrollment, fleet, rotate
from dpsops.workflows.enrollment import Individual
from dpsops.workflows.rotation import Phase
from dpsops.workflows.run import Action, Run
from tests.workflows.devices import Device
from tests.workflows.doing import converge
from tests.workflows.test_rotate import OTHER, PRESS, breach, forged, issued, phase, step, stores_press_08
from tests.workflows.test_trouble import azure, self_signed, upload
from tests.worlds import World, environment

HUB, NEW = "iot-dpsops-test.azure-devices.net", "iot-dpsops-new"


def identity(run: Run, name: str = PRESS, hub: str = HUB) -> dict[str, Any]:
    """A device's identity."""
    found = run.cloud.registry(hub).get(f"/devices/{name}")
    assert found is not None
    return found


def registered(world: World, *names: DeviceId) -> None:
    """Devices that have a leaf and have registered with it."""
    issued(world, *names)
    for name in names:
        Device.fetched(world.run(), name).register(world.run())


def test_an_identity_without_a_registration_is_cut_off_and_let_in_again(quick: World) -> None:
    """A block removes the registration, and who unblocks leaves the identity as it was until the device comes again."""
    registered(quick, PRESS)
    list(blocking.block(quick.run(), PRESS))
    list(blocking.unblock(quick.run(), PRESS))
    done = [action.action for action in breach(quick) if action.target == f"identity {PRESS} in {HUB}"]
    assert done == ["disable", "enable"]
    (leaf,) = device.fleet(quick.run())
    assert identity(quick.run())["authentication"]["x509Thumbprint"]["primaryThumbprint"] == leaf.thumbprint


def test_the_root_goes_before_the_identities(quick: World) -> None:
    """As long as it vouches for anybody, an identity that was disabled can be made anew."""
    registered(quick, PRESS)
    done = [(action.action, action.target.split(" ")[0]) for action in breach(quick)]
    assert done[:6] == [
        ("condemn", "root"),
        ("modify", "enrollment"),
        ("remove", "root-g1"),
        ("retire", "root"),
        ("disable", "identity"),
        ("cut off", "root"),
    ]


def test_a_device_that_is_blocked_in_the_middle_of_a_breach_stays_out(quick: World) -> None:
    registered(quick, PRESS)
    for one in rotate.replace_compromised(quick.run(), lambda cut: None):
        if isinstance(one, Action) and one.action == "reissue":
            break
    list(blocking.block(quick.run(), PRESS))
    step(quick.run(), until=Phase.STABLE)
    assert identity(quick.run())["status"] == "disabled"


def test_an_identity_that_the_hub_judges_by_its_root_is_cut_off_too(quick: World) -> None:
    """Of one that no certificate lets in a root says nothing."""
    registered(quick, PRESS, OTHER)
    registry = quick.run().cloud.registry(HUB)
    for name, kind in ((PRESS, "certificateAuthority"), (OTHER, "sas")):
        found = identity(quick.run(), name)
        registry.put(f"/devices/{name}", found | {"authentication": {"type": kind}}, f'"{found["etag"]}"')
    done = [(action.action, action.target) for action in breach(quick) if action.target.startswith("identity")]
    assert done == [(each, f"identity {PRESS} in {HUB}") for each in ("disable", "enable")]
    assert identity(quick.run())["authentication"]["type"] == "certificateAuthority"


def test_another_certificate_under_the_roots_name_does_not_spare_the_identities(quick: World) -> None:
    registered(quick, PRESS)
    (dps,) = quick.run().cloud.registries
    dps.delete("root-g1", dps.all()["root-g1"].etag)
    upload(quick.run(), "root-g1", self_signed("somebody else's", quick.run().now()))
    with pytest.raises(Refused, match="holds a certificate root-g1, and it is another one"):
        breach(quick)
    assert identity(quick.run())["status"] == "disabled"


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_whoever_unblocks_a_device_after_a_breach_lets_in_no_forged_leaf(quick: World, when: str) -> None:
    issued(quick, PRESS)
    posing = forged(quick.run(), PRESS)
    posing.register(quick.run())
    theirs = identity(quick.run())["authentication"]
    if when == "before":
        list(blocking.block(quick.run(), PRESS))
    for one in rotate.replace_compromised(quick.run(), lambda cut: None):
        if when == "meanwhile" and isinstance(one, Action) and one.action == "cut off":
            list(blocking.block(quick.run(), PRESS))
    list(blocking.unblock(quick.run(), PRESS))
    found = identity(quick.run())
    assert found["status"] == "enabled"
    assert found["authentication"] != theirs
    posing.is_refused(quick.run())


def test_an_individual_enrollment_forgets_the_leaf_of_the_compromised_root(quick: World) -> None:
    issued(quick, PRESS)
    list(enrollment.enroll(quick.run(), PRESS, Individual()))
    step(quick.run(), until=Phase.REISSUING)
    breach(quick)
    found = enrollment.individual(quick.run(), PRESS)
    assert found is not None
    (leaf,) = device.fleet(quick.run())
    assert set(enrollment.pinned(found)) == {leaf.thumbprint}
    Device.fetched(quick.run(), PRESS).register(quick.run())


def test_one_device_that_gets_no_leaf_does_not_keep_the_others_out(quick: World) -> None:
    registered(quick, PRESS, OTHER)
    azure(quick).faults.add(Fault(Refuse(Response(500, {"error": {"code": "X", "message": "No."}})), stores_press_08, times=None))
    breach(quick)
    assert phase(quick.run()) is Phase.BREACHED
    assert [identity(quick.run(), name)["status"] for name in (PRESS, OTHER)] == ["enabled", "disabled"]
    azure(quick).faults.clear()
    step(quick.run(), until=Phase.STABLE)
    assert identity(quick.run(), OTHER)["status"] == "enabled"


def test_a_hub_that_was_deleted_holds_nobody_up(quick: World) -> None:
    """Its devices' registrations still name it."""
    registered(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P256"}, hub=[{"name": NEW}])
    converge(quick.run())
    run = quick.run()
    run.cloud.hubs.iot_hub_resource.begin_delete(run.environment.resource_group, HUB.split(".", maxsplit=1)[0]).result()
    assert [(one.hub, one.seen) for one in fleet.members(quick.run())] == [(HUB, "")]

    done = list(rotate.replace_compromised(quick.run(), lambda cut: None))
    assert {one.device for one in done if isinstance(one, device.Failed)} == {PRESS}
    assert phase(quick.run()) is Phase.STABLE
    assert Device.fetched(quick.run(), PRESS).register(quick.run()).hub.startswith(NEW)


def test_a_hub_that_keeps_us_out_is_named_where_a_device_was_assigned_to_it(quick: World) -> None:
    """The device's identity in it stays as it is: whoever has the root's key may still come in there."""
    registered(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P256"}, hub=[{"name": NEW}])
    converge(quick.run())
    issued(quick, OTHER)

    def asks_hub(request: Request) -> bool:
        return request.host == HUB

    azure(quick).faults.add(Fault(Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})), asks_hub, times=None))
    done = list(rotate.replace_compromised(quick.run(), lambda cut: None))
    reasons = {(one.device, one.reason) for one in done if isinstance(one, device.Failed)}
    assert reasons == {(PRESS, f"its hub {HUB} keeps us out and is not of this environment any more")}
    assert phase(quick.run()) is Phase.STABLE


def test_a_hub_of_ours_that_keeps_us_out_is_asked_again(quick: World) -> None:
    registered(quick, PRESS)

    def asks_hub(request: Request) -> bool:
        return request.host == HUB

    azure(quick).faults.add(Fault(Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})), asks_hub, times=None))
    with pytest.raises(HttpResponseError, match="IotHubUnauthorized"):
        breach(quick)
    assert phase(quick.run()) is Phase.BREACHED
    azure(quick).faults.clear()
    step(quick.run(), until=Phase.STABLE)
    assert identity(quick.run())["statusReason"] is None


def test_a_hub_of_ours_that_does_not_answer_is_asked_again(quick: World) -> None:
    registered(quick, PRESS)

    def asks_hub(request: Request) -> bool:
        return request.host == HUB

    azure(quick).faults.add(Fault(Drop(work_done=False), asks_hub, times=None))
    with pytest.raises(Error, match=f"{HUB} cannot be asked about its identities"):
        breach(quick)
    assert phase(quick.run()) is Phase.BREACHED
    azure(quick).faults.clear()
    assert [action.action for action in breach(quick) if action.target.startswith("identity")] == ["disable", "enable"]
    assert phase(quick.run()) is Phase.STABLE
