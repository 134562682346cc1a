"""The links of a DPS to hubs, as the template writes them: with which key, and what becomes of the links of others."""

from __future__ import annotations

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.state import load_service
from dpsops.emulator.world import World
from dpsops.errors import Refused
from dpsops.model.deployment import Deployment
from dpsops.model.roles import HUB, SERVICE
from tests.bicep.group import GROUP, HUBS, IDENTITY_VERSION, Group, environment

IDENTITY = {"link": "identity"}
ALL = "RegistryWrite, ServiceConnect, DeviceConnect"
BOTH_KEYS = ("primaryKey", "secondaryKey")
MASKED = "HostName={0}.azure-devices.net;SharedAccessKeyName={1};SharedAccessKey=****"


@pytest.fixture
def group() -> Group:
    """A resource group with nothing in it."""
    return Group()


def links(group: Group, version: str = "") -> list[JSON]:
    """The links of the DPS, as it shows them."""
    found: list[JSON] = group.get(SERVICE, "dps-dpsops-test", version)["properties"]["iotHubs"]
    return found


def keys(group: Group, hub: str) -> list[JSON]:
    """The policies of a hub, with their keys."""
    path = f"{GROUP}/providers/{HUB}/{hub}"
    listed: list[JSON] = group.call("POST", f"{path}/listkeys", version="2023-06-30")["value"]
    return listed


def stored(group: Group) -> dict[str, str]:
    """The key of each link, by host: Azure itself shows none."""
    with group.azure.database.transaction() as state:
        found = load_service(World(state, group.azure.clock.now()), "dps-dpsops-test")
    assert found is not None
    return {link["name"]: link["key"] for link in found["hubs"] if "key" in link}


def put_hub(group: Group, name: str, **policies: str) -> None:
    """Makes a hub with these policies, by name and rights, or gives it new keys."""
    rules = [{"keyName": key, "rights": rights} for key, rights in policies.items()]
    body = {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}, "properties": {"authorizationPolicies": rules}}
    group.put(HUB, name, body)


def link_another(group: Group, *, weight: int | None = None) -> JSON:
    """Links a hub that the settings do not name, as somebody else would: all other links are sent back as they are shown."""
    put_hub(group, "iot-other", iothubowner=ALL)
    (key,) = keys(group, "iot-other")
    service = group.get(SERVICE, "dps-dpsops-test")
    text = f"HostName=iot-other.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={key['primaryKey']}"
    link: JSON = {"connectionString": text, "location": "westeurope"} | ({} if weight is None else {"allocationWeight": weight})
    properties = service["properties"]
    body = {name: service[name] for name in ("location", "sku", "tags") if name in service}
    group.put(SERVICE, "dps-dpsops-test", body | {"properties": properties | {"iotHubs": [*properties["iotHubs"], link]}})
    return links(group)[-1]


# keys


def test_a_link_has_a_key_with_the_rights_that_it_needs(group: Group) -> None:
    two_of_three = {each.split(",")[0]: each for each in ("ServiceConnect, DeviceConnect", "DeviceConnect, RegistryWrite")}
    put_hub(group, "iot-one", **two_of_three, RegistryWrite="RegistryWrite, ServiceConnect", full=ALL, iothubowner=ALL)
    group.converge(environment())
    by_name = {each["keyName"]: each for each in keys(group, "iot-one")}
    assert stored(group)["iot-one.azure-devices.net"] == by_name["full"]["primaryKey"]
    assert links(group)[0]["connectionString"] == MASKED.format("iot-one", "full")
    assert links(group)[1]["connectionString"] == MASKED.format("iot-two", "iothubowner")


def test_a_hub_without_such_a_key_is_not_linked(group: Group) -> None:
    put_hub(group, "iot-one", service="ServiceConnect", device="DeviceConnect, RegistryWrite")
    failed = group.run(environment(), group.decide(environment()).parameters)
    assert failed["provisioningState"] == "Failed"
    assert group.observe(environment()).dps is None


def test_a_hub_with_new_keys_is_linked_again_if_that_is_asked_for(group: Group) -> None:
    group.converge(environment())
    before = stored(group)
    put_hub(group, "iot-one", iothubowner=ALL)
    assert group.decide(environment()) == Deployment(), "Azure shows no key: nobody can see that it is an old one"
    group.deploy(environment(), group.decide(environment(), relink=True).parameters)
    assert stored(group) == before | {"iot-one.azure-devices.net": keys(group, "iot-one")[0]["primaryKey"]}
    assert stored(group) != before


def test_no_key_leaves_azure(group: Group) -> None:
    put_hub(group, "iot-one", iothubowner=ALL)
    group.converge(environment())
    link_another(group)
    decided = group.decide(environment(tags={"team": "iot"}), relink=True)
    said = [group.what_if(environment(), decided.parameters), group.deploy(environment(), decided.parameters)]
    secrets = [each[name] for hub in ("iot-one", "iot-two", "iot-other") for each in keys(group, hub) for name in BOTH_KEYS]
    assert not any(secret in str(each) for secret in secrets for each in [dict(decided.parameters), *said])


# the links of others


@pytest.mark.parametrize("weight", [None, 7])
def test_a_link_of_somebody_else_stays_as_it_is(group: Group, weight: int | None) -> None:
    group.converge(environment())
    other = link_another(group, weight=weight)
    before = stored(group)
    assert group.decide(environment()) == Deployment()
    group.converge(environment(hub=[HUBS[0] | {"weight": 9}, HUBS[1]]))
    assert [each.get("allocationWeight") for each in links(group)] == [9, 3, weight]
    assert links(group)[-1] == other
    assert other["connectionString"] == MASKED.format("iot-other", "iothubowner")
    assert stored(group) == before


def test_a_hub_that_the_settings_no_longer_name_is_unlinked(group: Group) -> None:
    group.converge(environment())
    link_another(group)
    group.converge(environment(hub=HUBS[:1]))
    assert [each["name"] for each in links(group)] == ["iot-one.azure-devices.net", "iot-other.azure-devices.net"]
    assert group.decide(environment(hub=HUBS[:1])) == Deployment()


# by identity


def test_links_by_identity_have_no_key(group: Group) -> None:
    group.converge(environment(dps=IDENTITY))
    assert stored(group) == {}
    assert [(each["name"], each["authenticationType"], each["allocationWeight"]) for each in links(group, IDENTITY_VERSION)] == [
        ("iot-one.azure-devices.net", "SystemAssigned", 1),
        ("iot-two.azure-devices.net", "SystemAssigned", 3),
    ]


def test_from_keys_to_identity_the_links_of_others_stay(group: Group) -> None:
    group.converge(environment())
    link_another(group)
    group.converge(environment(dps=IDENTITY))
    found = links(group, IDENTITY_VERSION)
    assert [each.get("authenticationType", "KeyBased") for each in found if "other" not in each["name"]] == ["SystemAssigned"] * 2
    (other,) = [each for each in found if "other" in each["name"]]
    assert other["connectionString"] == MASKED.format("iot-other", "iothubowner")
    assert stored(group) == {"iot-other.azure-devices.net": keys(group, "iot-other")[0]["primaryKey"]}
    assert group.decide(environment(dps=IDENTITY)) == Deployment()


def test_from_identity_to_keys_is_refused(group: Group) -> None:
    group.converge(environment(dps=IDENTITY))
    with pytest.raises(Refused, match="identity"):
        group.decide(environment(tags={"team": "iot"}))
