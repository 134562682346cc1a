"""Where the secret of a new device is placed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.model.placement import placed
from dpsops.model.shards import Shard

VAULTS = ["kv-a", "kv-b", "kv-c", "kv-d", "kv-e"]
DEVICES = [f"press-{number:05}" for number in range(5000)]

devices = st.text(st.characters(codec="utf-8"), max_size=64)
names = st.lists(st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{2,10}", fullmatch=True), min_size=1, max_size=6, unique_by=str.lower)


@pytest.mark.parametrize(
    ("device", "of_three", "of_five"),
    [
        ("press-07", "kv-b", "kv-e"),
        ("press-08", "kv-b", "kv-b"),
        ("a", "kv-c", "kv-c"),
        ("-", "kv-b", "kv-e"),
        ("0", "kv-b", "kv-b"),
        ("xn--a", "kv-c", "kv-c"),
        ("x" * 64, "kv-b", "kv-b"),
    ],
)
def test_the_place_of_a_device_never_changes(device: str, of_three: str, of_five: str) -> None:
    assert (placed(device, VAULTS[:3]), placed(device, VAULTS)) == (of_three, of_five)


@given(devices, names.flatmap(lambda vaults: st.tuples(st.just(vaults), st.permutations(vaults))))
def test_the_order_and_the_case_of_the_vaults_do_not_matter(device: str, orders: tuple[list[str], list[str]]) -> None:
    vaults, others = orders
    expected = placed(device, vaults)
    assert expected in vaults
    assert placed(device, others) == expected
    assert placed(device, [vault.swapcase() for vault in vaults]) == expected.swapcase()


@given(devices, names.filter(lambda vaults: len(vaults) > 1))
def test_another_vault_moves_devices_only_to_itself(device: str, vaults: list[str]) -> None:
    *before, another = vaults
    assert placed(device, vaults) in (another, placed(device, before))


def test_devices_are_spread_evenly() -> None:
    places = [placed(device, VAULTS) for device in DEVICES]
    assert all(900 < places.count(vault) < 1100 for vault in VAULTS)


def test_another_vault_takes_an_equal_part_of_each() -> None:
    before = {device: placed(device, VAULTS[:4]) for device in DEVICES}
    moved = [before[device] for device in DEVICES if placed(device, VAULTS) == "kv-e"]
    assert 900 < len(moved) < 1100
    assert all(180 < moved.count(vault) < 320 for vault in VAULTS[:4])


def test_the_part_of_a_shard_is_spread_evenly_too() -> None:
    own = [placed(device, VAULTS) for device in DEVICES if Shard(1, 4).has(device)]
    assert all(190 < own.count(vault) < 310 for vault in VAULTS)
