"""The vaults for devices as resources: what `plan`, `up` and `status` do with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dpsops.emulator.arm.locks import KIND as LOCK
from dpsops.emulator.identity.state import SUBSCRIPTION
from dpsops.errors import Error, Refused
from dpsops.model import logs
from dpsops.model.action import Action
from dpsops.model.device import Issued
from dpsops.model.plan import LATER
from dpsops.model.replacement import stay
from dpsops.model.resources import left_vault
from dpsops.model.roles import VAULT
from dpsops.model.rotation import Phase
from dpsops.settings import DEVICES_TAG, MADE_TAG, Environment
from tests.workflows.by_hand import azure, remove_the_roles
from tests.workflows.commands import issue_to, members, plan, rotate, rotation_status, status, up, whole_status
from tests.workflows.doing import PRESS, fetched, over
from tests.worlds import World, environment

pytestmark = pytest.mark.usefixtures("unmeasured")

ONE, TWO = "kv-devices-1", "kv-devices-2"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dpsops-test"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"


def spread(*names: str, **changes: Any) -> Environment:
    """The environment, with these vaults for devices."""
    vault = {"name": "kv-dpsops-test", "purge_protection": False, "soft_delete_days": 7} | changes.pop("vault", {})
    return environment(root={"key": "EC-P256"}, device={"vaults": list(names)}, vault=vault, **changes)


def vaults_in(done: list[Action]) -> list[tuple[str, str, str]]:
    """What the actions are that write a vault for devices or its logs: verb, target, outcome."""
    return [
        (each.action, each.target.removeprefix(f"{VAULT}/"), each.outcome)
        for each in done
        if each.action != "assign" and each.target.startswith(f"{VAULT}/kv-devices")
    ]


def shown(world: World, name: str) -> Any:
    """A vault as a GET shows it."""
    return world.connect().clients.vaults.vaults.get("rg-dpsops-test", name)


def test_up_makes_them_and_then_rests(embedded: World) -> None:
    wanted = spread(ONE, TWO)
    planned = plan(embedded.connect(wanted))
    assert vaults_in(list(planned.actions)) == [("create", ONE, "planned"), ("create", TWO, "planned")]
    assert vaults_in(up(embedded.connect(wanted), planned)) == [("create", ONE, "created"), ("create", TWO, "created")]
    for name in (ONE, TWO):
        found = shown(embedded, name)
        assert (found.location, found.tags) == ("westeurope", {DEVICES_TAG: "test", MADE_TAG: "test"})
        assert (found.properties.sku.name, found.properties.enable_rbac_authorization) == ("standard", True)
        assert (found.properties.soft_delete_retention_in_days, found.properties.enable_purge_protection) == (7, None)
    assert up(embedded.connect(wanted)) == []
    assert [each for each in embedded.exchanges if each.writes] == []
    assert len(embedded.exchanges) <= 17
    assert plan(embedded.connect(wanted)).actions == ()


def test_a_device_is_issued_at_once_after_up_because_the_new_roles_are_waited_for(embedded: World) -> None:
    up(embedded.connect(spread(ONE)))
    assert isinstance(issue_to(embedded.connect(spread(ONE)), PRESS)[0], Issued)
    assert any("new roles take effect in the vault" in text for text in embedded.said)


def test_status_shows_them_and_says_up_until_all_are_there(quick: World) -> None:
    found = status(quick.connect(spread(ONE, TWO)))
    assert ([each.name for each in found.vaults], found.next) == (["kv-dpsops-test"], ("dpsops up",))
    assert found.dps is not None
    up(quick.connect(spread(ONE)))
    found = status(quick.connect(spread(ONE, TWO)))
    assert ([each.name for each in found.vaults], found.next) == (["kv-dpsops-test", ONE], ("dpsops up",))
    up(quick.connect(spread(ONE, TWO)))
    issue_to(quick.connect(spread(ONE, TWO)), PRESS)
    found = status(quick.connect(spread(ONE, TWO)))
    assert ([each.name for each in found.vaults], found.next) == (["kv-dpsops-test", ONE, TWO], ())
    assert found.devices.total == 1


def test_they_have_the_tags_and_the_protection_of_the_settings_also_later(quick: World) -> None:
    up(quick.connect(spread(ONE)))
    other = spread(ONE, tags={"team": "ot"}, vault={"purge_protection": True})
    changes = {
        each.path: (each.before, each.after)
        for action in plan(quick.connect(other)).actions
        if action.target == f"{VAULT}/{ONE}"
        for each in action.changes
    }
    assert changes == {"properties.enablePurgeProtection": (None, True), "tags.team": (None, "ot")}
    up(quick.connect(other))
    found = shown(quick, ONE)
    assert (found.tags, found.properties.enable_purge_protection) == ({"team": "ot", DEVICES_TAG: "test", MADE_TAG: "test"}, True)
    assert up(quick.connect(other)) == []


def test_the_log_of_each_goes_to_the_workspace(quick: World) -> None:
    wanted = spread(ONE, TWO, vault={"logs": WORKSPACE})
    done = up(quick.connect(wanted))
    assert [each.target for each in done if logs.TYPE in each.target and "kv-" in each.target] == [
        logs.path(VAULT, name) for name in ("kv-dpsops-test", ONE, TWO)
    ]
    assert up(quick.connect(wanted)) == []
    for name in (ONE, TWO):
        path = f"{GROUP}/providers/{logs.path(VAULT, name)}"
        quick.connect().clients.monitor.delete(path, "")
    assert vaults_in(up(quick.connect(wanted))) == [
        ("create", logs.path(VAULT, name).removeprefix(f"{VAULT}/"), "created") for name in (ONE, TWO)
    ]


# names


@pytest.mark.parametrize("run", [up, plan])
def test_one_that_is_soft_deleted_is_named_before_anything_is_made(quick: World, run: Any) -> None:
    up(quick.connect(spread(ONE, TWO)))
    quick.connect().clients.vaults.vaults.delete("rg-dpsops-test", TWO)
    with pytest.raises(Refused, match=f"a vault named {TWO} was deleted on 2026-03-01") as refused:
        run(quick.connect(spread(ONE, TWO)))
    assert f"az keyvault recover --name {TWO}" in refused.value.hint
    found = status(quick.connect(spread(ONE, TWO)))
    assert found.trouble is not None
    assert (found.trouble.message, found.next) == (refused.value.message, (refused.value.hint,))


def test_a_name_that_somebody_else_has_is_refused_before_anything_is_made(quick: World) -> None:
    up(quick.connect(spread(ONE)))
    elsewhere = spread("kv-devices-3", ONE, resource_group="rg-other", dps={"name": "dps-other"}, hub=[{"name": "iot-other"}],
                       vault={"name": "kv-other"})  # fmt: skip
    with pytest.raises(Refused, match=ONE) as refused:
        up(quick.connect(elsewhere))
    assert "choose another vault name in the settings" in refused.value.hint
    assert [each.name for each in quick.connect().clients.groups.resource_groups.list()] == ["rg-dpsops-test"]


def test_a_lock_on_one_fails_the_deployment_with_its_scope(quick: World) -> None:
    up(quick.connect(spread(ONE)))
    scope = f"{GROUP}/providers/{VAULT}/{ONE}"
    name = f"{scope}/providers/Microsoft.Authorization/locks/frozen"
    with azure(quick).database.transaction() as state:
        state.put(LOCK, name.lower(), {"id": name, "name": "frozen", "scope": scope, "level": "ReadOnly"})
    with pytest.raises(Error, match="lock") as refused:
        up(quick.connect(spread(ONE, tags={"team": "ot"})))
    assert ONE in refused.value.message + refused.value.hint


# vaults of others, and vaults that have left the settings


def test_the_vault_of_another_environment_is_refused(quick: World) -> None:
    up(quick.connect(spread(ONE)))
    other = spread(ONE, name="prod", dps={"name": "dps-prod"}, hub=[{"name": "iot-prod"}], vault={"name": "kv-prod"})
    for run in (up, plan):
        with pytest.raises(Refused, match=f"the vault {ONE} is for the devices of the environment test"):
            run(quick.connect(other))
    assert shown(quick, ONE).tags == {DEVICES_TAG: "test", MADE_TAG: "test"}


@pytest.mark.parametrize("left", [spread(TWO), spread()], ids=["one is left", "none is left"])
def test_one_that_has_left_the_settings_is_named_until_it_has_no_tag_any_more(quick: World, left: Environment) -> None:
    up(quick.connect(spread(ONE, TWO)))
    gone = [name for name in (ONE, TWO) if name not in left.device.vaults]
    told: list[str] = []
    assert vaults_in(up(quick.connect(left), tell=told.append)) == []
    assert told == [left_vault(name) for name in gone]
    assert set(told) <= set(plan(quick.connect(left)).notes)
    assert whole_status(quick.connect(left)).next[: len(gone)] == tuple(told)
    assert plan(quick.connect(spread(ONE, TWO))).notes == ()
    for name in gone:
        vaults = quick.connect().clients.vaults.vaults
        vaults.update("rg-dpsops-test", name, {"tags": {"team": "ot"}})
    assert plan(quick.connect(left)).notes == ()


def test_a_rotation_waits_for_a_device_whose_vault_has_left_the_settings(quick: World) -> None:
    up(quick.connect(spread(ONE)))
    issue_to(quick.connect(spread(ONE)), PRESS)
    over("https", quick.connect(spread(ONE)), fetched(quick.connect(spread(ONE)), PRESS))
    up(quick.connect(spread(TWO)))
    rotate(quick.connect(spread(TWO)), Phase.DRAINING)
    (waits,) = rotation_status(quick.connect(spread(TWO))).waiting.devices
    assert (waits.device, waits.reason) == (PRESS, "registered, but no certificate in the vault")
    with pytest.raises(Refused, match="could not register any more without root-g1: press-07"):
        rotate(quick.connect(spread(TWO)), Phase.STABLE, timedelta(0), leave=stay)
    assert [each.leaf.vault for each in members(quick.connect(spread(ONE, TWO)))] == [ONE]


def test_it_is_named_also_to_who_has_no_role_yet(quick: World) -> None:
    up(quick.connect(spread(ONE, TWO)))
    remove_the_roles(quick)
    found = plan(quick.connect(spread(TWO)))
    assert (found.actions[-1], found.notes) == (LATER, (left_vault(ONE),))
