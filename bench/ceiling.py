"""How near dpsops comes to what Azure allows: real commands beside an embedded Azure with its limits, in a process of its own.

What was issued, and when, is what `--verbose` says of each request. The measure begins a second after the last process has stored
its first secret, and lasts for two windows of the limit: in those Azure allows no more than its rate, whatever came before.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.served import environment, served, settle
from dpsops.model.shards import Shard
from dpsops.settings import Environment

_SECONDS = 20.0  # two windows of the limit
_MORE = 6  # seconds of work beside those: before, and so that no process ends too early
_START = 1.5  # seconds that a process takes until it issues, while others start too on few cores
_OF_VAULT = 30.0  # new secrets a second
_SECRET = re.compile(r"^dpsops: PUT \S+/secrets/\S+ -> (?P<status>\d+)$")


@dataclass(frozen=True, slots=True)
class Share:
    """What was issued in steady state. `rate`: secrets a second; `allowed`: by Azure; `puts`, `refused`: the requests for new
    secrets, and how many of them were answered 429; `client`, `server`: cores in use."""

    rate: float
    allowed: float
    puts: int
    refused: int
    client: float
    server: float

    @property
    def of_ceiling(self) -> float:
        """The share of what Azure allows."""
        return self.rate / self.allowed

    @property
    def of_refused(self) -> float:
        """The share of the requests for new secrets that were refused."""
        return self.refused / self.puts


def knows_vaults() -> bool:
    """Whether the settings can spread the devices' secrets over several vaults."""
    return "device" in Environment.model_fields


def measure(vaults: int, shards: int = 1) -> Share:
    """The share of a fleet's command, as so many processes."""
    allowed = vaults * _OF_VAULT
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        settle(place, _settings(vaults))
        _write(place / "devices.txt", shards, round(allowed * (_SECONDS + _MORE + _START * shards) / shards))
        with served(place) as server:
            before, of_server, begun = _children(), server.cpu(), time.monotonic()
            seen = _run(place, shards)
            elapsed = time.monotonic() - begun
            client, of_server = _children() - before, server.cpu() - of_server
    puts = [moment for one in seen for moment in one.issued]
    refused = sum(one.refused for one in seen)
    return Share(_steady(seen), allowed, len(puts) + refused, refused, client / elapsed, of_server / elapsed)


def _settings(vaults: int) -> str:
    several = ", ".join(f'"kv-bench-{number}"' for number in range(1, vaults + 1))
    return f"""
location = "westeurope"
resource_group = "rg-bench"
vault = {{ name = "kv-bench" }}
dps = {{ name = "dps-bench" }}
hub = [{{ name = "iot-bench" }}]
root = {{ key = "EC-P256" }}
{f"device = {{ vaults = [{several}] }}" if vaults > 1 else ""}
"""


def _write(path: Path, shards: int, each: int) -> None:
    """A list of devices, of which each shard has as many."""
    parts, left, number = [Shard(index, shards) for index in range(1, shards + 1)], [each] * shards, 0
    with path.open("w", encoding="utf-8") as file:
        while any(left):
            device = f"press-{number:06}"
            index = next(index for index, part in enumerate(parts) if part.has(device))
            if left[index]:
                left[index] -= 1
                print(device, file=file)
            number += 1


@dataclass(slots=True)
class _Seen:
    """What a process has said: when each secret was stored, and how many were refused."""

    issued: list[float] = field(default_factory=list)
    refused: int = 0

    def read(self, lines: Iterator[str]) -> None:
        """Reads until the process ends."""
        for line in lines:
            if found := _SECRET.match(line):
                if found["status"] == "200":
                    self.issued.append(time.monotonic())
                self.refused += found["status"] == "429"


def _run(place: Path, shards: int) -> list[_Seen]:
    """Runs the processes. Raises `RuntimeError` if one fails."""
    with _processes(place, shards) as processes:
        seen = [_Seen() for _ in processes]
        readers = [
            threading.Thread(target=one.read, args=(process.stderr,)) for one, process in zip(seen, processes, strict=True)
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError(f"the processes ended with {codes}")
    return seen


@contextmanager
def _processes(place: Path, shards: int) -> Iterator[Sequence[subprocess.Popen[str]]]:
    words = [sys.executable, "-m", "dpsops", "--verbose", "device", "issue", "--from", "devices.txt"]
    started = []
    try:
        for number in range(1, shards + 1):
            command = [*words, *(["--shard", f"{number}/{shards}"] if shards > 1 else [])]
            started.append(
                subprocess.Popen(
                    command, cwd=place, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                )
            )
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _steady(seen: Sequence[_Seen]) -> float:
    """Secrets a second. The first one is where the measure begins, and does not count. Raises `RuntimeError` if a process has
    ended too early."""
    moments = sorted(moment for one in seen for moment in one.issued)
    all_at_work = max(min(one.issued) for one in seen) + 1
    begin = next(moment for moment in moments if moment >= all_at_work)
    if any(max(one.issued) < begin + _SECONDS for one in seen):
        raise RuntimeError("a process has ended before the measure did")
    return sum(begin < moment <= begin + _SECONDS for moment in moments) / _SECONDS


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Prints the share."""
    parser = argparse.ArgumentParser(prog="python -m bench.ceiling", description=__doc__, allow_abbrev=False)
    parser.add_argument("--vaults", type=int, default=1)
    parser.add_argument("--shards", type=int, default=1)
    asked = parser.parse_args()
    share = measure(asked.vaults, asked.shards)
    print(f"{share.rate:.2f} of {share.allowed:.0f} a second: {share.of_ceiling:.2%}; {share.of_refused:.2%} answered 429")
    print(f"the clients used {share.client:.2f} cores, the server {share.server:.2f}")


if __name__ == "__main__":
    main()
