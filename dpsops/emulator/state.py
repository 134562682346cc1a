"""What the embedded Azure remembers: JSON documents in one SQLite file, one transaction a request."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from weakref import finalize

from dpsops.emulator.documents import JSON

_SCHEMA = "CREATE TABLE IF NOT EXISTS document (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"
_OF_GROUP = """CREATE INDEX IF NOT EXISTS registration_of_group ON document (json_extract(body, '$.group') COLLATE NOCASE, key)
WHERE kind = 'registration'"""
"""By enrollment group, so that a page of one group's registrations costs the same however many those of others are."""
_BUSY_MS = 30_000


class State:
    """The documents, inside one transaction. Keys are compared exactly: a caller that ignores case lowers them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, kind: str, key: str) -> JSON | None:
        """The document, or None."""
        row = self._connection.execute("SELECT body FROM document WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, kind: str, key: str, body: JSON) -> None:
        """Writes the document, over an older one of the same key."""
        self._connection.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (kind, key, json.dumps(body)))

    def delete(self, kind: str, key: str) -> bool:
        """Removes the document; False where there was none."""
        return self._connection.execute("DELETE FROM document WHERE kind = ? AND key = ?", (kind, key)).rowcount > 0

    def registrations(self, prefix: str, group: str, *, after: str, limit: int) -> list[tuple[str, JSON]]:
        """What `list` gives of the kind `registration`, but only those of an enrollment group, in any case of its ID."""
        rows = self._connection.execute(
            "SELECT key, body FROM document INDEXED BY registration_of_group"
            " WHERE kind = 'registration' AND json_extract(body, '$.group') = ? COLLATE NOCASE AND key >= ? AND key < ?"
            " ORDER BY key LIMIT ?",
            (group, *_range(prefix, after), limit),
        )
        return [(key, json.loads(body)) for key, body in rows]

    def list_having(self, kind: str, member: str) -> list[tuple[str, JSON]]:
        """The documents of a kind in which this member is neither null nor absent. Few of many cost little."""
        rows = self._connection.execute(
            "SELECT key, body FROM document WHERE kind = ? AND json_extract(body, '$.' || ?) IS NOT NULL", (kind, member)
        )
        return [(key, json.loads(body)) for key, body in rows]

    def list(self, kind: str, prefix: str = "", *, after: str = "", limit: int = -1) -> list[tuple[str, JSON]]:
        """The documents of a kind whose key begins with `prefix`, in the order of their keys.

        Only those beyond the key `after`, and at most `limit` of them (-1: all).
        """
        rows = self._connection.execute(
            "SELECT key, body FROM document WHERE kind = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
            (kind, *_range(prefix, after), limit),
        )
        return [(key, json.loads(body)) for key, body in rows]

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of the transaction that may fail alone: what it wrote is gone when an exception leaves the block."""
        self._connection.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO attempt")
            raise
        finally:
            self._connection.execute("RELEASE attempt")


def _range(prefix: str, after: str) -> tuple[str, str]:
    """The first key that begins with `prefix` and is beyond `after`, and the key where those that begin with it end."""
    return max(prefix, after + "\0" if after else ""), prefix + "\U0010ffff"


class Database:
    """The SQLite file behind `State`: mode 0600 from birth, write-ahead log, safe for several processes.

    A process that dies at any moment leaves whole requests behind: each is one transaction, and the log
    is replayed by the next process that opens the file. `path` None keeps everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            ":memory:" if path is None else str(path), isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000
        )
        finalize(self, self._connection.close)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(_SCHEMA)
            self._connection.execute(_OF_GROUP)
        except sqlite3.Error:  # the file is no database
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[State]:
        """Everything inside happens, or, when an exception leaves the block, nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield State(self._connection)
                self._connection.execute("COMMIT")  # on a full disk this fails, and leaves the transaction open
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself ends some that fail
                    self._connection.execute("ROLLBACK")
                raise

    def copy_to(self, file: Path, finish: Callable[[State], None]) -> None:
        """Copies all documents to a new file, of mode 0600. `finish` may change the copy before it is closed."""
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(file, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous = OFF")  # of a copy that is lost there is still the original
            copy.execute("PRAGMA journal_mode = OFF")  # or each page would be written twice
            with self._lock:
                self._connection.backup(copy)
            copy.execute("BEGIN")
            finish(State(copy))
            copy.execute("COMMIT")

    def replace_by(self, file: Path) -> None:
        """Replaces all documents by those of a copy, which nobody may change meanwhile: all of them or, if that fails, none.

        Raises `sqlite3.DatabaseError` if the file is no copy.
        """
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as copy, self._lock:
            copy.execute("SELECT kind, key, body FROM document LIMIT 1")
            copy.backup(self._connection)

    def close(self) -> None:
        """Closes the file; further transactions fail."""
        with self._lock:
            self._connection.close()
