"""A root that is not ours alone any more: everything under it is cut off first, and then built anew."""

from __future__ import annotations

import pytest

from dpsops.errors import Error, Refused
from dpsops.model.action import Action
from dpsops.model.enrollment import OwnSettings
from dpsops.model.rotation import Phase
from dpsops.workflows.rotate import Cut
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
    identity,
    issued,
    known_by,
    observed,
    phase,
    pinned,
    recover_root,
    registered,
    step,
)
from tests.worlds import World


def test_a_breach_cuts_off_first_and_then_builds_anew(quick: World) -> None:
    issued(quick, PRESS, OTHER, BLOCKED)
    connection = quick.connect()
    mine, theirs, blocked = Device.fetched(connection, PRESS), forged(connection, "intruder"), Device.fetched(connection, BLOCKED)
    posing = forged(connection, PRESS)
    for one in (mine, theirs, blocked, posing):
        one.register(connection)
    block(connection, BLOCKED)

    asked: list[Cut] = []
    done = [one for one in replace_compromised(quick.connect(), asked.append) if isinstance(one, Action)]

    assert asked == [Cut("root-g1", ("intruder", PRESS, OTHER), replaced="")]
    targets = [action.target for action in done]
    assert targets.index("root-g1 in DPS dps-dpsops-test") < targets.index("root root-g2")
    cut = [action.target.split()[1] for action in done if action.outcome == "disabled"]
    assert cut == ["intruder", PRESS]
    assert done[1].outcome == "shut: no device can register"

    connection = quick.connect()
    for one in (mine, theirs, blocked, posing):
        one.is_refused(connection)
    assert [identity(connection, name)["status"] for name in ("intruder", PRESS, BLOCKED)] == ["disabled", "enabled", "disabled"]
    assert [one.uses_newest_leaf for one in members(connection) if one.leaf.device == PRESS] == [True]
    mine.fetch(connection)
    mine.register(connection)
    Device.fetched(connection, OTHER).register(connection)
    assert phase(connection) is Phase.STABLE
    assert status(connection).next == ()
    assert up(quick.connect()) == []


def test_a_breach_in_the_middle_of_a_rotation_spares_who_has_moved(quick: World) -> None:
    """Whoever has a new leaf in the vault and has not come with it yet is cut off too, and is named."""
    issued(quick, PRESS, OTHER, BLOCKED)
    Device.fetched(quick.connect(), BLOCKED).register(quick.connect())
    step(quick.connect(), until=Phase.DRAINING)
    moved = Device.fetched(quick.connect(), PRESS)
    moved.register(quick.connect())
    asked: list[Cut] = []
    done = replace_compromised(quick.connect(), asked.append)
    assert asked == [Cut("root-g1", (BLOCKED,), replaced="")]
    assert [one.target for one in done if isinstance(one, Action) and one.outcome == "disabled"] == [
        f"identity {BLOCKED} in {HUB}"
    ]
    moved.register(quick.connect())
    assert observed(quick.connect()).primary == 2
    assert phase(quick.connect()) is Phase.STABLE


def test_a_group_that_somebody_had_shut_stays_shut_after_a_breach(quick: World) -> None:
    issued(quick, PRESS)
    disable_group(quick)
    breach(quick)
    group = quick.connect().dps.group()
    assert group is not None
    assert (group.primary, group.enabled) == ("root-g2", False)


def test_an_identity_that_somebody_else_disabled_stays_so_after_a_breach(quick: World) -> None:
    registered(quick, PRESS)
    found = identity(quick.connect())
    disabled = found | {"status": "disabled", "statusReason": "stolen"}
    quick.connect().clients.device_registry(HUB).put(f"/devices/{PRESS}", disabled, f'"{found["etag"]}"')
    breach(quick)
    assert identity(quick.connect(), PRESS)["status"] == "disabled"


def test_whoever_posed_as_a_blocked_device_is_not_let_in_with_it(quick: World) -> None:
    """The identity was known by the forged leaf; after the unblocking it is known by the device's own."""
    issued(quick, PRESS)
    connection = quick.connect()
    posing = forged(connection, PRESS)
    posing.register(connection)
    block(connection, PRESS)
    breach(quick)
    unblock(quick.connect(), PRESS)
    (leaf,) = quick.connect().leaves.leaves(PRESS)
    assert (identity(quick.connect())["status"], known_by(quick.connect())) == ("enabled", leaf.thumbprint)
    posing.is_refused(quick.connect())


def test_while_a_breach_is_dealt_with_nothing_else_goes_on(quick: World) -> None:
    issued(quick, PRESS)
    for one in rotation(quick.connect()).replace_compromised(consent):
        if isinstance(one, Action) and one.action == "retire":
            break
    assert phase(quick.connect()) is Phase.BREACHED
    assert status(quick.connect()).next == ("root-g1 is compromised and is being replaced: dpsops rotate",)
    for attempted in (up, lambda connection: issue_to(connection, PRESS)):
        with pytest.raises(Refused, match="the root root-g1 has been retired"):
            attempted(quick.connect())
    with pytest.raises(Refused, match="is compromised: there is no way back"):
        undo(quick.connect())
    while phase(quick.connect()) is Phase.BREACHED:
        assert step(quick.connect())
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_new_leaf_takes_the_place_of_one_of_a_compromised_root(quick: World) -> None:
    """An individual enrollment keeps the leaf before only while its root is trusted: not even until the last step of a breach."""
    issued(quick, PRESS)
    enroll(quick.connect(), PRESS, OwnSettings())
    for one in rotation(quick.connect()).replace_compromised(consent):
        if isinstance(one, Action) and one.action == "reissue":
            break
    (new,) = [leaf for leaf in quick.connect().leaves.leaves(PRESS) if leaf.generation == 2]
    assert set(pinned(quick.connect(), PRESS)) == {new.thumbprint}


def test_saying_no_changes_nothing(quick: World) -> None:
    def no(cut: Cut) -> None:
        raise Error(f"{cut.root} and {len(cut.devices)} device(s) stay", "you said no")

    with pytest.raises(Error, match="root-g1 and 0 device"):
        replace_compromised(quick.connect(), no)
    assert [exchange for exchange in quick.exchanges if exchange.writes and "query" not in exchange.path] == []


@pytest.mark.parametrize("rotated", [False, True])
def test_a_root_that_took_the_place_of_a_compromised_one_is_known_as_that(quick: World, rotated: bool) -> None:
    """Also where the number between them was taken back; not any more where the root is one of the next rotation."""
    step(quick.connect(), until=Phase.PROVEN)
    undo(quick.connect())
    breach(quick)
    if rotated:
        step(quick.connect(), until=Phase.STABLE)
    asked: list[Cut] = []
    replace_compromised(quick.connect(), asked.append)
    assert asked == [Cut("root-g4", (), replaced="") if rotated else Cut("root-g3", (), replaced="root-g1")]


def test_a_compromised_root_that_somebody_deleted_is_to_be_recovered(quick: World) -> None:
    delete_root(quick.connect(), "root-g1")
    with pytest.raises(Refused, match="root-g1 is not in the vault kv-dpsops-test") as refused:
        breach(quick)
    assert "az keyvault certificate recover --vault-name kv-dpsops-test --name root-g1" in refused.value.hint
    recover_root(quick.connect(), "root-g1")
    breach(quick)
    assert observed(quick.connect()).trusted == (2,)
