"""The embedded Azure's memory, kept at one moment and brought back at another."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Saved:
    """All that the embedded Azure of a directory remembers at a moment."""

    file: Path
    documents: list[tuple[str, str, str]]

    @classmethod
    def of(cls, directory: Path) -> Saved:
        """What it remembers now."""
        file = directory / ".dpsops" / "azure.sqlite"
        with closing(sqlite3.connect(file)) as connection:
            return cls(file, connection.execute("SELECT kind, key, body FROM document").fetchall())

    def restore(self, directory: Path | None = None) -> None:
        """Makes it now what it was then, or another one, in `directory`, what this one was."""
        file = directory / ".dpsops" / "azure.sqlite" if directory else self.file
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("DELETE FROM document")
            connection.executemany("INSERT INTO document VALUES (?, ?, ?)", self.documents)
