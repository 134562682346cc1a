"""An embedded Azure in a process of its own: with Azure's limits, or without, so that the client alone decides how fast it is.

`python -m bench.served --unlimited` serves that of the present directory, as `dpsops local serve` does, until it is interrupted.
It prints the variables that another client needs, as JSON, and at the end its own CPU time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dpsops.cli.embedded import announced, start, variables
from dpsops.cli.listening import open_many_files
from dpsops.emulator.world import Meter
from dpsops.settings import LOCAL, load

ROOT = Path(__file__).parents[1]


class Unlimited(Meter):
    """Counts nothing, and so refuses nothing."""

    def take(self, key: str, limit: int, window: float, now: float, count: int = 1) -> float | None:  # noqa: ARG002
        """There is always room."""
        return None

    def give_back(self, key: str, count: int = 1) -> None:
        """There is nothing to give back."""


@dataclass(frozen=True, slots=True)
class Server:
    """A served embedded Azure: its process, and the variables for its clients."""

    process: int
    variables: Mapping[str, str]

    def cpu(self) -> float:
        """Seconds of CPU of all its threads so far."""
        return cpu_of(self.process)


def cpu_of(process: int) -> float:
    """CPU time of another process, to the nanosecond: its clock's ID is what clock_getcpuclockid(3) makes of it on Linux."""
    return time.clock_gettime(~process << 3 | 2)


def settle(place: Path, settings: str) -> None:
    """Writes the settings of the environment `local` in a directory, and makes what they ask for."""
    (place / "infra").mkdir()
    (place / "infra" / f"{LOCAL}.toml").write_text(settings, encoding="utf-8")
    dpsops(place, "up")


def dpsops(place: Path, *command: str) -> str:
    """What a command prints in this directory. Raises `CalledProcessError` if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "dpsops", *command],
        cwd=place, env=environment(), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    return done.stdout


@contextmanager
def served(place: Path, *, unlimited: bool = False) -> Iterator[Server]:
    """Serves the embedded Azure of a directory until the block ends."""
    command = [sys.executable, "-m", "bench.served", *(["--unlimited"] if unlimited else [])]
    with subprocess.Popen(command, cwd=place, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            if not said:
                raise RuntimeError("the embedded Azure does not start")
            yield Server(server.pid, json.loads(said))
        finally:
            server.terminate()
            server.communicate()  # it says its CPU time


def environment() -> dict[str, str]:
    """The variables of a process that runs the code of this checkout, wherever it runs."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m bench.served", description=__doc__, allow_abbrev=False)
    parser.add_argument("--unlimited", action="store_true", help="without Azure's limits")
    parser.add_argument("--port", type=int, default=0, help="the port of the proxy; 0: any free port")
    asked = parser.parse_args()
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    open_many_files()
    azure = start(load(LOCAL, Path("infra")).embedded, port=asked.port)
    if asked.unlimited:
        azure.azure.meter = Unlimited()
    with azure, announced(azure):
        print(json.dumps(variables(azure)), flush=True)
        ended.wait()
    print(f"{time.process_time():.2f} s of CPU")


if __name__ == "__main__":
    main()
