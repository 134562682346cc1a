"""A crowd at the door that never finishes its greeting: it costs nobody his way in."""

from __future__ import annotations

import asyncio
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dpsops.emulator.connections import Connections
from dpsops.emulator.mqtt import packets
from dpsops.emulator.mqtt.packets import Connect, Pingreq
from tests.emulator.mqtt.lab import Server, connected, half_asked, half_said, half_shaken, silent

_CROWDED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
from tests.emulator.mqtt.parrot import parrot_azure
with parrot_azure(Path(sys.argv[1])) as embedded:
    print(embedded.proxy_url, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An embedded Azure in a process of its own."""

    proxy_url: str
    authority_file: Path


@contextmanager
def crowded(directory: Path) -> Iterator[Elsewhere]:
    """One that may open 1,024 files, as is usual."""
    program = [sys.executable, "-c", _CROWDED, str(directory)]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        yield Elsewhere(process.stdout.readline().strip(), directory / ".dpsops" / "ca.pem")
        _, complaints = process.communicate("", timeout=30)
        assert (process.returncode, complaints) == (0, "")


@contextmanager
def many_files() -> Iterator[int]:
    """How many connections this process can make, after raising its limit as far as it may, up to 10,000."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = min(hard, 11_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
    try:
        yield min(10_000, limit - 500)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("approach", "size"), [(silent, 10_000), (half_asked, 2_000), (half_shaken, 2_000), (half_said, 700)])
def test_a_crowd_that_never_finishes_its_greeting_bars_nobodys_way(
    tmp_path: Path, approach: Callable[[Server], socket.socket], size: int
) -> None:
    with crowded(tmp_path) as elsewhere, many_files() as most, ExitStack() as crowd, connected(elsewhere) as resident:
        resident.say(Connect("resident", True, 0))
        assert resident.hear() == packets.connack(0)
        for _ in range(min(size, most)):
            crowd.enter_context(approach(elsewhere))
        with connected(elsewhere) as newcomer:
            newcomer.say(Connect("newcomer", True, 0))
            assert newcomer.hear() == packets.connack(0)
        resident.say(Pingreq())
        assert resident.hear() == packets.PINGRESP, "who has greeted stays"


class Caller(asyncio.Transport):
    """A connection that notes when it is dropped."""

    dropped = False

    def abort(self) -> None:
        """Drops it."""
        self.dropped = True


def test_the_oldest_newcomer_makes_room_for_the_next() -> None:
    async def crowd() -> None:
        connections = Connections(newcomers=2)
        greeted, first, second, third = callers = [Caller() for _ in range(4)]
        connections.enter(greeted)
        connections.greeted(greeted)
        for caller in (first, second, third):
            connections.enter(caller)
        assert [caller.dropped for caller in callers] == [False, True, False, False]
        for caller in callers:
            connections.leave(caller)
        await connections.hang_up()

    asyncio.run(crowd())


def test_a_newcomer_has_only_so_much_time() -> None:
    async def wait() -> None:
        connections = Connections(patience=0)
        greeted, slow = Caller(), Caller()
        connections.enter(greeted)
        connections.greeted(greeted)
        connections.enter(slow)
        while not slow.dropped:
            await asyncio.sleep(0)
        assert not greeted.dropped

    asyncio.run(asyncio.wait_for(wait(), 10))
