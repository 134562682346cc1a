"""What cannot be made: in a region without the service, by what the resource providers list; a second free hub."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.errors import Refused
from dpsops.model.offers import Offered, require_free, require_offered, wants_free
from dpsops.model.resources import Resource, Resources
from tests.worlds import environment

VAULTS, SERVICES, HUBS = "microsoft.keyvault/vaults", "microsoft.devices/provisioningservices", "microsoft.devices/iothubs"
OFFERED: Offered = {
    VAULTS: frozenset({"westeurope", "northeurope", "austriaeast", "norwayeast"}),
    SERVICES: frozenset({"westeurope", "northeurope"}),
    HUBS: frozenset({"westeurope", "northeurope", "norwayeast"}),
}
NOTHING = Resources("/subscriptions/s/resourceGroups/rg", group_exists=False)
THERE = Resource("norwayeast", {}, {}, {}, {})


@pytest.mark.parametrize(
    ("location", "own", "bad", "hint"),
    [
        ("moon", "", "Microsoft.KeyVault/vaults/kv-dpsops-test cannot be made in moon", "another location in the settings"),
        ("norwayeast", "", "Microsoft.Devices/provisioningServices/dps-dpsops-test cannot be made in norwayeast", "another loc"),
        ("westeurope", "austriaeast", "Microsoft.Devices/IotHubs/iot-dpsops-test cannot be made in austriaeast", "for this hub"),
    ],
)  # fmt: skip
def test_a_region_without_the_service_is_refused(location: str, own: str, bad: str, hint: str) -> None:
    wanted = environment(location=location, hub=[{"name": "iot-dpsops-test", "location": own}])
    with pytest.raises(Refused, match=bad) as refused:
        require_offered(wanted, NOTHING, OFFERED)
    assert hint in refused.value.hint
    places = "northeurope, norwayeast, westeurope" if own else "northeurope, westeurope"
    assert refused.value.hint.endswith(f"in: {places}")


@pytest.mark.parametrize("own", ["", "westeurope", "norwayeast"])
def test_a_region_with_the_service_is_right(own: str) -> None:
    require_offered(environment(hub=[{"name": "iot-dpsops-test", "location": own}]), NOTHING, OFFERED)


def test_what_is_there_already_is_right_where_it_is() -> None:
    found = replace(NOTHING, vault=THERE, dps=THERE)
    require_offered(environment(location="norwayeast"), found, OFFERED)
    require_offered(environment(location="moon"), replace(found, hubs={"iot-dpsops-test": THERE}), OFFERED)
    with pytest.raises(Refused, match="IotHubs/iot-dpsops-test cannot be made in austriaeast"):
        require_offered(environment(location="austriaeast"), found, OFFERED)


def test_what_no_provider_lists_is_left_to_azure() -> None:
    require_offered(environment(location="moon"), NOTHING, {})
    with pytest.raises(Refused, match="provisioningServices/dps-dpsops-test cannot be made in norwayeast") as refused:
        require_offered(environment(location="norwayeast"), NOTHING, {SERVICES: OFFERED[SERVICES]})
    assert refused.value.hint.endswith("in: northeurope, westeurope")


def test_a_second_free_hub_of_the_subscription_is_refused() -> None:
    free = environment(hub=[{"name": "iot-dpsops-test"}, {"name": "iot-free", "sku": "F1"}])
    assert (wants_free(free), wants_free(environment())) == (True, False)
    require_free(free, ())
    require_free(environment(), ("iot-old",))
    with pytest.raises(Refused, match=r"IotHubs/iot-free cannot be made: .* at most, and this one has iot-old") as refused:
        require_free(free, ("iot-old",))
    assert "set another sku for the hub in the settings" in refused.value.hint
