"""The embedded Azure for commands: the one that is served in this directory, or one that runs only during this command."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from dpsops.errors import Error, Refused

if TYPE_CHECKING:
    from dpsops.emulator.door import Listen
    from dpsops.emulator.server import EmbeddedAzure
    from dpsops.settings import Embedded

STATE_DIRECTORY = Path(".dpsops")
SOCKET = "control.sock"
_LOCK, _LOG, _IGNORE = "serve.lock", "serve.log", ".gitignore"
_STATE_MAY_BE_VALID = tuple(f"SQLITE_{name}" for name in ("PERM", "BUSY", "LOCKED", "READONLY", "IOERR", "FULL", "CANTOPEN"))
"""The names of SQLite errors that can also occur with a valid state (each with its prefix)."""
_FILES = {
    "azure.sqlite",
    "azure.sqlite-wal",
    "azure.sqlite-shm",
    "ca.pem",
    "ca.crl",
    "ca.new",
    "server.pem",
    "server.new",
    "tls.lock",
    _LOCK,
    _LOG,
    _IGNORE,
    "snapshots",
    SOCKET,
}

VARIABLES = (
    "HTTPS_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_SUBSCRIPTION_ID",
)
"""The environment variables that another client needs, by the names that Azure's tools, Python, OpenSSL and Node use."""


@contextmanager
def embedded_variables(settings: Embedded) -> Iterator[Mapping[str, str]]:
    """The variables that point a client at the embedded Azure, which runs until the block ends."""
    served = served_variables()
    if served is not None:
        yield served
        return
    with start(settings, port=0) as azure:
        yield variables(azure)


def start(
    settings: Embedded, *, port: int, listen: Listen | None = None, log: Callable[[str], None] | None = None
) -> EmbeddedAzure:
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
    _make_directory()
    try:
        return EmbeddedAzure(STATE_DIRECTORY, port=port, listen=listen, timings=timings, log=log)
    except TimeoutError as cause:
        raise Error(f"the embedded Azure cannot start: {cause}", "end that process, then run the command again") from cause
    except (sqlite3.Error, ValueError) as cause:
        hint = "if the state is no longer needed, delete it: dpsops local reset"
        if getattr(cause, "sqlite_errorname", "").startswith(_STATE_MAY_BE_VALID):
            hint = "check disk space and permissions, then run the command again: it continues"
        raise Error(f"the embedded Azure cannot use its state in {STATE_DIRECTORY}/: {cause}", hint) from cause


def _make_directory() -> None:
    with suppress(FileExistsError):
        STATE_DIRECTORY.mkdir(mode=0o700)
        (STATE_DIRECTORY / _IGNORE).write_text("*\n", encoding="ascii")  # its keys belong in no repository


def variables(azure: EmbeddedAzure) -> dict[str, str]:
    """The values of `VARIABLES`."""
    from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION

    authority = str(azure.authority_file.absolute())
    identity = (OPERATOR.tenant_id, OPERATOR.app_id, azure.client_secret, SUBSCRIPTION)
    return dict(zip(VARIABLES, (azure.proxy_url, authority, authority, authority, *identity), strict=True))


@dataclass(frozen=True, slots=True, repr=False)
class _Server:
    """A server of this directory: its process, the variables for its clients, and where it takes those that know no proxy."""

    process: int
    variables: dict[str, str]
    listen: tuple[str, int, int] | None


def served_variables() -> dict[str, str] | None:
    """The variables of the embedded Azure that is served in this directory, or None. Raises `Error` while it is starting."""
    server = _server()
    return server.variables if server else None


def served_listen() -> Listen | None:
    """Where the embedded Azure that is served in this directory takes clients that know no proxy, if anywhere."""
    from dpsops.emulator.door import Listen

    server = _server()
    return Listen(*server.listen) if server and server.listen else None


def _server() -> _Server | None:
    """The server of this directory, or None. Raises `Error` while it is starting."""
    content = _announcement()
    if content is None:
        return None
    if (server := _read(content)) is None:
        raise Error("the embedded Azure in this directory is starting", "run the command again")
    return server


def _announcement() -> bytes | None:
    """What the server of this directory has written for others, empty while it is starting; None if there is none.

    A running server has locked the file. If the file is not locked, its server has ended, in whatever way.
    """
    try:
        with open(STATE_DIRECTORY / _LOCK, "r+b") as file:
            if _try_lock(file, fcntl.LOCK_SH):  # shared: two commands that check at the same time must not block each other
                return None
            return file.read()
    except FileNotFoundError:
        return None


def _read(announcement: bytes) -> _Server | None:
    """The server that has written this; None if it is not complete."""
    try:
        found = json.loads(announcement)
        return _Server(found["process"], found["variables"], found["listen"])
    except KeyError as cause:
        raise Error("another version of dpsops serves the embedded Azure of this directory", "stop that one") from cause
    except ValueError:
        return None


def require_unserved() -> None:
    """Raises `Refused` if an embedded Azure is served in this directory."""
    if served_variables() is not None:
        raise _already_served()


def wait_for_server(seconds: float) -> dict[str, str] | None:
    """The variables of the embedded Azure as soon as one is served in this directory; None if that takes longer."""

    def served() -> dict[str, str] | None:
        server = _read(_announcement() or b"")
        return server.variables if server else None

    return _waited("for an embedded Azure in this directory", served, seconds)


_Found = TypeVar("_Found")


def _waited(what: str, look: Callable[[], _Found | None], seconds: float) -> _Found | None:
    """What is found within so many seconds, or None. The wait is shown every ten seconds."""
    for number in range(int(seconds / _PAUSE_SECONDS)):
        if (found := look()) is not None:
            return found
        if number and number % _SHOWN == 0:
            waited = number * _PAUSE_SECONDS
            print(f"dpsops: waiting {what} ({waited:.0f} of at most {seconds:.0f} seconds)", file=sys.stderr, flush=True)
        time.sleep(_PAUSE_SECONDS)
    return None


_PAUSE_SECONDS = 0.1
_SHOWN = 100
"""So many pauses are ten seconds."""


def detached(port: int, options: Sequence[str]) -> str:
    """Serves the embedded Azure in a process of its own, and returns the address of its proxy when it serves. Raises `Error` if
    that process ends instead. `options`: more of `dpsops local serve`."""
    require_unserved()
    _make_directory()
    log = STATE_DIRECTORY / _LOG
    with open(os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
        process = subprocess.Popen(  # noqa: S603  # this program
            [sys.executable, "-m", "dpsops", "local", "serve", "--port", str(port), *options],
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip

    def serves() -> str | None:
        server = _read(_announcement() or b"")
        if server is not None:
            return server.variables["HTTPS_PROXY"]
        if process.poll() is None:
            return None
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = {
            line.split(": ")[1]: line.split(": ", 2)[2] for line in lines if line.startswith("dpsops: ") and line.count(": ") > 1
        }
        raise Error(told.get("error", "the embedded Azure has ended"), told.get("hint", f"see {log}"))

    address = _waited("until the embedded Azure serves", serves, _START_SECONDS)
    if address is None:
        process.terminate()
        raise Error(f"the embedded Azure does not serve after {_START_SECONDS:.0f} seconds", f"see {log}")
    process.returncode = 0  # else Python warns of a child that outlives it
    return address


_START_SECONDS = 60.0


def stop() -> bool:
    """Stops the embedded Azure that is served in this directory; False if there is none."""
    server = _server()
    if server is None:
        return False
    try:
        os.kill(server.process, signal.SIGTERM)
    except OSError as cause:
        raise Error(
            f"the embedded Azure, process {server.process}, cannot be stopped: {cause.strerror}", "stop it there"
        ) from cause
    if not _waited("until it has stopped", lambda: _announcement() is None or None, _STOP_SECONDS):
        raise Error(f"the embedded Azure, process {server.process}, does not stop", f"end it: kill -KILL {server.process}")
    return True


_STOP_SECONDS = 15.0


@contextmanager
def announced(azure: EmbeddedAzure, directory: Path = STATE_DIRECTORY) -> Iterator[None]:
    """Lets other commands find and control a server that has its state in this directory, until the block ends. Raises `Refused`
    if one is served already."""
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    with open(descriptor, "r+b") as file:
        if not _try_lock(file, fcntl.LOCK_EX):
            raise _already_served()
        try:
            azure.open_control(directory / SOCKET)
        except OSError as cause:  # it serves all the same: a file system of another machine may have no sockets
            commands = "local snapshot, restore, clock and fault"
            print(f"dpsops: warning: no {commands} while it is served: {cause.strerror or cause}", file=sys.stderr, flush=True)
        file.truncate()
        listen = None if azure.listen is None else astuple(azure.listen)
        file.write(json.dumps({"process": os.getpid(), "variables": variables(azure), "listen": listen}).encode())
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                (directory / SOCKET).unlink()
            file.truncate(0)


def _already_served() -> Refused:
    hint = 'use it: eval "$(dpsops local env)"; or stop it: dpsops local stop'
    return Refused("an embedded Azure is already served in this directory", hint)


def is_there() -> bool:
    """Whether there is an embedded Azure in this directory."""
    return (STATE_DIRECTORY / "azure.sqlite").exists()


def reset() -> bool:
    """Deletes the embedded Azure of this directory; False if there is none. Raises `Refused` while it is served, or if its
    directory contains other files."""
    if not STATE_DIRECTORY.is_dir():
        return False
    if served_variables() is not None:
        raise Refused("the embedded Azure of this directory is being served", "stop it: dpsops local stop")
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
