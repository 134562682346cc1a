"""A fleet under load: `python -m tests.fleet_load.run` issues to 5,000 devices and is killed three times, then rotates the root
of 1,000 devices while they register.

Prints a table, and what was lost; exits with 1 if anything was.
"""

from __future__ import annotations

import sys
import time

from tests.fleet_load.killed import issue_and_kill
from tests.fleet_load.rotated import rotate_under_load

_ISSUED, _KILLS = 5000, (1, 1700, 1500)
_ROTATED = 1000
_SHOWN = 20


def main() -> int:
    """The exit code."""
    begun = time.monotonic()
    issued = issue_and_kill(_ISSUED, _KILLS, creates=1_000_000)
    _row(
        "devices with a current certificate, verified by openssl", f"{issued.devices - len(issued.lost):,} of {issued.devices:,}"
    )
    _row("secrets stored before each of the kills", ", ".join(f"{count:,}" for count in issued.stored))
    _row("devices issued twice, which were in flight", f"{issued.twice:,}")
    rotated = rotate_under_load(_ROTATED)
    _row("devices rotated end to end", f"{rotated.devices:,}")
    _row("registrations meanwhile", f"{rotated.registrations:,}")
    lost = [*issued.lost, *rotated.lost]
    _row("lost or refused", f"{len(lost):,}")
    _row("minutes", f"{(time.monotonic() - begun) / 60:.1f}")
    for each in lost[:_SHOWN]:
        print(f"  {each}")
    return 1 if lost else 0


def _row(what: str, measured: str) -> None:
    print(f"{what:<60} {measured:>20}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
