"""Real processes for commands, at the price of a fork: a parent that has imported everything makes each.

The parent runs nothing, and has no threads: its children are as new as a process that was started, without the second in which
Python imports the SDKs.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import socket, socketpair
from typing import Any, NoReturn

from tests.cli.terminal import SOURCE


class Parent:
    """The parent of the commands' processes. It ends with the process that started it."""

    def __init__(self) -> None:
        ours, its = socketpair()
        command = [sys.executable, "-m", __name__, str(its.fileno())]
        self._process = subprocess.Popen(command, env=os.environ | SOURCE, pass_fds=[its.fileno()])
        its.close()
        self._channel = ours.makefile("rwb", buffering=0)
        ours.close()

    def run(self, words: Sequence[str], place: Path, began: Callable[[int], None] = lambda _: None) -> tuple[int, str]:
        """Runs dpsops with these words in a directory: the exit code (negative: the signal that ended it) and stderr. `began` is
        told the process ID."""
        self._channel.write(json.dumps([list(words), str(place)]).encode() + b"\n")
        began(int(self._channel.readline()))
        code = int(self._channel.readline())
        return code, (place / "stderr").read_text(encoding="utf-8")

    def close(self) -> None:
        """Ends the parent."""
        self._channel.close()
        self._process.wait()


def _serve(channel: Any) -> None:
    """Runs what it is told to, until nobody tells it anything."""
    _import_everything()
    assert threading.active_count() == 1, "a fork copies one thread alone"
    gc.freeze()
    while line := channel.readline():
        words, place = json.loads(line)
        pid = os.fork()
        if pid == 0:
            channel.close()
            _become(words, place)
        channel.write(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        channel.write(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(words: Sequence[str], place: str) -> NoReturn:
    """Is dpsops, as `python -m dpsops WORDS` there would be. It does not pause: nothing that it waits for takes time."""
    from dpsops.__main__ import run
    from dpsops.azure.transport import Transport

    code: Any = 1
    try:
        os.chdir(place)
        for name in [name for name in os.environ if name == "DPSOPS_ENV" or name.startswith("AZURE_")]:
            del os.environ[name]
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        Transport.sleep = lambda *_: None  # type: ignore[method-assign]
        sys.argv = ["dpsops", *words]
        run()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else 1)


def _import_everything() -> None:
    """Imports dpsops and, by making every client, what the SDKs import only then."""
    import dpsops
    from dpsops.azure.clients import Clients
    from dpsops.azure.transport import Transport
    from tests.azure.answers import Token
    from tests.worlds import environment, unpooled

    for module in pkgutil.walk_packages(dpsops.__path__, "dpsops."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    clients = Clients(environment(), "5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11", Token(), Transport(), unpooled)
    for client in (
        "groups",
        "deployments",
        "authorization",
        "vaults",
        "dps",
        "hubs",
        "enrollments",
        "certificates",
        "keys",
        "secrets",
    ):
        getattr(clients, client)
    for name in _LATE:
        importlib.import_module(name)


_LATE = ("azure.keyvault.keys.crypto", "azure.mgmt.resource.deployments.models", "azure.mgmt.resource.resources.models")


if __name__ == "__main__":
    _serve(socket(fileno=int(sys.argv[1])).makefile("rwb", buffering=0))
