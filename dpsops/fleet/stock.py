"""What the vaults have of each device, for commands that concern many: read page by page, and kept out of memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.fleet import engine
from dpsops.model import earlier
from dpsops.model.device import Leaf
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId

FEW = 25
"""For so many devices each is asked for by itself: that costs no more than a page of the list."""

_SCHEMA = """CREATE TABLE leaf (device TEXT PRIMARY KEY, thumbprint TEXT, generation INTEGER, not_after REAL, blocked INTEGER,
    key_on_device INTEGER, vault TEXT, stored REAL, key_hash TEXT, before TEXT) WITHOUT ROWID"""


@dataclass(slots=True)
class Stock:
    """The newest certificate of every device, and which devices have an individual enrollment; in a private temporary database of
    SQLite, which nobody else can open and which ends with the process."""

    enrolled: frozenset[str] = frozenset()
    _rows: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect("", isolation_level=None))

    @classmethod
    def read(cls, run: Run, leaves: LeafVaults, dps: Dps, newest: Iterable[Leaf] | None = None) -> Stock:
        """Reads all of it: one request for each page of secrets, and of individual enrollments. `newest`: the newest certificate
        of every device, if it is known; then no secrets are listed."""
        if newest is None:
            run.progress("listing the devices in the vault")
        found = cls(frozenset(engine.wait(run, dps.enrolled())))
        found._rows.execute(_SCHEMA)
        found._rows.execute("BEGIN")
        for leaf in engine.listed(run, leaves.pages()) if newest is None else newest:
            found._put(leaf)
        found._rows.execute("COMMIT")
        return found

    def _put(self, leaf: Leaf) -> None:
        end, since = (None if moment is None else moment.timestamp() for moment in (leaf.not_after, leaf.stored))
        row = (
            leaf.device,
            leaf.thumbprint,
            leaf.generation,
            end,
            leaf.blocked,
            leaf.key_on_device,
            leaf.vault,
            since,
            leaf.key_hash,
            None if leaf.before is None else earlier.written(leaf.before),
        )
        self._rows.execute("INSERT OR REPLACE INTO leaf VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def leaf(self, device: DeviceId) -> Leaf | None:
        """The newest certificate of a device, or None if it has none."""
        row = self._rows.execute("SELECT * FROM leaf WHERE device = ?", (device,)).fetchone()
        return None if row is None else _leaf(row)

    def expiring(self, before: datetime) -> Iterator[DeviceId]:
        """The devices, by their IDs, whose newest certificate expires before then, has expired or has no expiry date; but for the
        blocked ones."""
        device = ""
        next_one = """SELECT device FROM leaf WHERE device > ? AND NOT blocked AND (not_after IS NULL OR not_after <= ?)
            ORDER BY device LIMIT 1"""
        while row := self._rows.execute(next_one, (device, before.timestamp())).fetchone():
            device = row[0]
            yield DeviceId(device)

    def close(self) -> None:
        """Forgets everything."""
        self._rows.close()


def _leaf(row: tuple[str, str, int, float | None, int, int, str, float | None, str, str | None]) -> Leaf:
    device, thumbprint, generation, end, blocked, on_device, vault, since, key_hash, before = row
    times, past = (_moment(end), _moment(since)), earlier.read(before)
    return Leaf(device, thumbprint, generation, times[0], bool(blocked), bool(on_device), vault, times[1], key_hash, past)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
