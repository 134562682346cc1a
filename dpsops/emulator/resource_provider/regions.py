"""The regions of the public cloud, by the names that resources carry."""

from __future__ import annotations

from dpsops.emulator.documents import JSON

_NAMES = (
    "Australia Central", "Australia East", "Australia Southeast", "Austria East", "Belgium Central", "Brazil South",
    "Canada Central", "Canada East", "Central India", "Central US", "Central US EUAP", "Chile Central", "East Asia",
    "East US", "East US 2", "East US 2 EUAP",
    "France Central", "Germany West Central", "Indonesia Central", "Israel Central", "Italy North", "Japan East", "Japan West",
    "Korea Central", "Korea South", "Malaysia West", "Mexico Central", "New Zealand North", "North Central US", "North Europe",
    "Norway East", "Poland Central", "Qatar Central", "South Africa North", "South Central US", "South India",
    "Southeast Asia", "Spain Central", "Sweden Central", "Switzerland North", "UAE North", "UK South", "UK West",
    "West Central US", "West Europe", "West India", "West US", "West US 2", "West US 3",
)  # fmt: skip


def normal(location: str) -> str:
    """The name of a region as Resource Manager compares it: `West US 2` is `westus2`."""
    return location.replace(" ", "").lower()


REGIONS = {normal(name): name for name in _NAMES}
"""Display names by short name (Azure regions list)."""


def show(subscription: str) -> list[JSON]:
    """The locations of a subscription, as they are listed."""
    return [
        {
            "id": f"/subscriptions/{subscription}/locations/{short}",
            "name": short,
            "type": "Region",
            "displayName": name,
            "regionalDisplayName": name,
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
        }
        for short, name in REGIONS.items()
    ]
