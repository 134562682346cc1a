"""Diagnostic settings of a vault, a DPS and a hub, as Azure Monitor's API and deployments make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.principal import Principal
from tests.emulator.subscription.lab import DEPLOYMENTS, DPS, GROUP, HUB, THERE, VAULT, Subscription, deployment

TYPE = "Microsoft.Insights/diagnosticSettings"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
OTHER = f"{WORKSPACE}-2"
AUDIT = [{"category": "AuditEvent", "enabled": True}]
STRANGER = Principal("11111111-2222-4333-8444-555555555555", "66666666-7777-4888-9999-000000000000", OPERATOR.tenant_id)
OFF = {"enabled": False, "days": 0}


def at(resource: str, name: str = "dpsops") -> str:
    return f"{resource}/providers/{TYPE}/{name}"


def body(logs: list[JSON], workspace: str | None = WORKSPACE, **more: Any) -> JSON:
    return {"properties": {"workspaceId": workspace, "logs": logs} | more}


def grouped(*names: str) -> list[JSON]:
    return [{"categoryGroup": name, "enabled": True} for name in names]


def named(*names: str) -> list[JSON]:
    return [{"category": name, "enabled": True} for name in names]


def log(name: str, *, enabled: bool, group: bool = False) -> JSON:
    """A log as a GET shows it."""
    return {"category": None if group else name, "categoryGroup": name if group else None, "enabled": enabled,
            "retentionPolicy": OFF}  # fmt: skip


@pytest.fixture(autouse=True)
def resources(azure: Subscription) -> None:
    azure.vault()
    azure.hub()
    azure.service()


def test_a_setting_is_made_shown_listed_and_removed(azure: Subscription) -> None:
    made = azure.call("PUT", at(VAULT), body(AUDIT))
    assert made.status == 200
    assert made.body == {
        "id": f"{VAULT.lower()}/providers/microsoft.insights/diagnosticSettings/dpsops",
        "type": TYPE,
        "name": "dpsops",
        "location": None,
        "kind": None,
        "tags": None,
        "properties": {
            "storageAccountId": None,
            "serviceBusRuleId": None,
            "workspaceId": WORKSPACE,
            "eventHubAuthorizationRuleId": None,
            "eventHubName": None,
            "metrics": [{"timeGrain": None, "category": "AllMetrics", "enabled": False, "retentionPolicy": OFF}],
            "logs": [log("AuditEvent", enabled=True), log("AzurePolicyEvaluationDetails", enabled=False)],
            "logAnalyticsDestinationType": None,
        },
        "identity": None,
    }
    assert azure.ok("GET", at(VAULT.replace("kv-test", "KV-TEST"), "DPSOPS")) == made.body
    assert azure.ok("GET", at(VAULT).rpartition("/")[0]) == {"value": [made.body]}
    assert azure.ok("GET", at(DPS).rpartition("/")[0]) == {"value": []}
    assert azure.call("DELETE", at(VAULT)).status == 200
    assert azure.call("DELETE", at(VAULT)).status == 204
    assert azure.refused("GET", at(VAULT)) == (404, "ResourceNotFound")


@pytest.mark.parametrize("resource", [VAULT, DPS, HUB])
def test_every_resource_sends_all_its_logs_by_their_group(azure: Subscription, resource: str) -> None:
    shown = azure.ok("PUT", at(resource), body(grouped("allLogs")))["properties"]["logs"]
    rest = [log("audit", enabled=False, group=True)] if resource == VAULT else []
    assert shown == [log("allLogs", enabled=True, group=True), *rest]


REFUSED: dict[str, tuple[str, JSON, tuple[int, str], str]] = {
    "no destination": (VAULT, body(AUDIT, None), (400, "BadRequest"), "At least one data sink needs to be specified."),
    "an unknown category": (VAULT, body(named("Audit")), (400, "BadRequest"), "Category 'Audit' is not supported."),
    "another type's category": (DPS, body(AUDIT), (400, "BadRequest"), "Category 'AuditEvent' is not supported."),
    "an unknown group": (DPS, body(grouped("audit")), (400, "BadRequest"), "Category group 'audit' is not supported."),
    "an unknown metric": (HUB, body([], metrics=named("Some")), (400, "BadRequest"), "Category 'Some' is not supported."),
    "groups and categories": (VAULT, body(AUDIT + grouped("allLogs")), (400, "BadRequest"),
                              "Diagnostic setting does not support mix of log category and log category group."),
    "nothing enabled": (VAULT, body([{"category": "AuditEvent", "enabled": False}]), (400, "BadRequest"),
                        "At least one category"),
    "neither": (VAULT, body([*AUDIT, {"enabled": True}]), (400, "BadRequest"), "A log of the diagnostic setting has neither"),
    "no switch": (VAULT, body([{"category": "AuditEvent"}]), (400, "BadRequest"), "The logs of the diagnostic setting"),
    "no properties": (VAULT, {}, (400, "BadRequest"), "The properties of the diagnostic setting are missing."),
    "the customer ID": (VAULT, body(AUDIT, "1c11b111-111e-1f11-b111-beef1111c1e1"), (400, "LinkedInvalidPropertyId"),
                        "Property id '1c11b111-111e-1f11-b111-beef1111c1e1' at path 'properties.workspaceId' is invalid."),
    "no text": (VAULT, body(AUDIT) | {"properties": {"workspaceId": 1, "logs": AUDIT}}, (400, "LinkedInvalidPropertyId"), "Prop"),
    "another type": (VAULT, body(AUDIT, VAULT), (404, "ResourceNotFound"), "The Resource 'Microsoft.KeyVault/vaults/kv-test'"),
    "no such group": (VAULT, body(AUDIT, WORKSPACE.replace("/rg/", "/rg-logs/")), (404, "ResourceNotFound"),
                      "The Resource 'Microsoft.OperationalInsights/workspaces/logs' under resource group 'rg-logs' was not "),
    "another subscription": (VAULT, body(AUDIT, WORKSPACE.replace(THERE, f"{THERE[:-4]}0000")),
                             (403, "LinkedAuthorizationFailed"), "The client "),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "given", "code", "words"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_setting_is_refused(azure: Subscription, resource: str, given: JSON, code: tuple[int, str], words: str) -> None:
    assert azure.refused("PUT", at(resource), given) == code
    answer = azure.call("PUT", at(resource), given).body
    assert answer.get("error", answer)["message"].startswith(words)
    assert azure.ok("GET", at(resource).rpartition("/")[0])["value"] == []


def test_a_name_that_no_setting_can_have_is_refused(azure: Subscription) -> None:
    assert azure.refused("PUT", at(VAULT, "a:b"), body(AUDIT)) == (400, "BadRequest")


def test_one_log_is_not_sent_to_one_place_twice(azure: Subscription) -> None:
    azure.ok("PUT", at(VAULT, "theirs"), body(grouped("allLogs")))
    answer = azure.call("PUT", at(VAULT), body(AUDIT, WORKSPACE.upper()))
    assert (answer.status, answer.body["code"]) == (409, "Conflict")
    assert (
        f"Data sink '{WORKSPACE.upper()}' is already used in diagnostic setting 'theirs' for category 'AuditEvent'."
        in (answer.body["message"])
    )
    azure.ok("PUT", at(VAULT), body(AUDIT, OTHER))
    azure.ok("PUT", at(VAULT, "THEIRS"), body(named("AzurePolicyEvaluationDetails")))
    azure.ok("PUT", at(VAULT), body(AUDIT))
    assert len(azure.ok("GET", at(VAULT).rpartition("/")[0])["value"]) == 2


def test_a_resource_has_five_settings_at_most(azure: Subscription) -> None:
    for number in range(5):
        azure.ok("PUT", at(DPS, f"s{number}"), body(grouped("allLogs"), f"{WORKSPACE}-{number}"))
    assert azure.refused("PUT", at(DPS), body(grouped("allLogs"))) == (400, "BadRequest")
    azure.ok("PUT", at(DPS, "S4"), body(named("DeviceOperations"), f"{WORKSPACE}-4"))


def test_what_needs_which_right(azure: Subscription) -> None:
    assert azure.refused("PUT", at(VAULT), body(AUDIT), caller=STRANGER) == (403, "AuthorizationFailed")
    assert azure.refused("GET", at(VAULT).rpartition("/")[0], caller=STRANGER) == (403, "AuthorizationFailed")
    denied = azure.call("DELETE", at(VAULT), caller=STRANGER).body["error"]["message"]
    assert "perform action 'Microsoft.Insights/diagnosticSettings/delete'" in denied


def test_who_may_write_settings_may_not_send_into_any_workspace(azure: Subscription) -> None:
    contributor = f"{THERE}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"
    role = {"properties": {"roleDefinitionId": contributor, "principalId": STRANGER.object_id, "principalType": "User"}}
    azure.ok("PUT", f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/{STRANGER.object_id}", role)
    answer = azure.call("PUT", at(VAULT), body(AUDIT), caller=STRANGER)
    assert (answer.status, answer.body["error"]["code"]) == (403, "LinkedAuthorizationFailed")
    keys = "Microsoft.OperationalInsights/workspaces/sharedKeys/action"
    assert f"perform action '{keys}' on the linked scope(s) '{WORKSPACE}'" in answer.body["error"]["message"]
    azure.ok("PUT", at(VAULT), body(AUDIT, None, storageAccountId=f"{GROUP}/providers/x/y/z"), caller=STRANGER)


def test_there_is_none_of_what_has_no_logs_or_is_not_there(azure: Subscription) -> None:
    assert azure.refused("PUT", at(f"{VAULT}-2"), body(AUDIT)) == (404, "ResourceNotFound")
    assert azure.refused("GET", at(VAULT.replace("kv-", "k")), body(AUDIT)) == (404, "ResourceNotFound")
    network = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/one"
    assert azure.refused("PUT", at(network), body(AUDIT)) == (400, "ResourceTypeNotSupported")
    assert azure.refused("PUT", at(VAULT), body(AUDIT), version="2016-09-01") == (400, "NoRegisteredProviderFound")
    assert azure.call("PUT", at(GROUP), body(AUDIT)).status == 405


@pytest.mark.parametrize("stay", [False, True])
def test_a_setting_goes_with_its_resource_or_outlives_it(azure: Subscription, *, stay: bool) -> None:
    azure.azure.habits = replace(azure.azure.habits, diagnostic_settings_stay=stay)
    azure.ok("PUT", at(HUB), body(grouped("allLogs")))
    azure.ok("PUT", at(DPS), body(grouped("allLogs")))
    azure.ok("DELETE", HUB)
    assert azure.refused("GET", at(HUB)) == (404, "ResourceNotFound")
    azure.hub()
    assert len(azure.ok("GET", at(HUB).rpartition("/")[0])["value"]) == stay
    assert len(azure.ok("GET", at(DPS).rpartition("/")[0])["value"]) == 1
    azure.ok("DELETE", GROUP)
    azure.ok("PUT", GROUP, {"location": "westeurope"})
    azure.service()
    assert len(azure.ok("GET", at(DPS).rpartition("/")[0])["value"]) == stay


def declared(scope: str, given: JSON, name: str = "dpsops") -> JSON:
    return {"type": TYPE, "apiVersion": "2021-05-01-preview", "name": name, "scope": scope} | given


def test_a_deployment_makes_a_setting(azure: Subscription) -> None:
    made = declared("Microsoft.KeyVault/vaults/kv-test", body(AUDIT))
    foreseen = azure.call("POST", f"{GROUP}/{DEPLOYMENTS}/main/whatIf", deployment(made))
    changes = azure.ok("GET", foreseen.headers["Location"])["properties"]["changes"]
    assert ("Create", at(VAULT)) in [(each["changeType"], each["resourceId"]) for each in changes]
    assert azure.refused("GET", at(VAULT)) == (404, "ResourceNotFound")
    assert azure.deploy(made)["provisioningState"] == "Succeeded"
    assert azure.ok("GET", at(VAULT))["properties"]["workspaceId"] == WORKSPACE
    twice = azure.deploy(declared("Microsoft.KeyVault/vaults/kv-test", body(AUDIT), "second"))
    (detail,) = twice["error"]["details"]
    assert detail["code"] == "Conflict"
    assert "Data sinks can't be reused" in detail["message"]


@pytest.mark.parametrize(
    ("scope", "code"),
    [("Microsoft.KeyVault/vaults/kv-none", "ResourceNotFound"), ("Microsoft.Devices/IotHubs/hub2", "ResourceNotFound")],
)
def test_a_deployment_of_a_setting_of_nothing_fails(azure: Subscription, scope: str, code: str) -> None:
    found = azure.deploy(declared(scope, body(grouped("allLogs"))))
    assert [each["code"] for each in found["error"]["details"]] == [code]


def test_a_read_only_lock_stops_it(azure: Subscription) -> None:
    azure.ok("PUT", f"{VAULT}/providers/Microsoft.Authorization/locks/l", {"properties": {"level": "ReadOnly"}})
    assert azure.refused("PUT", at(VAULT), body(AUDIT)) == (409, "ScopeLocked")
