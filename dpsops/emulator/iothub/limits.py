"""How much a hub takes, by its SKU and units. Source: "IoT Hub quotas and throttling".

Azure lets a burst pass for a while before it begins to throttle ("traffic shaping"); here the published rate is
the limit at once (stricter guess).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.devices import count_devices
from dpsops.emulator.iothub.rules import SKUS
from dpsops.emulator.world import World

_DAY = 86_400
_MESSAGES = "hubMessages"


@dataclass(frozen=True, slots=True)
class Limit:
    """Operations of one kind in `window` seconds: the higher of a floor and so many for each unit, by the SKU's size 1 to 3."""

    kind: str
    window: float
    rates: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

    def count(self, hub: JSON) -> int:
        """How many the hub takes in a window."""
        floor, each = self.rates[int(hub["sku"]["name"][1]) - 1]
        return max(floor, each * int(hub["sku"]["capacity"]))


IDENTITIES = Limit("CRUD", 60, ((0, 100), (0, 100), (0, 5000)))
QUERIES = Limit("Query", 60, ((0, 20), (0, 20), (0, 1000)))
TWIN_READS = Limit("TwinRead", 1, ((100, 0), (100, 10), (0, 500)))
TWIN_UPDATES = Limit("TwinUpdate", 1, ((50, 0), (50, 5), (0, 250)))
CONNECTIONS = Limit("Connect", 1, ((100, 12), (0, 120), (0, 6000)))
METHODS = Limit("DirectMethod", 1, ((0, 20), (0, 60), (0, 3000)))
"""Pieces of 8 KB: 160 KB, 480 KB and 24 MB."""
SENDS = Limit("Send", 1, ((100, 12), (0, 120), (0, 6000)))


def take(world: World, hub: JSON, limit: Limit, times: int = 1) -> bool:
    """Counts so many operations; over the limit none is counted, and the answer is False."""
    key = f"iothub/{hub['name'].lower()}/{limit.kind}"
    return world.meter.take(key, limit.count(hub), limit.window, world.now, times) is None


def take_bulk(world: World, hub: JSON, devices: int) -> bool:
    """Counts a bulk request for so many devices: as one operation of the device registry for each, or as one."""
    return take(world, hub, IDENTITIES, devices if world.habits.bulk_counts == "device" else 1)


def take_message(world: World, hub: JSON, size: int) -> bool:
    """Counts a message of `size` bytes towards the daily quota; False where that is used up. Days end at midnight UTC."""
    piece = 512 if hub["sku"]["tier"] == "Free" else 4096
    count = _messages_today(world, hub) + max(1, math.ceil(size / piece))
    if count > _message_quota(hub):
        return False
    world.state.put(_MESSAGES, hub["name"].lower(), {"day": world.now // _DAY, "count": count})
    return True


def forget_messages(world: World, hub: JSON) -> None:
    """A hub that is deleted has no quota."""
    world.state.delete(_MESSAGES, hub["name"].lower())


def quotas(world: World, hub: JSON) -> list[JSON]:
    """The hub's quotas and how much of them is used, as its management says."""
    found = {
        "TotalMessages": (_messages_today(world, hub), _message_quota(hub)),
        "TotalDeviceCount": (count_devices(world, hub), SKUS[hub["sku"]["name"]].devices),
    }
    return [{"name": name, "currentValue": used, "maxValue": limit} for name, (used, limit) in found.items()]


def _messages_today(world: World, hub: JSON) -> int:
    found = world.state.get(_MESSAGES, hub["name"].lower())
    return int(found["count"]) if found is not None and found["day"] == world.now // _DAY else 0


def _message_quota(hub: JSON) -> int:
    return SKUS[hub["sku"]["name"]].messages * int(hub["sku"]["capacity"])
