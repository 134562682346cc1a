"""How soon the embedded Azure is there, how fast it is put back, and how many devices it holds.

Ready: from the beginning of a new process, its imports included, to the answer to its first request. Snapshot and
restore: in this process, of an environment with 1,000 devices that have certificates, identities and registrations. Of these
times the best of several counts: a machine that does something else as well takes longer. The crowd: 1,000 devices that are
connected to one hub over MQTT at once, each on a TLS connection of its own, and each of which sends; memory is what the
server's process has resident more than before they came.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.devices import Device
from bench.registrations import SETTINGS, issued
from bench.served import Server, environment, served, settle
from bench.table import row
from dpsops.cli.listening import open_many_files
from dpsops.emulator.mqtt.packets import Connect, Publish, connack, puback
from dpsops.emulator.server import EmbeddedAzure
from tests.emulator.mqtt.client import Client

DEVICES = 1000
_RUNS = 20
_AT_ONCE = 4
_HUB = "iot-bench.azure-devices.net"
_FIRST = """
import requests
from pathlib import Path
from dpsops.emulator.server import EmbeddedAzure
with EmbeddedAzure(Path({place!r})) as azure, requests.Session() as session:
    session.trust_env = False
    session.proxies, session.verify = {{"https": azure.proxy_url}}, str(azure.authority_file)
    assert session.get("https://management.azure.com/subscriptions?api-version=2022-12-01").status_code == 401
    print("ready", flush=True)
"""


def main() -> None:
    """Prints each figure beside its target."""
    open_many_files()
    seconds = min(_seconds_to_ready() for _ in range(5))
    row("an embedded Azure in a new process: ready after", f"{seconds:.2f} s", "under 2 s", seconds < 2)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        settle(place, SETTINGS)
        with served(place, unlimited=True) as server:
            devices = issued(place, server.variables, DEVICES)
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(Device.register_over_https, devices))
        saved, restored = _snapshots(place)
        with served(place, unlimited=True) as server:
            port = urlsplit(server.variables["HTTPS_PROXY"]).port or 0
            crowd = _crowd(server, [replace(each, proxy=port) for each in devices])
    row(f"snapshot of an environment with {DEVICES:,} devices", f"{saved:.0f} ms", "under 50 ms", saved < 50)
    row("... restored", f"{restored:.0f} ms", "under 50 ms", restored < 50)
    row(f"{DEVICES:,} devices connected to one hub at once, and sending: dropped", str(crowd.dropped), "none", not crowd.dropped)
    row("... memory of the server for each", f"{crowd.kibibytes:.0f} KiB")
    row("... messages a second", f"{crowd.rate:.0f}")


def _seconds_to_ready() -> float:
    with tempfile.TemporaryDirectory() as place:
        begin = time.perf_counter()
        code = _FIRST.format(place=f"{place}/.dpsops")
        with subprocess.Popen([sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            return time.perf_counter() - begin


def _snapshots(place: Path) -> tuple[float, float]:
    """The milliseconds of a snapshot and of a restore."""
    saved, restored = [], []
    with EmbeddedAzure(place / ".dpsops") as azure:
        for _ in range(_RUNS):
            begin = time.perf_counter()
            azure.snapshot("bench")
            saved.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            azure.restore("bench")
            restored.append(time.perf_counter() - begin)
    return 1000 * min(saved), 1000 * min(restored)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many of the devices were dropped, the server's memory for each, and how many messages a second it took."""

    dropped: int
    kibibytes: float
    rate: float


def _crowd(server: Server, devices: Sequence[Device]) -> Crowd:
    """Connects all, lets each send five messages while all others are connected, and asks each whether it still is."""
    before = _resident(server.process)
    with ExitStack() as stack, ThreadPoolExecutor(_AT_ONCE) as pool:
        clients = [stack.enter_context(_at_the_hub(each)) for each in devices]
        memory = _resident(server.process) - before
        begin = time.perf_counter()
        sent = [result for number in range(5) for result in pool.map(_send, clients, devices, [number + 1] * len(devices))]
        elapsed = time.perf_counter() - begin
        dropped = len(devices) - sum(pool.map(_is_connected, clients))
    assert all(sent) or dropped, "a message was not acknowledged"
    return Crowd(dropped, memory / 1024 / len(devices), len(sent) / elapsed)


@contextmanager
def _at_the_hub(one: Device) -> Iterator[Client]:
    with one.connected(8883, _HUB) as tls:
        client = Client(tls)
        client.say(Connect(one.name, True, 0, f"{_HUB}/{one.name}/?api-version=2021-04-12"))
        if client.hear() != connack(0):
            raise ConnectionError("the hub refuses a device")
        yield client


def _send(client: Client, one: Device, number: int) -> bool:
    client.say(Publish(f"devices/{one.name}/messages/events/", b'{"celsius": 21.5}', number))
    return client.hear() == puback(number)


def _is_connected(client: Client) -> bool:
    client.say(b"\xc0\x00")  # PINGREQ
    return client.hear() == b"\xd0\x00"


def _resident(process: int) -> int:
    """Bytes."""
    fields = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
