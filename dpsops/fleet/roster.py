"""The devices that a command is given, on disk: memory does not grow with their number.

They are in a temporary database of SQLite. It has no name, only its owner may read it, and it is gone with the process, also if
that is killed (sqlite.org, "In-Memory Databases", section 3, and "Temporary Files Used By SQLite"). SQLITE_TMPDIR or TMPDIR names
its folder.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from dpsops.errors import Error
from dpsops.model.shards import WHOLE, Shard
from dpsops.model.wanted import BadRow, Row, Wanted
from dpsops.pki.names import DeviceId

_CHUNK = 100
"""So many rows are in memory at once: with the largest twins, 3 MB."""

_PAGES = -1024
"""The size of SQLite's page cache in KiB, written as SQLite has it: negative."""

_TABLES = """
CREATE TABLE wanted (
    position INTEGER PRIMARY KEY, line INTEGER, in_shard INTEGER, device TEXT UNIQUE, hub TEXT, twin TEXT, individual INTEGER,
    request TEXT
);
CREATE TABLE bad (
    position INTEGER PRIMARY KEY, line INTEGER, device TEXT, hub TEXT, twin TEXT, individual TEXT, request TEXT, reason TEXT
);
"""


class Roster:
    """The wanted devices, in the order in which they were given, and the bad rows.

    It knows the devices of every shard, so that each shard finds the same duplicates and bad rows, but counts and yields only
    those of its own. A loop over it reads a few rows at a time, so the roster may be used and changed within the loop. Several
    threads may use it, one at a time. Every method raises `Error` if the disk is full.
    """

    def __init__(self, shard: Shard = WHOLE) -> None:
        self.shard = shard
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for setting in (f"cache_size = {_PAGES}", "journal_mode = OFF", "synchronous = OFF"):  # nobody reads it after a crash
            self._database.execute(f"PRAGMA {setting}")
        self._database.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()

    def add(self, line: int, device: Wanted) -> int | None:
        """Adds a device. If it is there already, it stays as it was added first, and that line is returned."""
        twin = None if device.twin is None else json.dumps(device.twin)
        try:
            self._execute(
                "INSERT INTO wanted (line, in_shard, device, hub, twin, individual, request) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (line, self.shard.has(device.device), device.device, device.hub, twin, device.individual, device.request),
            )
        except sqlite3.IntegrityError:
            return self._number("SELECT line FROM wanted WHERE device = ?", device.device)
        return None

    def refuse(self, bad: BadRow) -> None:
        """Adds a bad row."""
        self._execute(
            "INSERT INTO bad (line, device, hub, twin, individual, request, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (bad.line, *bad.row, bad.reason),
        )

    def reject(self, device: Wanted, reason: str) -> None:
        """Makes a bad row of a device that was added."""
        line = self._number("SELECT line FROM wanted WHERE device = ?", device.device)
        self._execute("DELETE FROM wanted WHERE device = ?", (device.device,))
        self.refuse(BadRow(line, device.row(), reason))

    def is_empty(self) -> bool:
        """Whether nobody gave any device, or bad row, of any shard."""
        return not self._number("SELECT EXISTS (SELECT 1 FROM wanted) OR EXISTS (SELECT 1 FROM bad)")

    def __len__(self) -> int:
        """How many devices of the shard are wanted."""
        return self._number("SELECT count(*) FROM wanted WHERE in_shard")

    def __iter__(self) -> Iterator[Wanted]:
        """The wanted devices of the shard."""
        query = "SELECT position, device, hub, twin, individual, request FROM wanted WHERE position > ? AND in_shard"
        return (_wanted(*columns) for columns in self._in_chunks(query))

    def __getitem__(self, device: str) -> Wanted:
        """A wanted device of any shard. Raises `KeyError`."""
        for columns in self._execute("SELECT device, hub, twin, individual, request FROM wanted WHERE device = ?", (device,)):
            return _wanted(*columns)
        raise KeyError(device)

    def bad_count(self) -> int:
        """How many bad rows there are, in all shards."""
        return self._number("SELECT count(*) FROM bad")

    def bad_rows(self) -> Iterator[BadRow]:
        """The bad rows of all shards."""
        query = "SELECT position, line, reason, device, hub, twin, individual, request FROM bad"
        for line, reason, *row in self._in_chunks(f"{query} WHERE position > ?"):
            yield BadRow(line, Row(*row), reason)

    def own_bad_rows(self) -> Iterator[BadRow]:
        """The bad rows of the shard: each row is that of one shard, also one without a valid ID."""
        return (bad for bad in self.bad_rows() if self.shard.has(bad.row.device))

    def _in_chunks(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows that a query finds, without their positions, which it selects first. No cursor stays open between two."""
        position = 0
        while rows := self._execute(f"{query} ORDER BY position LIMIT {_CHUNK}", (position,)):
            for found, *row in rows:
                yield tuple(row)
                position = found

    def _number(self, query: str, *values: object) -> int:
        ((number,),) = self._execute(query, values)
        return int(number)

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.OperationalError as cause:
            raise Error(
                f"the temporary list of the devices cannot be kept: {cause}",
                "check disk space and permissions of the folder for temporary files (TMPDIR), then run the command again",
            ) from cause


def _wanted(device: str, hub: str | None, twin: str | None, individual: int | None, request: str | None) -> Wanted:
    return Wanted(
        DeviceId(device),
        hub,
        None if twin is None else json.loads(twin),
        None if individual is None else bool(individual),
        request,
    )
