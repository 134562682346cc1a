"""What Azure accepts as an IoT hub."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, refusal
from dpsops.emulator.resource_provider.bodies import member
from dpsops.emulator.resource_provider.regions import normal
from dpsops.emulator.world import World

API_VERSIONS = frozenset(
    {
        "2017-07-01",
        "2019-03-22",
        "2019-07-01-preview",
        "2020-03-01",
        "2021-03-31",
        "2021-07-02",
        "2022-04-30-preview",
        "2023-06-30",
        "2023-06-30-preview",
        "2025-08-01-preview",
    }
)
RIGHTS = frozenset({"RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"})
POLICIES = (
    ("iothubowner", "RegistryWrite, ServiceConnect, DeviceConnect"),
    ("service", "ServiceConnect"),
    ("device", "DeviceConnect"),
    ("registryRead", "RegistryRead"),
    ("registryReadWrite", "RegistryWrite"),
)


@dataclass(frozen=True, slots=True)
class Sku:
    """What a price tier allows: units, messages a day for each unit, devices, and partitions of the built-in endpoint."""

    tier: str
    units: int
    messages: int
    partitions: tuple[int, int]
    devices: int = 1_000_000

    @property
    def retention(self) -> int:
        """Days that the built-in endpoint may keep messages for."""
        return 1 if self.tier == "Free" else 7


SKUS = {
    "F1": Sku("Free", 1, 8_000, (2, 2), 500),
    "B1": Sku("Basic", 200, 400_000, (2, 8)),
    "B2": Sku("Basic", 200, 6_000_000, (2, 8)),
    "B3": Sku("Basic", 10, 300_000_000, (2, 8)),
    "S1": Sku("Standard", 200, 400_000, (2, 32)),
    "S2": Sku("Standard", 200, 6_000_000, (2, 32)),
    "S3": Sku("Standard", 10, 300_000_000, (2, 32)),
}
"""Source: IoT Hub pricing and quotas; units of the standard tiers and the partitions of F1 are recorded."""

_NAME = re.compile(r"(?![0-9]+$)(?!-)[a-zA-Z0-9-]{2,49}[a-zA-Z0-9]")
_FREE_HUBS = 1
_RESIDENCY = ("brazilsouth", "southeastasia")


def name_fault(name: str) -> str | None:
    """Why this cannot be the name of a hub (the pattern of `Resource.name` in the API description; words guessed)."""
    if _NAME.fullmatch(name):
        return None
    return (
        f"IotHub name '{name}' is not valid. It must be 3 to 50 characters, alphanumeric or '-', "
        "not begin or end with '-' and not be all digits."
    )


def name_taken(name: str) -> str:
    """Azure's words for a name that someone else has."""
    return f"IotHub name '{name}' is not available"


def read_sku(world: World, body: JSON) -> JSON:
    """The SKU of a PUT, completed. Refuses unknown ones, and units that the tier does not have (stricter guess)."""
    given = member(body, "sku", dict) or {}
    name, capacity = member(given, "name", str) or "", member(given, "capacity", int)
    sku = SKUS.get(name)
    if sku is None or not 1 <= (1 if capacity is None else capacity) <= sku.units:
        raise refusal(world, BAD_REQUEST, f"Invalid sku '{name}' or capacity {capacity}.", numeric=True)
    return {"name": name, "tier": sku.tier, "capacity": capacity or 1}


def check_tier(world: World, tier: str, before: str | None, free: int, subscription: str) -> None:
    """Refuses a second free hub in a subscription, which has `free` others, and a change of tier that there is none of: to or
    from free, or from standard to basic ("Choose the right IoT Hub tier"; the words are guessed).
    """
    if tier == "Free" and free:
        message = (
            f"Max number of Iot Hubs exceeded for sku = Free, Max Allowed = {_FREE_HUBS}, Current = {free + 1} in the "
            f"subscription Id: {subscription}."
        )
        raise refusal(world, 400_019, message, numeric=True)
    if before not in (None, tier) and ("Free" in (before, tier) or tier == "Basic"):
        raise refusal(world, BAD_REQUEST, f"The hub's tier cannot change from {before} to {tier}.", numeric=True)


class RoutesChanged(Refusal):
    """A PUT that leaves out a route of the service's own, or adds one: the hub accepts it, and then fails to do it.

    Source: errors quoted by users of deployments and of Terraform, 2021 (IH400126).
    """

    def __init__(self, world: World) -> None:
        message = "Cannot add or remove default routes, default route names are :RouteToEventGrid."
        self.error: JSON = refusal(world, 400_126, message, numeric=True).response.body
        quoted = {"code": str(self.error["code"]), "message": self.error["message"]}
        super().__init__(Response(409, {"status": "Failed", "error": quoted}))


def check_properties(world: World, properties: JSON, sku: Sku, location: str, existing: JSON | None) -> None:
    """Refuses properties, complete as they will be kept, that Azure refuses."""
    events = properties["eventHubEndpoints"]["events"]
    low, high = sku.partitions
    if not low <= events["partitionCount"] <= high:
        message = f"Invalid PartitionCount {events['partitionCount']} - value must be between {low} and {high}."
        raise refusal(world, 400_016, message, numeric=True)
    if existing is not None and existing["eventHubEndpoints"]["events"]["partitionCount"] != events["partitionCount"]:
        raise refusal(world, BAD_REQUEST, "PartitionCount cannot be changed.", numeric=True)
    if not 1 <= events["retentionTimeInDays"] <= sku.retention:
        message = f"Invalid RetentionTimeInDays {events['retentionTimeInDays']} - value must be between 1 and {sku.retention}."
        raise refusal(world, BAD_REQUEST, message, numeric=True)
    tls = properties.get("minTlsVersion", "1.2")
    if tls != "1.2":
        raise refusal(world, 400_089, f"{tls} is not a valid MinTlsVersion value.", numeric=True)
    if properties.get("enableDataResidency") and normal(location) not in _RESIDENCY:
        message = f"""Requested IoT Hub features '"DataResidency, RootCertificateV2"' not available in '{location}' region."""
        raise refusal(world, 400_059, message, numeric=True)
    if properties["enableFileUploadNotifications"] and not properties["storageEndpoints"]["$default"].get("connectionString"):
        raise refusal(world, BAD_REQUEST, "File upload notifications need a storage endpoint.", numeric=True)
