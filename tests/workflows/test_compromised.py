"""A compromised root: everything under it is cut off first, and then replaced."""

from __future__ import annotations

import pytest

from dpsops.errors import Error, Refused
from dpsops.model.action import Action
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.replacement import Cut
from dpsops.model.rotation import Phase
from tests.planes import device_registry
from tests.workflows.commands import (
    block,
    consent,
    enroll,
    issue_to,
    members,
    replace_compromised,
    rotation,
    status,
    unblock,
    undo,
    up,
)
from tests.workflows.devices import Device
from tests.workflows.doing import HUB, OTHER, PRESS
from tests.workflows.rotations import (
    BLOCKED,
    breach,
    delete_root,
    disable_group,
    forged,
    hub_thumbprint,
    identity,
    issued,
    observed,
    phase,
    pinned,
    recover_root,
    registered,
    step,
)
from tests.worlds import World, waited


def test_a_breach_first_cuts_off_everything_and_then_replaces_it(quick: World) -> None:
    issued(quick, PRESS, OTHER, BLOCKED)
    connection = quick.connect()
    mine, intruder, blocked = (
        Device.fetched(connection, PRESS),
        forged(connection, "intruder"),
        Device.fetched(connection, BLOCKED),
    )
    posing = forged(connection, PRESS)
    for one in (mine, intruder, blocked, posing):
        one.register(connection)
    block(connection, BLOCKED)

    asked: list[Cut] = []
    done = [one for one in replace_compromised(quick.connect(), asked.append) if isinstance(one, Action)]

    assert asked == [Cut("root-g1", ("intruder", PRESS, OTHER), replaced="")]
    targets = [action.target for action in done]
    assert targets.index("root-g1 in DPS dps-dpsops-test") < targets.index("root root-g2")
    cut = [action.target.split()[1] for action in done if action.outcome == "disabled"]
    assert cut == ["intruder", PRESS]
    assert done[1].outcome == "disabled: no device can register"

    connection = quick.connect()
    for one in (mine, intruder, blocked, posing):
        one.require_refused(connection)
    assert [identity(connection, name)["status"] for name in ("intruder", PRESS, BLOCKED)] == ["disabled", "enabled", "disabled"]
    assert [one.uses_newest_leaf for one in members(connection) if one.leaf.device == PRESS] == [True]
    mine.fetch(connection)
    mine.register(connection)
    Device.fetched(connection, OTHER).register(connection)
    assert phase(connection) is Phase.STABLE
    assert status(connection).next == ()
    assert up(quick.connect()) == []


def test_a_breach_during_a_rotation_does_not_affect_devices_that_have_moved(quick: World) -> None:
    """A device that has not registered with its new certificate yet is cut off too, and is named."""
    issued(quick, PRESS, OTHER, BLOCKED)
    Device.fetched(quick.connect(), BLOCKED).register(quick.connect())
    step(quick.connect(), until=Phase.DRAINING)
    moved = Device.fetched(quick.connect(), PRESS)
    moved.register(quick.connect())
    asked: list[Cut] = []
    done = replace_compromised(quick.connect(), asked.append, 1)
    assert asked == [Cut("root-g1", (BLOCKED,), replaced="")]
    assert [one.target for one in done if isinstance(one, Action) and one.outcome == "disabled"] == [
        f"identity {BLOCKED} in {HUB}"
    ]
    moved.register(quick.connect())
    assert observed(quick.connect()).primary == 2
    assert phase(quick.connect()) is Phase.STABLE


def test_a_group_that_somebody_disabled_before_a_breach_stays_disabled(quick: World) -> None:
    issued(quick, PRESS)
    disable_group(quick)
    breach(quick)
    group = quick.connect().dps.group()
    assert group is not None
    assert (group.primary, group.enabled) == ("root-g2", False)


def test_an_identity_that_somebody_disabled_before_a_breach_stays_disabled(quick: World) -> None:
    registered(quick, PRESS)
    found = identity(quick.connect())
    disabled = found | {"status": "disabled", "statusReason": "stolen"}
    device_registry(quick.connect().clients, HUB).put(f"/devices/{PRESS}", disabled, f'"{found["etag"]}"')
    breach(quick)
    assert identity(quick.connect(), PRESS)["status"] == "disabled"


def test_unblocking_after_a_breach_does_not_accept_a_forged_certificate_of_the_device(quick: World) -> None:
    """The identity had the thumbprint of the forged certificate; after the unblocking it has that of the device's own."""
    issued(quick, PRESS)
    connection = quick.connect()
    posing = forged(connection, PRESS)
    posing.register(connection)
    block(connection, PRESS)
    breach(quick)
    unblock(quick.connect(), PRESS)
    (leaf,) = waited(quick.connect().leaves.leaves(PRESS))
    assert (identity(quick.connect())["status"], hub_thumbprint(quick.connect())) == ("enabled", leaf.thumbprint)
    posing.require_refused(quick.connect())


def test_other_commands_are_refused_until_the_breach_is_over(quick: World) -> None:
    issued(quick, PRESS)
    for one in rotation(quick.connect()).replace_compromised(consent):
        if isinstance(one, Action) and one.action == "retire":
            break
    assert phase(quick.connect()) is Phase.BREACHED
    assert status(quick.connect()).next == (
        "root-g1 is compromised and is being replaced: dpsops rotate --compromised --replace root-g1",
    )
    for attempted in (up, lambda connection: issue_to(connection, PRESS)):
        with pytest.raises(Refused, match="the root root-g1 is compromised and is being replaced"):
            attempted(quick.connect())
    with pytest.raises(Refused, match="is compromised and must not be used again"):
        undo(quick.connect())
    while phase(quick.connect()) is Phase.BREACHED:
        assert step(quick.connect())
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_an_individual_enrollment_loses_the_certificate_under_the_compromised_root_at_once(quick: World) -> None:
    """It keeps the previous certificate only while the root is trusted, and not until the last step of the breach."""
    issued(quick, PRESS)
    enroll(quick.connect(), PRESS, IndividualSettings())
    for one in rotation(quick.connect()).replace_compromised(consent):
        if isinstance(one, Action) and one.action == "reissue":
            break
    (new,) = [leaf for leaf in waited(quick.connect().leaves.leaves(PRESS)) if leaf.generation == 2]
    assert set(pinned(quick.connect(), PRESS)) == {new.thumbprint}


def test_declining_changes_nothing(quick: World) -> None:
    def decline(cut: Cut) -> None:
        raise Error(f"{cut.root} and {len(cut.devices)} device(s) stay", "declined")

    with pytest.raises(Error, match="root-g1 and 0 device"):
        replace_compromised(quick.connect(), decline)
    assert [exchange for exchange in quick.exchanges if exchange.writes and "query" not in exchange.path] == []


@pytest.mark.parametrize("rotated", [False, True])
def test_confirm_is_told_that_the_root_has_replaced_a_compromised_one(quick: World, rotated: bool) -> None:
    """Also if a rotation between the two was undone, but not for a root of the next rotation."""
    step(quick.connect(), until=Phase.PROVEN)
    undo(quick.connect())
    breach(quick)
    if rotated:
        step(quick.connect(), until=Phase.STABLE)
    asked: list[Cut] = []
    replace_compromised(quick.connect(), asked.append)
    assert asked == [Cut("root-g4", (), replaced="") if rotated else Cut("root-g3", (), replaced="root-g1")]


def test_a_deleted_root_must_be_recovered_before_it_is_marked_as_compromised(quick: World) -> None:
    delete_root(quick.connect(), "root-g1")
    with pytest.raises(
        Refused, match="root-g1 cannot be marked as compromised: it is not in the vault kv-dpsops-test"
    ) as refused:
        breach(quick)
    assert "az keyvault certificate recover --vault-name kv-dpsops-test --name root-g1" in refused.value.hint
    recover_root(quick.connect(), "root-g1")
    breach(quick)
    assert observed(quick.connect()).trusted == (2,)
