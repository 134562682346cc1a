"""The documents of the embedded Azure, past all its requests."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Documents:
    """The documents by kind and key, and the time in epoch seconds."""

    now: float
    by_kind: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, place: Path, now: float) -> Documents:
        """All of them."""
        found = cls(now)
        with closing(sqlite3.connect(place / ".dpsops" / "azure.sqlite")) as connection:
            for kind, key, body in connection.execute("SELECT kind, key, body FROM document"):
                found.by_kind.setdefault(kind, {})[key] = json.loads(body)
        return found

    def all(self, kind: str) -> dict[str, Any]:
        """Those of a kind, by key."""
        return self.by_kind.get(kind, {})

    def named(self, kind: str, name: str) -> Any | None:
        """The one of a kind whose key ends with a name, which is a part of a path; None if there is none."""
        found = [each for key, each in self.all(kind).items() if f"/{key}".lower().endswith(f"/{name}".lower())]
        return found[0] if found else None

    def newest(self) -> Iterator[tuple[str, Any]]:
        """The newest version of each device's secret, by device."""
        for key, secret in self.all("keyvault.secret").items():
            name = secret["name"].removeprefix("device-")
            if name != secret["name"] and not secret["deleted"] and secret["current"]:
                yield name, self.all("keyvault.secretVersion")[f"{key}/{secret['current']}"]

    def versions(self, device: str) -> list[Any]:
        """The enabled versions of a device's secret."""
        return [
            each
            for key, each in self.all("keyvault.secretVersion").items()
            if f"/device-{device}/" in key and each["attributes"]["enabled"]
        ]

    def root(self, name: str) -> Any | None:
        """The newest version of a root in the vault."""
        certificate = self.named("keyvault.certificate", name)
        if certificate is None or not certificate["current"]:
            return None
        return self.named("keyvault.certificateVersion", f"{name}/{certificate['current']}")
