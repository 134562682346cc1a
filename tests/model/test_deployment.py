"""What a deployment has to do, decided from what the resources are and what the settings say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dpsops.errors import Refused
from dpsops.model.action import Action, PropertyChange
from dpsops.model.deployment import Deployment, decide
from dpsops.model.links import DATA_CONTRIBUTOR
from dpsops.model.resources import Resource, Resources
from dpsops.model.roles import HUB, ROLES, SERVICE, VAULT, Assignment, Held, Principal, needed
from dpsops.settings import Environment
from tests.worlds import environment

GROUP = "/subscriptions/5E0F7B3C-6d0c-4a53-9f0c-0f8f4d9f2c11/resourceGroups/rg-dpsops-test"
ME = Principal("0B9F3C51-3d0a-4f0e-9d62-7f1a2b3c4d5e", "User")
ONE, TWO = {"name": "iot-one"}, {"name": "iot-two"}
KEY = "HostName={};SharedAccessKeyName=iothubowner;SharedAccessKey=****"


def settings(*hubs: dict[str, Any], tags: dict[str, str] | None = None, **changes: Any) -> Environment:
    """An environment with these hubs; what else changes is of the vault (`vault_sku`) or of the DPS."""
    vaults = {"name": "kv-dpsops-test", "purge_protection": True, "sku": "standard"}
    of_vault = {name.removeprefix("vault_"): changes.pop(name) for name in list(changes) if name.startswith("vault_")}
    return environment(
        hub=list(hubs or (ONE,)), tags=tags or {}, vault=vaults | of_vault, dps={"name": "dps-dpsops-test"} | changes
    )


def vault(**properties: Any) -> Resource:
    """A vault as dpsops makes it, with some properties changed."""
    known = {"sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True, "enableSoftDelete": True,
             "softDeleteRetentionInDays": 90, "enablePurgeProtection": True, "accessPolicies": []}  # fmt: skip
    return Resource("westeurope", {}, {}, {}, known | properties)


def hub(name: str = "iot-one", **properties: Any) -> Resource:
    """A hub as dpsops makes it, with some properties added."""
    return Resource("westeurope", {}, {"name": "S1", "capacity": 1}, {}, {"hostName": f"{name}.azure-devices.net"} | properties)


def link(name: str, **members: Any) -> dict[str, Any]:
    """A link as a DPS shows it."""
    host = name if "." in name else f"{name}.azure-devices.net"
    known = {"name": host, "connectionString": KEY.format(host), "location": "westeurope", "allocationWeight": 1,
             "applyAllocationPolicy": True}  # fmt: skip
    return known | members


def dps(*links: dict[str, Any], **properties: Any) -> Resource:
    """A DPS with links, as dpsops makes it."""
    known = {"allocationPolicy": "Hashed", "iotHubs": list(links or (link("iot-one"),)), "idScope": "0ne00000001"}
    return Resource("westeurope", {}, {"name": "S1", "capacity": 1}, {}, known | properties)


def held(*hubs: dict[str, Any]) -> frozenset[Held]:
    """All the roles that the settings with these hubs need."""
    return frozenset(each.held(GROUP) for each in needed(settings(*hubs), [ME]))


DONE = Resources(GROUP, group_exists=True, vault=vault(), dps=dps(), hubs={"iot-one": hub()}, held=held(ONE))


def decided(found: Resources, wanted: Environment | None = None, **how: Any) -> Deployment:
    """What a deployment has to do."""
    return decide(wanted or settings(), found, [ME], **how)


def changes(found: Resources, wanted: Environment | None = None, **how: Any) -> list[PropertyChange]:
    """The changes of the one action that there is."""
    (action,) = decided(found, wanted, **how).actions
    assert action.action == "modify"
    return list(action.changes)


def written(found: Resources, wanted: Environment | None = None, **how: Any) -> dict[str, Any]:
    """What is written of the one resource that is."""
    given: Any = decided(found, wanted, **how).parameters
    (only,) = [each for name in ("vaults", "hubs", "newServices", "services", "identityServices") for each in given[name]]
    return dict(only)


# what is missing


def test_where_all_is_as_it_should_be_nothing_is_deployed() -> None:
    assert decided(DONE) == Deployment()
    assert not Deployment().rewrites


def test_where_there_is_nothing_all_is_created_and_all_roles_are_assigned() -> None:
    found = decided(Resources(GROUP, group_exists=False))
    types = [each.target.split("/kv-")[0].split("/iot-")[0].split("/dps-")[0] for each in found.actions[:3]]
    assert types == [VAULT, HUB, SERVICE]
    assert [each.action for each in found.actions] == ["create"] * 3 + ["assign"] * 6
    assert found.assigns_roles
    assert not found.rewrites
    given: Any = found.parameters
    assert [each["current"] for each in (*given["vaults"], *given["hubs"])] == [{}, {}]
    assert given["hubs"][0]["identity"] == {"type": "None"}
    assert [(each["hub"], each["connectionString"]) for each in given["newServices"][0]["links"]] == [("iot-one", "")]
    assert given["linkedHubs"] == ["iot-one"]


def test_roles_that_are_missing_are_assigned_and_nothing_is_written() -> None:
    found = decided(replace(DONE, held=frozenset()))
    given: Any = found.parameters
    assert not any(given[name] for name in ("vaults", "hubs", "newServices", "services", "identityServices"))
    assert [each["role"] for each in given["vaultAssignments"]] == [role.id for role in ROLES[VAULT]]
    assert {each["principalId"] for each in given["hubAssignments"]} == {ME.object_id}
    assert "Key Vault Crypto User on Microsoft.KeyVault/vaults/kv-dpsops-test to User" in found.actions[1].target


def test_a_role_is_held_whatever_its_name_and_the_case_of_its_scope() -> None:
    scope = f"{GROUP}/providers/{HUB}/IOT-ONE"
    assert Assignment(HUB, "iot-one", ROLES[HUB][0], ME).held(GROUP.upper()).scope == scope.lower()


def test_a_role_of_another_principal_or_another_scope_is_not_held() -> None:
    for other in (Principal("another", "User"), ME):
        strange = {replace(each, scope=f"{each.scope}-2") if other is ME else replace(each, principal=other.object_id)
                   for each in DONE.held}  # fmt: skip
        assert len(decided(replace(DONE, held=frozenset(strange))).actions) == 6


# a vault


def test_a_tag_of_the_settings_is_set_and_those_of_others_stay() -> None:
    found = replace(DONE, vault=replace(vault(), tags={"Team": "iot", "cost": "4711"}))
    tagged = settings(tags={"team": "ot"})
    (action, *_) = decided(found, tagged).actions
    assert action.changes == (PropertyChange("tags.Team", "iot", "ot"),)
    given: Any = decided(found, tagged).parameters
    assert given["vaults"][0]["tags"] == {"Team": "ot", "cost": "4711"}


def test_what_a_vault_has_is_sent_again() -> None:
    acls = {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7/32"}]}
    found = replace(DONE, vault=vault(networkAcls=acls, vaultUri="https://kv", provisioningState="Succeeded"))
    sent = written(replace(found, vault=replace(found.vault or vault(), location="West Europe")), settings(vault_sku="premium"))
    assert sent["current"]["networkAcls"] == acls
    assert not {"vaultUri", "provisioningState"} & sent["current"].keys()
    assert sent["location"] == "West Europe"


@pytest.mark.parametrize(
    ("properties", "path", "warned"),
    [
        ({"enablePurgeProtection": None}, "properties.enablePurgeProtection", True),
        ({"enableSoftDelete": False}, "properties.enableSoftDelete", True),
        ({"enableRbacAuthorization": False}, "properties.enableRbacAuthorization", False),
        ({"sku": {"family": "A", "name": "premium"}}, "properties.sku.name", False),
    ],
)
def test_a_change_of_a_vault_is_named_and_marked(properties: dict[str, Any], path: str, warned: bool) -> None:
    (found,) = changes(replace(DONE, vault=vault(**properties)))
    assert (found.path, bool(found.warning)) == (path, warned)


def test_purge_protection_is_never_taken_away() -> None:
    assert decided(DONE, settings(vault_purge_protection=False)) == Deployment()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (replace(DONE, vault=vault(enableRbacAuthorization=False, accessPolicies=[{}, {}])), "2 access policy"),
        (replace(DONE, vault=vault(softDeleteRetentionInDays=7)), "for 7 days, which cannot be changed; the settings say 90"),
        (replace(DONE, vault=replace(vault(), location="North Europe")), "is in northeurope, the settings say westeurope"),
        (replace(DONE, dps=replace(dps(), location="northeurope")), "the DPS dps-dpsops-test is in northeurope"),
        (replace(DONE, hubs={"iot-one": replace(hub(), location="northeurope")}), "the hub iot-one is in northeurope"),
    ],
)
def test_what_cannot_become_what_the_settings_say_is_refused(found: Resources, words: str) -> None:
    with pytest.raises(Refused, match=words):
        decided(found)


# a hub


def test_fewer_units_are_marked_and_more_are_not() -> None:
    found = replace(DONE, hubs={"iot-one": replace(hub(), sku={"name": "S1", "capacity": 2})})
    assert [(each.before, each.after, bool(each.warning)) for each in changes(found)] == [(2, 1, True)]
    (more,) = changes(DONE, settings(ONE | {"capacity": 3}))
    assert (more.path, more.before, more.after, more.warning) == ("sku.capacity", 1, 3, "")


@pytest.mark.parametrize(("before", "after"), [("S1", "S3"), ("b1", "B2"), ("B1", "S1"), ("B3", "S1")])
def test_a_hub_can_become_larger_and_go_from_basic_to_standard(before: str, after: str) -> None:
    found = replace(DONE, hubs={"iot-one": replace(hub(), sku={"name": before, "capacity": 1})})
    assert [(each.path, each.after) for each in changes(found, settings(ONE | {"sku": after}))] == [("sku.name", after)]


@pytest.mark.parametrize(
    ("before", "after"), [("F1", "S1"), ("F1", "B1"), ("S1", "F1"), ("B1", "F1"), ("S1", "B1"), ("s2", "B3")]
)
def test_a_sku_that_a_hub_cannot_change_to_is_refused(before: str, after: str) -> None:
    found = replace(DONE, hubs={"iot-one": replace(hub(), sku={"name": before, "capacity": 1})})
    with pytest.raises(
        Refused, match=f"the hub iot-one has the SKU {before.upper()}, which cannot be changed to {after}"
    ) as refused:
        decided(found, settings(ONE | {"sku": after}))
    assert refused.value.hint.startswith(f'set sku = "{before.upper()}" for this hub')


def test_a_resource_has_fifty_tags_with_those_of_others() -> None:
    tags = {f"t{number}": "x" for number in range(48)}
    found = replace(DONE, hubs={"iot-one": replace(hub(), tags=tags)}, vault=None, dps=None)
    assert decided(found, settings(tags={"T0": "y", "a": "x", "b": "x"})).actions
    with pytest.raises(Refused, match="at most 50 tags, and one would have 51: 48 it has") as refused:
        decided(found, settings(tags={"T0": "y", "a": "x", "b": "x", "c": "x"}))
    assert "set fewer tags in the settings" in refused.value.hint


def test_what_a_hub_has_is_sent_again_without_what_only_the_hub_can_set() -> None:
    events = {"retentionTimeInDays": 7, "partitionCount": 4, "partitionIds": ["0"], "path": "p", "endpoint": "e"}
    routing = {"routes": [{"name": "r1"}]}
    busy = hub(routing=routing, eventHubEndpoints={"events": events}, state="Active", minTlsVersion="1.2")
    users = {"/subscriptions/s/u": {"principalId": "p", "clientId": "c"}}
    identity = {"type": "SystemAssigned, UserAssigned", "principalId": "p", "tenantId": "t", "userAssignedIdentities": users}
    sent = written(replace(DONE, hubs={"iot-one": replace(busy, identity=identity)}), settings(ONE | {"sku": "S2"}))
    kept = {"retentionTimeInDays": 7, "partitionCount": 4}
    assert sent["current"] == {"routing": routing, "eventHubEndpoints": {"events": kept}, "minTlsVersion": "1.2"}
    assert sent["identity"] == {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"/subscriptions/s/u": {}}}


# a DPS


def test_a_second_hub_is_linked_beside_the_first() -> None:
    both = settings(ONE, TWO)
    found = replace(DONE, hubs={"iot-one": hub(), "iot-two": hub("iot-two")}, held=held(ONE, TWO))
    (linked,) = changes(found, both)
    assert (linked.path, linked.before) == ("properties.iotHubs.iot-two.azure-devices.net", None)
    assert [each["host"] for each in written(found, both)["links"]] == ["iot-one.azure-devices.net", "iot-two.azure-devices.net"]


@pytest.mark.parametrize("host", ["IOT-ONE.azure-devices.net", "iot-one.device.azure-devices.net"])
def test_a_link_is_known_by_the_name_of_its_hub_wherever_it_stands(host: str) -> None:
    assert decided(replace(DONE, dps=dps(link("strange"), link(host)))) == Deployment()


def test_a_link_that_somebody_else_made_stays_as_it_was_read() -> None:
    strange = link("strange", allocationWeight=5, applyAllocationPolicy=False, location="northeurope")
    found = replace(DONE, dps=dps(strange, link("iot-one", allocationWeight=3)), linked_before=frozenset({"iot-one"}))
    assert [each.path for each in changes(found)] == ["properties.iotHubs.iot-one.azure-devices.net.allocationWeight"]
    ours, theirs = written(found)["links"]
    assert (ours["connectionString"], ours["allocationWeight"]) == ("", 1)
    assert theirs == {"hub": "", "host": "strange.azure-devices.net", "connectionString": strange["connectionString"],
                      "location": "northeurope", "allocationWeight": 5, "applyAllocationPolicy": False}  # fmt: skip


def test_a_link_that_dpsops_made_goes_with_its_hub_and_the_number_of_its_devices_is_said() -> None:
    found = replace(DONE, dps=dps(link("iot-one"), link("iot-two")), linked_before=frozenset({"iot-one", "iot-two"}))
    (unknown,) = changes(found)
    assert (unknown.path, unknown.after) == ("properties.iotHubs.iot-two.azure-devices.net", None)
    assert unknown.warning == "the DPS assigns no device to it any more"
    (counted,) = changes(replace(found, registrations={"iot-two.azure-devices.net": 17}))
    assert counted.warning.endswith("17 device(s) are registered there")
    assert [each["host"] for each in written(found)["links"]] == ["iot-one.azure-devices.net"]


def test_relink_writes_every_link_of_ours_anew() -> None:
    (found,) = changes(DONE, relink=True)
    assert found.path == "properties.iotHubs.iot-one.azure-devices.net.connectionString"
    assert "****" in str(found.before)


def test_what_a_dps_has_is_sent_again() -> None:
    rules = [{"filterName": "office", "action": "Accept", "ipMask": "203.0.113.0/24"}]
    found = replace(DONE, dps=replace(dps(ipFilterRules=rules, publicNetworkAccess="Disabled"), sku={"capacity": 2}))
    sent = written(found, settings(allocation="geoLatency"))
    assert (sent["ipFilterRules"], sent["publicNetworkAccess"], sent["capacity"]) == (rules, "Disabled", 2)
    assert sent["allocationPolicy"] == "GeoLatency"
    assert (sent["privateEndpointConnections"], sent["enableDataResidency"]) == ([], False), "what a GET does not show"
    closed = replace(DONE, dps=dps(disableLocalAuth=True))
    assert written(closed, by_identity())["keepPolicies"] is False, "nobody may sign in with a key"
    with pytest.raises(Refused, match="another setting of the newest API"):
        decided(closed, settings(allocation="geoLatency"))


def test_an_identity_that_links_by_key_would_take_away_is_refused() -> None:
    found = replace(DONE, dps=replace(dps(), identity={"type": "SystemAssigned"}))
    assert decided(found) == Deployment(), "nothing is written, so nothing is taken away"
    with pytest.raises(Refused, match="has an identity"):
        decided(found, relink=True)


# links by identity


def by_identity(**changes: Any) -> Environment:
    """Settings with a link by identity."""
    return settings(ONE, link="identity", **changes)


def test_links_by_key_become_links_by_identity() -> None:
    found = decided(DONE, by_identity())
    action, role = found.actions
    assert [each.path for each in action.changes] == [
        "identity.type",
        "properties.iotHubs.iot-one.azure-devices.net.authenticationType",
    ]
    assert role == Action("assign", f"{DATA_CONTRIBUTOR.name} on {HUB}/iot-one to the DPS's own identity")
    sent = written(DONE, by_identity())
    assert (sent["identity"], sent["allowOn"], sent["otherLinks"]) == ({"type": "SystemAssigned"}, ["iot-one"], [])
    assert "connectionString" not in sent["links"][0]


def test_a_link_by_identity_that_has_its_role_is_done_and_one_without_gets_it() -> None:
    own = {"type": "SystemAssigned", "principalId": "d"}
    service = replace(dps(link("iot-one", authenticationType="SystemAssigned", connectionString=None)), identity=own)
    role = Assignment(HUB, "iot-one", DATA_CONTRIBUTOR, Principal("d", "ServicePrincipal")).held(GROUP)
    found = replace(DONE, dps=service, held=DONE.held | {role})
    assert decided(found, by_identity()) == Deployment()
    given: Any = decided(replace(found, held=DONE.held), by_identity()).parameters
    assert [(each["role"], each["principalId"]) for each in given["hubAssignments"]] == [(DATA_CONTRIBUTOR.id, "d")]
    assert not given["identityServices"]


def test_with_links_by_identity_the_links_of_others_stay_as_they_were_read() -> None:
    strange = link("strange")
    sent = written(replace(DONE, dps=dps(link("iot-one"), strange)), by_identity())
    assert sent["otherLinks"] == [{name: each for name, each in strange.items() if name != "name"}]
