"""Allocation: stable, by weight, and never to a hub that does not take part."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.emulator.dps.allocation import CUSTOM, GEO_LATENCY, HASHED, STATIC, Candidate, Unassignable, allocate

DOMAIN = ".azure-devices.net"
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=3, max_size=20).map(lambda name: name + DOMAIN)
candidates = st.lists(st.builds(Candidate, names, st.integers(1, 1000)), min_size=1, max_size=6, unique_by=lambda each: each.host)
devices = st.text("abcdefghijklmnopqrstuvwxyz0123456789-._:", min_size=1, max_size=64)
policies = st.sampled_from([HASHED, GEO_LATENCY])


@given(policies, candidates, devices)
def test_a_device_always_gets_the_same_hub(policy: str, hubs: list[Candidate], device: str) -> None:
    chosen = allocate(policy, hubs, (), device)
    assert chosen in {hub.host for hub in hubs}
    assert allocate(policy, hubs[::-1], (), device.upper()) == chosen


@given(candidates, devices)
def test_a_hub_that_goes_moves_only_its_own_devices(hubs: list[Candidate], device: str) -> None:
    chosen = allocate(HASHED, hubs, (), device)
    for gone in hubs:
        left = [hub for hub in hubs if hub != gone]
        if gone.host != chosen:
            assert allocate(HASHED, left, (), device) == chosen
        elif left:
            assert allocate(HASHED, left, (), device) != chosen


@given(policies, candidates, candidates, devices)
def test_only_wanted_hubs_that_are_linked_are_chosen(
    policy: str, hubs: list[Candidate], others: list[Candidate], device: str
) -> None:
    wanted = {hubs[0].host.upper(), *(other.host for other in others)}
    chosen = allocate(policy, hubs, wanted, device)
    assert chosen in {hub.host for hub in hubs}
    assert chosen.upper() in {host.upper() for host in wanted}


@given(policies, candidates, devices)
def test_without_a_linked_hub_there_is_none(policy: str, hubs: list[Candidate], device: str) -> None:
    unlinked = f"{'x' * 30}{DOMAIN}"
    for linked, wanted in (([], ()), ([], [hubs[0].host]), (hubs, [unlinked])):
        with pytest.raises(Unassignable) as none:
            allocate(policy, linked, wanted, device)
        assert (none.value.code, str(none.value)) == (401_001, "IoTHub not found.")


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (5, 3, 2), (1000, 10)])
def test_hubs_get_devices_by_their_weights(weights: tuple[int, ...]) -> None:
    hubs = [Candidate(f"hub{number}{DOMAIN}", weight) for number, weight in enumerate(weights)]
    count = 20_000
    found = Counter(allocate(HASHED, hubs, (), f"device-{number:05}") for number in range(count))
    for hub in hubs:
        share = hub.weight / sum(weights)
        assert found[hub.host] == pytest.approx(count * share, abs=4 * (count * share * (1 - share)) ** 0.5)


def test_a_static_policy_has_one_hub() -> None:
    hubs = [Candidate("a.azure-devices.net", 1), Candidate("b.azure-devices.net", 1000)]
    assert allocate(STATIC, hubs, ["a.azure-devices.net"], "d1") == "a.azure-devices.net"
    for wanted in ([], ["c.azure-devices.net"], ["a.azure-devices.net", "b.azure-devices.net"]):
        with pytest.raises(Unassignable):
            allocate(STATIC, hubs, wanted, "d1")


def test_a_custom_policy_has_no_webhook() -> None:
    with pytest.raises(Unassignable) as failed:
        allocate(CUSTOM, [Candidate("a.azure-devices.net", 1)], (), "d1")
    assert (failed.value.code, str(failed.value)) == (400_207, "Custom allocation failed with status code: 404")
