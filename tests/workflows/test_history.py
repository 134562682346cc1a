"""`up` where others have been before: what it meets stays, or is refused in words, before anything is made."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Response
from dpsops.errors import Denied, Error, Refused
from dpsops.model.action import Action, PropertyChange
from dpsops.model.plan import Plan
from dpsops.settings import Environment
from tests.workflows.by_hand import azure
from tests.workflows.commands import issue_to, plan, status, up
from tests.workflows.doing import PRESS, over
from tests.workflows.history import DPS, GROUP, HUB, VAULT, group_of, make_group, put, remove, resource
from tests.worlds import World, environment

pytestmark = pytest.mark.usefixtures("unmeasured")

ONE, TWO = {"name": "iot-dpsops-test"}, {"name": "iot-dpsops-two"}


def changed(*hubs: dict[str, Any], **settings: Any) -> Environment:
    """The environment with other settings."""
    return environment(**{"root": {"key": "EC-P256"}, "hub": list(hubs or (ONE,))} | settings)


def writes(world: World) -> list[str]:
    """What was written since the last `connect`."""
    return [f"{each.method} {each.path}" for each in world.exchanges if each.writes]


def questions(world: World) -> list[str]:
    """Of these, what only asks."""
    return [each for each in writes(world) if each.lower().endswith("nameavailability")]


def linked(world: World) -> list[str]:
    """The hosts that the DPS is linked to."""
    return [each["name"] for each in resource(world, DPS)["properties"]["iotHubs"]]


# links


def test_a_hub_that_the_settings_name_no_more_is_unlinked_and_the_plan_marks_it(quick: World) -> None:
    both = changed(ONE, TWO)
    up(quick.connect(both))
    (unlink, group) = plan(quick.connect(changed())).actions
    path = "properties.iotHubs.iot-dpsops-two.azure-devices.net"
    assert [(each.path, each.after) for each in unlink.changes] == [(path, None)]
    assert unlink.changes[0].warning == "the DPS assigns no device to it any more; 0 device(s) are registered there"
    assert group == Action("modify", "enrollment group devices")
    up(quick.connect(changed()))
    assert linked(quick) == ["iot-dpsops-test.azure-devices.net"]
    assert plan(quick.connect(changed())).actions == ()


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_hub_that_somebody_else_has_linked_stays_linked(quick: World, shuffled: bool) -> None:
    azure(quick).habits = replace(azure(quick).habits, shuffled=shuffled)
    put(quick, "Microsoft.Devices/IotHubs/iot-factory", resource(quick, HUB))
    (key, *_) = quick.connect().clients.hubs.iot_hub_resource.list_keys(GROUP, "iot-factory")
    connection = f"HostName=iot-factory.azure-devices.net;SharedAccessKeyName={key.key_name};SharedAccessKey={key.primary_key}"
    service = resource(quick, DPS)
    service["properties"]["iotHubs"].append({"connectionString": connection, "location": "westeurope", "allocationWeight": 4})
    put(quick, DPS, service)
    assert plan(quick.connect()).actions == ()
    assert up(quick.connect(changed(ONE, TWO)))
    assert set(linked(quick)) == {f"{name}.azure-devices.net" for name in ("iot-factory", "iot-dpsops-test", "iot-dpsops-two")}
    assert up(quick.connect(changed()))
    assert set(linked(quick)) == {"iot-factory.azure-devices.net", "iot-dpsops-test.azure-devices.net"}


def test_a_hub_whose_policies_may_not_do_what_a_dps_does(quick: World) -> None:
    make_group(quick, "rg-narrow")
    reader = {"keyName": "reader", "rights": "ServiceConnect", "primaryKey": "a2V5MQ==", "secondaryKey": "a2V5Mg=="}
    narrow = resource(quick, HUB) | {"properties": {"authorizationPolicies": [reader]}}
    put(quick, "Microsoft.Devices/IotHubs/iot-narrow", narrow, "rg-narrow")
    wanted = changed({"name": "iot-narrow"}, resource_group="rg-narrow", vault={"name": "kv-narrow"}, dps={"name": "dps-narrow"})
    with pytest.raises(Error) as failed:
        up(quick.connect(wanted))
    assert "no access policy of a hub may do what the DPS does there" in failed.value.hint


# what is in the way


def test_names_that_are_taken_are_told_before_anything_is_made(quick: World) -> None:
    with pytest.raises(Refused) as refused:
        up(quick.connect(changed(resource_group="rg-other")))
    assert refused.value.message.count("\n") == 3
    assert all(name in refused.value.message for name in ("kv-dpsops-test", "dps-dpsops-test", "iot-dpsops-test"))
    assert len(questions(quick)) == len(writes(quick)) == 3


def test_a_region_without_a_service_is_told_before_anything_is_made(quick: World) -> None:
    names = {"vault": {"name": "kv-other"}, "dps": {"name": "dps-other"}}
    wanted = changed({"name": "iot-other"}, resource_group="rg-other", location="switzerlandnorth", **names)
    with pytest.raises(Refused, match="provisioningServices/dps-other cannot be made in switzerlandnorth") as refused:
        up(quick.connect(wanted))
    assert "westeurope" in refused.value.hint
    assert questions(quick) == writes(quick), "without a resource group, the providers tell it"
    make_group(quick, "rg-other")
    with pytest.raises(Error, match="switzerlandnorth") as told:
        up(quick.connect(wanted))
    assert "set another location in the settings" in told.value.hint
    assert questions(quick) == writes(quick), "with one, what-if tells it"


def test_the_regions_that_nobody_may_read_are_left_to_azure(quick: World) -> None:
    refusal = Response(403, {"error": {"code": "AuthorizationFailed", "message": "No."}})
    azure(quick).faults.add(
        Fault(Refuse(refusal), lambda request: request.path.lower().endswith("/providers/microsoft.devices"), times=None)
    )
    names = {"vault": {"name": "kv-other"}, "dps": {"name": "dps-other"}}
    assert plan(quick.connect(changed({"name": "iot-other"}, resource_group="rg-other", **names))).actions


def test_a_name_that_no_service_takes_is_no_name_that_is_taken(quick: World) -> None:
    wanted = environment(resource_group="rg-other", vault={"name": "kv-other"}, hub=[{"name": "iot-other"}])
    bad = wanted.model_copy(update={"dps": wanted.dps.model_copy(update={"name": "global"})})
    with pytest.raises(Refused, match="Name 'global' not allowed") as refused:
        plan(quick.connect(bad))
    assert refused.value.hint == "correct this name in the settings"


@pytest.mark.parametrize(("sku", "wanted"), [("B1", "F1"), ("S1", "B1")])
def test_a_sku_that_azure_would_refuse_is_refused_by_the_plan(quick: World, sku: str, wanted: str) -> None:
    put(quick, "Microsoft.Devices/IotHubs/iot-dpsops-two", resource(quick, HUB) | {"sku": {"name": sku, "capacity": 1}})
    with pytest.raises(Refused, match=f"has the SKU {sku}, which cannot be changed to {wanted}"):
        up(quick.connect(changed(ONE, TWO | {"sku": wanted})))
    assert writes(quick) == []
    document = resource(quick, "Microsoft.Devices/IotHubs/iot-dpsops-two") | {"sku": {"name": wanted, "capacity": 1}}
    with pytest.raises(HttpResponseError, match="tier cannot change"):
        put(quick, "Microsoft.Devices/IotHubs/iot-dpsops-two", document)


def test_a_vault_that_was_deleted_elsewhere_is_told_with_its_region(quick: World) -> None:
    make_group(quick, "rg-past", "northeurope")
    vault = resource(quick, VAULT) | {"location": "northeurope"}
    vault["properties"] = {name: vault["properties"][name] for name in ("tenantId", "sku", "enableRbacAuthorization")}
    put(quick, "Microsoft.KeyVault/vaults/kv-past", vault, "rg-past")
    remove(quick, "Microsoft.KeyVault/vaults/kv-past", "rg-past")
    wanted = changed(ONE | {"name": "iot-new"}, resource_group="rg-new", vault={"name": "kv-past"}, dps={"name": "dps-new"})
    with pytest.raises(Refused) as refused:
        plan(quick.connect(wanted))
    assert "az keyvault recover --name kv-past" in refused.value.hint
    assert questions(quick) == writes(quick)


@pytest.mark.parametrize("level", ["ReadOnly", "CanNotDelete"])
def test_under_a_lock_nothing_is_half_done(quick: World, level: str) -> None:
    lock = {"properties": {"level": level, "notes": "finance"}}
    quick.connect().clients.groups.resources.begin_create_or_update_by_id(
        f"{group_of(quick)}/providers/Microsoft.Authorization/locks/keep", lock, api_version="2020-05-01"
    ).result()
    assert plan(quick.connect()).actions == ()
    assert up(quick.connect()) == []
    if level == "CanNotDelete":
        assert up(quick.connect(changed(tags={"team": "press"})))
        return
    with pytest.raises(Error, match="are locked") as refused:
        up(quick.connect(changed(tags={"team": "press"})))
    assert "az lock list --resource-group rg-dpsops-test" in refused.value.hint


def test_a_policy_that_wants_a_tag_is_named_and_the_tag_helps(quick: World) -> None:
    definition = "/providers/Microsoft.Authorization/policyDefinitions/871b6d14-10aa-478d-b590-94f262ecfa99"
    properties = {
        "policyDefinitionId": definition,
        "displayName": "A cost center, please",
        "parameters": {"tagName": {"value": "costcenter"}},
    }
    put(quick, "Microsoft.Authorization/policyAssignments/costs", {"properties": properties})
    assert plan(quick.connect()).actions == (), "what is there stays"
    with pytest.raises(Error) as refused:
        plan(quick.connect(changed(ONE, TWO)))
    assert "A cost center, please" in refused.value.hint or "Require a tag" in refused.value.hint
    assert "set the tags that it wants in the settings" in refused.value.hint
    assert plan(quick.connect(changed(ONE, TWO, tags={"costcenter": "4711"}))).actions


def test_a_second_free_hub_is_refused_before_anything_is_made(quick: World) -> None:
    make_group(quick, "rg-free")
    free = resource(quick, HUB) | {"sku": {"name": "F1", "capacity": 1}, "properties": {}}
    put(quick, "Microsoft.Devices/IotHubs/iot-free", free, "rg-free")
    with pytest.raises(Error, match="sku = Free") as refused:
        up(quick.connect(changed(ONE, TWO | {"sku": "F1"})))
    assert "a subscription has one free hub at most" in refused.value.hint
    assert not any("/deployments/" in each and each.startswith("PUT") for each in writes(quick))
    others = {"resource_group": "rg-other", "vault": {"name": "kv-other"}, "dps": {"name": "dps-other"}}
    with pytest.raises(Refused, match="at most, and this one has iot-free"):
        up(quick.connect(changed({"name": "iot-other", "sku": "F1"}, **others)))
    assert writes(quick) == [], "without a resource group, there is no what-if to tell it"


def test_an_event_subscription_keeps_its_route(quick: World) -> None:
    queue = {"resourceId": f"{group_of(quick)}/providers/x/y/z", "queueName": "q"}
    destination = {"endpointType": "StorageQueue", "properties": queue}
    body = {"properties": {"destination": destination, "filter": {"includedEventTypes": ["Microsoft.Devices.DeviceTelemetry"]}}}
    identifier = f"{group_of(quick)}/providers/{HUB}/providers/Microsoft.EventGrid/eventSubscriptions/telemetry"
    clients = quick.connect().clients
    clients.groups.resources.begin_create_or_update_by_id(identifier, body, api_version="2022-06-15").result()
    assert [each["name"] for each in resource(quick, HUB)["properties"]["routing"]["routes"]] == ["RouteToEventGrid"]
    assert up(quick.connect(changed(ONE | {"capacity": 2})))
    found = resource(quick, HUB)
    assert found["sku"]["capacity"] == 2
    assert [each["name"] for each in found["properties"]["routing"]["routes"]] == ["RouteToEventGrid"]


def test_a_role_that_somebody_has_assigned_by_hand_is_the_role(quick: World) -> None:
    clients = quick.connect().clients
    base = f"{group_of(quick)}/providers/{VAULT}/providers/Microsoft.Authorization/roleAssignments"
    for each in clients.authorization.pages(base):
        if "/vaults/" in each["properties"]["scope"]:
            clients.authorization.delete(each["id"], "*")
            properties = {name: each["properties"][name] for name in ("roleDefinitionId", "principalId", "principalType")}
            clients.authorization.put(f"{base}/{uuid.uuid4()}", {"properties": properties}, None)
    assert plan(quick.connect()).actions == ()
    assert up(quick.connect()) == []


def test_a_vault_behind_a_firewall_gets_its_roles_and_the_firewall_is_told(quick: World) -> None:
    vault = resource(quick, VAULT)
    vault["properties"]["networkAcls"] = {"defaultAction": "Deny", "bypass": "None", "ipRules": [{"value": "192.0.2.7"}]}
    put(quick, VAULT, vault)
    clients = quick.connect().clients
    for each in clients.authorization.pages(f"{group_of(quick)}/providers/Microsoft.Authorization/roleAssignments"):
        if "/vaults/" in each["properties"]["scope"]:
            clients.authorization.delete(each["id"], "*")
    with pytest.raises(Denied, match="not authorized") as refused:
        up(quick.connect())
    assert "firewall" in refused.value.hint
    assert resource(quick, VAULT)["properties"]["networkAcls"]["ipRules"] == [{"value": "192.0.2.7"}]


# what changes while a person decides


def test_what_somebody_changes_before_the_deployment_is_not_overwritten(quick: World) -> None:
    def tag_by_hand(_: object) -> None:
        put(quick, HUB, resource(quick, HUB) | {"tags": {"owner": "factory"}})

    with pytest.raises(Refused, match="somebody has changed the resources since they were read"):
        up(quick.connect(changed(tags={"team": "press"})), confirm=tag_by_hand)
    assert resource(quick, HUB)["tags"] == {"owner": "factory"}


def test_a_plan_with_other_values_is_another_plan(quick: World) -> None:
    wanted = changed(ONE | {"capacity": 3})
    approved = plan(quick.connect(wanted))
    assert approved.actions[0].changes == (PropertyChange("sku.capacity", 1, 3),)
    put(quick, HUB, resource(quick, HUB) | {"sku": {"name": "S1", "capacity": 2}})
    with pytest.raises(Refused, match="the environment has changed since the plan was made"):
        up(quick.connect(wanted), approved)
    assert Plan.read(json.dumps(approved.document()), "it") == approved


# what status says


def test_status_names_what_keeps_devices_from_a_hub(quick: World) -> None:
    assert not any("relink" in step for step in status(quick.connect()).next)
    group = quick.connect().dps.group()
    assert group is not None
    quick.connect().clients.enrollments.put("/enrollmentGroups/devices", {**group.document, "iotHubs": []}, group.etag)
    assert any("names no hub" in step for step in status(quick.connect()).next)


def test_an_identity_of_the_dps_that_somebody_has_made_is_not_taken_away(quick: World) -> None:
    service = resource(quick, DPS, version="2026-11-01") | {"identity": {"type": "SystemAssigned"}}
    put(quick, DPS, service, version="2026-11-01")
    assert plan(quick.connect()).actions == ()
    with pytest.raises(Refused, match="has an identity") as refused:
        up(quick.connect(changed(tags={"team": "press"})))
    assert 'link = "identity"' in refused.value.hint
    by_identity = changed(dps={"name": "dps-dpsops-test", "link": "identity"}, tags={"team": "press"})
    assert up(quick.connect(by_identity))
    assert up(quick.connect(by_identity)) == []
    (link,) = resource(quick, DPS, version="2026-11-01")["properties"]["iotHubs"]
    assert link["authenticationType"] == "SystemAssigned"


def test_devices_register_through_a_link_by_identity_on_a_hub_that_takes_no_key(quick: World) -> None:
    by_identity = changed(dps={"name": "dps-dpsops-test", "link": "identity"})
    up(quick.connect(by_identity))
    hub = resource(quick, HUB)
    hub["properties"]["disableLocalAuth"] = True
    put(quick, HUB, hub)
    assert up(quick.connect(by_identity)) == []
    issue_to(quick.connect(by_identity), PRESS)
    assert over("https", quick.connect(by_identity)).assigned.hub == "iot-dpsops-test.azure-devices.net"


# what-if


def test_what_a_what_if_cannot_tell_is_a_note_of_the_plan(quick: World) -> None:
    habits = azure(quick).habits
    azure(quick).habits = replace(habits, what_if_unsupported=frozenset({"Microsoft.Devices/IotHubs"}), what_if_details=True)
    made = plan(quick.connect(changed(ONE, TWO)))
    assert [note for note in made.notes if note.startswith("what-if cannot tell what becomes of Microsoft.Devices/IotHubs/iot-")]
    assert Plan.read(json.dumps(made.document()), "it").notes == made.notes
    azure(quick).habits = habits
    other = plan(quick.connect(changed(ONE, TWO)))
    assert (other.notes, other) == ((), made), "a note is no part of what was approved"


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("kind", ["carried", "deleted", "created"])
def test_a_plan_is_the_same_whatever_a_what_if_makes_of_it(quick: World, kind: Any, shuffled: bool) -> None:
    wanted = changed(ONE | {"capacity": 2}, TWO, tags={"team": "press"})
    made = plan(quick.connect(wanted))
    azure(quick).habits = replace(azure(quick).habits, what_if_defaults=kind, shuffled=shuffled)
    again = plan(quick.connect(wanted))
    assert (again, again.notes) == (made, ())
    assert up(quick.connect(wanted), made)
