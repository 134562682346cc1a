"""Orders that nothing promises: by chance, and by the same chance again."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.chances import Chances
from dpsops.emulator.habits import Habits
from tests.emulator.subscription.lab import DEPLOYMENTS, DPS, GROUP, HUB, S1, Subscription, deployment

NAMES = [f"hub{number}" for number in range(5)]


def shuffling(azure: Subscription, seed: int) -> None:
    azure.azure.habits, azure.azure.chances = Habits(shuffled=True), Chances(seed)


def links(azure: Subscription) -> list[str]:
    return [each["name"].partition(".")[0] for each in azure.ok("GET", DPS)["properties"]["iotHubs"]]


@pytest.fixture
def linked(azure: Subscription) -> Subscription:
    given = []
    for name in NAMES:
        path = HUB.replace("hub1", name)
        azure.hub(path)
        key = azure.ok("POST", f"{path}/listkeys")["value"][0]
        text = f"HostName={name}.azure-devices.net;SharedAccessKeyName={key['keyName']};SharedAccessKey={key['primaryKey']}"
        given.append({"connectionString": text, "location": "westeurope"})
    azure.service(iotHubs=given)
    return azure


def test_links_come_as_they_were_sent_or_by_chance(linked: Subscription) -> None:
    assert links(linked) == NAMES
    orders = []
    for seed in range(4):
        shuffling(linked, seed)
        orders.append(links(linked))
        assert links(linked) == orders[-1]
        assert sorted(orders[-1]) == NAMES
    assert len(set(map(tuple, orders))) > 1
    shuffling(linked, 0)
    linked.azure.clock.advance(1)
    later = [links(linked)]
    for _ in range(4):
        linked.azure.clock.advance(1)
        later.append(links(linked))
    assert len(set(map(tuple, later))) > 1


def test_the_changes_of_a_what_if_come_sorted_or_by_chance(azure: Subscription) -> None:
    hub = {"type": "Microsoft.Devices/IotHubs", "apiVersion": "2023-06-30", "location": "westeurope", "sku": S1}

    def changes() -> Any:
        body = deployment(*(hub | {"name": name, "properties": {}} for name in NAMES))
        begun = azure.call("POST", f"{GROUP}/{DEPLOYMENTS}/main/whatIf", body)
        found = azure.ok("GET", begun.headers["Location"])["properties"]["changes"]
        return [each["resourceId"].rpartition("/")[2] for each in found]

    assert changes() == NAMES
    shuffling(azure, 1)
    first = changes()
    assert first != NAMES
    assert sorted(first) == NAMES
    assert changes() == first
    shuffling(azure, 2)
    assert changes() != first


def test_a_draw_is_the_same_for_the_same_thing() -> None:
    drawn = Chances(1).draw("role", "a")
    assert 0 <= drawn < 1
    assert Chances(1).draw("role", "a") == drawn
    assert len({drawn, Chances(2).draw("role", "a"), Chances(1).draw("role", "b")}) == 3
