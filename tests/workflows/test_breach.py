"""What a breach has to reach, and what must not hold it up: forgotten registrations, forged leaves, hubs that are gone."""

from __future__ import annotations

import pytest

from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Denied, Error, Refused
from dpsops.model.action import Action, Failed
from dpsops.model.enrollment import OwnSettings
from dpsops.model.rotation import Phase
from tests.workflows.by_hand import azure, self_signed, upload
from tests.workflows.commands import block, consent, enroll, members, replace_compromised, rotation, unblock, up
from tests.workflows.devices import Device
from tests.workflows.doing import HUB, OTHER, PRESS
from tests.workflows.rotations import (
    breach,
    forged,
    identity,
    issued,
    known_by,
    phase,
    pinned,
    press_08_gets_no_leaf,
    registered,
    step,
)
from tests.worlds import World, environment

NEW = "iot-dpsops-new"


def asks_hub(request: Request) -> bool:
    """Whether a request is for the hub that the devices were assigned to."""
    return request.host == HUB


def test_an_identity_without_a_registration_is_cut_off_and_let_in_again(quick: World) -> None:
    """A block removes the registration, and who unblocks leaves the identity as it was until the device comes again."""
    registered(quick, PRESS)
    block(quick.connect(), PRESS)
    unblock(quick.connect(), PRESS)
    done = [action.action for action in breach(quick) if action.target == f"identity {PRESS} in {HUB}"]
    assert done == ["disable", "enable"]
    (leaf,) = quick.connect().leaves.all()
    assert known_by(quick.connect()) == leaf.thumbprint


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
    for one in rotation(quick.connect()).replace_compromised(consent):
        if isinstance(one, Action) and one.action == "reissue":
            break
    block(quick.connect(), PRESS)
    step(quick.connect(), until=Phase.STABLE)
    assert identity(quick.connect())["status"] == "disabled"


def test_an_identity_that_the_hub_judges_by_its_root_is_cut_off_too(quick: World) -> None:
    """Of one that no certificate lets in a root says nothing."""
    registered(quick, PRESS, OTHER)
    registry = quick.connect().clients.device_registry(HUB)
    for name, kind in ((PRESS, "certificateAuthority"), (OTHER, "sas")):
        found = identity(quick.connect(), name)
        registry.put(f"/devices/{name}", found | {"authentication": {"type": kind}}, f'"{found["etag"]}"')
    done = [(action.action, action.target) for action in breach(quick) if action.target.startswith("identity")]
    assert done == [(each, f"identity {PRESS} in {HUB}") for each in ("disable", "enable")]
    assert identity(quick.connect())["authentication"]["type"] == "certificateAuthority"


def test_another_certificate_under_the_roots_name_does_not_spare_the_identities(quick: World) -> None:
    registered(quick, PRESS)
    (dps,) = quick.connect().stores
    dps.delete("root-g1", dps.all()["root-g1"].etag)
    upload(quick.connect(), "root-g1", self_signed("somebody else's", quick.connect().run.now()))
    with pytest.raises(Refused, match="holds a certificate root-g1, and it is another one"):
        breach(quick)
    assert identity(quick.connect())["status"] == "disabled"


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_whoever_unblocks_a_device_after_a_breach_lets_in_no_forged_leaf(quick: World, when: str) -> None:
    issued(quick, PRESS)
    posing = forged(quick.connect(), PRESS)
    posing.register(quick.connect())
    theirs = identity(quick.connect())["authentication"]
    if when == "before":
        block(quick.connect(), PRESS)
    for one in rotation(quick.connect()).replace_compromised(consent):
        if when == "meanwhile" and isinstance(one, Action) and one.action == "cut off":
            block(quick.connect(), PRESS)
    unblock(quick.connect(), PRESS)
    found = identity(quick.connect())
    assert found["status"] == "enabled"
    assert found["authentication"] != theirs
    posing.is_refused(quick.connect())


def test_an_individual_enrollment_forgets_the_leaf_of_the_compromised_root(quick: World) -> None:
    issued(quick, PRESS)
    enroll(quick.connect(), PRESS, OwnSettings())
    step(quick.connect(), until=Phase.REISSUING)
    breach(quick)
    (leaf,) = quick.connect().leaves.all()
    assert set(pinned(quick.connect(), PRESS)) == {leaf.thumbprint}
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_one_device_that_gets_no_leaf_does_not_keep_the_others_out(quick: World) -> None:
    registered(quick, PRESS, OTHER)
    press_08_gets_no_leaf(quick)
    breach(quick)
    assert phase(quick.connect()) is Phase.BREACHED
    assert [identity(quick.connect(), name)["status"] for name in (PRESS, OTHER)] == ["enabled", "disabled"]
    azure(quick).faults.clear()
    step(quick.connect(), until=Phase.STABLE)
    assert identity(quick.connect(), OTHER)["status"] == "enabled"


def test_a_hub_that_was_deleted_holds_nobody_up(quick: World) -> None:
    """Its devices' registrations still name it."""
    registered(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P256"}, hub=[{"name": NEW}])
    up(quick.connect())
    connection = quick.connect()
    group, hub = connection.run.environment.resource_group, HUB.split(".", maxsplit=1)[0]
    connection.clients.hubs.iot_hub_resource.begin_delete(group, hub).result()
    assert [(one.hub, one.seen) for one in members(quick.connect())] == [(HUB, "")]

    done = replace_compromised(quick.connect())
    assert {one.device for one in done if isinstance(one, Failed)} == {PRESS}
    assert phase(quick.connect()) is Phase.STABLE
    assert Device.fetched(quick.connect(), PRESS).register(quick.connect()).hub.startswith(NEW)


def test_a_hub_that_keeps_us_out_is_named_where_a_device_was_assigned_to_it(quick: World) -> None:
    """The device's identity in it stays as it is: whoever has the root's key may still come in there."""
    registered(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P256"}, hub=[{"name": NEW}])
    up(quick.connect())
    issued(quick, OTHER)
    azure(quick).faults.add(Fault(Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})), asks_hub, times=None))
    done = replace_compromised(quick.connect())
    reasons = {(one.device, one.reason) for one in done if isinstance(one, Failed)}
    assert reasons == {(PRESS, f"its hub {HUB} keeps us out and is not of this environment any more")}
    assert phase(quick.connect()) is Phase.STABLE


def test_a_hub_of_ours_that_keeps_us_out_is_asked_again(quick: World) -> None:
    registered(quick, PRESS)
    azure(quick).faults.add(Fault(Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})), asks_hub, times=None))
    with pytest.raises(Denied, match="IotHubUnauthorized"):
        breach(quick)
    assert phase(quick.connect()) is Phase.BREACHED
    azure(quick).faults.clear()
    step(quick.connect(), until=Phase.STABLE)
    assert identity(quick.connect())["statusReason"] is None


def test_a_hub_of_ours_that_does_not_answer_is_asked_again(quick: World) -> None:
    registered(quick, PRESS)
    azure(quick).faults.add(Fault(Drop(work_done=False), asks_hub, times=None))
    with pytest.raises(Error, match=f"{HUB} cannot be asked about its identities"):
        breach(quick)
    assert phase(quick.connect()) is Phase.BREACHED
    azure(quick).faults.clear()
    assert [action.action for action in breach(quick) if action.target.startswith("identity")] == ["disable", "enable"]
    assert phase(quick.connect()) is Phase.STABLE
