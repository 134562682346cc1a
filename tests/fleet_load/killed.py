"""Issuing to a fleet, killed with SIGKILL and said again."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.listing import SETTINGS
from bench.served import environment, served, settle
from dpsops.pki.names import DeviceId, device_id
from tests.fleet_load.vault import bundles, connected, faults, versions

_STORED = re.compile(r"^dpsops: PUT \S+/secrets/device-(?P<device>\S+) -> 200$")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `stored`: how many secrets were answered before each kill; `twice`: the devices with several certificates;
    `lost`: what must not be."""

    devices: int
    stored: tuple[int, ...]
    twice: int
    lost: tuple[str, ...]


def issue_and_kill(devices: int, kill_after: Sequence[int], *, creates: int) -> Outcome:
    """Issues to so many devices. The command is killed when it has stored so many secrets, once for each number; then it is said
    again, to its end. creates: so many secrets in ten seconds, according to the settings; the embedded Azure has no limits."""
    names = [device_id(f"press-{number:05}") for number in range(devices)]
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        settle(place, SETTINGS.replace("secret_creates = 1000000", f"secret_creates = {creates}"))
        (place / "devices.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        with served(place, unlimited=True) as server:
            before = [_issue(place, count) for count in kill_after]
            _issue(place, None)
            with connected(place, server.variables) as (run, clients):
                count = versions(run, clients, names)
                lost = faults(place, bundles(run, clients, names))
    answered = set[DeviceId]().union(*before)
    lost += [f"{name} was issued again, after it was stored" for name in names if name in answered and count[name] > 1]
    lost += [f"{name} has no certificate" for name in names if not count[name]]
    return Outcome(devices, tuple(map(len, before)), sum(each > 1 for each in count.values()), tuple(lost))


def _issue(place: Path, kill_after: int | None) -> set[DeviceId]:
    """The devices whose secrets were stored, and answered, until the command ended. Raises `RuntimeError` if it ended otherwise
    than it should."""
    command = [sys.executable, "-m", "dpsops", "--verbose", "device", "issue", "--from", "devices.txt"]
    stored, last = set[DeviceId](), ""
    with subprocess.Popen(
        command, cwd=place, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for last in process.stderr:
            if found := _STORED.match(last):
                stored.add(device_id(found["device"]))
                if len(stored) == kill_after:
                    process.kill()
    if process.returncode != (0 if kill_after is None else -9):
        raise RuntimeError(f"the command ended with {process.returncode}: {last}")
    return stored
