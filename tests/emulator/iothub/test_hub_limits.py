"""How much a hub takes, by tier and units."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Response
from dpsops.emulator.iothub import limits
from dpsops.emulator.iothub.limits import Limit
from tests.emulator.iothub.lab import HUB, Lab


def accepted(ask: Callable[[], Response], most: int) -> int:
    """How many times in a row the hub takes it."""
    return next((count for count in range(most + 1) if ask().status == 429), most + 1)


@pytest.mark.parametrize(
    ("limit", "sku", "units", "count"),
    [
        (limits.IDENTITIES, "F1", 1, 100),
        (limits.IDENTITIES, "S1", 3, 300),
        (limits.IDENTITIES, "B2", 1, 100),
        (limits.IDENTITIES, "S3", 2, 10_000),
        (limits.QUERIES, "S1", 2, 40),
        (limits.QUERIES, "S3", 1, 1000),
        (limits.TWIN_READS, "S1", 50, 100),
        (limits.TWIN_READS, "S2", 11, 110),
        (limits.TWIN_READS, "S2", 1, 100),
        (limits.TWIN_UPDATES, "S3", 2, 500),
        (limits.CONNECTIONS, "S1", 2, 100),
        (limits.CONNECTIONS, "B1", 9, 108),
        (limits.SENDS, "S2", 2, 240),
        (limits.SENDS, "S3", 1, 6000),
    ],
)
def test_published_rates(limit: Limit, sku: str, units: int, count: int) -> None:
    assert limit.count({"sku": {"name": sku, "capacity": units}}) == count


def test_the_device_registry_has_a_rate(lab: Lab) -> None:
    assert accepted(lambda: lab.call("GET", "/devices"), 100) == 100
    status, message = lab.refused("PUT", "/devices/d1", {"deviceId": "d1"})
    assert (status, message) == (
        429,
        "ErrorCode:ThrottlingBacklogTimeout;The request has been throttled. Wait 10 seconds and try again. Operation type: CRUD",
    )
    assert lab.call("GET", "/twins/d1").status == 404, "twins have a limit of their own"
    lab.arm.clock.advance(60)
    assert accepted(lambda: lab.call("GET", "/devices"), 100) == 100


def test_queries_are_slower(lab: Lab) -> None:
    assert accepted(lambda: lab.call("POST", "/devices/query", {"query": "SELECT * FROM devices"}), 20) == 20


def test_each_device_of_a_bulk_counts(lab: Lab) -> None:
    entries = [{"id": f"d{number}", "importMode": "createOrUpdate"} for number in range(60)]
    assert lab.call("POST", "/devices", entries).status == 200
    assert lab.call("POST", "/devices", entries).status == 429
    assert lab.call("POST", "/devices", entries[:40]).status == 200, "what was throttled did not count"
    assert lab.call("GET", "/devices").status == 429


def test_a_bulk_may_count_as_one_call(lab: Lab) -> None:
    lab.azure.habits = Habits(bulk_counts="call")
    entries = [{"id": f"d{number}", "importMode": "createOrUpdate"} for number in range(100)]
    assert accepted(lambda: lab.call("POST", "/devices", entries), 100) == 100


def test_a_bulk_over_the_limit_changes_nothing(lab: Lab) -> None:
    lab.ok("POST", "/devices", [{"id": f"d{number}", "importMode": "create"} for number in range(60)])
    status, message = lab.refused("POST", "/devices", [{"id": f"d{number}", "importMode": "delete"} for number in range(60)])
    assert (status, message.partition(";")[0]) == (429, "ErrorCode:ThrottlingBacklogTimeout")
    assert len(lab.ok("GET", "/devices")) == 60
    assert accepted(lambda: lab.call("GET", "/devices"), 100) == 39, "nor does it count"


def test_a_refused_request_is_not_counted(lab: Lab) -> None:
    for _ in range(101):
        assert lab.call("GET", "/devices", authorization="").status == 401
    assert lab.call("GET", "/devices").status == 200


def test_more_units_take_more(lab: Lab) -> None:
    lab.make_hub(HUB, units=2)
    assert accepted(lambda: lab.call("GET", "/devices"), 200) == 200


def test_a_day_has_so_many_messages() -> None:
    lab = Lab(sku="F1")
    hub = lab.hub()
    with lab.world() as world:
        assert limits.take_message(world, hub, 512 * 7_999)
        assert not limits.take_message(world, hub, 513)
        assert limits.take_message(world, hub, 0)
        assert not limits.take_message(world, hub, 0)
    shown = lab.arm.call("GET", f"/IotHubs/{HUB}/quotaMetrics").body["value"][0]
    assert shown == {"name": "TotalMessages", "currentValue": 8000, "maxValue": 8000}
    lab.arm.clock.advance(5 * 3600)
    with lab.world() as world:
        assert limits.take_message(world, hub, 1), "it is another day in UTC"
