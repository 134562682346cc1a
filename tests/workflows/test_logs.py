"""`[vault] logs`: the logs of vault and DPS go to a workspace, and `status` says if they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dpsops.emulator.identity.state import SUBSCRIPTION
from dpsops.errors import Denied, Error
from dpsops.model import logs
from dpsops.model.action import Action
from dpsops.model.roles import SERVICE, VAULT
from dpsops.settings import Environment
from tests.workflows.by_hand import azure
from tests.workflows.commands import plan, up, whole_status
from tests.workflows.identities import as_identity, custom_role, define, principal
from tests.worlds import World, environment

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dpsops-test"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
OURS = [logs.path(VAULT, "kv-dpsops-test"), logs.path(SERVICE, "dps-dpsops-test")]
LINE = "the vault's log is off, so nobody could tell later who signed with the root: "


def settings(workspace: str = WORKSPACE) -> Environment:
    """The environment, whose logs go to a workspace."""
    vault = {"name": "kv-dpsops-test", "purge_protection": False, "soft_delete_days": 7, "logs": workspace}
    return environment(vault=vault, root={"key": "EC-P256"})


def shown(world: World, path: str) -> Any:
    """A diagnostic setting as a GET shows it."""
    return world.connect().clients.monitor.get(f"{GROUP}/providers/{path}")


def write(world: World, path: str, name: str, workspace: str, *categories: str) -> None:
    """Makes a diagnostic setting, as somebody else would."""
    given = {"workspaceId": workspace, "logs": [{"category": each, "enabled": True} for each in categories]}
    place = f"{GROUP}/providers/{path.rpartition('/')[0]}/{name}"
    world.connect().clients.monitor.put(place, {"properties": given}, None)


def about_logs(done: list[Action]) -> list[Action]:
    """Those of the actions that are about logs."""
    return [each for each in done if logs.TYPE in each.target]


def test_up_turns_both_logs_on_and_then_rests(embedded: World) -> None:
    done = up(embedded.connect(settings()))
    assert about_logs(done) == [Action("create", target, "created") for target in OURS]
    for target, categories in zip(OURS, (["AuditEvent"], ["DeviceOperations", "ServiceOperations"]), strict=True):
        properties = shown(embedded, target)["properties"]
        assert properties["workspaceId"] == WORKSPACE
        assert [each["category"] for each in properties["logs"] if each["enabled"]] == categories
    assert up(embedded.connect(settings())) == []
    assert len([each for each in embedded.exchanges if "diagnosticSettings" in each.path]) == 2
    assert whole_status(embedded.connect(settings())).next == ("dpsops device issue ID",)


def test_without_the_setting_nothing_is_asked_or_written_and_status_says_so_with_one_request(quick: World) -> None:
    up(quick.connect())
    assert not [each for each in quick.exchanges if "diagnosticSettings" in each.path]
    assert whole_status(quick.connect()).next[-1] == f"{LINE}set logs under [vault] in the settings, then dpsops up"
    assert len([each for each in quick.exchanges if "diagnosticSettings" in each.path]) == 1
    assert whole_status(quick.connect(settings())).next[-1] == f"{LINE}dpsops up"
    done = up(quick.connect(settings()))
    assert done == about_logs(done) != []
    assert [each.path for each in quick.exchanges if each.writes and "deployments" not in each.path] == []
    assert LINE not in str(whole_status(quick.connect(settings())).next)


def test_somebody_elses_settings_stay_and_what_they_send_there_is_not_sent_twice(quick: World) -> None:
    up(quick.connect())
    write(quick, OURS[0], "soc", WORKSPACE, "AuditEvent")
    write(quick, OURS[1], "soc", f"{WORKSPACE}-2", "DeviceOperations")
    before = [shown(quick, f"{path.rpartition('/')[0]}/soc") for path in OURS]
    assert LINE not in str(whole_status(quick.connect()).next)
    assert about_logs(up(quick.connect(settings()))) == [Action("create", OURS[1], "created")]
    assert [shown(quick, f"{path.rpartition('/')[0]}/soc") for path in OURS] == before
    assert shown(quick, OURS[0]) is None


def test_ours_that_differs_is_changed_and_the_plan_shows_what(quick: World) -> None:
    up(quick.connect(settings()))
    found = plan(quick.connect(settings(f"{WORKSPACE}-2")))
    changes = [(each.path, each.before, each.after, bool(each.warning)) for action in found.actions for each in action.changes]
    assert changes == [("properties.workspaceId", WORKSPACE, f"{WORKSPACE}-2", True)] * 2
    assert [each.outcome for each in about_logs(up(quick.connect(settings(f"{WORKSPACE}-2"))))] == ["modified"] * 2
    write(quick, OURS[0], "dpsops", f"{WORKSPACE}-2", "AzurePolicyEvaluationDetails")
    assert whole_status(quick.connect(settings(f"{WORKSPACE}-2"))).next[-1] == f"{LINE}dpsops up"
    up(quick.connect(settings(f"{WORKSPACE}-2")))
    enabled = [each["category"] for each in shown(quick, OURS[0])["properties"]["logs"] if each["enabled"]]
    assert enabled == ["AzurePolicyEvaluationDetails", "AuditEvent"]
    assert up(quick.connect(settings(f"{WORKSPACE}-2"))) == []


def test_settings_that_outlived_their_resources_are_in_nobodys_way(quick: World) -> None:
    azure(quick).habits = replace(azure(quick).habits, diagnostic_settings_stay=True)
    up(quick.connect(settings()))
    group = quick.connect().clients.groups.resource_groups
    group.begin_delete("rg-dpsops-test").result()
    quick.connect().clients.vaults.vaults.begin_purge_deleted("kv-dpsops-test", "westeurope").result()
    up(quick.connect(settings(f"{WORKSPACE}-2")))
    assert shown(quick, OURS[0])["properties"]["workspaceId"] == f"{WORKSPACE}-2"
    assert up(quick.connect(settings(f"{WORKSPACE}-2"))) == []


def test_a_workspace_that_is_not_there_fails_the_deployment_in_azures_words(quick: World) -> None:
    nowhere = WORKSPACE.replace("rg-dpsops-test", "rg-none")
    with pytest.raises(Error, match=r"workspaces/logs' under resource group 'rg-none' was not found"):
        up(quick.connect(settings(nowhere)))
    assert about_logs(up(quick.connect(settings()))) != []


def limited(world: World, identity: str, *without: str) -> World:
    """The world as an identity sees it that lacks some actions."""
    role = custom_role(identity)
    return as_identity(world, principal(identity), define(world, replace(role, actions=tuple(set(role.actions) - set(without)))))


def test_who_may_not_read_where_logs_go_is_told_nothing_by_status(quick: World) -> None:
    up(quick.connect())
    reader = limited(quick, "planner", "Microsoft.Insights/diagnosticSettings/read")
    assert whole_status(reader.connect()).next == ("dpsops device issue ID",)
    assert [each.status for each in reader.exchanges if "diagnosticSettings" in each.path] == [403]
    with pytest.raises(Denied, match=r"Microsoft\.Insights/diagnosticSettings/read"):
        plan(reader.connect(settings()))


def test_who_may_not_use_the_workspace_learns_which_role_does(quick: World) -> None:
    up(quick.connect())
    deployer = limited(quick, "deployer", "Microsoft.OperationalInsights/workspaces/sharedKeys/action")
    with pytest.raises(Denied) as denied:
        up(deployer.connect(settings()))
    assert "action 'Microsoft.OperationalInsights/workspaces/sharedKeys/action'" in denied.value.message
    assert f"assign the role 'Log Analytics Contributor' on {WORKSPACE}" in denied.value.hint
