"""What dpsops decides, deployed with the template: client and template are tested together, on the embedded Azure."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.errors import Refused
from dpsops.model.deployment import Deployment
from dpsops.model.links import DATA_CONTRIBUTOR
from dpsops.model.roles import HUB, ROLES, SERVICE, VAULT, Role
from dpsops.settings import MADE_TAG
from tests.bicep.group import (
    GROUP,
    HUBS,
    IDENTITY_VERSION,
    LOGS,
    LOGS_VERSION,
    PRINCIPAL,
    WORKSPACE,
    Group,
    environment,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("unmeasured")

KEYS, IDENTITY = {"name": "dps-dpsops-test"}, {"name": "dps-dpsops-test", "link": "identity"}
BOTH = pytest.mark.parametrize("dps", [KEYS, IDENTITY], ids=["by key", "by identity"])


@pytest.fixture
def group() -> Group:
    """A resource group with nothing in it."""
    return Group()


# a deployment


@BOTH
def test_the_first_deployment_creates_everything_and_a_second_decision_decides_nothing(group: Group, dps: JSON) -> None:
    wanted = environment(dps=dps)
    decided = group.converge(wanted)
    created = [each.target for each in decided.actions if each.action == "create"]
    assert created == [f"{VAULT}/kv-dpsops-test", f"{HUB}/iot-one", f"{HUB}/iot-two", f"{SERVICE}/dps-dpsops-test"]
    assert decided.assigns_roles
    assert group.decide(wanted) == Deployment()
    version = IDENTITY_VERSION if dps is IDENTITY else ""
    assert [group.get(*each.rsplit("/", 1))["name"] for each in created[:3]] == ["kv-dpsops-test", "iot-one", "iot-two"]
    assert group.get(SERVICE, "dps-dpsops-test", version)["properties"]["state"] == "Active"


@BOTH
def test_the_logs_of_vault_and_dps_go_to_the_workspace(group: Group, dps: JSON) -> None:
    """Both may have one name, and the deployments inside this one have different names."""
    wanted = environment(vault={"name": "one-name", "logs": WORKSPACE}, dps=dps | {"name": "one-name"})
    made = [each.target for each in group.converge(wanted).actions if LOGS in each.target]
    assert made == [f"{type_}/one-name/providers/{LOGS}/dpsops" for type_ in (VAULT, SERVICE)]
    assert group.decide(wanted) == Deployment()
    other = environment(vault={"name": "one-name", "logs": f"{WORKSPACE}-2"}, dps=dps | {"name": "one-name"})
    assert [each.action for each in group.converge(other).actions] == ["modify", "modify"]
    sent = group.call("GET", f"{GROUP}/providers/{made[1]}", version=LOGS_VERSION)["properties"]
    assert sent["workspaceId"] == f"{WORKSPACE}-2"
    assert [each["category"] for each in sent["logs"] if each["enabled"]] == ["DeviceOperations", "ServiceOperations"]
    assert group.decide(other) == Deployment()


def test_what_it_says_when_it_is_done(group: Group) -> None:
    wanted = environment()
    found = group.deploy(wanted, group.decide(wanted).parameters)
    assert found["outputs"] == {"linkedHubs": {"type": "Array", "value": ["iot-one", "iot-two"]}}
    made = [each["id"].removeprefix(f"{GROUP}/providers/") for each in found["outputResources"]]
    assert sorted(each for each in made if "roleAssignments" not in each) == sorted(
        [f"{VAULT}/kv-dpsops-test", f"{HUB}/iot-one", f"{HUB}/iot-two", f"{SERVICE}/dps-dpsops-test"]
    )


def test_what_is_in_no_list_is_left_alone(group: Group) -> None:
    group.converge(environment())
    before = [group.get(*each) for each in ((VAULT, "kv-dpsops-test"), (HUB, "iot-one"), (SERVICE, "dps-dpsops-test"))]
    found = group.deploy(environment(), {})
    assert found["outputResources"] == []
    assert [group.get(*each) for each in ((VAULT, "kv-dpsops-test"), (HUB, "iot-one"), (SERVICE, "dps-dpsops-test"))] == before


def test_the_resources_that_are_created(group: Group) -> None:
    group.converge(environment(tags={"team": "iot"}, vault={"sku": "premium"}, dps={"allocation": "geoLatency"}))
    vault = group.get(VAULT, "kv-dpsops-test")
    assert (vault["location"], vault["tags"]) == ("westeurope", {"team": "iot", MADE_TAG: "test"})
    assert vault["properties"]["sku"] == {"family": "A", "name": "premium"}
    assert vault["properties"]["enableRbacAuthorization"] is True
    assert vault["properties"]["enableSoftDelete"] is True
    assert vault["properties"]["enablePurgeProtection"] is True
    assert vault["properties"]["softDeleteRetentionInDays"] == 90
    assert not vault["properties"]["accessPolicies"]
    hub = group.get(HUB, "iot-two")
    assert (hub["location"], hub["sku"]["name"], hub["sku"]["capacity"]) == ("northeurope", "S1", 1)
    service = group.get(SERVICE, "dps-dpsops-test")
    assert (service["sku"]["name"], service["sku"]["capacity"]) == ("S1", 1)
    assert service["properties"]["allocationPolicy"] == "GeoLatency"
    assert [each["name"] for each in service["properties"]["iotHubs"]] == [
        "iot-one.azure-devices.net",
        "iot-two.azure-devices.net",
    ]
    assert [(each["location"], each["allocationWeight"]) for each in service["properties"]["iotHubs"]] == [
        ("westeurope", 1),
        ("northeurope", 3),
    ]


def test_purge_protection_is_left_out_rather_than_refused(group: Group) -> None:
    wanted = environment(vault={"purge_protection": False, "soft_delete_days": 7})
    group.converge(wanted)
    assert "enablePurgeProtection" not in group.get(VAULT, "kv-dpsops-test")["properties"]
    assert group.decide(wanted) == Deployment()
    again = environment(vault={"purge_protection": False, "soft_delete_days": 7}, tags={"team": "iot"})
    assert [each.target for each in group.converge(again).actions if "kv" in each.target] == [f"{VAULT}/kv-dpsops-test"]
    assert "enablePurgeProtection" not in group.get(VAULT, "kv-dpsops-test")["properties"]


def test_a_service_without_links_is_written(group: Group) -> None:
    """The settings always name a hub; the template does without."""
    parameters: Any = group.decide(environment()).parameters
    service = parameters["newServices"][0] | {"links": []}
    group.deploy(environment(), {"newServices": [service]})
    assert not group.get(SERVICE, "dps-dpsops-test")["properties"].get("iotHubs")


# roles


@BOTH
def test_the_roles_that_are_needed_are_held_and_no_others(group: Group, dps: JSON) -> None:
    before = group.assignments()
    group.converge(environment(dps=dps))
    held = [_held(each) for each in group.assignments() if each not in before]
    resources = [(VAULT, "kv-dpsops-test"), (SERVICE, "dps-dpsops-test"), (HUB, "iot-one"), (HUB, "iot-two")]
    wanted = [(PRINCIPAL.object_id, f"{type_}/{name}", role.id) for type_, name in resources for role in ROLES[type_]]
    if dps is IDENTITY:
        own = group.get(SERVICE, "dps-dpsops-test", IDENTITY_VERSION)["identity"]["principalId"]
        wanted += [(own, f"{HUB}/{name}", DATA_CONTRIBUTOR.id) for name in ("iot-one", "iot-two")]
    assert sorted(held) == sorted(wanted)


@pytest.mark.parametrize(
    ("dps", "hub", "role"),
    [(KEYS, "iot-one", ROLES[HUB][0]), (IDENTITY, "iot-two", DATA_CONTRIBUTOR)],
    ids=["our own", "the service's"],
)
def test_a_role_that_is_taken_away_is_assigned_again_alone(group: Group, dps: JSON, hub: str, role: Role) -> None:
    group.converge(environment(dps=dps))
    before = group.assignments()
    path = f"{GROUP}/providers/{HUB}/{hub}/providers/Microsoft.Authorization/roleAssignments"
    listed = group.call("GET", path, version="2022-04-01")["value"]
    (gone,) = [each["id"] for each in listed if each["properties"]["roleDefinitionId"].endswith(role.id)]
    group.call("DELETE", gone, version="2022-04-01")
    decided = group.converge(environment(dps=dps))
    assert [each.action for each in decided.actions] == ["assign"]
    assert sorted(map(_held, group.assignments())) == sorted(map(_held, before))
    assert group.decide(environment(dps=dps)) == Deployment()


def _held(assignment: JSON) -> tuple[str, str, str]:
    """Who holds which role: principal, resource, role."""
    scope, role = assignment["scope"].removeprefix(f"{GROUP}/providers/"), assignment["roleDefinitionId"]
    return assignment["principalId"], scope, role.rpartition("/")[2]


# what is there stays


def test_a_hub_keeps_its_routes_and_identity_when_it_is_written_anew(group: Group) -> None:
    group.converge(environment())
    hub = group.get(HUB, "iot-one")
    route = {"name": "all", "source": "DeviceMessages", "condition": "true", "endpointNames": ["events"], "isEnabled": True}
    properties = {key: hub["properties"][key] for key in ("eventHubEndpoints", "cloudToDevice", "messagingEndpoints")}
    properties |= {"routing": {"routes": [route], "endpoints": hub["properties"]["routing"]["endpoints"]}}
    body = {"location": "westeurope", "sku": hub["sku"], "identity": {"type": "SystemAssigned"}, "properties": properties}
    group.put(HUB, "iot-one", body)
    before = group.get(HUB, "iot-one")
    assert before["identity"]["type"] == "SystemAssigned"
    assert before["properties"]["routing"]["routes"] == [route]
    decided = group.converge(environment(hub=[HUBS[0] | {"capacity": 2}, HUBS[1]]))
    assert [each.target for each in decided.actions] == [f"{HUB}/iot-one"]
    after = group.get(HUB, "iot-one")
    assert after["sku"]["capacity"] == 2
    assert (after["properties"], after["identity"]) == (before["properties"], before["identity"])


def test_a_vault_keeps_its_network_rules_and_policies_when_it_is_written_anew(group: Group) -> None:
    group.converge(environment())
    properties = group.get(VAULT, "kv-dpsops-test")["properties"]
    rules = {"bypass": "None", "defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7/32"}], "virtualNetworkRules": []}
    policy = {"tenantId": properties["tenantId"], "objectId": PRINCIPAL.object_id, "permissions": {"secrets": ["get"]}}
    changed = {key: each for key, each in properties.items() if key not in ("vaultUri", "provisioningState")}
    changed |= {"networkAcls": rules, "accessPolicies": [policy], "enabledForDeployment": True}
    group.put(VAULT, "kv-dpsops-test", {"location": "westeurope", "properties": changed})
    before = group.get(VAULT, "kv-dpsops-test")["properties"]
    assert (before["networkAcls"]["defaultAction"], len(before["accessPolicies"])) == ("Deny", 1)
    decided = group.converge(environment(vault={"sku": "premium"}))
    assert [each.target for each in decided.actions] == [f"{VAULT}/kv-dpsops-test"]
    after = group.get(VAULT, "kv-dpsops-test")["properties"]
    assert after == before | {"sku": {"family": "A", "name": "premium"}}


def test_access_policies_that_are_in_force_are_not_lost(group: Group) -> None:
    group.converge(environment())
    properties = group.get(VAULT, "kv-dpsops-test")["properties"]
    policy = {"tenantId": properties["tenantId"], "objectId": PRINCIPAL.object_id, "permissions": {"secrets": ["get"]}}
    changed = {key: each for key, each in properties.items() if key not in ("vaultUri", "provisioningState")}
    changed |= {"enableRbacAuthorization": False, "accessPolicies": [policy]}
    group.put(VAULT, "kv-dpsops-test", {"location": "westeurope", "properties": changed})
    with pytest.raises(Refused, match="access policy"):
        group.decide(environment())


@BOTH
def test_a_service_keeps_its_filter_and_policies_when_it_is_written_anew(group: Group, dps: JSON) -> None:
    version = IDENTITY_VERSION if dps is IDENTITY else ""
    group.converge(environment(dps=dps))
    service = group.get(SERVICE, "dps-dpsops-test", version)
    rule = {"filterName": "office", "action": "Accept", "ipMask": "203.0.113.0/24", "target": "serviceApi"}
    policy = {"keyName": "reader", "rights": "EnrollmentRead"}
    kept = {key: each for key, each in service["properties"].items() if key in ("allocationPolicy", "iotHubs")}
    kept["iotHubs"] = [{key: each for key, each in link.items() if key != "name"} for link in kept["iotHubs"]]
    kept |= {"ipFilterRules": [rule], "publicNetworkAccess": "Enabled", "authorizationPolicies": [policy]}
    body = {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}, "tags": {"owner": "ops"}, "properties": kept}
    group.put(SERVICE, "dps-dpsops-test", body | ({"identity": {"type": "SystemAssigned"}} if version else {}), version)
    before = group.get(SERVICE, "dps-dpsops-test", version)
    assert before["properties"]["ipFilterRules"] == [rule]
    decided = group.converge(environment(dps=dps | {"allocation": "static"}, tags={"team": "iot"}))
    assert f"{SERVICE}/dps-dpsops-test" in [each.target for each in decided.actions]
    after = group.get(SERVICE, "dps-dpsops-test", version)
    assert after["tags"] == {"owner": "ops", "team": "iot"}
    sent = {} if version else {"enableDataResidency": False}  # what a GET does not show is sent as it is by default
    assert after["properties"] == before["properties"] | {"allocationPolicy": "Static"} | sent
    assert after.get("identity") == before.get("identity")
