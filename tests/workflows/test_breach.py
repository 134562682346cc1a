"""What is cut off after a breach, and what must not stop it: removed registrations, forged certificates, deleted hubs."""

from __future__ import annotations

import pytest

from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Denied, Error
from dpsops.model.action import Action, Failed, Remains
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase
from tests.planes import device_registry
from tests.workflows.by_hand import azure, self_signed, upload
from tests.workflows.commands import block, consent, enroll, members, replace_compromised, rotation, unblock, up
from tests.workflows.devices import Device
from tests.workflows.doing import HUB, OTHER, PRESS
from tests.workflows.rotations import (
    breach,
    fail_for_press_08,
    forged,
    hub_thumbprint,
    identity,
    issued,
    phase,
    pinned,
    registered,
    step,
)
from tests.worlds import World, environment, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

NEW = "iot-dpsops-new"


def asks_hub(request: Request) -> bool:
    """Whether a request is for the hub that the devices were assigned to."""
    return request.host == HUB


def test_an_identity_without_a_registration_is_disabled_and_enabled_again(quick: World) -> None:
    """A block removes the registration. After an unblock there is none until the device registers again."""
    registered(quick, PRESS)
    block(quick.connect(), PRESS)
    unblock(quick.connect(), PRESS)
    done = [action.action for action in breach(quick) if action.target == f"identity {PRESS} in {HUB}"]
    assert done == ["disable", "enable"]
    (leaf,) = waited(quick.connect().leaves.all())
    assert hub_thumbprint(quick.connect()) == leaf.thumbprint


def test_the_root_is_removed_before_the_identities_are_disabled(quick: World) -> None:
    """While it is trusted, a device could register again and so enable its identity."""
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


def test_a_device_that_is_blocked_during_a_breach_stays_blocked(quick: World) -> None:
    registered(quick, PRESS)
    for one in rotation(quick.connect()).replace_compromised(consent):
        if isinstance(one, Action) and one.action == "reissue":
            break
    block(quick.connect(), PRESS)
    step(quick.connect(), until=Phase.STABLE)
    assert identity(quick.connect())["status"] == "disabled"


def test_a_ca_signed_identity_is_cut_off_too(quick: World) -> None:
    """An identity that does not authenticate with a certificate is not affected."""
    registered(quick, PRESS, OTHER)
    registry = device_registry(quick.connect().clients, HUB)
    for name, kind in ((PRESS, "certificateAuthority"), (OTHER, "sas")):
        found = identity(quick.connect(), name)
        registry.put(f"/devices/{name}", found | {"authentication": {"type": kind}}, f'"{found["etag"]}"')
    done = [(action.action, action.target) for action in breach(quick) if action.target.startswith("identity")]
    assert done == [(each, f"identity {PRESS} in {HUB}") for each in ("disable", "enable")]
    assert identity(quick.connect())["authentication"]["type"] == "certificateAuthority"


def test_another_certificate_of_the_roots_name_is_named_and_stops_nothing(quick: World) -> None:
    registered(quick, PRESS)
    (dps,) = quick.connect().stores
    dps.delete("root-g1", dps.all()["root-g1"].etag)
    upload(quick.connect(), "root-g1", self_signed("somebody else's", quick.connect().run.now()))
    left = [one for one in replace_compromised(quick.connect()) if isinstance(one, Remains)]
    assert [one.target for one in left] == ["root-g1 in DPS dps-dpsops-test"]
    assert left[0].reason.startswith("is not the root in the vault")
    assert identity(quick.connect())["status"] == "enabled"
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


@pytest.mark.parametrize("when", ["before", "during"])
def test_unblocking_after_a_breach_removes_a_forged_thumbprint(quick: World, when: str) -> None:
    issued(quick, PRESS)
    posing = forged(quick.connect(), PRESS)
    posing.register(quick.connect())
    forged_authentication = identity(quick.connect())["authentication"]
    if when == "before":
        block(quick.connect(), PRESS)
    for one in rotation(quick.connect()).replace_compromised(consent):
        if when == "during" and isinstance(one, Action) and one.action == "cut off":
            block(quick.connect(), PRESS)
    unblock(quick.connect(), PRESS)
    found = identity(quick.connect())
    assert found["status"] == "enabled"
    assert found["authentication"] != forged_authentication
    posing.require_refused(quick.connect())


def test_the_certificate_under_the_compromised_root_is_removed_from_an_individual_enrollment(quick: World) -> None:
    issued(quick, PRESS)
    enroll(quick.connect(), PRESS, IndividualSettings())
    step(quick.connect(), until=Phase.REISSUING)
    breach(quick, 1)
    (leaf,) = waited(quick.connect().leaves.all())
    assert set(pinned(quick.connect(), PRESS)) == {leaf.thumbprint}
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_device_that_gets_no_certificate_does_not_affect_the_others(quick: World) -> None:
    registered(quick, PRESS, OTHER)
    fail_for_press_08(quick)
    breach(quick)
    assert phase(quick.connect()) is Phase.BREACHED
    assert [identity(quick.connect(), name)["status"] for name in (PRESS, OTHER)] == ["enabled", "disabled"]
    azure(quick).faults.clear()
    step(quick.connect(), until=Phase.STABLE)
    assert identity(quick.connect(), OTHER)["status"] == "enabled"


def test_a_deleted_hub_does_not_stop_the_command(quick: World) -> None:
    """The registrations of its devices still name it."""
    registered(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P256"}, hub=[{"name": NEW}])
    up(quick.connect())
    connection = quick.connect()
    group, hub = connection.run.environment.resource_group, HUB.split(".", maxsplit=1)[0]
    connection.clients.hubs.iot_hub_resource.begin_delete(group, hub).result()
    assert [(one.hub, one.registered_thumbprint) for one in members(quick.connect())] == [(HUB, "")]

    done = replace_compromised(quick.connect())
    assert {one.device for one in done if isinstance(one, Failed)} == {PRESS}
    assert phase(quick.connect()) is Phase.STABLE
    assert Device.fetched(quick.connect(), PRESS).register(quick.connect()).hub.startswith(NEW)


def test_a_former_hub_that_denies_access_is_named_for_its_devices(quick: World) -> None:
    """The device identity there was not changed: anybody with the root's key may still connect to that hub."""
    registered(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P256"}, hub=[{"name": NEW}])
    up(quick.connect())
    issued(quick, OTHER)
    azure(quick).faults.add(Fault(Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})), asks_hub, times=None))
    done = replace_compromised(quick.connect())
    reasons = {(one.device, one.reason) for one in done if isinstance(one, Failed)}
    assert reasons == {(PRESS, f"its hub {HUB} denies access and is no longer part of this environment")}
    assert phase(quick.connect()) is Phase.STABLE


def test_a_hub_of_the_settings_that_denies_access_is_asked_again(quick: World) -> None:
    registered(quick, PRESS)
    azure(quick).faults.add(Fault(Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})), asks_hub, times=None))
    with pytest.raises(Denied, match="IotHubUnauthorized"):
        breach(quick)
    assert phase(quick.connect()) is Phase.BREACHED
    azure(quick).faults.clear()
    step(quick.connect(), until=Phase.STABLE)
    assert identity(quick.connect())["statusReason"] is None


def test_a_hub_of_the_settings_that_does_not_answer_is_asked_again(quick: World) -> None:
    registered(quick, PRESS)
    azure(quick).faults.add(Fault(Drop(work_done=False), asks_hub, times=None))
    with pytest.raises(Error, match=f"{HUB} failed or did not answer"):
        breach(quick)
    assert phase(quick.connect()) is Phase.BREACHED
    azure(quick).faults.clear()
    assert [action.action for action in breach(quick) if action.target.startswith("identity")] == ["disable", "enable"]
    assert phase(quick.connect()) is Phase.STABLE
