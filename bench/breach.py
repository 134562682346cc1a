"""What a breach of a fleet takes: the calls to the registries, the order, and the time under Azure's limits.

The embedded Azure is in this process, with its limits, and its clock moves when nobody has anything else to do than to wait: so
the time is computed, not spent. Each request is answered in no time. The embedded Azure counts a bulk call once for each device;
beside the other reading it counts nothing, and the time is what dpsops takes of itself.
"""

from __future__ import annotations

import argparse
import asyncio
import selectors
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.copies import copy_devices
from bench.listing import DEVICES, HUBS, one_of_each_hub
from bench.served import Unlimited, settle
from dpsops.azure.pool import Pool
from dpsops.cli.connection import Connection
from dpsops.emulator.identity import tokens
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Clock
from dpsops.model.action import Action
from dpsops.settings import LOCAL, load
from tests.workflows.commands import rotation
from tests.worlds import Exchange, World, embedded_world

_SETTINGS = """
location = "westeurope"
resource_group = "rg-bench"
vault = { name = "kv-bench" }
dps = { name = "dps-bench" }
hub = [{ name = "iot-bench-1" }, { name = "iot-bench-2" }]
root = { key = "EC-P256" }
"""

_TICK = 1e-5
"""Seconds: in the seconds since the epoch, a float has no shorter ones."""

_SIGNED_IN = 30 * 86_400
"""Seconds: by the moved clock a token must live as long as a breach, because the SDKs renew it by the real one."""

Reading = Literal["device", "call"]
"""How Azure may count a request that changes many identities: it does not say."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the cut-off of a fleet takes, and the whole breach if it was carried through. `built_before`: what was made before the
    cut-off was done; `refused`: the requests that were answered 429; `seconds`: by the moved clock."""

    devices: int
    cut_calls: int
    cut_seconds: float
    built_before: int
    all_calls: int
    all_seconds: float
    refused: int


def measure(devices: int, reading: Reading, *, through: bool) -> Cost:
    """The cost of a breach, on two hubs. through: go on after the cut-off, until the devices have new certificates."""
    tokens.LIFETIME = _SIGNED_IN
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        settle(place, _SETTINGS)
        copy_devices(place / ".dpsops" / "azure.sqlite", dict.fromkeys(one_of_each_hub(place), devices // HUBS))
        settings = load(LOCAL, place / "infra")
        settings = settings.model_copy(update={"limits": settings.limits.model_copy(update={"bulk_counts": reading})})
        clock = Clock(frozen_at=time.time())
        with EmbeddedAzure(place / ".dpsops", clock=clock) as azure:
            if reading == "call":
                azure.azure.meter = Unlimited()
            world = embedded_world(azure, settings, direct=True)
            with _connected(world, clock) as connection:
                return _breach(world, connection, devices, through=through)


def _breach(world: World, connection: Connection, devices: int, *, through: bool) -> Cost:
    begun, seen = world.clock.now(), world.transport.exchanges
    results = rotation(connection).replace_compromised(lambda _: None)
    if not any(isinstance(result, Action) and result.action == "cut off" for result in results):
        raise RuntimeError("the root was not cut off")
    cut, seconds = list(seen), world.clock.now() - begun
    if through:
        for _ in results:
            pass
    return Cost(
        devices, _registry(cut), seconds, sum(map(_builds, cut)), _registry(seen), world.clock.now() - begun,
        sum(exchange.status == 429 for exchange in seen),
    )  # fmt: skip


def _registry(exchanges: Sequence[Exchange]) -> int:
    return sum(exchange.host.endswith(".azure-devices.net") for exchange in exchanges)


def _builds(exchange: Exchange) -> bool:
    """Whether it makes a root, or a device's certificate."""
    return exchange.path.endswith(("/create", "/sign")) or (exchange.method == "PUT" and "/secrets/" in exchange.path)


@contextmanager
def _connected(world: World, clock: Clock) -> Iterator[Connection]:
    """A command in a world, whose requests for devices keep to their limits."""
    loop, begun = asyncio.SelectorEventLoop(_Waits(clock)), clock.now()
    loop.time = lambda: clock.now() - begun  # type: ignore[method-assign]  # the loop's own clock is the real one
    connection = world.connect()
    pool = connection.clients.pool
    connection.clients.pool = Pool(pool.sender, pool.credential, pool.waits, pool.roles, clock.now)
    yield replace(connection, run=replace(connection.run, loop=loop, at_once=512))
    loop.close()


class _Waits(selectors.SelectSelector):
    """What an event loop waits with until it has something to do: the clock moves, and nobody waits."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What has become ready."""
        if timeout is not None and timeout > 0:
            self._clock.advance(max(timeout, _TICK))
            timeout = 0
        return super().select(timeout)


def main() -> None:
    """Prints what a breach takes."""
    parser = argparse.ArgumentParser(prog="python -m bench.breach", description=__doc__, allow_abbrev=False)
    parser.add_argument("--devices", type=int, default=DEVICES)
    parser.add_argument("--through", action="store_true", help="go on after the cut-off")
    asked = parser.parse_args()
    readings: tuple[Reading, ...] = ("device", "call")
    for reading in readings:
        cost = measure(asked.devices, reading, through=asked.through)
        print(f"a bulk call counts once a {reading}: {cost}")


if __name__ == "__main__":
    main()
