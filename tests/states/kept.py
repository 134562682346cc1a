"""Environments of former releases: how one is kept in a folder here, and how it is put back into a directory.

`python -m tests.states.kept NAME` keeps the environment `local` of the current directory in a new folder NAME here.
"""

from __future__ import annotations

import json
import lzma
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dpsops import __version__

HERE = Path(__file__).parent
SETTINGS, DATABASE = Path("infra", "local.toml"), Path(".dpsops", "azure.sqlite")
"""Where an environment has what is kept of it."""

ASKED = ("status", "plan", "root show", "rotate status", "device list")
"""The commands whose answers are kept: they change nothing, and what they say does not change from one minute to the next."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An environment that is kept: its folder, the moment when it was as it is, what each command of `ASKED` said then."""

    folder: Path
    moment: datetime
    said: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Kept:
        """Reads what the environment said."""
        document = json.loads((folder / "said.json").read_text(encoding="utf-8"))
        return cls(folder, datetime.fromisoformat(document["moment"]), document["said"])

    def restore(self, directory: Path) -> None:
        """Puts the settings and the embedded Azure's state into a directory; its CA is made anew by whoever starts it."""
        settings, database = directory / SETTINGS, directory / DATABASE
        settings.parent.mkdir(exist_ok=True)
        settings.write_bytes((self.folder / "local.toml").read_bytes())
        database.parent.mkdir(mode=0o700)
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript(lzma.decompress((self.folder / "azure.sql.xz").read_bytes()).decode())


def folders() -> list[Path]:
    """The folder of each environment that is kept."""
    return sorted(found.parent for found in HERE.glob("*/said.json"))


def keep(directory: Path, folder: Path) -> None:
    """Keeps the environment of a directory. Raises `FileExistsError` if the folder is there: a former release does not change."""
    said = {command: _ask(directory, command) for command in ASKED}
    moment = datetime.now(UTC).replace(microsecond=0)
    with closing(sqlite3.connect(directory / DATABASE)) as connection:
        state = "\n".join(connection.iterdump())
    folder.mkdir()
    (folder / "azure.sql.xz").write_bytes(lzma.compress(state.encode(), preset=9))
    (folder / "local.toml").write_bytes((directory / SETTINGS).read_bytes())
    document = {"dpsops": __version__, "moment": moment.isoformat(), "said": said}
    (folder / "said.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _ask(directory: Path, command: str) -> dict[str, Any]:
    arguments = [sys.executable, "-m", "dpsops", "--output", "json", *command.split()]
    done = subprocess.run(arguments, cwd=directory, stdout=subprocess.PIPE, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


if __name__ == "__main__":
    keep(Path.cwd(), HERE / sys.argv[1])
