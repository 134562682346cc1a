"""The state of the embedded Azure, saved and restored."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Saved:
    """The complete state of the embedded Azure of a directory, at one moment."""

    file: Path
    documents: list[tuple[str, str, str]]

    @classmethod
    def of(cls, directory: Path) -> Saved:
        """Saves the present state."""
        file = directory / ".dpsops" / "azure.sqlite"
        with closing(sqlite3.connect(file)) as connection:
            return cls(file, connection.execute("SELECT kind, key, body FROM document").fetchall())

    def restore(self, directory: Path | None = None) -> None:
        """Restores the state, or copies it to the embedded Azure in `directory`."""
        file = directory / ".dpsops" / "azure.sqlite" if directory else self.file
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("DELETE FROM document")
            connection.executemany("INSERT INTO document VALUES (?, ?, ?)", self.documents)
