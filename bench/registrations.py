"""What a registration costs the embedded Azure: how many a second it takes, and its CPU time beside that of a TLS handshake.

The server is a process of its own (`served.py`); its CPU time is user and system time of all its threads.
The devices are in this process, `_AT_ONCE` at a time, which keeps the server busy where it has a core to itself: they
need two thirds of its CPU time, so that a rate is that of both wherever they share one. Bare handshakes and
registrations over HTTPS and MQTT take turns, in rounds, so that a machine that is slower for a while is so for all of them.
Each connects anew through the proxy with a full handshake (TLS 1.3, P-256, the device's whole chain) and ends properly. A
registration is the request and one question about its operation; each device has registered once before, so that all
registrations do the same work: the chain is verified, the entry found, the hub's identity updated.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.devices import Device, device
from bench.served import Server, dpsops, served, settle
from dpsops.azure.clients import connect
from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.cli.connection import event_loop
from dpsops.model.run import Run
from dpsops.pki.names import device_id
from dpsops.settings import LOCAL, load
from dpsops.workflows import register

_DEVICES = 100
_TURN = 20  # devices
_PASSES = 2  # with the first registration 5 questions about a device, which is what DPS takes in 10 seconds
_AT_ONCE = 4

SETTINGS = """
location = "westeurope"
resource_group = "rg-bench"
vault = { name = "kv-bench" }
dps = { name = "dps-bench" }
hub = [{ name = "iot-bench" }]
root = { key = "EC-P256" }
"""


@dataclass(slots=True)
class Cost:
    """What one kind of connection has taken so far, in seconds: by the clock, and of the server's CPU."""

    act: Callable[[Device], None]
    count: int = 0
    elapsed: float = 0.0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.elapsed

    @property
    def milliseconds(self) -> float:
        """The server's CPU time for one."""
        return 1000 * self.cpu / self.count


def measure() -> tuple[Cost, Cost, Cost]:
    """A bare handshake, a registration over HTTPS, one over MQTT."""
    costs = Cost(Device.shake_hands), Cost(Device.register_over_https), Cost(Device.register_over_mqtt)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        settle(place, SETTINGS)
        with served(place) as server, ThreadPoolExecutor(_AT_ONCE) as pool:
            devices = issued(place, server.variables, _DEVICES)
            list(pool.map(Device.register_over_https, devices))
            for begin in list(range(0, _DEVICES, _TURN)) * _PASSES:
                for cost in costs:
                    _take(cost, devices[begin : begin + _TURN], server, pool)
    return costs


def _take(cost: Cost, devices: Sequence[Device], server: Server, pool: ThreadPoolExecutor) -> None:
    cpu, begin = server.cpu(), time.perf_counter()
    list(pool.map(cost.act, devices))
    cost.elapsed += time.perf_counter() - begin
    cost.cpu += server.cpu() - cpu
    cost.count += len(devices)


def issued(place: Path, variables: Mapping[str, str], count: int) -> list[Device]:
    """So many devices with leaves from the vault, by the way that every device gets its own."""
    names = [device_id(f"press-{number}") for number in range(count)]
    dpsops(place, "device", "issue", *names)
    clients = connect(load(LOCAL, place / "infra"), variables, proxied=True)
    with event_loop(clients.pool) as loop:
        run, leaves = Run(clients.environment, lambda: datetime.now(UTC), clients.sleep, loop), LeafVaults(clients)
        credentials = {name: register.fetch(run, leaves, name) for name in names}
    scope = register.id_scope(Dps(clients))
    clients.close()
    return [device(name, found.key + found.chain, scope, variables, place) for name, found in credentials.items()]
