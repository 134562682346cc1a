"""Many connections that say nothing, or only half of it: other clients can still connect."""

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

_LIMITED = """
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
def limited(directory: Path) -> Iterator[Elsewhere]:
    """One that may open 1,024 files, as is usual."""
    program = [sys.executable, "-c", _LIMITED, str(directory)]
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
def test_many_pending_connections_keep_no_client_from_connecting(
    tmp_path: Path, approach: Callable[[Server], socket.socket], size: int
) -> None:
    with limited(tmp_path) as elsewhere, many_files() as most, ExitStack() as pending, connected(elsewhere) as resident:
        resident.say(Connect("resident", True, 0))
        assert resident.hear() == packets.connack(0)
        for _ in range(min(size, most)):
            pending.enter_context(approach(elsewhere))
        with connected(elsewhere) as another:
            another.say(Connect("another", True, 0))
            assert another.hear() == packets.connack(0)
        resident.say(Pingreq())
        assert resident.hear() == packets.PINGRESP, "an established connection stays"


class Caller(asyncio.Transport):
    """A connection that notes when it is dropped."""

    dropped = False

    def abort(self) -> None:
        """Drops it."""
        self.dropped = True


def test_the_oldest_pending_connection_makes_room_for_the_next() -> None:
    async def drop() -> None:
        connections = Connections(pending=2)
        established, first, second, third = callers = [Caller() for _ in range(4)]
        connections.enter(established)
        connections.established(established)
        for caller in (first, second, third):
            connections.enter(caller)
        assert [caller.dropped for caller in callers] == [False, True, False, False]
        for caller in callers:
            connections.leave(caller)
        await connections.abort_all()

    asyncio.run(drop())


def test_a_pending_connection_has_a_time_limit() -> None:
    async def wait() -> None:
        connections = Connections(timeout=0)
        established, slow = Caller(), Caller()
        connections.enter(established)
        connections.established(established)
        connections.enter(slow)
        while not slow.dropped:
            await asyncio.sleep(0)
        assert not established.dropped

    asyncio.run(asyncio.wait_for(wait(), 10))
