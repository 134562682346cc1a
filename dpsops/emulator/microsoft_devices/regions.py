"""The regions where Microsoft.Devices is available, each with the name shown and the region it fails over to.

Source: Azure regions list, and the locations of recorded hubs (West US pairs with East US, West US 3 with East US).
"""

from __future__ import annotations

from dpsops.emulator.resource_provider.regions import normal

_PAIRS = (
    ("Australia East", "Australia Southeast"),
    ("Australia Southeast", "Australia East"),
    ("Brazil South", "South Central US"),
    ("Canada Central", "Canada East"),
    ("Canada East", "Canada Central"),
    ("Central India", "South India"),
    ("Central US", "East US 2"),
    ("Central US EUAP", "East US 2 EUAP"),
    ("East Asia", "Southeast Asia"),
    ("East US", "West US"),
    ("East US 2", "Central US"),
    ("East US 2 EUAP", "Central US EUAP"),
    ("France Central", "France South"),
    ("Germany West Central", "Germany North"),
    ("Japan East", "Japan West"),
    ("Japan West", "Japan East"),
    ("Korea Central", "Korea South"),
    ("North Central US", "South Central US"),
    ("North Europe", "West Europe"),
    ("Norway East", "Norway West"),
    ("South Africa North", "South Africa West"),
    ("South Central US", "North Central US"),
    ("South India", "Central India"),
    ("Southeast Asia", "East Asia"),
    ("Sweden Central", "Sweden South"),
    ("Switzerland North", "Switzerland West"),
    ("UAE North", "UAE Central"),
    ("UK South", "UK West"),
    ("UK West", "UK South"),
    ("West Central US", "West US 2"),
    ("West Europe", "North Europe"),
    ("West US", "East US"),
    ("West US 2", "West Central US"),
    ("West US 3", "East US"),
)


REGIONS = {normal(name): (name, pair) for name, pair in _PAIRS}
"""Display name and pair by the name as it stands in URLs."""
SERVICES = tuple(each for each in REGIONS if each != normal("Switzerland North"))
"""Where a provisioning service may be: not everywhere where a hub may be (recorded 2020: `missing_registration_devices`). Users
report the regions that have come since, and Switzerland North as one that has none."""
_NAMES = {normal(name): name for pair in _PAIRS for name in pair}


def display_name(region: str) -> str:
    """The name shown of a region, be it one where a hub can only fail over to (Germany North)."""
    return _NAMES[region]
