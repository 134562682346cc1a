"""The embedded Azure for commands: the one that is served in this directory, or one that runs only during this command."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dpsops.errors import Error, Refused

if TYPE_CHECKING:
    from dpsops.emulator.server import EmbeddedAzure
    from dpsops.settings import Embedded

STATE_DIRECTORY = Path(".dpsops")
_LOCK = "serve.lock"
_STATE_MAY_BE_VALID = tuple(f"SQLITE_{name}" for name in ("PERM", "BUSY", "LOCKED", "READONLY", "IOERR", "FULL", "CANTOPEN"))
"""The names of SQLite errors that can also occur with a valid state (each with its prefix)."""
_FILES = {
    "azure.sqlite",
    "azure.sqlite-wal",
    "azure.sqlite-shm",
    "ca.pem",
    "ca.new",
    "server.pem",
    "server.new",
    "tls.lock",
    _LOCK,
}


@contextmanager
def embedded_variables(settings: Embedded) -> Iterator[Mapping[str, str]]:
    """The variables that point a client at the embedded Azure, which runs until the block ends."""
    served = served_variables()
    if served is not None:
        yield served
        return
    with start(settings, port=0) as azure:
        yield variables(azure)


def start(settings: Embedded, *, port: int) -> EmbeddedAzure:
    """An embedded Azure with the state of this directory. `port` 0: any free port. It runs until its `with` block ends.

    Raises `Error` if the state cannot be used.
    """
    import sqlite3

    from dpsops.emulator.server import EmbeddedAzure
    from dpsops.emulator.world import Timings

    timings = Timings(
        operation=settings.operation_seconds,
        certificate=settings.certificate_seconds,
        role=settings.role_seconds,
        deletion=settings.deletion_seconds,
    )
    try:
        return EmbeddedAzure(STATE_DIRECTORY, port=port, timings=timings)
    except TimeoutError as cause:
        raise Error(f"the embedded Azure cannot start: {cause}", "end that process, then run the command again") from cause
    except (sqlite3.Error, ValueError) as cause:
        hint = "if the state is no longer needed, delete it: dpsops local reset"
        if getattr(cause, "sqlite_errorname", "").startswith(_STATE_MAY_BE_VALID):
            hint = "check disk space and permissions, then run the command again: it continues"
        raise Error(f"the embedded Azure cannot use its state in {STATE_DIRECTORY}/: {cause}", hint) from cause


def variables(azure: EmbeddedAzure) -> dict[str, str]:
    """The environment variables that another client needs, by the names that Azure's tools and Python use."""
    from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION

    authority = str(azure.authority_file.absolute())
    return {
        "HTTPS_PROXY": azure.proxy_url,
        "REQUESTS_CA_BUNDLE": authority,
        "SSL_CERT_FILE": authority,
        "AZURE_TENANT_ID": OPERATOR.tenant_id,
        "AZURE_CLIENT_ID": OPERATOR.app_id,
        "AZURE_CLIENT_SECRET": azure.client_secret,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
    }


def served_variables() -> dict[str, str] | None:
    """The variables of the embedded Azure that is served in this directory, or None.

    A running server has locked the file. If the file is not locked, its server has ended, in whatever way.
    """
    try:
        with open(STATE_DIRECTORY / _LOCK, "r+b") as file:
            if _try_lock(file, fcntl.LOCK_SH):  # shared: two commands that check at the same time must not block each other
                return None
            found: dict[str, str] = json.load(file)
            return found
    except FileNotFoundError:
        return None
    except ValueError as cause:
        raise Error("the embedded Azure in this directory is starting", "run the command again") from cause


@contextmanager
def announced(azure: EmbeddedAzure) -> Iterator[None]:
    """Lets other commands in this directory find a server, until the block ends. Raises `Refused` if one is served already."""
    descriptor = os.open(STATE_DIRECTORY / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    with open(descriptor, "r+b") as file:
        if not _try_lock(file, fcntl.LOCK_EX):
            raise Refused("an embedded Azure is already served in this directory", "use it: dpsops local env")
        file.truncate()
        file.write(json.dumps(variables(azure)).encode())
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def reset() -> bool:
    """Deletes the embedded Azure of this directory; False if there is none. Raises `Refused` while it is served, or if its
    directory contains other files."""
    if not STATE_DIRECTORY.is_dir():
        return False
    if served_variables() is not None:
        raise Refused("the embedded Azure of this directory is being served", "stop 'dpsops local serve' first")
    others = sorted(entry.name for entry in STATE_DIRECTORY.iterdir() if entry.name not in _FILES)
    if others:
        raise Refused(
            f"{STATE_DIRECTORY}/ contains files that do not belong to the embedded Azure: {', '.join(others)}",
            "move them to another directory, then run the command again",
        )
    shutil.rmtree(STATE_DIRECTORY)
    return True


def _try_lock(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
