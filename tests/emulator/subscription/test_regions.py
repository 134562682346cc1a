"""Regions and names: whatever Azure lists works, in every path that leads to an operation."""

from __future__ import annotations

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.microsoft_devices.regions import REGIONS, SERVICES
from tests.emulator.subscription.lab import DPS, HUB, S1, THERE, VAULT, Subscription, deployment


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_a_hub_and_a_service_are_made_in_every_region_that_is_listed(azure: Subscription, region: str) -> None:
    name, pair = REGIONS[region]
    hub = azure.hub(location=region)
    assert hub["properties"]["locations"] == [
        {"location": name, "role": "primary"},
        {"location": pair, "role": "secondary"},
    ]
    assert azure.ok("GET", f"{THERE}/providers/Microsoft.Devices/IotHubs")["value"] == [hub]
    key = azure.ok("POST", f"{HUB}/listkeys")["value"][0]
    text = f"HostName=hub1.azure-devices.net;SharedAccessKeyName={key['keyName']};SharedAccessKey={key['primaryKey']}"
    near = name if region in SERVICES else "West Europe"
    shown = azure.service(location=near, iotHubs=[{"connectionString": text, "location": region}])
    assert shown["properties"]["state"] == "Active"
    failed_over = azure.call("POST", f"{HUB}/failover", {"failoverRegion": pair})
    assert failed_over.status == 202
    assert azure.ok("GET", HUB)["properties"]["locations"][0] == {"location": pair, "role": "primary"}


def test_every_region_of_the_cloud_takes_a_vault(azure: Subscription) -> None:
    for number, each in enumerate(azure.ok("GET", f"{THERE}/locations")["value"]):
        path = VAULT.replace("kv-test", f"kv-{number}")
        assert azure.vault(path, location=each["displayName"])["location"] == each["name"]


def test_a_region_without_the_service_is_refused(azure: Subscription) -> None:
    for resource, region in ((HUB, "germanynorth"), (DPS, "germanynorth"), (DPS, "switzerlandnorth")):
        body = {"location": region, "sku": S1, "properties": {}}
        assert azure.refused("PUT", resource, body) == (400, "LocationNotAvailableForResourceType")


def test_a_provider_lists_the_regions_of_each_of_its_types(azure: Subscription) -> None:
    """As recorded of 2020: not every region with hubs has provisioning services."""
    listed = azure.ok("GET", f"{THERE}/providers/Microsoft.Devices")["resourceTypes"]
    found = {each["resourceType"].lower(): set(each["locations"]) for each in listed}
    assert found["provisioningservices"] < found["iothubs"] == {name for name, _ in REGIONS.values()}
    assert "Switzerland North" in found["iothubs"] - found["provisioningservices"]


GROUP_NAMES = ["rg-münchen", "группа", "東京", "rg(1)_x.y"]


@pytest.mark.parametrize("name", GROUP_NAMES)
def test_the_poll_urls_of_a_group_of_any_name_lead_back(azure: Subscription, name: str) -> None:
    """A header is ASCII (RFC 9110, 5.5): a name in it is percent-encoded."""
    group = f"{THERE}/resourceGroups/{name}"
    azure.ok("PUT", group, {"location": "westeurope"})
    body = deployment()
    one = f"{group}/providers/Microsoft.Resources/deployments/main"
    hub = f"{group}/providers/Microsoft.Devices/IotHubs/hub1"
    requests: list[tuple[str, str, JSON | None]] = [("PUT", one, body), ("POST", f"{one}/whatIf", body)]
    requests += [("PUT", hub, {"location": "westeurope", "sku": S1, "properties": {}})]
    requests += [("DELETE", each, None) for each in (hub, one, group)]
    for method, path, sent in requests:
        answer = azure.call(method, path, sent)
        urls = [answer.headers[header] for header in ("Location", "Azure-AsyncOperation") if header in answer.headers]
        assert urls, answer
        for url in urls:
            assert url.isascii(), url
            assert azure.call("GET", url).status < 300, url


def test_the_next_page_of_vaults_is_found_in_a_group_of_any_name(azure: Subscription) -> None:
    group = f"{THERE}/resourceGroups/rg-münchen"
    azure.ok("PUT", group, {"location": "westeurope"})
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/kv-test"
    azure.vault(vault)
    page = azure.ok("GET", f"{group}/providers/Microsoft.KeyVault/vaults")
    assert page["nextLink"].isascii()
    assert azure.ok("GET", page["nextLink"]) == {"value": []}
