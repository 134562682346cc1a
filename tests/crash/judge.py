"""What is compared after a command: what is in the embedded Azure and in files, up to serials and dates, and which devices
register."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpsops.errors import Error
from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import DeviceId
from tests.workflows.devices import Device
from tests.worlds import World

_PASSING = {"identityKey", "application", "deployment", "operation"}
"""Kinds of documents that say nothing of the result: what a deployment has made is compared, and not how often it was begun."""

_OPAQUE = (
    (re.compile(r"-----BEGIN ([^-]+)-----.*?-----END [^-]+-----\s*", re.DOTALL), r"\1 "),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"), "TIME"),
    (re.compile(r"PT[\d.]+[HMS][\d.HMS]*"), "TIME"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "UUID"),
    (re.compile(r"\b(?:[0-9A-F]{16}|[0-9a-fA-F]{32,})\b"), "HEX"),
    (re.compile(r"\b\d{15,}\b"), "NUMBER"),
    (re.compile(r"\b0ne00[0-9A-F]{6}\b"), "SCOPE"),
    (re.compile(r"^[A-Za-z0-9+/_-]{22,}={1,2}$|^(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9+/_-]{40,}$"), "BASE64"),
)
"""What is different in each run, and what it is."""

_COUNTERS = {"version", "etag", "passingEtag", "generationId", "namespace"}
"""Members that count changes, or are made up for each resource."""


def state(place: Path, *, repeated: bool = True) -> Counter[str]:
    """The documents of the embedded Azure of a directory, without what is different in each run; sorted by their text.

    repeated: whether a version of a secret counts that has the value of another one, as after a request that was sent again.
    """
    with closing(sqlite3.connect(place / ".dpsops" / "azure.sqlite")) as connection:
        found = connection.execute("SELECT kind, key, body FROM document").fetchall()
    if not repeated:
        found = list({_secret(kind, body) or key: (kind, key, body) for kind, key, body in found}.values())
    return Counter(
        f"{kind} {_without(key)} {json.dumps(_plain(json.loads(body)), sort_keys=True)}"
        for kind, key, body in found
        if kind not in _PASSING
    )


def _secret(kind: str, body: str) -> str:
    return str(json.loads(body).get("value", "")) if kind == "keyvault.secretVersion" else ""


def _plain(value: Any) -> Any:
    match value:
        case dict():
            plain = {_without(name): _plain(each) for name, each in value.items() if name not in _COUNTERS}
            return dict(sorted(plain.items()))
        case list():
            return [_plain(each) for each in value]
        case str():
            return _without(value)
        case int() | float() if not isinstance(value, bool) and value > 1e9:
            return "TIME"
        case _:
            return value


def _without(text: str) -> str:
    if text[:1] in "{[":
        try:
            return json.dumps(_plain(json.loads(text)), sort_keys=True)
        except ValueError:
            pass
    for pattern, what in _OPAQUE:
        text = pattern.sub(what, text)
    return text


def plain(text: str) -> Counter[str]:
    """The lines of a text, without what is different in each run."""
    return Counter(map(_without, text.splitlines()))


def commit() -> str:
    """The commit of this checkout, marked if files were changed since."""
    named = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return named.stdout.strip() or "unknown"


def files(place: Path) -> Counter[str]:
    """The files that commands have written into a directory, with who may read them; without what is different in each run."""
    found = Counter[str]()
    for path in place.rglob("*"):
        parts = path.relative_to(place).parts
        if path.is_file() and parts[0] not in _NOT_WRITTEN and not any(part.startswith(".") for part in parts):
            found[f"{'/'.join(parts)} {path.stat().st_mode & 0o777:o} {_without(path.read_text(encoding='utf-8'))}"] += 1
    return found


_NOT_WRITTEN = {"infra", "stdout", "stderr"}


def registers(world: World, stored: Mapping[DeviceId, DeviceCredential], looked_at: Iterable[DeviceId]) -> dict[str, str]:
    """For each device, whether it can register with what it has stored, and with what it fetches now."""
    connection = world.connect()
    found = {}
    for name, credential in stored.items():
        found[f"{name}, as before"] = _registers(world, Device(name, credential))
    for name in looked_at:
        try:
            found[f"{name}, fetched"] = _registers(world, Device.fetched(connection, name))
        except Error as error:
            found[f"{name}, fetched"] = error.line
    return found


def _registers(world: World, device: Device) -> str:
    try:
        device.register(world.connect())
    except Error as error:
        return re.sub(r"[0-9a-f-]{30,}", "", error.line)
    return "assigned"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a command: what is in the embedded Azure and in files, and what devices can do."""

    documents: Counter[str]
    devices: dict[str, str]

    def differs(self, other: Outcome) -> str:
        """How another outcome differs from this one; empty if it does not."""
        for name, can in self.devices.items():
            if other.devices.get(name) != can:
                return f"{name}: {other.devices.get(name)}, and not: {can}"
        more, less = other.documents - self.documents, self.documents - other.documents
        parts = [
            f"{len(list(each.elements()))} {what} ({_short(each)})" for each, what in ((more, "more"), (less, "less")) if each
        ]
        return "; ".join(parts)


def _short(documents: Counter[str]) -> str:
    return ", ".join(sorted({" ".join(each.split()[:2])[-90:] for each in documents})[:4])
