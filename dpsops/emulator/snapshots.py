"""Snapshots: all that the embedded Azure remembers at one moment, and its time then, each in a file of its own.

A snapshot knows no connection: in it every device is disconnected, as a restore ends all connections. What the services
count to throttle is no part of it either, and no fault is: after a restore nothing has been asked, and nothing goes wrong.
"""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from dpsops.emulator.azure import Azure
from dpsops.emulator.services import disconnect_devices
from dpsops.emulator.state import State
from dpsops.emulator.world import World, keep_clock, kept_clock

FOLDER = "snapshots"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class InvalidName(ValueError):
    """No snapshot can have this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a snapshot cannot be named '{name}': up to 64 letters, digits, dots, hyphens and underscores")


class NoSnapshot(LookupError):
    """There is no snapshot of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no snapshot '{name}'")


class Damaged(Exception):
    """The file of a snapshot cannot be read."""

    def __init__(self, name: str, trouble: str) -> None:
        super().__init__(f"the snapshot '{name}' cannot be read: {trouble}")


def take(azure: Azure, directory: Path, name: str) -> None:
    """Takes a snapshot, in the place of a former one of this name. Raises `InvalidName`."""
    file = _file(directory, name)
    file.parent.mkdir(mode=0o700, exist_ok=True)

    def finish(state: State) -> None:
        disconnect_devices(World(state, azure.clock.now()))
        keep_clock(state, azure.clock)

    with TemporaryDirectory(dir=file.parent) as unfinished:
        copy = Path(unfinished) / file.name
        azure.database.copy_to(copy, finish)
        os.replace(copy, file)


def restore(azure: Azure, directory: Path, name: str) -> None:
    """Makes everything what it was when the snapshot was taken. Whoever is connected must be disconnected first.

    Raises `InvalidName`, `NoSnapshot` and `Damaged`.
    """
    file = _file(directory, name)
    if not file.is_file():
        raise NoSnapshot(name)
    try:
        azure.database.replace_by(file)
    except sqlite3.DatabaseError as cause:
        raise Damaged(name, str(cause)) from cause
    with azure.database.transaction() as state:
        azure.clock.advanced = kept_clock(state)
    azure.meter.clear()
    azure.faults.clear()


def names(directory: Path) -> list[str]:
    """The names of all snapshots, sorted."""
    return sorted(file.name.removesuffix(".sqlite") for file in (directory / FOLDER).glob("*.sqlite"))


def _file(directory: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise InvalidName(name)
    return directory / FOLDER / f"{name}.sqlite"
