"""What a deployment has to do with the vaults for devices, and who gets which role on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dpsops.errors import Refused
from dpsops.model import logs
from dpsops.model.deployment import Deployment, decide
from dpsops.model.logs import DiagnosticSetting
from dpsops.model.resources import Resource, Resources, former_vaults, left_vault
from dpsops.model.roles import SERVICE, VAULT, Held, Principal, needed
from dpsops.settings import DEVICES_TAG, MADE_TAG, Environment
from tests.model.test_deployment import DONE, GROUP, ME, settings, vault

ONE, TWO = "kv-devices-1", "kv-devices-2"
OFFICER, USER = "Key Vault Secrets Officer", "Key Vault Secrets User"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"


def spread(*names: str, **changes: Any) -> Environment:
    """The settings with these vaults for devices."""
    return settings(**changes).model_copy(update={"device": settings().device.model_copy(update={"vaults": list(names)})})


def of_devices(tags: dict[str, str] | None = None, **properties: Any) -> Resource:
    """A vault for devices as dpsops makes it, with other tags, or with some properties changed."""
    return replace(vault(**properties), tags={DEVICES_TAG: "test"} if tags is None else tags)


def held(wanted: Environment) -> frozenset[Held]:
    """All the roles that these settings need."""
    return frozenset(each.held(GROUP) for each in needed(wanted, [ME]))


BOTH = spread(ONE, TWO)
SPREAD = replace(DONE, leaf_vaults={ONE: of_devices(), TWO: of_devices()}, held=held(BOTH))


def decided(found: Resources, wanted: Environment = BOTH) -> Deployment:
    """What a deployment has to do."""
    return decide(wanted, found, [ME])


def names(found: Deployment, verb: str) -> list[str]:
    """What is created, modified or assigned."""
    return [each.target for each in found.actions if each.action == verb]


def test_where_they_are_as_they_should_be_nothing_is_deployed() -> None:
    assert decided(SPREAD) == Deployment()
    capitals = spread("KV-Devices-1", TWO)
    assert decided(SPREAD, capitals) == Deployment(), "names of vaults have no case"


def test_each_that_is_missing_is_created_with_its_tag_like_the_root_s_but_in_software() -> None:
    tagged = spread(ONE, TWO, tags={"team": "ot"}, vault_sku="premium", vault_soft_delete_days=7)
    found = decided(Resources(GROUP, group_exists=False), tagged)
    assert names(found, "create")[:3] == [f"{VAULT}/{name}" for name in ("kv-dpsops-test", ONE, TWO)]
    given: Any = found.parameters
    root, *others = given["vaults"]
    assert (root["sku"], root["tags"]) == ("premium", {"team": "ot", MADE_TAG: "test"})
    for each in others:
        assert (each["sku"], each["tags"]) == ("standard", {"team": "ot", DEVICES_TAG: "test", MADE_TAG: "test"})
        assert (each["softDeleteRetentionDays"], each["purgeProtection"], each["current"]) == (7, True, {})


def test_one_more_is_created_and_the_others_are_left_alone() -> None:
    found = decided(SPREAD, spread(ONE, TWO, "kv-devices-3"))
    assert names(found, "create") == [f"{VAULT}/kv-devices-3"]
    assert names(found, "modify") == []
    assert names(found, "assign") == [f"{OFFICER} on {VAULT}/kv-devices-3 to User {ME.object_id}"]


def test_one_that_somebody_else_made_gets_the_tag_and_keeps_its_own() -> None:
    found = decided(replace(SPREAD, leaf_vaults={ONE: of_devices(), TWO: of_devices({"cost": "42"}, networkAcls={"a": 1})}))
    (action,) = found.actions
    assert [(each.path, each.before, each.after) for each in action.changes] == [(f"tags.{DEVICES_TAG}", None, "test")]
    given: Any = found.parameters
    assert given["vaults"][0]["tags"] == {"cost": "42", DEVICES_TAG: "test"}
    assert given["vaults"][0]["current"]["networkAcls"] == {"a": 1}


@pytest.mark.parametrize(
    ("there", "words", "hint"),
    [
        (of_devices({DEVICES_TAG.upper(): "prod"}), "is for the devices of the environment prod", "under [device]"),
        (of_devices(softDeleteRetentionInDays=30), "for 30 days", "another name under [device]"),
        (replace(of_devices(), location="northeurope"), f"the vault {TWO} is in northeurope", "choose another name"),
        (of_devices(enableRbacAuthorization=False, accessPolicies=[{}]), "1 access policy", "a vault of its own"),
    ],
)
def test_one_that_cannot_become_what_the_settings_say_is_refused(there: Resource, words: str, hint: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        decided(replace(SPREAD, leaf_vaults={ONE: of_devices(), TWO: there}))
    assert hint in refused.value.hint


def test_the_devices_vault_of_another_environment_is_no_vault_for_a_root() -> None:
    with pytest.raises(Refused, match="the vault kv-dpsops-test is for the devices of the environment prod") as refused:
        decided(replace(SPREAD, vault=replace(vault(), tags={DEVICES_TAG: "prod"})))
    assert "under [vault]" in refused.value.hint


def test_the_logs_of_each_vault_are_wanted_and_each_is_looked_at_by_itself() -> None:
    wanted = spread(ONE, TWO, vault_logs=WORKSPACE)
    whole = {
        (VAULT, name): (DiagnosticSetting("dpsops", WORKSPACE, ("AuditEvent",)),) for name in ("kv-dpsops-test", ONE, TWO)
    } | {(SERVICE, "dps-dpsops-test"): (DiagnosticSetting("soc", WORKSPACE, (), ("allLogs",)),)}
    assert decided(replace(SPREAD, logs=whole), wanted) == Deployment()
    found = decided(replace(SPREAD, logs=whole | {(VAULT, TWO): ()}), wanted)
    assert names(found, "create") == [logs.path(VAULT, TWO)]


# roles


def roles(wanted: Environment) -> dict[str, list[str]]:
    """The roles on each vault, for one principal."""
    found: dict[str, list[str]] = {}
    for each in needed(wanted, [ME]):
        if each.type == VAULT:
            found.setdefault(each.resource, []).append(each.role.name)
    return found


def test_with_vaults_for_devices_nobody_writes_secrets_in_that_of_the_root() -> None:
    of_root = ["Key Vault Certificates Officer", "Key Vault Crypto User"]
    assert roles(settings()) == {"kv-dpsops-test": [*of_root, OFFICER]}
    assert roles(BOTH) == {"kv-dpsops-test": [*of_root, USER], ONE: [OFFICER], TWO: [OFFICER]}


def test_who_could_write_secrets_before_needs_no_role_to_read_them() -> None:
    before = held(settings())
    assert names(decided(replace(SPREAD, held=before)), "assign") == [
        f"{OFFICER} on {VAULT}/{name} to User {ME.object_id}" for name in (ONE, TWO)
    ]
    other = Principal("6c1f0f4e-0000-4a0b-8c0d-0e0f0a0b0c0d", "User")
    found = decide(BOTH, replace(SPREAD, held=before), [other])
    assert f"{USER} on {VAULT}/kv-dpsops-test to User {other.object_id}" in names(found, "assign")


def test_who_may_only_read_secrets_is_assigned_the_other_role_once_there_are_no_such_vaults() -> None:
    found = decided(replace(SPREAD, leaf_vaults={}), settings())
    assert names(found, "assign") == [f"{OFFICER} on {VAULT}/kv-dpsops-test to User {ME.object_id}"]


# vaults that have left the settings


def test_a_vault_with_the_tag_of_this_environment_that_the_settings_do_not_name_has_left_them() -> None:
    tagged = {
        ONE: {DEVICES_TAG: "test"},
        "kv-devices-3": {DEVICES_TAG.title(): "test", "team": "ot"},
        "kv-devices-4": {DEVICES_TAG: "prod"},
        "kv-dpsops-test": {DEVICES_TAG: "test"},
        "kv-other": {"environment": "test"},
    }
    assert former_vaults(spread(ONE.upper(), TWO), tagged) == ("kv-devices-3",)
    assert former_vaults(settings(), tagged) == (ONE, "kv-devices-3")
    assert "the vault kv-devices-3 was for devices" in left_vault("kv-devices-3")
