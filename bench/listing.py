"""What it takes to look at a fleet: the requests of `device list` and of `rotate status`, and when the first row is there.

The fleet is in the state of an embedded Azure without limits, so that nothing waits; the settings say the same. What a command
says and what it prints go to the same place, so that it is known which came first.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.copies import copy_devices
from bench.served import dpsops, environment, served, settle

DEVICES, HUBS = 10_000, 2

SETTINGS = """
location = "westeurope"
resource_group = "rg-bench"
vault = { name = "kv-bench" }
dps = { name = "dps-bench" }
hub = [{ name = "iot-bench-1" }, { name = "iot-bench-2" }]
root = { key = "EC-P256" }

[limits]
secret_creates = 1000000
secret_operations = 1000000
signatures = 1000000
dps_operations = 1000000
registry_operations = 1000000
hub_queries = 1000000
"""

_REQUEST = re.compile(r"^dpsops: (?P<method>[A-Z]+) (?P<host>[^/ ]+)(?P<path>\S*) -> (?P<status>\d+)$")
_WAITING = "waits "
"""What the first device that a rotation waits for begins with; the others are below it."""

_PAGES = {"/secrets": "pages of secrets", "/registrations/devices/query": "pages of registrations", "/devices/query": "queries"}


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a fleet. `requests`: by what they are; `before_row`: those before the first row; `rows`: of devices."""

    name: str
    requests: Counter[str]
    before_row: Counter[str]
    rows: int
    seconds: float


def allowed(devices: int) -> int:
    """The target: a request for every 25 devices of a vault, one for every 100 of a hub, and a few more for each hub."""
    return devices // 25 + devices // 100 + 10 * HUBS


def fill(place: Path, devices: int, *, draining: bool) -> None:
    """Makes a fleet on two hubs, all registered; if `draining`, with new certificates that they have not used yet."""
    settle(place, SETTINGS)
    first = one_of_each_hub(place)
    if draining:
        dpsops(place, "rotate", "--replace", "root-g1", "--until", "draining", "--yes")
    copy_devices(place / ".dpsops" / "azure.sqlite", dict.fromkeys(first, devices // HUBS))


def one_of_each_hub(place: Path) -> Sequence[str]:
    """A registered device for each hub: devices are registered until there is one; the others are left as they are."""
    found: dict[str, str] = {}
    for number in range(32):
        device = f"press-{number:02}"
        dpsops(place, "device", "issue", device)
        assigned = re.search(r"iot-bench-\d", dpsops(place, "device", "register", device))
        found.setdefault(assigned[0] if assigned else "", device)
        if len(found) == HUBS:
            return list(found.values())
    raise RuntimeError("all devices are assigned to the same hub")


def look(place: Path, words: Sequence[str], row: str) -> Look:
    """What a command takes. `row`: what a row of a device begins with. Raises `RuntimeError` if the command fails."""
    command = [sys.executable, "-m", "dpsops", "--verbose", *words]
    requests, before, rows, begun = Counter[str](), Counter[str](), 0, time.monotonic()
    last = ""
    with served(place, unlimited=True), subprocess.Popen(
        command, cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if found := _REQUEST.match(line):
                requests[_name(found)] += 1
            elif line.startswith(row):
                before = before or requests.copy()
                rows += 1
            last = line
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}: {last}")
    del requests[""]
    del before[""]
    return Look(" ".join(words[-2:]), requests, before, rows, time.monotonic() - begun)


def _name(request: re.Match[str]) -> str:
    """What a request is; empty for the sign-in and the vault's challenges."""
    if request["host"] == "login.microsoftonline.com" or request["status"] == "401":
        return ""
    return _PAGES.get(request["path"], "others")


def measure(devices: int) -> Iterator[Look]:
    """A look at a fleet by each command."""
    looks = (["--output", "jsonl", "device", "list"], '{"device"'), (["rotate", "status"], _WAITING)
    for (words, row), draining in zip(looks, (False, True), strict=True):
        with tempfile.TemporaryDirectory() as directory:
            fill(Path(directory), devices, draining=draining)
            yield look(Path(directory), words, row)


def requests_of_issuing(devices: int) -> int:
    """The requests of `device issue --from FILE` for new devices."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        settle(place, SETTINGS)
        (place / "devices.txt").write_text("".join(f"press-{number:05}\n" for number in range(devices)), encoding="utf-8")
        return look(place, ["device", "issue", "--from", "devices.txt"], "✓").requests.total()


def main() -> None:
    """Prints what both take."""
    parser = argparse.ArgumentParser(prog="python -m bench.listing", description=__doc__, allow_abbrev=False)
    parser.add_argument("--devices", type=int, default=DEVICES)
    devices = parser.parse_args().devices
    for found in measure(devices):
        print(f"{found.name}: {found.requests.total()} requests for {found.rows} rows, at most {allowed(devices)}")
        print(f"  {dict(found.requests)}; before the first row {dict(found.before_row)}; {found.seconds:.1f} s")


if __name__ == "__main__":
    main()
