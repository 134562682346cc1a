"""The devices that a command line names: as arguments, or in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsops.cli.requests import require_requests, take
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from dpsops.fleet.roster import Roster
    from dpsops.model.shards import Shard
    from dpsops.settings import Environment

STDIN = Path("-")

DeviceArgument = Annotated[str, typer.Argument(metavar="ID", help="A device ID, in lower case, as in press-07.")]
DevicesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Device IDs, in lower case, as in press-07.", show_default=False)
]
FromOption = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="The devices, as CSV with a header, JSON lines or plain lines; - is stdin."),
]

_SHOWN = 20


@contextmanager
def wanted_devices(
    devices: Sequence[str],
    source: Path | None,
    environment: Environment,
    *,
    shard: Shard,
    keep_going: bool,
    requests: Path | None = None,
    reads_requests: bool = False,
) -> Iterator[Roster]:
    """The devices that are given as arguments or in the file `source` (`-`: standard input), all read and checked; or those of
    the certificate signing requests in the file or directory `requests`. `reads_requests`: the requests that rows name are read
    and checked too.

    Raises `InvalidInput` for an ID that is not valid, for both or neither, and for bad rows: with `keep_going` only if the file
    cannot be read any further, or names no device at all. The bad rows are then in the roster. An argument may be given twice.
    """
    from dpsops.fleet.roster import Roster

    if requests is not None and (source is not None or len(devices) > 1 or (devices and requests.is_dir())):
        raise InvalidInput(
            "the requests name their devices themselves", "give one device at most, with --csr FILE; or --csr DIR alone"
        )
    if requests is None and bool(devices) == (source is not None):
        raise InvalidInput(
            "the devices are given as arguments or in a file, not as both" if devices else "no device is given",
            "give device IDs such as press-07, or --from FILE (- is standard input)",
        )
    with Roster(shard) as roster:
        if requests is not None:
            take(roster, requests, devices[0] if devices else None)
        elif source is None:
            _take(roster, devices)
        else:
            _read(roster, source, environment)
            if reads_requests:
                require_requests(roster)
        if not keep_going:
            _require_good_rows(roster, str(requests) if requests else _name(source or STDIN))
        yield roster


def _take(roster: Roster, devices: Sequence[str]) -> None:
    from dpsops.model.wanted import Wanted
    from dpsops.pki.names import device_id

    for number, text in enumerate(devices, 1):
        roster.add(number, Wanted(device_id(text)))


def _read(roster: Roster, source: Path, environment: Environment) -> None:
    from dpsops.fleet.rows import fill

    name = _name(source)
    try:
        if source == STDIN:
            fill(roster, sys.stdin.buffer, name, environment)
        else:
            with source.open("rb") as file:
                fill(roster, file, name, environment)
    except OSError as cause:
        raise InvalidInput(f"{name} cannot be read: {cause.strerror}", "check the path after --from") from cause
    if roster.is_empty():
        raise InvalidInput(f"{name} names no device", "write one device ID a line, or rows of CSV or JSON with a device in each")


def _require_good_rows(roster: Roster, name: str) -> None:
    count = roster.bad_count()
    if not count:
        return
    lines = [bad.text for bad in islice(roster.bad_rows(), _SHOWN)]
    if count > _SHOWN:
        lines.append(f"and {count - _SHOWN} more")
    raise InvalidInput(
        "\n".join([f"{name} has {count} bad row{'s' if count > 1 else ''}, so nothing was done:", *lines]),
        "correct the file; or pass --keep-going to go on with the other rows",
    )


def _name(source: Path) -> str:
    return "standard input" if source == STDIN else str(source)
