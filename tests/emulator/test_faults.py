"""Which requests a fault hits: by service, by a condition, so many of them, or each with a probability."""

from __future__ import annotations

import pytest

from dpsops.emulator.chances import Chances
from dpsops.emulator.faults import SERVICES, Drop, Fault, Faults, Lag, Throttle
from dpsops.emulator.http import Request

HOSTS = {
    "sign-in": "login.microsoftonline.com",
    "management": "management.azure.com",
    "vault": "kv-1.vault.azure.net",
    "dps": "global.azure-devices-provisioning.net",
    "hub": "hub1.azure-devices.net",
}


def to(host: str, method: str = "GET") -> Request:
    """A request to a host."""
    return Request(method, host, "/")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_known_by_its_hosts(service: str) -> None:
    faults = Faults()
    faults.add(Fault(Throttle(), service=service, times=None))
    assert [name for name, host in HOSTS.items() if faults.hit(to(host)) is not None] == [service]


def test_one_fault_hits_at_most_and_each_as_often_as_it_says() -> None:
    faults = Faults()
    faults.add(Fault(Throttle(), skip=1, times=2))
    faults.add(Fault(Drop(work_done=True), times=1))
    hit = [faults.hit(to(HOSTS["hub"])) for _ in range(5)]
    assert hit == [Drop(work_done=True), Throttle(), Throttle(), None, None]
    assert faults.left() == []


def test_chance_is_the_same_for_the_same_seed() -> None:
    def course(seed: int) -> list[bool]:
        faults, chances = Faults(), Chances(seed)
        faults.add(Fault(Throttle(), rate=0.3, times=None))
        return [faults.hit(to(HOSTS["vault"]), chances) is not None for _ in range(300)]

    assert course(1) == course(1) != course(2)
    assert 60 < sum(course(1)) < 120


@pytest.mark.parametrize(("rate", "hits"), [(0.0, 0), (1.0, 5)])
def test_never_and_always(rate: float, hits: int) -> None:
    faults = Faults()
    faults.add(Fault(Throttle(), rate=rate, times=5))
    assert sum(faults.hit(to(HOSTS["dps"])) is not None for _ in range(20)) == hits


def test_an_answer_is_late_over_https_only() -> None:
    faults = Faults()
    faults.add(Fault(Lag(3), times=1))
    assert faults.hit(to(HOSTS["hub"], "PUBLISH")) is None
    assert faults.hit(to(HOSTS["hub"], "CONNECT")) is None
    assert faults.hit(to(HOSTS["hub"], "POST")) == Lag(3)
