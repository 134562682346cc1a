"""A fleet in the state of an embedded Azure: copies of a few devices that were issued, and registered, by the ordinary way.

What is kept of a device is found by its ID; nothing here knows what that is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path


def copy_devices(state: Path, copies: Mapping[str, int]) -> None:
    """Copies each device so often, under its ID with a number behind it. state: the file, which nobody else has open."""
    with closing(sqlite3.connect(state)) as database, database:
        for device, count in copies.items():
            found = database.execute("SELECT kind, key, body FROM document WHERE instr(key, ?)", (device,)).fetchall()
            if not found:
                raise ValueError(f"there is no device {device} in {state}")
            database.executemany("INSERT INTO document VALUES (?, ?, ?)", _copies(found, device, count))


def _copies(found: list[tuple[str, str, str]], device: str, count: int) -> Iterator[tuple[str, str, str]]:
    for number in range(count):
        copy = f"{device}-{number:06}"
        for kind, key, body in found:
            yield kind, key.replace(device, copy), body.replace(device, copy)
