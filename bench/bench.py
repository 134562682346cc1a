"""How fast dpsops is, as ratios and counts: run by `make bench`.

Times are those of whole processes, in CPU seconds, the two of a ratio in turn. Requests are counted from
what `--verbose` shows; sign-in, the vault's challenges and the polls of operations are not counted. How
registrations are measured is said in `registrations.py`.
"""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import fleet, standing
from bench.registrations import measure
from bench.table import row

_RUNS = 11
_REQUEST = re.compile(r"^dpsops: (?P<method>[A-Z]+) (?P<host>[^/ ]+)(?P<path>\S*) -> (?P<status>\d+)$", re.MULTILINE)
_POLLS = ("/operationstatuses/", "/operationresults/", "/provisioningserviceoperationresults/")


def main() -> None:
    """Prints each figure beside its target."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as cache:  # both are compiled once, in a run that is not counted, as they are for a user
        ratio = _help_ratio(inherited | {"PYTHONPYCACHEPREFIX": cache})
    row("dpsops --help / python -c 'import typer' (CPU, median)", f"{ratio:.2f}", "at most 1.3", ratio <= 1.3)
    ratio = _help_ratio(inherited | {"PYTHONDONTWRITEBYTECODE": "1"})
    row("... where the code of dpsops is compiled at each run", f"{ratio:.2f}", "at most 1.5", ratio <= 1.5)
    with tempfile.TemporaryDirectory() as place:
        first = _requests(place, "up")
        second = _requests(place, "up")
        issue = _requests(place, "device", "issue", "press-07")
        status = _requests(place, "status")
        rotation = _requests(place, "rotate", "--replace", "root-g1", "--until", "stable", "--grace", "0", "--yes")
    row("first up: requests", str(len(first)))
    row("second up: requests", str(len(second)), "at most 15", len(second) <= 15)
    row("second up: writes", str(len(_writes(second))), "0", not _writes(second))
    row("device issue of one device: requests", str(len(issue)), "at most 5", len(issue) <= 5)
    row("status: requests", str(len(status)))
    row("a whole rotation, with one device: requests", str(len(rotation)))
    _print_registrations()
    standing.main()
    fleet.main()


def _print_registrations() -> None:
    if sys.platform != "linux":
        print("registrations: not measured, since only Linux tells the CPU time of another process exactly enough")
        return
    handshake, https, mqtt = measure()
    row("a bare TLS handshake: server CPU", f"{handshake.milliseconds:.2f} ms")
    for transport, cost in (("HTTPS", https), ("MQTT", mqtt)):
        row(f"registrations over {transport}: a second", f"{cost.rate:.0f}")
        row(f"registration over {transport}: server CPU", f"{cost.milliseconds:.2f} ms")
        ratio = cost.milliseconds / handshake.milliseconds
        row(f"registration over {transport} / bare TLS handshake (server CPU)", f"{ratio:.2f}", "at most 2.0", ratio <= 2.0)


def _help_ratio(variables: dict[str, str]) -> float:
    ratios = []
    for _ in range(_RUNS):
        ours = _cpu_seconds([sys.executable, "-m", "dpsops", "--help"], variables)
        theirs = _cpu_seconds([sys.executable, "-c", "import typer"], variables)
        ratios.append(ours / theirs)
    return statistics.median(ratios[1:])


def _cpu_seconds(command: list[str], variables: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=variables)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _requests(place: str, *command: str) -> list[re.Match[str]]:
    """The counted requests of one command on the embedded Azure whose state is in `place`."""
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "dpsops", "--verbose", *command],
        cwd=place, env=os.environ | path, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return [request for request in _REQUEST.finditer(done.stderr) if _counts(request)]


def _counts(request: re.Match[str]) -> bool:
    challenge = request["host"].endswith(".vault.azure.net") and request["status"] == "401"
    poll = any(part in request["path"].lower() for part in _POLLS)
    return request["host"] != "login.microsoftonline.com" and not challenge and not poll


def _writes(requests: list[re.Match[str]]) -> list[re.Match[str]]:
    """What may have changed something: what-if and signing are POSTs that do not."""
    return [
        request
        for request in requests
        if request["method"] not in ("GET", "HEAD") and not request["path"].lower().endswith(("/whatif", "/sign"))
    ]


if __name__ == "__main__":
    main()
