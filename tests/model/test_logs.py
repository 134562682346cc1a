"""Where the logs of vault and DPS should go, and what is missing of that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dpsops.model import logs
from dpsops.model.action import Action, PropertyChange
from dpsops.model.deployment import Deployment, decide
from dpsops.model.logs import DiagnosticSetting
from dpsops.model.resources import Resources
from dpsops.model.roles import SERVICE, VAULT
from tests.model.test_deployment import DONE, GROUP, ME, decided, settings

WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
OTHER = f"{WORKSPACE}-2"
WANTED = settings(vault_logs=WORKSPACE)
BOTH = ("DeviceOperations", "ServiceOperations")
VAULTS, SERVICES = logs.path(VAULT, "kv-dpsops-test"), logs.path(SERVICE, "dps-dpsops-test")


def setting(
    *categories: str, name: str = "dpsops", workspace: str = WORKSPACE, groups: tuple[str, ...] = ()
) -> DiagnosticSetting:
    return DiagnosticSetting(name, workspace, categories, groups)


def having(vault: tuple[DiagnosticSetting, ...] = (), dps: tuple[DiagnosticSetting, ...] = ()) -> Resources:
    """An environment in which nothing is missing but perhaps logs."""
    return replace(DONE, logs={(VAULT, "kv-dpsops-test"): vault, (SERVICE, "dps-dpsops-test"): dps})


def named(*categories: str) -> list[dict[str, object]]:
    return [{"category": each, "enabled": True} for each in categories]


def written(found: Deployment) -> dict[str, Any]:
    """The one setting that is written."""
    given: Any = found.parameters
    (only,) = [each for name in ("vaultLogs", "serviceLogs") for each in given[name]]
    return dict(only)


OURS = setting("AuditEvent")
RIGHT = having((OURS,), (setting(*BOTH),))


def test_without_the_setting_nothing_is_sent_and_what_there_is_stays() -> None:
    assert decided(having()) == Deployment()
    assert decided(having((setting("AuditEvent", workspace=OTHER),))) == Deployment()


def test_a_new_environment_sends_both_logs_from_the_beginning() -> None:
    found = decide(WANTED, Resources(GROUP, group_exists=False), [ME])
    assert [each.target for each in found.actions if logs.TYPE in each.target] == [VAULTS, SERVICES]
    given: Any = found.parameters
    assert given["vaultLogs"] == [
        {"name": "kv-dpsops-test", "setting": "dpsops", "workspace": WORKSPACE, "logs": named("AuditEvent"), "current": {}}
    ]
    assert given["serviceLogs"][0]["logs"] == named(*BOTH)


def test_where_both_are_off_two_settings_are_made_and_nothing_else() -> None:
    found = decided(having(), WANTED)
    assert found.actions == (Action("create", VAULTS), Action("create", SERVICES))
    assert not found.rewrites
    assert not found.assigns_roles
    assert [name for name, value in found.parameters.items() if value] == ["vaultLogs", "serviceLogs", "linkedHubs"]


ENOUGH = {
    "as it is made": (OURS,),
    "in other letters": (setting("auditevent", name="DPSOPS", workspace=WORKSPACE.upper()),),
    "by a group": (setting(groups=("audit",)),),
    "all of them": (setting(groups=("allLogs",)),),
    "more": (setting("AuditEvent", "AzurePolicyEvaluationDetails"),),
    "by somebody else": (setting("AuditEvent", name="theirs"),),
    "by somebody else, ours elsewhere": (setting(groups=("allLogs",), name="theirs"), setting("AuditEvent", workspace=OTHER)),
}


@pytest.mark.parametrize("found", ENOUGH.values(), ids=ENOUGH)
def test_what_arrives_in_the_workspace_is_enough(found: tuple[DiagnosticSetting, ...]) -> None:
    assert decided(having(found, (setting(groups=("alllogs",)),)), WANTED) == Deployment()


def test_somebody_elses_setting_that_sends_elsewhere_is_not_enough() -> None:
    theirs = setting("AuditEvent", name="theirs", workspace=OTHER)
    found = decided(having((theirs,), (setting(*BOTH),)), WANTED)
    assert found.actions == (Action("create", VAULTS),)
    assert written(found)["logs"] == named("AuditEvent")


def test_what_somebody_else_sends_to_the_workspace_is_not_sent_there_again() -> None:
    """Azure refuses it."""
    theirs = setting("DeviceOperations", name="theirs")
    assert written(decided(having((OURS,), (theirs,)), WANTED))["logs"] == named("ServiceOperations")
    both = having((OURS,), (theirs, setting("ServiceOperations")))
    assert decided(both, WANTED) == Deployment()


def test_ours_to_another_workspace_is_changed() -> None:
    found = decided(having((setting("AuditEvent", workspace=OTHER),), (setting(*BOTH),)), WANTED)
    change = PropertyChange("properties.workspaceId", OTHER, WORKSPACE, "nothing is sent to the former workspace any more")
    assert found.actions == (Action("modify", VAULTS, changes=(change,)),)
    assert found.rewrites
    assert written(found)["logs"] == named("AuditEvent")


def test_ours_without_a_workspace_keeps_what_else_it_has() -> None:
    kept = {"storageAccountId": "/subscriptions/x", "metrics": [{"category": "AllMetrics", "enabled": True}]}
    ours = replace(setting("AzurePolicyEvaluationDetails", workspace=""), kept=kept)
    found = decided(having((ours,), (setting(*BOTH),)), WANTED)
    before, after = named("AzurePolicyEvaluationDetails"), named("AzurePolicyEvaluationDetails", "AuditEvent")
    assert found.actions[0].changes == (
        PropertyChange("properties.workspaceId", None, WORKSPACE),
        PropertyChange("properties.logs", before, after),
    )
    assert (written(found)["current"], written(found)["logs"]) == (kept, after)


def test_a_group_of_ours_that_goes_elsewhere_stays_a_group() -> None:
    found = decided(having((setting(groups=("allLogs",), workspace=OTHER),), (setting(*BOTH),)), WANTED)
    assert [each.path for each in found.actions[0].changes] == ["properties.workspaceId"]
    assert written(found)["logs"] == [{"categoryGroup": "allLogs", "enabled": True}]


def test_a_group_that_lacks_something_gives_way() -> None:
    found = decided(having((OURS,), (setting(groups=("audit",)),)), WANTED)
    before = [{"categoryGroup": "audit", "enabled": True}]
    change = PropertyChange("properties.logs", before, named(*BOTH), "a group gives way to categories")
    assert found.actions == (Action("modify", SERVICES, changes=(change,)),)


# what status says

OFF = "the vault's log is off, so nobody could tell later who signed with the root: "
SET = OFF + "set logs under [vault] in the settings, then dpsops up"
SIGHT: dict[str, tuple[tuple[DiagnosticSetting, ...], bool, str]] = {
    "nothing": ((), False, SET),
    "another log": ((setting("AzurePolicyEvaluationDetails"),), False, SET),
    "somebody else's, anywhere": ((setting("AuditEvent", name="theirs", workspace=""),), False, ""),
    "wanted, but not there": ((), True, OFF + "dpsops up"),
    "wanted, but elsewhere": ((setting("AuditEvent", workspace=OTHER),), True, OFF + "dpsops up"),
    "as wanted": ((OURS,), True, ""),
}  # fmt: skip


@pytest.mark.parametrize(("found", "wanted", "words"), SIGHT.values(), ids=SIGHT)
def test_what_status_says(found: tuple[DiagnosticSetting, ...], wanted: bool, words: str) -> None:
    assert logs.off(WANTED if wanted else settings(), found) == words
