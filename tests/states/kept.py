"""Environments of former releases: saves one in a folder here, and restores it in a directory.

`python -m tests.states.kept NAME` saves the environment `local` of the current directory in a new folder NAME here.
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
"""The files of an environment that are saved."""

ASKED = ("status", "plan", "root show", "rotate status", "device list")
"""The commands whose output is saved: they change nothing, and their output is the same a minute later."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A saved environment: its folder, the time when it was saved, and what each command of `ASKED` said then."""

    folder: Path
    moment: datetime
    said: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Kept:
        """Reads what the commands said."""
        document = json.loads((folder / "said.json").read_text(encoding="utf-8"))
        return cls(folder, datetime.fromisoformat(document["moment"]), document["said"])

    def restore(self, directory: Path) -> None:
        """Restores the settings and the state of the embedded Azure in a directory. The embedded Azure then creates a new CA."""
        settings, database = directory / SETTINGS, directory / DATABASE
        settings.parent.mkdir(exist_ok=True)
        settings.write_bytes((self.folder / "local.toml").read_bytes())
        database.parent.mkdir(mode=0o700)
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript(lzma.decompress((self.folder / "azure.sql.xz").read_bytes()).decode())


def folders() -> list[Path]:
    """The folder of each saved environment."""
    return sorted(found.parent for found in HERE.glob("*/said.json"))


def keep(directory: Path, folder: Path) -> None:
    """Saves the environment of a directory. Raises `FileExistsError` if the folder exists: a former release does not change."""
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
