"""Who gets the roles: whoever runs `up`, or the identities that the settings name."""

from __future__ import annotations

import pytest

from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.world import Timings
from dpsops.errors import Denied, Refused
from dpsops.model.plan import Plan
from dpsops.model.roles import Principal
from dpsops.settings import Environment
from tests.workflows.by_hand import azure
from tests.workflows.commands import plan, up
from tests.worlds import World, environment

ME = {"id": OPERATOR.object_id, "type": "ServicePrincipal"}
TEAM = {"id": "0f0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "type": "Group"}
ANNA = {"id": "1F0E0D0C-0B0A-4A0B-8C0D-0E0F0A0B0C0D", "type": "User"}
STRANGER = Principal("2f0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "User")


def settings(*principals: dict[str, str]) -> Environment:
    """An environment whose settings name who gets the roles."""
    return environment(root={"key": "EC-P256"}, access={"principals": list(principals)})


@pytest.fixture
def quick(embedded: World) -> World:
    """An embedded Azure without delays, and with nothing in it."""
    azure(embedded).timings = Timings()
    return embedded


def planned_by(world: World, who: Principal, wanted: Environment) -> Plan:
    """The plan that this identity makes."""
    connection = world.connect(wanted)
    vars(connection.clients)["caller"] = who
    return plan(connection)


def assigned(world: World) -> dict[str, int]:
    """How many roles each identity has on the resources."""
    with azure(world).database.transaction() as state:
        on_resources = [each for _, each in state.list(ASSIGNMENT) if "/providers/microsoft." in each["scope"]]
    principals = [each["principal"].lower() for each in on_resources]
    return {each: principals.count(each) for each in principals}


def test_each_that_the_settings_name_gets_every_role(quick: World) -> None:
    wanted = settings(TEAM, ME, ANNA)
    up(quick.connect(wanted))
    assert assigned(quick) == dict.fromkeys((TEAM["id"], OPERATOR.object_id, ANNA["id"].lower()), 6)
    assert up(quick.connect(wanted)) == []


def test_the_plan_shows_who_gets_which_role(quick: World) -> None:
    targets = [each.target for each in plan(quick.connect(settings(TEAM, ANNA))).actions if each.action == "assign"]
    assert len(targets) == 12
    assert sum(target.endswith(f" to Group {TEAM['id']}") for target in targets) == 6
    assert sum(target.endswith(f" to User {ANNA['id']}") for target in targets) == 6


def test_the_plan_is_the_same_whoever_makes_it(quick: World) -> None:
    wanted = settings(ME)
    approved = planned_by(quick, STRANGER, wanted)
    assert approved == planned_by(quick, Principal(OPERATOR.object_id, "ServicePrincipal"), wanted)
    assert up(quick.connect(wanted), approved)


def test_a_plan_for_others_is_another_plan(quick: World) -> None:
    approved = plan(quick.connect(settings(ME)))
    with pytest.raises(Refused, match="the settings, the template or the identity have changed"):
        up(quick.connect(settings(ME, TEAM)), approved)


def test_one_more_in_the_settings_is_one_more_in_the_plan_and_none_loses_roles(quick: World) -> None:
    up(quick.connect(settings(ME)))
    added = up(quick.connect(settings(ME, TEAM)))
    assert [each.target.rpartition(" to ")[2] for each in added] == [f"Group {TEAM['id']}"] * 6
    assert up(quick.connect(settings(ME))) == []
    assert assigned(quick)[TEAM["id"]] == 6


def test_whoever_deploys_for_others_learns_it_from_the_plan_and_does_not_wait(quick: World) -> None:
    wanted = settings(ANNA)
    (note,) = plan(quick.connect(wanted)).notes
    assert note.startswith(f"ServicePrincipal {OPERATOR.object_id}, who is signed in, gets no role: [access]")
    begun = quick.clock.now()
    for _ in range(2):
        with pytest.raises(Denied) as denied:
            up(quick.connect(wanted))
        assert denied.value.role_missing
    assert quick.clock.now() - begun < 120
    assert not any("new roles" in text for text in quick.said)
    assert assigned(quick) == {ANNA["id"].lower(): 6}


def test_a_group_may_have_the_identity_as_a_member_and_is_waited_for(quick: World) -> None:
    with pytest.raises(Denied):
        up(quick.connect(settings(TEAM)))
    assert "waiting until the new roles take effect in the vault (this takes minutes on Azure)" in quick.said
