"""What Azure's documentation says that it takes, and what the settings say instead."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.model import rates
from tests.worlds import environment


@pytest.mark.parametrize(
    ("key", "kind", "size", "count"),
    [
        ("EC-P256", "EC", 256, 4000),
        ("EC-P384", "EC", 384, 4000),
        ("RSA-2048", "RSA", 2048, 4000),
        ("RSA-3072", "RSA", 3072, 1000),
        ("RSA-4096", "RSA", 4096, 500),
        ("RSA-3072-HSM", "RSA", 3072, 500),
        ("EC-P256-HSM", "EC", 256, 2000),
    ],
)
def test_signatures_depend_on_the_key(key: str, kind: str, size: int, count: int) -> None:
    settings = environment(root={"key": key}, vault={"name": "kv-dpsops-test", "sku": "premium"})
    assert (rates.signatures(settings, kind, size).count, rates.signatures(settings, kind, size).seconds) == (count, 10)


@pytest.mark.parametrize(
    ("sku", "units", "registry", "queries"),
    [("F1", 1, 100, 20), ("S1", 1, 100, 20), ("B2", 3, 300, 60), ("S2", 200, 20_000, 4000), ("S3", 10, 50_000, 10_000)],
)
def test_a_hub_takes_more_the_more_units_it_has(sku: str, units: int, registry: int, queries: int) -> None:
    settings = environment(hub=[{"name": "iot-dpsops-test", "sku": sku, "capacity": units}])
    host = settings.hub[0].host
    assert rates.registry_operations(settings, host).count == registry
    assert rates.queries(settings, host).count == queries
    assert rates.queries(settings, "another.azure-devices.net").count == 20


def test_the_settings_know_better() -> None:
    limits: dict[str, Any] = {
        "secret_creates": 4000, "secret_operations": 8000, "signatures": 70, "dps_operations": 200, "registry_operations": 90,
        "hub_queries": 30, "bulk_counts": "call",
    }  # fmt: skip
    settings, standard = environment(limits=limits), environment()
    host = settings.hub[0].host
    assert [each.count for each in rates.secret_creates(settings, "kv", 6)] == [4000, 20_000]
    assert rates.secret_operations(settings, "kv").count == 8000
    assert rates.signatures(settings, "EC", 256).count == 70
    assert rates.dps_operations(settings).count == 200
    assert rates.registry_operations(settings, host).count == 90
    assert rates.queries(settings, host).count == 30
    assert not rates.bulk_counts_devices(settings)
    assert rates.bulk_counts_devices(standard)
    assert rates.secret_creates(standard, "kv-press", 5)[0].name == "new secrets of kv-press (30 a second)"
    assert rates.dps_operations(standard).name == "requests to dps-dpsops-test (1,000 a minute)"


@pytest.mark.parametrize(
    ("vaults", "key", "seconds", "limit"),
    [
        (0, "EC-P256", 10_000 / 30, "new secrets of kv-dpsops-test (30 a second)"),
        (3, "EC-P256", 10_000 / 90, "new secrets of 3 vaults"),
        (6, "EC-P256", 10_000 / 150, "new secrets of all vaults (150 a second)"),
        (6, "RSA-3072", 10_000 / 100, "signatures of the root's RSA-3072 key (100 a second)"),
        (0, "RSA-4096", 10_000 / 30, "new secrets of kv-dpsops-test (30 a second)"),
    ],
)
def test_the_slowest_limit_holds_back_a_fleet(vaults: int, key: str, seconds: float, limit: str) -> None:
    settings = environment(device={"vaults": [f"kv-{number}-devices" for number in range(vaults)]})
    kind, size = key.split("-")
    found = rates.reissue(settings, kind, int(size.removeprefix("P")), 10_000)
    assert found.seconds == pytest.approx(seconds)
    assert found.limit == limit


def test_a_look_at_a_fleet_takes_a_query_for_each_hundred() -> None:
    two = environment(hub=[{"name": "iot-one"}, {"name": "iot-two", "sku": "S3"}])
    found = rates.look(two, 10_000)
    assert (found.seconds, found.limit) == (150, "queries of iot-one (20 a minute)")
